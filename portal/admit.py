"""From a form to a grant, and from a grant to the URL that hands the phone back to its gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from hotspot import ticket
from hotspot.errors import RequestError
from hotspot.grant import Applicant, Denial, Grant
from hotspot.identity import Keys, new_id
from hotspot.nas import coovachilli, opennds
from hotspot.nas.arrival import Arrival
from hotspot.settings import Settings
from hotspot.sites import AdmitMethod, CoovaChilliGateway, Inventory, OpenndsGateway, Site
from hotspot.store import Store, admission, people
from hotspot.store.decision import decided
from hotspot.store.revisions import Revision
from hotspot.ticket import Ticket

from .forms import status_token
from .methods import METHODS, Door, Prove, Terms


@dataclass(frozen=True)
class Desk:
    """What admission works with: one node's settings, stores and keys."""

    settings: Settings
    store: Store
    keys: Keys

    @property
    def form_key(self) -> bytes:
        return self.keys.derive("portal form")

    @property
    def status_key(self) -> bytes:
        return self.keys.derive("portal status")


@dataclass(frozen=True)
class Admitted:
    """A grant and where the phone goes next."""

    grant: Grant
    url: str


def admit(
    desk: Desk, revision: Revision, arrival: Arrival, terms: Terms, form: Mapping[str, str], now: int
) -> Admitted | Denial:
    """Lets the sender of a login form prove who they are, decides, keeps the grant, and says where the phone goes.

    What was decided is durable before this returns. RequestError where the proof fails or the gateway is unknown.
    """
    inventory = revision.inventory
    site = inventory.site_of(arrival.gateway, arrival.ap_mac)
    if site is None:
        raise RequestError("no-site", arrival.gateway)
    method = next((name for name in site.admit if name == form.get("method")), None)
    if method is None:
        raise RequestError("bad-form", "method")
    prove = METHODS[method](desk.store, desk.keys, Door(inventory, site, arrival.mac, terms.language, now), form)
    try:
        return _decided(desk, revision, arrival, terms, site, method, prove, now)
    except _Refused as refused:
        return refused.denial


class _Refused(Exception):  # noqa: N818 - a decision
    """Undoes what the proof has used, as a voucher's first use: a refused login costs nothing."""

    def __init__(self, denial: Denial):
        self.denial = denial


def _decided(
    desk: Desk,
    revision: Revision,
    arrival: Arrival,
    terms: Terms,
    site: Site,
    method: AdmitMethod,
    prove: Prove,
    now: int,
) -> Admitted:
    inventory = revision.inventory
    with desk.store.core.write() as connection:
        proof = prove(connection)
        device = people.see_device(connection, desk.keys, arrival.mac, now)
        applicant = Applicant(proof.person, device, method, terms.language, proof.plan, proof.until)
        decision = decided(connection, inventory, applicant, site, arrival.gateway, now)
        if isinstance(decision, Denial):
            raise _Refused(decision)
        people.record_consent(
            connection,
            proof.person,
            purpose="service",
            text_version=terms.version,
            text_sha256=terms.sha256,
            language=terms.language,
            site=site.id,
            now=now,
        )
        ticket_, handback, url = _hand_back(desk, inventory, arrival, decision, now)
        admission.add_grant(connection, decision, revision.number, handback)
        if ticket_ is not None:
            admission.add_ticket(connection, ticket_)
    return Admitted(decision, url)


def _hand_back(
    desk: Desk, inventory: Inventory, arrival: Arrival, grant: Grant, now: int
) -> tuple[Ticket | None, str | None, str]:
    """(the ticket for RADIUS, what the dialect needs later, the URL the phone goes to)."""
    gateway = inventory.find_gateway(arrival.gateway)
    landing = f"{inventory.portal.url}/s/{status_token(desk.status_key, grant.id)}"
    if isinstance(gateway, CoovaChilliGateway):
        ticket_ = Ticket(new_id(), grant.id, gateway.id, now + ticket.LIFETIME)
        password = ticket.password(desk.keys.derive("ticket"), ticket_.id, gateway.id, arrival.mac)
        url = coovachilli.hand_back(arrival, ticket_.id, password, desk.settings.secret(gateway.uam_secret))
        return ticket_, coovachilli.log_off(arrival.data), url
    if isinstance(gateway, OpenndsGateway):
        fas_key = desk.settings.secret(gateway.fas_key)
        binauth = opennds.derive(desk.settings.secret(gateway.agent_key), opennds.BINAUTH_LABEL)
        limits = opennds.limits_in_kilo(grant.limits)
        custom = opennds.make_pass(binauth, grant.id, arrival.mac, arrival.data["hid"], **limits)
        if gateway.fas_level == 3:
            rhid = opennds.rhid(arrival.data["hid"], fas_key)
            return None, opennds.authmon_entry(rhid, grant.limits, custom), landing
        return None, None, opennds.hand_back(arrival, fas_key, custom, landing)
    raise RequestError("no-dialect", arrival.gateway)


def arrive(desk: Desk, inventory: Inventory, gateway_id: str, query_string: str, query: Mapping[str, str]) -> Arrival:
    """Who stands at the door, as the gateway's dialect says and signs. RequestError where it says nothing usable."""
    gateway = inventory.find_gateway(gateway_id)
    if isinstance(gateway, CoovaChilliGateway) and coovachilli.recognises(query):
        base = inventory.uam_url(gateway.id)
        url = f"{base}{'&' if '?' in base else '?'}{query_string}"
        return coovachilli.arrive(gateway.id, url, query, desk.settings.secret(gateway.uam_secret))
    if isinstance(gateway, OpenndsGateway) and opennds.recognises(query):
        arrival = opennds.arrive(gateway.id, query, desk.settings.secret(gateway.fas_key), gateway.fas_level)
        if not _is_our_router(inventory, gateway, arrival.data["gatewayaddress"]):
            raise RequestError("bad-signature", gateway_id)
        return arrival
    raise RequestError("no-gateway" if gateway is None else "not-from-gateway", gateway_id)


def _is_our_router(inventory: Inventory, gateway: OpenndsGateway, address: str) -> bool:
    """Whether a phone may be sent to this `IP:port` with a pass; at level 1 the phone itself may have written it."""
    host = ip_address(address.rpartition(":")[0])
    placed = inventory.find_ap(gateway.ap) if gateway.ap else None
    if placed is None:
        return host.is_private  # configured by hand: we do not know its network
    return str(host) == inventory.wifi_of(*placed).network.partition("/")[0]


def next_hops(inventory: Inventory, arrival: Arrival) -> list[str]:
    """The origins that a form's answer may lead to; the page's Content-Security-Policy names them."""
    gateway = inventory.find_gateway(arrival.gateway)
    if isinstance(gateway, CoovaChilliGateway):
        return [f"http://{arrival.data.get('uamip', '')}:{arrival.data.get('uamport', '')}"]
    if isinstance(gateway, OpenndsGateway):
        return [f"http://{arrival.data.get('gatewayaddress', '')}"]
    return []
