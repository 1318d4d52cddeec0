"""The gateways' dialects as the portal uses them: who arrives, and how a phone is handed back with its grant.

What the dialects say on the wire is in `hotspot.nas`, one file each; here they meet the inventory, secrets and tickets.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from hotspot.admission import ticket
from hotspot.admission.grant import Grant
from hotspot.admission.ticket import Ticket
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.nas import POSTED_DIALECTS, TOLD_DIALECTS, cisco, coovachilli, meraki, mikrotik, opennds, opnsense, unifi
from hotspot.nas.arrival import Arrival
from hotspot.nas.attributes import STRANGER_LABEL
from hotspot.nas.entries import (
    ArubaGateway,
    CambiumGateway,
    CiscoGateway,
    CoovaChilliGateway,
    GenericGateway,
    MerakiClickGateway,
    MerakiGateway,
    MikrotikGateway,
    OmadaGateway,
    OpenndsGateway,
    OpnsenseGateway,
    PfsenseGateway,
    RuckusGateway,
    UnifiGateway,
)
from hotspot.nas.posted import PostedDialect
from hotspot.nas.told import Account, ToldDialect
from hotspot.people.identity import parse_mac

from .desk import Desk
from .peers.patience import send_patiently
from .peers.web import Request

OPEN_WEB: Final = "http://detectportal.firefox.com/"
"""An address without TLS: whoever is held back is sent from it to the gateway, and from there to the portal."""


@dataclass(frozen=True)
class Visit:
    """A request for a gateway's door. `raw` is the query as it came, its escapes untouched."""

    raw: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class HandBack:
    """Where the phone goes to be let in, the ticket it carries there, and what the dialect needs later."""

    url: str
    ticket: Ticket | None = None
    kept: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """What it posts there; without any it just goes."""
    last_word: bool = False
    """Whether nobody tells later that the phone is in, as RADIUS, an agent or a controller does."""
    stay: str | None = None
    """What the gateway calls the device's stay, where an order is to have it ask RADIUS about the device again."""
    tell: Callable[[], None] | None = None
    """What the gateway's controller is told once the grant is kept. PeerError where it does not let the phone in."""


class Dialect(Protocol):
    """One gateway at the portal."""

    def arrive(self, visit: Visit, /) -> Arrival | None:
        """Who stands at the door; None where this gateway has not sent them. RequestError for a bad signature."""
        ...

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, now: int, /) -> HandBack:
        """`landing` is the page that the phone is to see in the end."""
        ...

    def hop(self, arrival: Arrival, /) -> str | None:
        """The foreign origin over which a phone is handed back; the login page's policy names it."""
        ...

    def anew(self, arrival: Arrival, /) -> str:
        """An address by which the gateway sends the phone here anew."""
        ...


def _new_ticket(desk: Desk, grant: Grant, mac: str, now: int) -> tuple[Ticket, str]:
    """A ticket and its password."""
    made = Ticket(ticket.new_id(now), grant.id, grant.gateway, now + ticket.LIFETIME)
    return made, ticket.password(desk.keys.derive("ticket"), made.id, made.gateway, mac)


@dataclass(frozen=True)
class _CoovaChilli:
    desk: Desk
    inventory: Inventory
    gateway: CoovaChilliGateway

    @property
    def _secret(self) -> bytes:
        return self.desk.settings.secret(self.gateway.uam_secret)

    def arrive(self, visit: Visit) -> Arrival | None:
        if not coovachilli.recognises(visit.query):
            return None
        base = self.inventory.uam_url(self.gateway.id)
        url = f"{base}{'&' if '?' in base else '?'}{visit.raw}"
        return coovachilli.arrive(self.gateway.id, url, visit.query, self._secret)

    def hand_back(self, arrival: Arrival, grant: Grant, _landing: str, now: int) -> HandBack:
        made, password = _new_ticket(self.desk, grant, arrival.mac, now)
        url = coovachilli.hand_back(arrival, made.id, password, self._secret)
        return HandBack(url, made, coovachilli.log_off(arrival.data))

    def hop(self, arrival: Arrival) -> str | None:
        return coovachilli.origin(arrival)

    def anew(self, arrival: Arrival) -> str:
        return coovachilli.prelogin(arrival)


