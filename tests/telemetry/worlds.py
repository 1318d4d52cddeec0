"""What the tests of telemetry share: times, zones, small cities."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

JAKARTA = ZoneInfo("Asia/Jakarta")
MAKASSAR = ZoneInfo("Asia/Makassar")
JAYAPURA = ZoneInfo("Asia/Jayapura")


def utc(text: str) -> int:
    """UTC seconds of '2026-11-22 01:00'."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
