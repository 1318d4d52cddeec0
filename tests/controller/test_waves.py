"""Runs over many access points: canaries, waves, halts."""

from controller.job import Outcome, Result
from controller.waves import WORKERS, Pace, Waves

NAMES = [f"ap{number}" for number in range(6)]


def run(outcomes: dict[str, Outcome], halt_after: int = 2) -> tuple[list[str], str]:
    """The access points that were worked on, and why it stopped."""
    pace = Pace(len(NAMES), halt_after=halt_after)
    waves = Waves(list(NAMES), lambda name: Result(name, outcomes.get(name, Outcome.APPLIED)), pace.width)
    done = []
    for name, result in waves.run(lambda _name: pace.began()):
        done.append(name)
        pace.saw(result)
    assert sorted([*done, *waves.left]) == NAMES
    return done, pace.halted


def test_a_run_without_failures_reaches_all() -> None:
    done, halted = run({})
    assert (done[0], sorted(done), halted) == ("ap0", NAMES, "")


def test_a_failed_canary_ends_the_run() -> None:
    assert run({"ap0": Outcome.REVERTED}) == (["ap0"], "the canary ap0 failed")


def test_an_access_point_that_is_away_is_no_canary() -> None:
    done, halted = run({"ap0": Outcome.UNREACHABLE})
    assert (sorted(done), halted) == (NAMES, "")
    assert run({"ap0": Outcome.UNREACHABLE, "ap1": Outcome.TIMEOUT})[0] == ["ap0", "ap1"]


def test_failures_end_the_run_where_they_were_told_to() -> None:
    bad = dict.fromkeys(NAMES[1:], Outcome.REVERTED)
    done, halted = run(bad, halt_after=2)
    assert halted == "2 access points failed"
    assert done[0] == "ap0"


def test_a_stopped_run_says_what_is_left() -> None:
    waves = Waves(list(NAMES), lambda name: name, lambda: 1)
    for name, _ in waves.run():
        if name == "ap1":
            waves.stop()
    assert waves.left == NAMES[2:]


def applied(pace: Pace, *names: str) -> None:
    for name in names:
        pace.saw(Result(name, Outcome.APPLIED))


def test_a_wave_begins_when_the_one_before_has_ended() -> None:
    pace = Pace(20, canaries=2, wave=15)
    assert pace.width() == 1
    for name in ("a", "b"):
        pace.began()
        assert pace.width() == 1, "the canaries go one by one"
        applied(pace, name)
    for _ in range(2):
        assert pace.width() == 3, "15 % of 20"
        for _ in range(3):
            pace.began()
        applied(pace, "c", "d")
        assert pace.width() == 1, "it waits for the third"
        applied(pace, "e")


def test_a_wave_is_never_wider_than_the_threads() -> None:
    pace = Pace(1000, canaries=1, wave=100)
    pace.began()
    applied(pace, "a")
    assert pace.width() == WORKERS
    assert Pace(3, wave=1).width() == 1


def test_what_was_in_sync_proves_nothing() -> None:
    pace = Pace(10)
    pace.began()
    pace.saw(Result("a", Outcome.IN_SYNC))
    pace.began()
    pace.saw(Result("b", Outcome.REVERTED))
    assert pace.halted == "the canary b failed"
