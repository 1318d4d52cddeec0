"""Access-Request: what is asked, and the answers. Pure decisions; `radius.service` asks the store in between."""

from dataclasses import dataclass, replace

from hotspot import ticket
from hotspot.errors import RequestError
from hotspot.grant import SHORTEST_SESSION, Grant
from hotspot.identity import parse_mac
from hotspot.store.redemption import Claim, Redeemed

from .accounting import station
from .dictionary import encode, number
from .endpoint import Request
from .packet import Code, password_matches

_USER_NAME = number("User-Name")[1]
_SERVICE_TYPE = number("Service-Type")[1]
_CALL_CHECK = (10).to_bytes(4, "big")


@dataclass(slots=True, eq=False)
class Login:
    """A request that proves possession of a ticket's password; whether the ticket still counts, the store knows."""

    claim: Claim
    request: Request


@dataclass(slots=True, eq=False)
class Station:
    """MAC authentication: a device asks without anything that proves who uses it."""

    mac: str
    request: Request


@dataclass(slots=True, eq=False)
class Refusal:
    """`code` is the key of its text in the catalogues."""

    code: str
    request: Request
    language: str = "id"


def read(request: Request, ticket_key: bytes) -> Login | Station | Refusal:
    """Who asks. The password binds the ticket to this gateway and to the MAC that the gateway sees."""
    packet = request.packet
    user_name = packet.first.get(_USER_NAME, b"").decode("ascii", "replace")
    try:
        mac = station(packet)
    except RequestError:
        return Refusal("no-calling-station", request)
    if ticket.is_ticket_id(user_name):
        gateway = request.client.gateway
        expected = ticket.password(ticket_key, user_name, gateway, mac)
        if not password_matches(packet, request.client.secret, expected.encode()):
            return Refusal("wrong-password", request)
        return Login(Claim(user_name, gateway, packet.authenticator), request)
    if packet.first.get(_SERVICE_TYPE) == _CALL_CHECK or _is_mac(user_name, mac):
        return Station(mac, request)
    return Refusal("unknown-user", request)


def _is_mac(user_name: str, mac: str) -> bool:
    """Whether a User-Name is the calling station's address, in any of the vendors' spellings."""
    if not 12 <= len(user_name) <= 17:
        return False
    try:
        return parse_mac(user_name) == mac
    except RequestError:
        return False


def accept(login: Login, redeemed: Redeemed) -> bytes:
    """The Access-Accept: the limits as this gateway understands them, and the ticket as Class.

    What is left is counted from the first redemption, so that a retransmission answered by another node reads the same.
    """
    return _accepted(login.request, redeemed.grant, redeemed.at, redeemed.grant.limits.total, login.claim.ticket)


def resume(request: Request, grant: Grant, used: int, now: int) -> bytes:
    """The Access-Accept by which a device goes on under its grant, of which `used` bytes are gone."""
    total = grant.limits.total  # Class names the grant: there is no ticket
    return _accepted(request, grant, now, None if total is None else max(1, total - used), grant.id)


def _accepted(request: Request, grant: Grant, at: int, total: int | None, name: str) -> bytes:
    limits = replace(grant.limits, session=max(SHORTEST_SESSION, grant.ends_at - at), total=total)
    body = b"".join([encode(name, value) for name, value in request.client.dialect.accept(limits)])
    return request.reply(Code.ACCESS_ACCEPT, body + encode("Class", name.encode()))


def reject(request: Request, message: str) -> bytes:
    """The Access-Reject with a Reply-Message for the person."""
    return request.reply(Code.ACCESS_REJECT, encode("Reply-Message", message.encode()[:250].decode(errors="ignore")))
