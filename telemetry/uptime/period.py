"""Reporting periods: a calendar month, quarter or year. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self
from zoneinfo import ZoneInfo

from hotspot.errors import ConfigError

from .spans import Window, moment

_FORM = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")


@dataclass(frozen=True)
class Period:
    """The days [first, after) and the name they were asked for by: `2026-11`, `2026-Q4` or `2026`."""

    name: str
    first: date
    after: date

    @classmethod
    def parse(cls, text: str) -> Self:
        """The period of a name. ConfigError says how to write one."""
        match = _FORM.fullmatch(text)
        if match is None or not 2000 <= int(match[1]) <= 9998:
            raise ConfigError(f"{text!r} is no period; write a month as 2026-11, a quarter as 2026-Q4, a year as 2026")
        year = int(match[1])
        start, count = (3 * int(match[2]) - 2, 3) if match[2] else (int(match[3]), 1) if match[3] else (1, 12)
        end = start + count
        return cls(text, date(year, start, 1), date(year + (end - 1) // 12, (end - 1) % 12 + 1, 1))

    @property
    def kind(self) -> Literal["month", "quarter", "year"]:
        if "Q" in self.name:
            return "quarter"
        return "month" if "-" in self.name else "year"

    def window(self, zone: ZoneInfo) -> Window:
        """The period in UTC seconds, as a place in this zone lives it."""
        return moment(self.first, 0, zone), moment(self.after, 0, zone)
