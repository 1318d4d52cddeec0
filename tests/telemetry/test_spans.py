from zoneinfo import ZoneInfo

import pytest

from hotspot.errors import ConfigError
from telemetry.uptime.period import Period
from telemetry.uptime.spans import clip, daily, first_seconds, intersect, length, months, union

from .worlds import JAKARTA, JAYAPURA, MAKASSAR, utc


def test_sets_of_time() -> None:
    assert union([(5, 7), (0, 2), (2, 3), (9, 9), (8, 4), (6, 8)]) == [(0, 3), (5, 8)]
    assert intersect([(0, 10), (20, 30)], [(5, 25), (28, 40)]) == [(5, 10), (20, 25), (28, 30)]
    assert first_seconds([(0, 10), (20, 30)], 15) == [(0, 10), (20, 25)]
    assert length([(0, 10), (20, 30)]) == 20
    assert clip((None, 5), (0, 10)) == [(0, 5)]
    assert clip((12, None), (0, 10)) == []


@pytest.mark.parametrize(("zone", "hour"), [(JAKARTA, 17), (MAKASSAR, 16), (JAYAPURA, 15)])
def test_a_year_begins_at_local_midnight(zone: ZoneInfo, hour: int) -> None:
    assert Period.parse("2027").window(zone) == (utc(f"2026-12-31 {hour}:00"), utc(f"2027-12-31 {hour}:00"))
    assert Period.parse("2026-12").window(zone)[1] == utc(f"2026-12-31 {hour}:00")


def test_months_quarters_and_years() -> None:
    names = {"2026-11": "month", "2026-Q4": "quarter", "2026": "year"}
    assert {name: Period.parse(name).kind for name in names} == names
    assert Period.parse("2026-Q4").window(JAKARTA) == (utc("2026-09-30 17:00"), utc("2026-12-31 17:00"))
    assert Period.parse("2028-02").window(JAKARTA) == (utc("2028-01-31 17:00"), utc("2028-02-29 17:00"))
    for wrong in ("2026-13", "2026-Q5", "november", "26-11", "2026-1", "9999", "2026-11\n", ""):
        with pytest.raises(ConfigError, match="is no period"):
            Period.parse(wrong)


def test_a_quarter_falls_into_its_months() -> None:
    window = Period.parse("2026-Q4").window(MAKASSAR)
    assert months(window, MAKASSAR) == [Period.parse(f"2026-{month}").window(MAKASSAR) for month in (10, 11, 12)]


def test_service_hours_follow_the_local_clock() -> None:
    window = (utc("2026-11-21 17:00"), utc("2026-11-23 17:00"))  # 22 and 23 November in Jakarta
    hours = (6 * 3600, 17 * 3600)
    assert daily(window, hours, JAKARTA) == [
        (utc("2026-11-21 23:00"), utc("2026-11-22 10:00")),
        (utc("2026-11-22 23:00"), utc("2026-11-23 10:00")),
    ]
    assert daily(window, (0, 86400), JAKARTA) == [window]
    assert daily(window, None, JAKARTA) == [window]


def test_service_hours_survive_a_change_to_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")  # 29 March 2026: 02:00 becomes 03:00
    window = (utc("2026-03-28 23:00"), utc("2026-03-29 22:00"))
    assert length(daily(window, (0, 86400), berlin)) == 23 * 3600
    assert daily(window, (6 * 3600, 17 * 3600), berlin) == [(utc("2026-03-29 04:00"), utc("2026-03-29 15:00"))]
