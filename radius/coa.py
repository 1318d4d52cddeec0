"""Disconnect-Request and its answer (RFC 5176). Pure."""

from dataclasses import dataclass
from typing import Final

from hotspot.nas import RadiusDialect
from hotspot.store.orders import Order

from .dictionary import encode, value_name
from .packet import Code, Malformed, build_request, is_signed, parse, response_authenticator

GONE: Final = "Session-Context-Not-Found"


@dataclass(frozen=True)
class Outcome:
    """What a gateway answered. `detail` is the Error-Cause's name, or why there is none."""

    done: bool
    detail: str


def disconnect(order: Order, dialect: RadiusDialect, secret: bytes, identifier: int, now: int) -> bytes:
    """The request that ends a session, signed, with an Event-Timestamp against replays (RFC 5176 section 3.3).

    A kind that knows neither gets neither.
    """
    named = dialect.disconnect(order.user_name, order.acct_session_id, order.mac)
    body = b"".join(encode(name, value) for name, value in named if value)
    if dialect.BARE_ORDERS:
        return build_request(Code.DISCONNECT_REQUEST, identifier, body, secret, sign=False)
    return build_request(Code.DISCONNECT_REQUEST, identifier, body + encode("Event-Timestamp", now), secret)


def read_answer(data: bytes, request: bytes, secret: bytes) -> Outcome | None:
    """What an answer says; None for bytes that are no authentic answer to `request`."""
    try:
        packet = parse(data)
    except Malformed:
        return None
    sent = request[4:20]
    if packet.identifier != request[1] or packet.authenticator != response_authenticator(packet, secret, sent):
        return None
    if is_signed(packet, secret, sent) is False:
        return None
    if packet.code == Code.DISCONNECT_ACK:
        return Outcome(True, "acknowledged")
    if packet.code != Code.DISCONNECT_NAK:
        return None
    cause = packet.integer("Error-Cause")
    name = (
        "refused without Error-Cause" if cause is None else value_name("Error-Cause", cause) or f"Error-Cause {cause}"
    )
    return Outcome(name == GONE, name)
