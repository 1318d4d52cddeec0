"""Moments at which code that counts days, months and hours has gone wrong, here or elsewhere. Tests derive their `now`
from the fixture `moment`, and pass it in.
"""

from datetime import UTC, datetime
from typing import Final


def _utc(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())


MOMENTS: Final = {
    "first-of-month-00:05-WIB": _utc("2026-12-01T00:05+07:00"),  # UTC still has the month before
    "first-of-year-04:11-WIB": _utc("2027-01-01T04:11+07:00"),  # every school is closed
    "31-December-23:55-WIT": _utc("2026-12-31T23:55+09:00"),  # two hours on, it is next year there alone
    "29-February": _utc("2028-02-29T09:30+07:00"),
    "sunday-noon": _utc("2026-11-22T12:00+07:00"),
    "midnight-WITA": _utc("2027-04-01T00:00+08:00"),  # the first second of a quarter
}
