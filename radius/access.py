"""Access-Request: redeeming a ticket. Pure decisions; `radius.service` asks the store in between."""

from dataclasses import dataclass, replace

from hotspot import ticket
from hotspot.errors import RequestError
from hotspot.grant import SHORTEST_SESSION
from hotspot.store.admission import Redeemed

from .accounting import station
from .dictionary import encode
from .endpoint import Request
from .packet import Code, password_matches


@dataclass(frozen=True)
class Login:
    """A request that proves possession of a ticket's password; whether the ticket still counts, the store knows."""

    ticket: str
    request: Request


@dataclass(frozen=True)
class Refusal:
    """`code` is the key of its text in the catalogues."""

    code: str
    request: Request


def read(request: Request, ticket_key: bytes) -> Login | Refusal:
    """Who asks. The password binds the ticket to this gateway and to the MAC that the gateway sees."""
    user_name = request.packet.text("User-Name") or ""
    if not ticket.is_ticket_id(user_name):
        return Refusal("unknown-user", request)
    try:
        mac = station(request.packet)
    except RequestError:
        return Refusal("no-calling-station", request)
    expected = ticket.password(ticket_key, user_name, request.client.gateway, mac)
    if not password_matches(request.packet, request.client.secret, expected.encode()):
        return Refusal("wrong-password", request)
    return Login(user_name, request)


def accept(login: Login, redeemed: Redeemed) -> bytes:
    """The Access-Accept: the limits as this gateway understands them, and the ticket as Class.

    What is left is counted from the first redemption, so that a retransmission answered by another node reads the same.
    """
    grant = redeemed.grant
    left = max(SHORTEST_SESSION, grant.ends_at - redeemed.at)
    limits = replace(grant.limits, session=left)
    body = b"".join(encode(name, value) for name, value in login.request.client.dialect.accept(limits))
    body += encode("Class", login.ticket.encode())
    return login.request.reply(Code.ACCESS_ACCEPT, body)


def reject(request: Request, message: str) -> bytes:
    """The Access-Reject with a Reply-Message for the person."""
    return request.reply(Code.ACCESS_REJECT, encode("Reply-Message", message.encode()[:250].decode(errors="ignore")))
