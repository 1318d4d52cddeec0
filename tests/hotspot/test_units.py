from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.entry import units


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 GB", 10**9), ("512 MiB", 512 * 2**20), ("1.5 GB", 1_500_000_000), ("0.5kB", 500), ("7 B", 7)],
)
def test_sizes_are_exact_bytes(text: str, value: int) -> None:
    assert units.parse_size(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("5 Mbit/s", 5_000_000), ("64 kbit/s", 64_000), ("2.5 Gbit/s", 2_500_000_000)]
)
def test_rates_are_exact_bits_per_second(text: str, value: int) -> None:
    assert units.parse_rate(text) == value


@pytest.mark.parametrize(("text", "value"), [("2h", 7200), ("15m", 900), ("90s", 90), ("1h30m", 5400), ("1d", 86400)])
def test_durations_are_seconds(text: str, value: int) -> None:
    assert units.parse_duration(text) == value


@pytest.mark.parametrize("text", ["", "5", "1 XB", "1,5 GB", "-1 GB", "1.5 B", "GB", "5 mbit/s"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"'1 GB'|whole number"):
        units.parse_size(text)


@pytest.mark.parametrize("text", ["", "2", "2x", "h", "m15", "-2h"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'2h'"):
        units.parse_duration(text)


def test_opening_hours() -> None:
    assert units.parse_hours("05:00-22:30") == (5 * 3600, 22 * 3600 + 1800)
    assert units.parse_hours("00:00-24:00") == (0, 86400)
    for wrong in ("22:00-05:00", "5:00-22:00", "05:00-25:00", "05:00-24:01"):
        with pytest.raises(ValueError, match="open"):
            units.parse_hours(wrong)
    assert units.clock(5 * 3600 + 60) == time(5, 1)


@given(st.integers(1, 10**15))
def test_a_duration_reads_back_as_at_most_itself(seconds: int) -> None:
    """Only the two largest units are shown; what is left out is less than the second of them."""
    shown = units.format_duration(seconds % 10**8 + 1)
    assert 0 <= seconds % 10**8 + 1 - units.parse_duration(shown) < 3600


def test_formats_for_people() -> None:
    assert units.format_size(1_500_000_000) == "1.5 GB"
    assert units.format_size(999) == "999 B"
    assert units.format_rate(5_000_000) == "5 Mbit/s"
    assert units.format_duration(5400) == "1h30m"
