"""Disconnect- and CoA-Requests, their answers, and when to send them again (RFC 5176, RFC 5080). Pure.

RFC 8559 has orders travel through proxies. We speak to the gateways themselves, so they carry no Proxy-State and no
Operator-Name; a Proxy-State in an answer is ignored.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hotspot.nas import RadiusDialect
from hotspot.store.stays.orders import Kind, Order, OrderState

from .wire.dictionary import encode, value_name
from .wire.packet import Code, Malformed, Packet, build_request, is_signed, parse, response_authenticator

GONE: Final = "Session-Context-Not-Found"
_LATER: Final = frozenset({"Resources-Unavailable", "Proxy-Processing-Error", "Proxy-Request-Not-Routable"})
"""Error-Causes that pass (RFC 5176 section 3.5)."""
_REQUESTS: Final = {
    Kind.DISCONNECT: Code.DISCONNECT_REQUEST,
    Kind.CHANGE: Code.COA_REQUEST,
    Kind.REAUTHENTICATE: Code.COA_REQUEST,
}
_ANSWERS: Final = {
    Code.DISCONNECT_REQUEST: (Code.DISCONNECT_ACK, Code.DISCONNECT_NAK),
    Code.COA_REQUEST: (Code.COA_ACK, Code.COA_NAK),
}


@dataclass(frozen=True)
class Outcome:
    """What a gateway answered. `detail` is the Error-Cause's name, or why there is none."""

    state: OrderState
    """PENDING where it is to be tried again later."""
    detail: str


def request(
    order: Order, dialect: RadiusDialect, secret: bytes, identifier: int, now: int, role: str | None = None
) -> bytes:
    """The packet that tells an order, signed, with an Event-Timestamp against replays (RFC 5176 section 3.3).

    A kind that knows neither gets neither. A change carries every limit that holds, and the plan's `role`, because
    some kinds reset what is left out. ValueError where a value does not fit into its attribute.
    """
    if order.kind is Kind.REAUTHENTICATE:
        named = dialect.reauthenticate(order.acct_session_id, order.mac)
    else:
        named = dialect.disconnect(order.user_name, order.acct_session_id, order.mac)
    attributes: list[tuple[str, int | str]] = [(name, value) for name, value in named if value]
    if order.limits is not None:
        attributes += dialect.change(order.limits, role)
    body = b"".join(encode(name, value) for name, value in attributes)
    code = _REQUESTS[order.kind]
    if dialect.BARE_ORDERS:
        return build_request(code, identifier, body, secret, sign=False)
    return build_request(code, identifier, body + encode("Event-Timestamp", now), secret)


def read_answer(data: bytes, sent: bytes, secret: bytes) -> Outcome | None:
    """What an answer to the request `sent` says; None for bytes that are no authentic answer to it."""
    try:
        packet = parse(data)
    except Malformed:
        return None
    authenticator = sent[4:20]
    if packet.identifier != sent[1] or packet.authenticator != response_authenticator(packet, secret, authenticator):
        return None
    if is_signed(packet, secret, authenticator) is False:
        return None
    asked = Code(sent[0])
    yes, no = _ANSWERS[asked]
    if packet.code == yes:
        return Outcome(OrderState.DONE, "acknowledged")
    return _refusal(packet, asked) if packet.code == no else None


def _refusal(packet: Packet, asked: Code) -> Outcome:
    cause = packet.integer("Error-Cause")
    if cause is None:
        return Outcome(OrderState.REFUSED, "refused without Error-Cause")
    name = value_name("Error-Cause", cause) or f"Error-Cause {cause}"
    if name == GONE and asked == Code.DISCONNECT_REQUEST:
        return Outcome(OrderState.DONE, name)
    return Outcome(OrderState.PENDING if name in _LATER else OrderState.REFUSED, name)


# -- what is under way -------------------------------------------------------------------------------------------

Address = tuple[str, int]
_WAITS: Final = (0.5, 1.0, 1.5)
"""Seconds to wait for an answer before the same bytes go out again; after the last the order is given back."""
_REMEMBERED: Final = 25.0
"""Seconds for which a late answer is still understood; less than a claim lasts."""


@dataclass
class _Flight:
    order: Order
    target: Address
    request: bytes
    secret: bytes = field(repr=False)
    launched: float
    sends: int = 1
    next_at: float = 0.0

    @property
    def given_up(self) -> bool:
        return self.sends > len(_WAITS)


class Flights:
    """The requests of one socket: which are unanswered, when each goes out again, which answer is whose.

    Times are seconds of a clock that only goes forward. Every method returns what to do and does nothing itself.
    """

    def __init__(self) -> None:
        self._flights: dict[tuple[Address, int], _Flight] = {}

    def __len__(self) -> int:
        """How many orders wait for an answer."""
        return sum(not flight.given_up for flight in self._flights.values())

    def free(self, target: Address) -> int | None:
        """An identifier that no request to this gateway has; None while all 256 are taken."""
        first = secrets.randbelow(256)
        return next((i % 256 for i in range(first, first + 256) if (target, i % 256) not in self._flights), None)

    def launch(self, order: Order, target: Address, packet: bytes, secret: bytes, now: float) -> None:
        """A request that is being sent. Its identifier was `free`."""
        flight = _Flight(order, target, packet, secret, launched=now, next_at=now + _WAITS[0])
        self._flights[target, packet[1]] = flight

    def receive(self, data: bytes, source: Address) -> tuple[Order, Outcome] | None:
        """The order that a datagram answers, and how; None for whatever is no authentic answer."""
        flight = self._flights.get((source, data[1])) if len(data) > 1 else None
        outcome = None if flight is None else read_answer(data, flight.request, flight.secret)
        if flight is None or outcome is None:
            return None
        del self._flights[source, data[1]]
        return flight.order, outcome

    def again(self, now: float) -> list[tuple[bytes, Address]]:
        """The datagrams whose time has come to be sent again."""
        found: list[tuple[bytes, Address]] = []
        for flight in self._flights.values():
            if flight.sends < len(_WAITS) and flight.next_at <= now:
                flight.next_at = now + _WAITS[flight.sends]
                flight.sends += 1
                found.append((flight.request, flight.target))
        return found

    def given_up(self, now: float) -> list[Order]:
        """The orders that nobody has answered in time, once. A late answer is still understood for a while."""
        found: list[Order] = []
        for key, flight in list(self._flights.items()):
            if flight.sends == len(_WAITS) and flight.next_at <= now:
                flight.sends += 1
                found.append(flight.order)
            elif flight.given_up and now - flight.launched > _REMEMBERED:
                del self._flights[key]
        return found

    def next_at(self) -> float | None:
        """When `again` or `given_up` has something to say."""
        return min((flight.next_at for flight in self._flights.values() if not flight.given_up), default=None)

    def clear(self) -> list[Order]:
        """Ends all; the orders that still wait for an answer."""
        waiting = [flight.order for flight in self._flights.values() if not flight.given_up]
        self._flights.clear()
        return waiting


def pause(attempts: int) -> int:
    """Seconds to leave a gateway alone that has not answered an order so many times."""
    return _PAUSES[min(attempts, len(_PAUSES) - 1)]


_PAUSES: Final[Sequence[int]] = (5, 10, 20, 40, 60)
"""Not longer than a minute: a gateway that is back must hear soon what it still has to do."""
