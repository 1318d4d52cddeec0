"""Accounting-Request -> a record in the domain's terms. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from hotspot.admission import ticket
from hotspot.admission.session import LARGEST, Record, RecordKind
from hotspot.errors import RequestError

from .endpoint import Request
from .wire import codec
from .wire.dictionary import number, value_name
from .wire.packet import Packet

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
_LONGEST_DELAY: Final = 7 * 86400
"""Seconds of Acct-Delay-Time that a gateway is believed to have kept a record."""
AGREES: Final = 120
"""Seconds that an Event-Timestamp may lie from the arrival less Acct-Delay-Time. One further off is a wrong clock."""


@dataclass(slots=True, eq=False)
class Heard:
    """A record that still wants its device's id."""

    mac: str
    ticket: str | None
    record: Callable[[str], Record]
    skew: int | None = None
    """Seconds by which the gateway's clock is ahead of ours; None where it tells no time."""


@dataclass(frozen=True)
class Restart:
    """Accounting-On or -Off: no session of the gateway that began before `at` goes on."""

    gateway: str
    at: int
    cause: str
    skew: int | None = None


def read(request: Request, site: Callable[[str, bytes], str], now: int) -> Heard | Restart | None:
    """What a request reports; None for what is acknowledged and means nothing to us (other status types).

    `site` names the site of (gateway, Called-Station-Id). RequestError where a session cannot be told.
    """
    packet, gateway = request.packet, request.client.gateway
    status = packet.word(_STATUS_TYPE)
    at, skew = _event_time(packet, now)
    if status in _RESTARTS:
        return Restart(gateway, at, _RESTARTS[status], skew)
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

    return Heard(mac, name, record, skew)


def address(packet: Packet) -> tuple[str, str] | None:
    """(Acct-Session-Id, address) of a session that runs, where the gateway says which the client has."""
    value = packet.get("Framed-IP-Address")
    if value is None or len(value) != 4 or packet.word(_STATUS_TYPE) not in _RUNNING:
        return None
    return (packet.text("Acct-Session-Id") or "")[:_LONGEST_ID], str(IPv4Address(value))


def _cause(packet: Packet) -> str:
    cause = packet.integer("Acct-Terminate-Cause") or 0
    return value_name("Acct-Terminate-Cause", cause) or f"cause-{cause}"


def _event_time(packet: Packet, now: int) -> tuple[int, int | None]:
    """When it happened, and by how many seconds the gateway's clock is ahead (None: it tells no time).

    It arrives now, and was kept for Acct-Delay-Time (RFC 2866 section 5.2), which gateways and relays that keep records
    back count up: that is ours to see. An Event-Timestamp that agrees with it is nearer to the event, and believed; any
    other is of a clock that is wrong, and a session would be silent, or of another day, by that clock alone.
    """
    arrived = now - min(packet.word(_DELAY_TIME) or 0, _LONGEST_DELAY)
    stamp = packet.word(_EVENT_TIMESTAMP)
    if stamp is None:
        return arrived, None
    skew = stamp - arrived
    return (min(stamp, now) if abs(skew) <= AGREES else arrived), skew


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
    """The client's MAC in Calling-Station-Id. RequestError("bad-mac")."""
    value = packet.first.get(_CALLING, b"")
    found = _mac(value)
    if found is None:
        raise RequestError("bad-mac", f"{len(value)} characters")
    return found


def called(value: bytes) -> str | None:
    """The access point's MAC in Called-Station-Id, or None."""
    return _mac(value)


_AROUND: Final = re.compile(
    rb"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}([:-]?)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}[.-]){2}[0-9A-Fa-f]{4})"
    rb"(?![0-9A-Fa-f])"
)
"""A MAC address as six pairs, parted by colons, hyphens or nothing, or as three groups, with other text around it."""


def _mac(value: bytes) -> str | None:
    """The MAC address in a station id, which gateways write alone, as `MAC:SSID` (RFC 3580 section 3.20), after a name
    (`ap-3:MAC`) or after a scheme of their own; None where there is none."""
    found = codec.mac(value[:17])
    if found is None and (match := _AROUND.search(value[:_LONGEST_ID])) is not None:
        found = codec.mac(match[0].replace(b"-", b"").replace(b".", b"").replace(b":", b""))
    return found
