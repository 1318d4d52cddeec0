"""What the tests of telemetry share: times, zones, small cities."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hotspot.city.inventory import load
from hotspot.city.sites import Inventory
from telemetry.uptime.coverage import Counts, Inputs, Work
from telemetry.uptime.states import State

JAKARTA = ZoneInfo("Asia/Jakarta")
MAKASSAR = ZoneInfo("Asia/Makassar")
JAYAPURA = ZoneInfo("Asia/Jayapura")


def utc(text: str) -> int:
    """UTC seconds of '2026-11-22 01:00'."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


SITES_TOML = (Path(__file__).parents[2] / "sites.toml").read_text(encoding="utf-8")
NOVEMBER = (utc("2026-10-31 17:00"), utc("2026-11-30 17:00"))
DECEMBER = utc("2026-12-02 03:00")
"""When the example's report is made: after its period has ended."""


def line_of(*pieces: tuple[int, State]) -> tuple[tuple[int, int, State], ...]:
    """Intervals from November's start: (hours, state) one after another, the last one up to its end."""
    at, found = NOVEMBER[0], []
    for position, (hours, state) in enumerate(pieces):
        end = NOVEMBER[1] if position == len(pieces) - 1 else at + hours * 3600
        found.append((at, end, state))
        at = end
    return tuple(found)


def november(**changes: object) -> Inputs:
    """The example city's November: a good park, one that cannot be judged, a failing clinic, work at a school."""
    up, down, unknown = State.UP, State.DOWN, State.UNKNOWN
    inputs = Inputs(
        software="nirkabel 0.1.0",
        language="id",
        period="2026-11",
        generated_at=DECEMBER,
        revision=7,
        inventory=SITES_TOML,
        access_points={
            "tk1-ap1": line_of((100, up), (9, down), (0, up)),
            "tk1-ap2": line_of((104, up), (8, down), (0, up)),
            "tk2-ap1": line_of((600, up), (60, unknown), (0, up)),
            "sman2-ap1": line_of((13, up), (2, down), (0, up)),
            "smpn11-ap1": line_of((0, up)),
            "serpong1-ap1": line_of((200, up), (30, down), (100, up), (10, down), (300, up), (0, down)),
        },
        maintenance=(
            Work(
                id="a" * 32,
                site="sman-2",
                from_at=utc("2026-11-01 06:00"),
                to_at=utc("2026-11-01 09:00"),
                ticket="WO-118",
                reason="Penggantian sakelar",
                recorded_at=utc("2026-10-30 02:00"),
            ),
            Work(
                id="b" * 32,
                site="puskesmas-serpong-1",
                from_at=utc("2026-11-09 01:00"),
                to_at=utc("2026-11-10 01:00"),
                ticket="WO-121",
                reason="Dicatat <setelah> mulai & ditolak",
                recorded_at=utc("2026-11-09 02:00"),
            ),
        ),
        usage={
            "taman-kota-1": Counts(
                sessions=8123, persons=1904, devices=2011, seconds=21_000_000, down=912_345_678_901, up=88_000_000_123
            ),
            "sman-2": Counts(sessions=940, persons=310, devices=312, seconds=9_000_000, down=120_000_000_000, up=9_000),
        },
        city_usage=Counts(
            sessions=9063, persons=2190, devices=2300, seconds=30_000_000, down=1_032_345_678_901, up=88_000_009_123
        ),
        complaints=(
            (utc("2026-11-03 01:00"), utc("2026-11-04 01:00")),
            (utc("2026-11-07 05:00"), utc("2026-11-10 07:00")),
            (utc("2026-11-29 12:00"), None),
        ),
    )
    return inputs.model_copy(update=changes)


def text_of(ports: dict[str, int], *, others: int = 1, uplink: int | None = None, interval: str = "60s") -> str:
    """The example city with its access points on ports of loopback (1, which refuses, where none is given)."""
    text = re.sub(
        r'(id = "([a-z0-9-]+)"\n  mac = "[^"]+"\n  address = )"[^"]+"',
        lambda match: f'{match[1]}"127.0.0.1:{ports.get(match[2], others)}"',
        SITES_TOML,
    )
    probe = f'interval = "{interval}"\ntimeout = "1s"' + (f'\nuplink = "127.0.0.1:{uplink}"' if uplink else "")
    return text.replace('interval = "60s"', probe)


def inventory_of(text: str) -> Inventory:
    return load(text)
