"""Numbers, times and days as people read them in Indonesian and in English. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

_LOCALES: Final = {"id": "id_ID", "en": "en_GB"}
_CLOCK: Final = {"id": "d MMM y HH.mm", "en": "d MMM y HH:mm"}
_UNITS: Final = {"id": ("hari", "jam", "mnt", "dtk"), "en": ("d", "h", "min", "s")}
NOTHING: Final = "–"
"""Stands where there is no figure."""


@dataclass(frozen=True)
class Numerals:
    """The writing of one language: `id` or `en`."""

    language: str

    @property
    def locale(self) -> str:
        return _LOCALES.get(self.language, "id_ID")

    def count(self, value: int | None) -> str:
        return NOTHING if value is None else str(format_decimal(value, locale=self.locale))

    def percent(self, hundredths: int | None) -> str:
        """9731 -> '97,31'. The hundredths are rounded down already, so that 100 means all."""
        if hundredths is None:
            return NOTHING
        return str(format_decimal(Decimal(hundredths) / 100, format="#,##0.00", locale=self.locale))

    def target(self, percent: float) -> str:
        return str(format_decimal(Decimal(str(percent)), format="#,##0.##", locale=self.locale))

    def degrees(self, value: float) -> str:
        return str(format_decimal(Decimal(str(round(value, 3))), format="#,##0.###", locale=self.locale))

    def gigabytes(self, value: int) -> str:
        """Bytes in GB (10^9) with two decimals."""
        return str(format_decimal(Decimal(value) / 10**9, format="#,##0.00", locale=self.locale))

    def volume(self, value: int) -> str:
        """Bytes in the unit that suits them."""
        for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
            if value >= unit:
                return f"{format_decimal(Decimal(value) / unit, format='#,##0.0', locale=self.locale)} {name}"
        return f"{format_decimal(Decimal(value) / 1000, format='#,##0', locale=self.locale)} kB"

    def duration(self, seconds: int | None) -> str:
        """Two units, rounded down: 93784 -> '1 hari 2 jam'."""
        if seconds is None:
            return NOTHING
        names = _UNITS.get(self.language, _UNITS["id"])
        parts: list[tuple[int, str]] = []
        for name, unit in zip(names, (86400, 3600, 60, 1), strict=True):
            value, seconds = divmod(seconds, unit)
            parts.append((value, name))
        first = next((i for i, (value, _) in enumerate(parts) if value), len(parts) - 1)
        shown = [parts[first], *(part for part in parts[first + 1 : first + 2] if part[0])]
        return " ".join(f"{self.count(value)} {name}" for value, name in shown)

    def moment(self, at: int, zone: ZoneInfo) -> str:
        """UTC seconds as a local day and clock: '22 Nov 2026 01.00'."""
        pattern = _CLOCK.get(self.language, _CLOCK["id"])
        return str(format_datetime(datetime.fromtimestamp(at, zone), pattern, tzinfo=zone, locale=self.locale))

    def since(self, at: int | None, zone: ZoneInfo, *, longer: bool) -> str:
        """When something began, or that it began no later."""
        return NOTHING if at is None else f"{'≤ ' if longer else ''}{self.moment(at, zone)}"

    def month(self, day: date) -> str:
        return str(format_date(day, "MMMM y", locale=self.locale))
