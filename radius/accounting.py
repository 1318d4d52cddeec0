"""Accounting-Request -> a record in the domain's terms. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hotspot import ticket
from hotspot.errors import RequestError
from hotspot.identity import parse_mac
from hotspot.session import LARGEST, Record, RecordKind

from .dictionary import value_name
from .endpoint import Request
from .packet import Packet

_KINDS: Final = {1: RecordKind.START, 2: RecordKind.STOP, 3: RecordKind.INTERIM}
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


def read(request: Request, site: Callable[[str, str | None], str], now: int) -> Heard | Restart | None:
    """What a request reports; None for what is acknowledged and means nothing to us (other status types).

    `site` names the site of (gateway, MAC in Called-Station-Id). RequestError where a session cannot be told.
    """
    packet, gateway = request.packet, request.client.gateway
    status = packet.integer("Acct-Status-Type")
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
    received = _octets(packet, "Input")
    sent = _octets(packet, "Output")
    down, up = request.client.dialect.client_counters(packet.integer("CoovaChilli-Acct-View-Point"), received, sent)
    cause = packet.integer("Acct-Terminate-Cause") or 0
    name = _ticket(packet)

    def record(device: str) -> Record:
        return Record(
            kind=kind,
            gateway=gateway,
            acct_session_id=session_id,
            device=device,
            ticket=name,
            site=site(gateway, called(packet)),
            at=at,
            seconds=packet.integer("Acct-Session-Time") or 0,
            down=down,
            up=up,
            cause=value_name("Acct-Terminate-Cause", cause) or f"cause-{cause}" if kind is RecordKind.STOP else None,
        )

    return Heard(mac, name, record)


def _event_time(packet: Packet, now: int) -> int:
    """When it happened: Event-Timestamp if the gateway's clock can be believed, else our time less Acct-Delay-Time."""
    stamp = packet.integer("Event-Timestamp")
    if stamp is not None and now - _OLDEST <= stamp <= now + _NEWEST:
        return min(stamp, now)
    return now - min(packet.integer("Acct-Delay-Time") or 0, _OLDEST)


def _octets(packet: Packet, direction: str) -> int:
    low = packet.integer(f"Acct-{direction}-Octets") or 0
    return min(low + (packet.integer(f"Acct-{direction}-Gigawords") or 0) * 2**32, LARGEST)


def _ticket(packet: Packet) -> str | None:
    """The Class that we sent; a foreign one is none of ours."""
    for value in packet.all("Class"):
        text = value.decode("ascii", "replace")
        if ticket.is_ticket_id(text):
            return text
    return None


def station(packet: Packet) -> str:
    """The client's MAC in Calling-Station-Id, which some gateways write as `MAC:SSID`. RequestError("bad-mac")."""
    return parse_mac((packet.text("Calling-Station-Id") or "")[:17])


def called(packet: Packet) -> str | None:
    """The access point's MAC in Called-Station-Id (`MAC` or `MAC:SSID`)."""
    text = packet.text("Called-Station-Id") or ""
    try:
        return parse_mac(text[:17])
    except RequestError:
        return None