@dataclass(frozen=True)
class _Opennds:
    desk: Desk
    inventory: Inventory
    gateway: OpenndsGateway

    def arrive(self, visit: Visit) -> Arrival | None:
        if not opennds.recognises(visit.query):
            return None
        key = self.desk.settings.secret(self.gateway.fas_key)
        arrival = opennds.arrive(self.gateway.id, visit.query, key, self.gateway.fas_level)
        if not self._is_our_router(arrival.data["gatewayaddress"]):
            raise RequestError("bad-signature", self.gateway.id)
        return arrival

    def _is_our_router(self, address: str) -> bool:
        """Whether a phone may be sent to this `IP:port` with a pass; at level 1 the phone may have written it."""
        host = ip_address(address.rpartition(":")[0])
        placed = self.inventory.find_ap(self.gateway.ap) if self.gateway.ap else None
        if placed is None:
            return host.is_private  # configured by hand: we do not know its network
        return str(host) == self.inventory.wifi_of(*placed).network.partition("/")[0]

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, _now: int) -> HandBack:
        secret = self.desk.settings.secret
        binauth = opennds.derive(secret(self.gateway.agent_key), opennds.BINAUTH_LABEL)
        limits = opennds.limits_in_kilo(grant.limits)
        custom = opennds.make_pass(binauth, grant.id, arrival.mac, arrival.data["hid"], **limits)
        fas_key = secret(self.gateway.fas_key)
        if self.gateway.fas_level == 3:
            rhid = opennds.rhid(arrival.data["hid"], fas_key)
            return HandBack(landing, kept=opennds.authmon_entry(rhid, grant.limits, custom))
        return HandBack(opennds.hand_back(arrival, fas_key, custom, landing))

    def hop(self, arrival: Arrival) -> str | None:
        return f"http://{arrival.data['gatewayaddress']}"

    def anew(self, _arrival: Arrival) -> str:
        return OPEN_WEB


@dataclass(frozen=True)
class _Mikrotik:
    desk: Desk
    gateway: MikrotikGateway

    def arrive(self, visit: Visit) -> Arrival | None:
        if not mikrotik.recognises(visit.query):
            return None
        return mikrotik.arrive(self.gateway.id, visit.raw, visit.query)

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, now: int) -> HandBack:
        if self.gateway.login is None:
            raise RequestError("no-dialect", self.gateway.id)
        made, password = _new_ticket(self.desk, grant, arrival.mac, now)
        url = mikrotik.hand_back(self.gateway.login, arrival, made.id, password, landing)
        return HandBack(url, made, mikrotik.log_off(self.gateway.login))

    def hop(self, _arrival: Arrival) -> str | None:
        return origin(self.gateway.login) if self.gateway.login else None

    def anew(self, _arrival: Arrival) -> str:
        return self.gateway.login or OPEN_WEB


@dataclass(frozen=True)
class _Unifi:
    gateway: UnifiGateway

    def arrive(self, visit: Visit) -> Arrival | None:
        return unifi.arrive(self.gateway.id, visit.query) if unifi.recognises(visit.query) else None

    def hand_back(self, arrival: Arrival, _grant: Grant, landing: str, _now: int) -> HandBack:
        return HandBack(
            landing, kept=unifi.Kept(arrival.ap_mac or "").text()
        )  # portal.channels.unifi tells the controller

    def hop(self, _arrival: Arrival) -> str | None:
        return None

    def anew(self, _arrival: Arrival) -> str:
        return OPEN_WEB


PostedGateway = (
    ArubaGateway
    | CambiumGateway
    | CiscoGateway
    | GenericGateway
    | MerakiGateway
    | OpnsenseGateway
    | PfsenseGateway
    | RuckusGateway
)


@dataclass(frozen=True)
class _Posted:
    """Gateways that take a form from the phone (`hotspot.nas.posted`)."""

    desk: Desk
    gateway: PostedGateway
    kind: PostedDialect

    def arrive(self, visit: Visit) -> Arrival | None:
        return self.kind.arrive(self.gateway.id, visit.query) if self.kind.recognises(visit.query) else None

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, now: int) -> HandBack:
        login = None if isinstance(self.gateway, MerakiGateway) else self.gateway.login
        if login is None and not isinstance(self.gateway, MerakiGateway | CambiumGateway):
            raise RequestError("no-dialect", self.gateway.id)
        made, password = _new_ticket(self.desk, grant, arrival.mac, now)
        form = self.kind.log_in(login or "", arrival, made.id, password, landing)
        return HandBack(form.url, made, fields=form.fields)

    def hop(self, _arrival: Arrival) -> str | None:
        return None

    def anew(self, _arrival: Arrival) -> str:
        return OPEN_WEB


@dataclass(frozen=True)
class _Opnsense(_Posted):
    """Goes back to the page of its zone, with nothing to post."""

    def hop(self, _arrival: Arrival) -> str | None:
        login = self.gateway.login if isinstance(self.gateway, OpnsenseGateway) else None
        return origin(login) if login else None


