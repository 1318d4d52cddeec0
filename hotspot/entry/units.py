"""Sizes, rates and durations as people write them, exact integers inside (bytes, bit/s, seconds)."""

import re
from datetime import time

_SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_RATES = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_DURATIONS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

_QUANTITY = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))? ?([A-Za-z/]+)")
_DURATION = re.compile(r"(?:(\d{1,6})d)? ?(?:(\d{1,6})h)? ?(?:(\d{1,6})m)? ?(?:(\d{1,9})s)?")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _quantity(text: str, units: dict[str, int], example: str) -> int:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[3] not in units:
        raise ValueError(f"{text!r} is not understood; write it as {example!r} (units: {', '.join(units)})")
    whole, fraction = int(match[1]), match[2] or ""
    scale: int = 10 ** len(fraction)
    value, rest = divmod((whole * scale + int(fraction or 0)) * units[match[3]], scale)
    if rest:
        raise ValueError(f"{text!r} is not a whole number of {next(iter(units))}")
    return value


def parse_size(text: str) -> int:
    """Bytes in a text like '1 GB' or '512 MiB'. ValueError says what would be right."""
    return _quantity(text, _SIZES, "1 GB")


def parse_rate(text: str) -> int:
    """Bits per second in a text like '5 Mbit/s'."""
    return _quantity(text, _RATES, "5 Mbit/s")


def parse_duration(text: str) -> int:
    """Seconds in a text like '2h', '15m', '1h30m' or '30d'."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is not a time; write it as '2h', '15m', '90s' or '1h30m'")
    return sum(int(value) * unit for value, unit in zip(match.groups(), _DURATIONS.values(), strict=True) if value)


def parse_hours(text: str) -> tuple[int, int]:
    """Seconds of the local day at which '05:00-22:00' opens and closes; '24:00' is the day's end."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} are no opening hours; write them as '05:00-22:00'")
    opens, closes = (int(match[i]) * 3600 + int(match[i + 1]) * 60 for i in (1, 3))
    if not opens < closes <= 86400:
        raise ValueError(f"{text!r}: the site must open before it closes, within one day")
    return opens, closes


def _largest(value: int, units: dict[str, int]) -> str:
    for name, unit in sorted(units.items(), key=lambda item: -item[1]):
        if value >= unit and (value % unit == 0 or value >= 10 * unit):
            number = f"{value / unit:.1f}".removesuffix(".0")
            return f"{number} {name}"
    return f"0 {next(iter(units))}"


def format_size(value: int) -> str:
    """Bytes for people: 1500000000 -> '1.5 GB'."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if value >= unit:
            return f"{value / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{value} B"


def format_rate(value: int) -> str:
    """Bits per second for people: 5000000 -> '5 Mbit/s'."""
    return _largest(value, _RATES)


def format_duration(seconds: int) -> str:
    """Seconds for people, the two largest units: 5400 -> '1h30m'."""
    parts: list[str] = []
    for name, unit in _DURATIONS.items():
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts[:2]) or "0s"


def clock(seconds: int) -> time:
    """Seconds of a day as a clock time; the day's end is 00:00."""
    return time(seconds // 3600 % 24, seconds % 3600 // 60)
