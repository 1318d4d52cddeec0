"""Access-Requests while the store is away. Pure.

A ticket's password proves, without the store, that the portal gave the ticket to this device at this gateway; its id
tells when. What stands in the store alone is not known: the person, what they have used, their voucher's plan, and
whether another node has redeemed the ticket. So where the city wants it, a fresh ticket admits for a short time, under
the plan of the site. Everybody else is refused: who comes with a MAC address or a member's name has proved nothing that
can be checked here.
"""

import json
from dataclasses import dataclass, replace
from typing import Final, Self

from hotspot.admission import ticket
from hotspot.admission.grant import Applicant, Denial, Limits, Usage, decide
from hotspot.city.sites import Inventory
from hotspot.store.stays.redemption import Claim, Held, Redeemed
from radius.access import Login, Refusal

_SKEW: Final = 60
"""Seconds by which the portal's clock may be ahead of ours."""


@dataclass(frozen=True)
class Redemption:
    """A ticket that was redeemed while the store was away, for the store to learn of."""

    claim: Claim
    at: int

    def encode(self) -> bytes:
        name, gateway, authenticator = self.claim
        return json.dumps({"ticket": name, "gateway": gateway, "by": authenticator.hex(), "at": self.at}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What `encode` made. ValueError for anything else."""
        try:
            value = json.loads(data)
            return cls(Claim(value["ticket"], value["gateway"], bytes.fromhex(value["by"])), value["at"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no redemption of this version: {error}") from error


def is_fresh(name: str, at: int) -> bool:
    """Whether a ticket can still be redeemed."""
    issued = ticket.issued_at(name)
    return issued - _SKEW <= at <= issued + ticket.LIFETIME


def admit(login: Login, inventory: Inventory, site_id: str, at: int) -> Redeemed | Refusal:
    """What a ticket is worth that is redeemed at `at`: the same for the same `at`, whenever it is asked."""
    site = inventory.find_site(site_id)
    if site is None or not site.when_store_is_away:
        return Refusal("store-away", login.request)
    if not is_fresh(login.claim.ticket, at):
        return Refusal("ticket-expired", login.request)
    applicant = Applicant(person="", device="", method="", language="id", plan=site.plan)
    gateway, plan, zone = login.claim.gateway, inventory.plans[site.plan], inventory.zone(site)
    decision = decide(login.claim.ticket, applicant, site.id, gateway, plan, Usage(), at, zone)
    if isinstance(decision, Denial):
        return Refusal("store-away", login.request)
    radius = getattr(inventory.find_gateway(gateway), "radius", None)
    limits = replace(decision.limits, interim=radius.interim if radius else Limits.interim)
    ends_at = min(decision.ends_at, at + site.when_store_is_away)
    return Redeemed(Held.whole(replace(decision, ends_at=ends_at, limits=limits)), at)