@dataclass(frozen=True)
class _Cisco(_Posted):
    """Also central web authentication: the controller asks RADIUS again when the grant is there."""

    def arrive(self, visit: Visit) -> Arrival | None:
        if not cisco.recognises_central(visit.query):
            return super().arrive(visit)
        key = self.desk.keys.derive(STRANGER_LABEL)
        return cisco.arrive_central(self.gateway.id, visit.query, key)

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, now: int) -> HandBack:
        stay = arrival.data.get("session")
        if stay is None:
            return super().hand_back(arrival, grant, landing, now)
        if self.gateway.radius.orders is None:
            raise RequestError("no-dialect", self.gateway.id)
        return HandBack(landing, stay=stay, last_word=True)


@dataclass(frozen=True)
class _MerakiClick:
    gateway: MerakiClickGateway

    def arrive(self, visit: Visit) -> Arrival | None:
        return meraki.arrive_click(self.gateway.id, visit.query) if meraki.recognises_click(visit.query) else None

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, _now: int) -> HandBack:
        return HandBack(meraki.grant_url(arrival, landing, grant.limits.session), last_word=True)

    def hop(self, arrival: Arrival) -> str | None:
        return origin(arrival.data["base_grant_url"])

    def anew(self, _arrival: Arrival) -> str:
        return OPEN_WEB


@dataclass(frozen=True)
class _Told:
    """Gateways whose controller the portal tells who logs in, by a ticket that it then asks RADIUS about."""

    desk: Desk
    gateway: OmadaGateway | RuckusGateway
    kind: ToldDialect

    def arrive(self, visit: Visit) -> Arrival | None:
        return self.kind.arrive(self.gateway.id, visit.query) if self.kind.recognises(visit.query) else None

    def hand_back(self, arrival: Arrival, grant: Grant, landing: str, now: int) -> HandBack:
        gateway, kind = self.gateway, self.kind
        if gateway.controller is None:
            raise RequestError("no-dialect", gateway.id)
        made, password = _new_ticket(self.desk, grant, arrival.mac, now)
        user, where = gateway.account
        account = Account(user, self.desk.settings.secret(where).decode() if where else "")
        body = kind.tell(arrival, made.id, password, account)
        headers = {"Content-Type": kind.MEDIA_TYPE}
        request = Request("POST", f"{gateway.controller}{kind.PATH}", headers, json.dumps(body))

        def tell() -> None:
            kind.answered(send_patiently(request, fingerprint=gateway.fingerprint).json())

        return HandBack(landing, made, tell=tell)

    def hop(self, _arrival: Arrival) -> str | None:
        return None

    def anew(self, _arrival: Arrival) -> str:
        return OPEN_WEB


def unifi_gateway(inventory: Inventory, controller_site: str, query: Mapping[str, str]) -> str:
    """The gateway of a UniFi redirect, which names a site of a controller and an access point. RequestError."""
    there = [
        gateway.id
        for gateway in inventory.gateway
        if isinstance(gateway, UnifiGateway) and gateway.controller_site == controller_site
    ]
    if len(there) > 1 and unifi.recognises(query):
        ap_mac = parse_mac(query["ap"])
        there = [ap.gateway for _, ap in inventory.access_points() if ap.mac == ap_mac and ap.gateway in there]
    if len(there) != 1:
        raise RequestError("no-gateway", controller_site[:32])
    return there[0]


def origin(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def dialect(desk: Desk, inventory: Inventory, gateway_id: str) -> Dialect:
    """How to speak with a gateway. RequestError where there is none, or none that the portal understands."""
    gateway = inventory.find_gateway(gateway_id)
    found: Dialect
    match gateway:
        case CoovaChilliGateway():
            found = _CoovaChilli(desk, inventory, gateway)
        case OpenndsGateway():
            found = _Opennds(desk, inventory, gateway)
        case MikrotikGateway():
            found = _Mikrotik(desk, gateway)
        case UnifiGateway():
            found = _Unifi(gateway)
        case OmadaGateway():
            found = _Told(desk, gateway, TOLD_DIALECTS[gateway.nas])
        case RuckusGateway() if gateway.controller:
            found = _Told(desk, gateway, TOLD_DIALECTS[gateway.nas])
        case MerakiClickGateway():
            found = _MerakiClick(gateway)
        case CiscoGateway():
            found = _Cisco(desk, gateway, cisco)
        case OpnsenseGateway():
            found = _Opnsense(desk, gateway, opnsense)
        case None:
            raise RequestError("no-gateway", gateway_id)
        case _:
            found = _Posted(desk, gateway, POSTED_DIALECTS[gateway.nas])
    return found


def arrive(desk: Desk, inventory: Inventory, gateway_id: str, visit: Visit) -> Arrival:
    """Who stands at a gateway's door. RequestError where it says nothing usable."""
    arrival = dialect(desk, inventory, gateway_id).arrive(visit)
    if arrival is None:
        raise RequestError("not-from-gateway", gateway_id)
    return arrival
