"""Login pages that fewer get past than usual: the comparison, and that it is told once."""

from pathlib import Path

from structlog.testing import capture_logs

from hotspot.admission.conversion import DAYS, HOUR, LOW, WELL, Conversion, Hour, conversions
from hotspot.store import Store
from hotspot.store.keyed import open_keyed
from hotspot.store.telemetry import visits
from hotspot.store.telemetry.visits import Visits
from portal.counting import Counting
from portal.jobs import watch_logins
from tests.conftest import settings_in

NOW = 1_760_000_000
DAY = 24 * HOUR


def days(*shares: float, shown: int = 100) -> list[Hour]:
    """Past days, the newest first."""
    return [Hour("taman", NOW - (i + 1) * DAY, shown, round(shown * share)) for i, share in enumerate(shares)]


def test_what_is_usual_is_the_median_of_days_that_say_something() -> None:
    ordinary = days(0.7, 0.6, 0.0, 0.8, 0.7)
    today = [Hour("taman", NOW - HOUR, 30, 20), Hour("taman", NOW, 10, 8)]
    assert conversions([*ordinary, *today], NOW)["taman"] == Conversion("taman", 40, 28, 0.7)
    assert conversions([*ordinary[1:], *days(0.1, shown=5)], NOW)["taman"].usual is None, "four days and a quiet one"
    long_ago = [Hour(one.site, one.at - DAYS * DAY, one.shown, one.admitted) for one in ordinary]
    assert conversions(long_ago, NOW)["taman"].usual is None


def test_who_was_handed_on_and_not_heard_of_is_no_success() -> None:
    today = [Hour("taman", NOW - HOUR, 30, 20, handed=25), Hour("taman", NOW, 10, 8, handed=9)]
    found = conversions(today, NOW)["taman"]
    assert (found.handed, found.admitted, found.unheard, found.share) == (34, 28, 6, 0.7)
    assert Conversion("taman", 5, 3, None, handed=2).unheard == 0, "let in an hour after they were handed on"


def test_it_takes_numbers_to_say_that_too_few_get_in() -> None:
    assert Conversion("taman", 40, 13, 0.7).falls_below(LOW) is True
    assert Conversion("taman", 40, 15, 0.7).falls_below(LOW) is False
    assert Conversion("taman", 40, 15, 0.7).falls_below(WELL) is True, "neither alarm nor all clear"
    for silent in (Conversion("taman", 19, 0, 0.7), Conversion("taman", 40, 0, None), Conversion("taman", 0, 0, 0.7)):
        assert silent.falls_below(LOW) is None


def watched(store: Store, now: int, shown: int, admitted: int) -> list[str]:
    counting = Counting(store)
    for what, count in (("shown", shown), ("admitted", admitted)):
        for _ in range(count):
            counting.visit("taman", what)
    counting.bring(now)
    with capture_logs() as logs:
        watch_logins(store, settings_in(Path("/nowhere")), now)
    return [line["event"] for line in logs]


def test_it_is_told_once_and_once_that_it_is_over(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    store, _ = open_keyed(settings)
    for one in days(0.7, 0.6, 0.7, 0.8, 0.7):
        with store.telemetry.write() as connection:
            visits.add(connection, {one.site: Visits(one.shown, one.admitted, one.admitted)}, one.at)
    assert watched(store, NOW, 19, 0) == []
    assert watched(store, NOW + 600, 6, 1) == ["few get past the login page"]
    assert watched(store, NOW + 1200, 5, 0) == []
    with store.telemetry.read() as connection:
        assert visits.alarms(connection) == {"taman": NOW + 600}
    assert watched(store, NOW + 4 * HOUR, 40, 30) == ["people get past the login page again"]
    with store.telemetry.read() as connection:
        assert visits.alarms(connection) == {}
    store.close()
