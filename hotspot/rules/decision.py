"""`hotspot.admission.grant.decide` with what the store knows: one way to a grant for the portal and for RADIUS."""

from dataclasses import replace

from sqlalchemy import Connection

from hotspot.admission.grant import Applicant, Denial, Grant, Limits, Usage, decide
from hotspot.city.sites import Inventory, Site
from hotspot.errors import RequestError
from hotspot.nas.entries import RadiusGateway
from hotspot.people.identity import new_id
from hotspot.store.persons import blocks
from hotspot.store.portable import lock
from hotspot.store.stays.grants import usage


def decided(
    connection: Connection,
    inventory: Inventory,
    applicant: Applicant,
    site: Site,
    gateway: str,
    now: int,
    *,
    grant_id: str | None = None,
) -> Grant | Denial:
    """Whether somebody may use a site through a gateway now. The grant is not kept yet.

    Until the transaction ends nobody else decides about the same person or device: their devices are counted one login
    at a time, and a block waits for who is just being let in.
    RequestError("no-plan") where the applicant's plan is no more.
    """
    lock(connection, {f"person {applicant.person}", f"device {applicant.device}"})
    plan = inventory.plans.get(applicant.plan)
    if plan is None:
        raise RequestError("no-plan", applicant.plan)
    zone = inventory.zone(site)
    used = Usage() if applicant.first else usage(connection, applicant.person, now, zone)
    until = blocks.until(connection, {applicant.person, applicant.device}, now)
    if until is not None:
        applicant = replace(applicant, blocked_until=until)
    decision = decide(grant_id or new_id(), applicant, site.id, gateway, plan, used, now, zone)
    if isinstance(decision, Denial):
        return decision
    interim = _interim(inventory, gateway)
    if decision.limits.interim == interim:
        return decision
    return replace(decision, limits=replace(decision.limits, interim=interim))


def _interim(inventory: Inventory, gateway_id: str) -> int:
    """Seconds between two reports about a session."""
    gateway = inventory.find_gateway(gateway_id)
    return gateway.radius.interim if isinstance(gateway, RadiusGateway) else Limits.interim
