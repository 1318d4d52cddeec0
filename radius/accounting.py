"""Accounting-Request -> a record in the domain's terms. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from hotspot import ticket
from hotspot.errors import RequestError
from hotspot.session import LARGEST, Record, RecordKind

from . import wire
from .dictionary import number, value_name
from .endpoint import Request
from .packet import Packet

_STATUS_TYPE: Final = number("Acct-Status-Type")[1]
_SESSION_TIME: Final = number("Acct-Session-Time")[1]
_EVENT_TIMESTAMP: Final = number("Event-Timestamp")[1]
_DELAY_TIME: Final = number("Acct-Delay-Time")[1]
_INPUT: Final = number("Acct-Input-Octets")[1], number("Acct-Input-Gigawords")[1]
_OUTPUT: Final = number("Acct-Output-Octets")[1], number("Acct-Output-Gigawords")[1]
_CLASS: Final = number("Class")[1]
_USER_NAME: Final = number("User-Name")[1]
_CALLING: Final = number("Calling-Station-Id")[1]
_CALLED: Final = number("Called-Station-Id")[1]
_KINDS: Final = {1: RecordKind.START, 2: RecordKind.STOP, 3: RecordKind.INTERIM}
_RUNNING: Final = (1, 3)
_RESTARTS: Final = {7: "NAS-Reboot", 8: "Admin-Reboot"}
_LONGEST_ID: Final = 253
_OLDEST: Final = 7 * 86400
_NEWEST: Final = 120
"""How far an Event-Timestamp may lie from our clock, seconds, before the gateway's clock is not believed."""


@dataclass(slots=True, eq=False)
class Heard:
    """A record that still wants its device's id."""

    mac: str
    ticket: str | None
    record: Callable[[str], Record]


@dataclass(frozen=True)
class Restart:
    """Accounting-On or -Off: no session of the gateway that began before `at` goes on."""

    gateway: str
    at: int
    cause: str


def read(request: Request, site: Callable[[str, bytes], str], now: int) -> Heard | Restart | None:
    """What a request reports; None for what is acknowledged and means nothing to us (other status types).

    `site` names the site of (gateway, Called-Station-Id). RequestError where a session cannot be told.
    """
    packet, gateway = request.packet, request.client.gateway
    status = packet.word(_STATUS_TYPE)
    at = _event_time(packet, now)
    if status in _RESTARTS:
        return Restart(gateway, at, _RESTARTS[status])
    kind = _KINDS.get(status or 0)
    if kind is None:
        return None
    session_id = (packet.text("Acct-Session-Id") or "")[:_LONGEST_ID]
    if not session_id:
        raise RequestError("bad-request", "no Acct-Session-Id")
    mac = station(packet)
    received = _octets(packet, _INPUT)
    sent = _octets(packet, _OUTPUT)
    down, up = request.client.dialect.client_counters(packet.integer("CoovaChilli-Acct-View-Point"), received, sent)
    name = _ticket(packet)
    place = site(gateway, packet.first.get(_CALLED, b""))
    seconds = packet.word(_SESSION_TIME) or 0
    cause = _cause(packet) if kind is RecordKind.STOP else None

    def record(device: str) -> Record:
        return Record(kind, gateway, session_id, device, name, place, at, seconds, down, up, cause)

    return Heard(mac, name, record)


def address(packet: Packet) -> tuple[str, str] | None:
    """(Acct-Session-Id, address) of a session that runs, where the gateway says which the client has."""
    value = packet.get("Framed-IP-Address")
    if value is None or len(value) != 4 or packet.word(_STATUS_TYPE) not in _RUNNING:
        return None
    return (packet.text("Acct-Session-Id") or "")[:_LONGEST_ID], str(IPv4Address(value))


def _cause(packet: Packet) -> str:
    cause = packet.integer("Acct-Terminate-Cause") or 0
    return value_name("Acct-Terminate-Cause", cause) or f"cause-{cause}"


def _event_time(packet: Packet, now: int) -> int:
    """When it happened: Event-Timestamp if the gateway's clock can be believed, else our time less Acct-Delay-Time."""
    stamp = packet.word(_EVENT_TIMESTAMP)
    if stamp is not None and now - _OLDEST <= stamp <= now + _NEWEST:
        return min(stamp, now)
    return now - min(packet.word(_DELAY_TIME) or 0, _OLDEST)


def _octets(packet: Packet, direction: tuple[int, int]) -> int:
    octets, gigawords = direction
    return min((packet.word(octets) or 0) + ((packet.word(gigawords) or 0) << 32), LARGEST)


def _ticket(packet: Packet) -> str | None:
    """The Class that we sent; a foreign one is none of ours. Who sends none, as OPNsense, has the name still by which
    it logged in."""
    first = packet.first.get(_CLASS)
    if first is None:
        name = packet.first.get(_USER_NAME, b"").decode("ascii", "replace")
        return name if ticket.is_ticket_id(name) else None
    text = first.decode("ascii", "replace")
    if ticket.is_ticket_id(text):
        return text
    others = (value.decode("ascii", "replace") for value in packet.all("Class"))
    return next((text for text in others if ticket.is_ticket_id(text)), None)


def station(packet: Packet) -> str:
    """The client's MAC in Calling-Station-Id, which some gateways write as `MAC:SSID`. RequestError("bad-mac")."""
    value = packet.first.get(_CALLING, b"")[:17]
    found = wire.mac(value)
    if found is None:
        raise RequestError("bad-mac", f"{len(value)} characters")
    return found


def called(value: bytes) -> str | None:
    """The access point's MAC in Called-Station-Id (`MAC` or `MAC:SSID`)."""
    return wire.mac(value[:17])
