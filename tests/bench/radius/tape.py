"""What the load generator asks, written down beforehand (the format: `read_tape` in tape.h)."""

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

from hotspot.admission import ticket
from radius.wire.dictionary import encode

from .city import GATEWAYS, City, Gateway, gateway_of, mac_of

_ACCESS = (1, 2)
_ACCOUNTING = (4, 5)
_UNSIGNED = encode("Message-Authenticator", bytes(16))
_AGO = 900
"""Seconds for which the gateways have kept what they report."""
_STEPS_APART = 8
"""How many of its gateway's sessions begin between a session's Start and its Interim-Update, and again its Stop."""

Record = tuple[int, tuple[int, int], bytes]
"""Source, (code, code of the right answer), attributes."""


@dataclass(frozen=True)
class Tape:
    """A file of requests. One that is played in a loop asks the same people again, in other packets."""

    path: Path
    loop: bool
    reports: "tuple[Report, ...]" = ()
    """What each record reports, where it is accounting."""


class Kind(IntEnum):
    START = 1
    STOP = 2
    INTERIM = 3


@dataclass(frozen=True)
class Report:
    """What one accounting record says."""

    session: int
    kind: Kind

    @property
    def seconds(self) -> int:
        return {Kind.START: 0, Kind.INTERIM: 300, Kind.STOP: 600}[self.kind]

    @property
    def received(self) -> int:
        return self.seconds * (1000 + self.session % 1000)

    @property
    def sent(self) -> int:
        return self.seconds * (10_000 + self.session % 1000)


def redemptions(path: Path, city: City, ticket_key: bytes) -> Tape:
    """PAP with a ticket each, as the portal hands them out: none twice."""

    def records() -> Iterator[Record]:
        for number, name in enumerate(city.ticket_ids):
            phone = number % city.phones
            gateway, mac = gateway_of(phone), mac_of(phone)
            yield _login(phone, name, ticket.password(ticket_key, name, gateway.id, mac), _LOGIN)

    return _write(path, city, records(), loop=False)


def logins(path: Path, city: City) -> Tape:
    """The same PAP for servers that know names and passwords and no tickets."""
    records = (_login(phone, name, password, _LOGIN) for phone, (name, password) in enumerate(city.accounts))
    return _write(path, city, records, loop=True)


def lookups(path: Path, city: City) -> Tape:
    """MAC authentication of every phone."""
    macs = (mac_of(phone).replace(":", "") for phone in range(city.phones))
    return _write(path, city, (_login(phone, mac, mac, _CALL_CHECK) for phone, mac in enumerate(macs)), loop=True)


_LOGIN = encode("Service-Type", 1)
_CALL_CHECK = encode("Service-Type", 10)


def _login(phone: int, name: str, password: str, service: bytes) -> Record:
    padded = password.encode().ljust(16, b"\0")
    named = _UNSIGNED + encode("User-Name", name) + encode("User-Password", padded) + service
    return phone % GATEWAYS, _ACCESS, named + _where(gateway_of(phone)) + _who(phone)


@cache
def _where(gateway: Gateway) -> bytes:
    called = gateway.ap_mac.replace(":", "-").upper() + ":WiFi Gratis"
    return (
        encode("NAS-IP-Address", gateway.address)
        + encode("NAS-Identifier", gateway.id)
        + encode("NAS-Port-Type", 19)
        + encode("Called-Station-Id", called)
    )


def _who(phone: int) -> bytes:
    return encode("Calling-Station-Id", mac_of(phone).replace(":", "-").upper())


def accounting(path: Path, city: City) -> Tape:
    """Start, Interim-Update and Stop of distinct sessions, in equal parts; those of one session are never in flight
    together, as with a real gateway."""
    reports = tuple(_in_turn(city.sessions))
    began = int(time.time()) - _AGO
    records = (_report(report, city, began) for report in reports)
    return Tape(_write(path, city, records, loop=False).path, False, reports)


def _in_turn(sessions: int) -> Iterator[Report]:
    apart = _STEPS_APART * GATEWAYS
    for step in range(sessions + 2 * apart):
        for kind, session in ((Kind.START, step), (Kind.INTERIM, step - apart), (Kind.STOP, step - 2 * apart)):
            if 0 <= session < sessions:
                yield Report(session, kind)


def _report(report: Report, city: City, began: int) -> Record:
    phone = report.session % city.phones
    name = city.session_tickets[report.session]
    body = (
        encode("Acct-Status-Type", report.kind)
        + encode("Acct-Session-Id", f"{report.session:016x}")
        + encode("User-Name", name)
        + encode("Class", name)
        + _where(gateway_of(phone))
        + _who(phone)
        + encode("Framed-IP-Address", f"10.{phone >> 16 & 255}.{phone >> 8 & 255}.{phone & 255}")
        + encode("Event-Timestamp", began + report.seconds)
        + encode("Acct-Delay-Time", _AGO - report.seconds)
    )
    if report.kind != Kind.START:
        body += (
            encode("Acct-Session-Time", report.seconds)
            + encode("Acct-Input-Octets", report.received)
            + encode("Acct-Output-Octets", report.sent)
            + encode("Acct-Input-Gigawords", 0)
            + encode("Acct-Output-Gigawords", 0)
            + encode("Acct-Input-Packets", report.received // 500)
            + encode("Acct-Output-Packets", report.sent // 1000)
        )
    if report.kind == Kind.STOP:
        body += encode("Acct-Terminate-Cause", 1)
    return phone % GATEWAYS, _ACCOUNTING, body


def _write(path: Path, city: City, records: Iterable[Record], *, loop: bool) -> Tape:
    pack: Callable[..., bytes] = struct.Struct("<HBBH").pack
    parts = [pack(source, *codes, len(body)) + body for source, codes, body in records]
    shared = [secret.encode() for secret in city.secrets]
    head = b"RTAPE1" + struct.pack("<HIH", len(shared), len(parts), len(shared[0]))
    path.write_bytes(head + b"".join(shared) + b"".join(parts))
    return Tape(path, loop)
