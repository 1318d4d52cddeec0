"""The uptime rules: worked by hand first, then properties that must hold for every history."""

import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hotspot.city.sites import ProbeSection
from telemetry.uptime.states import (
    MONITOR,
    Interval,
    Lengths,
    Maintenance,
    Member,
    Outage,
    Sample,
    Share,
    State,
    Tracker,
    Verdict,
    advance,
    close,
    exclude,
    exclusions,
    lengths,
    mean_time,
    outages,
    timeline,
)

from .worlds import JAKARTA, utc

PROBE = ProbeSection.model_validate({"interval": "60s", "down_after": 3, "down_for": "180s", "up_after": 2})
UP, DOWN, UNKNOWN, EXCLUDED = State.UP, State.DOWN, State.UNKNOWN, State.EXCLUDED


def history(samples: Sequence[Sample], until: int, probe: ProbeSection = PROBE) -> list[tuple[int, int, State]]:
    """Every interval of a series of samples up to a time, closed ones and the tail."""
    tracker: Tracker | None = None
    found: list[Interval] = []
    for sample in samples:
        tracker, closed = advance(tracker, sample, probe)
        found += closed
    if tracker is not None:
        found += close(tracker, until)
    return [(i.from_at, i.to_at, i.state) for i in found]


def line(text: str, start: int = 0, step: int = 60) -> list[Sample]:
    """One sample a minute: + good, - failed, m failed while the monitor is off its network, blank none."""
    return [
        Sample(start + position * step, letter == "+", letter != "m")
        for position, letter in enumerate(text)
        if letter != " "
    ]


# -- the fold --------------------------------------------------------------------------------------------------------


def test_up_is_back_dated_to_the_first_good_probe() -> None:
    assert history(line("++"), 120) == [(0, 120, UP)]
    assert history(line("+"), 60) == [(0, 60, UNKNOWN)]


def test_down_needs_its_probes_and_its_seconds_and_is_back_dated() -> None:
    assert history(line("+++---"), 360) == [(0, 360, UP)], "three failures span 120 s only"
    assert history(line("+++----"), 420) == [(0, 180, UP), (180, 420, DOWN)]


def test_a_flap_shorter_than_the_hysteresis_changes_nothing() -> None:
    assert history(line("+++--+++"), 480) == [(0, 480, UP)]
    assert history(line("++----+----"), 660) == [(0, 120, UP), (120, 660, DOWN)], "one good probe is no recovery"


def test_recovery_is_back_dated_to_the_first_good_probe() -> None:
    assert history(line("++----++"), 480) == [(0, 120, UP), (120, 360, DOWN), (360, 480, UP)]


def test_a_sample_holds_for_two_and_a_half_intervals() -> None:
    assert history(line("++"), 60 + 150) == [(0, 210, UP)]
    assert history(line("++"), 60 + 151) == [(0, 210, UP), (210, 211, UNKNOWN)]
    assert history(line("++  ++"), 360) == [(0, 210, UP), (210, 240, UNKNOWN), (240, 360, UP)]
    assert history(line("+++ ++"), 360) == [(0, 360, UP)], "a round that is late by one interval is no gap"


def test_what_was_undecided_when_the_evidence_broke_off_stays_unknown() -> None:
    assert history(line("++--"), 1000) == [(0, 120, UP), (120, 1000, UNKNOWN)]
    assert history(line("++----+"), 1000) == [(0, 120, UP), (120, 360, DOWN), (360, 1000, UNKNOWN)]


def test_a_monitor_off_its_network_says_nothing_about_the_access_point() -> None:
    assert history(line("++mmmm++"), 480) == [(0, 120, UP), (120, 360, UNKNOWN), (360, 480, UP)]
    assert history(line("++--mm----"), 600) == [(0, 120, UP), (120, 360, UNKNOWN), (360, 600, DOWN)]
    tracker, _ = advance(None, Sample(0, False, False), PROBE)
    assert (tracker.state, tracker.cause) == (UNKNOWN, MONITOR)


def test_an_answer_counts_even_while_the_uplink_probe_fails() -> None:
    samples = [Sample(at, True, False) for at in (0, 60, 120)]
    assert history(samples, 180) == [(0, 180, UP)]


def test_time_that_runs_backwards_is_dropped() -> None:
    tracker, _ = advance(None, Sample(1000, True), PROBE)
    for at in (1000, 999, 0):
        assert advance(tracker, Sample(at, False), PROBE) == (tracker, [])


samples_strategy = st.lists(
    st.tuples(st.integers(-30, 400), st.booleans(), st.booleans()), min_size=1, max_size=60
).map(
    lambda steps: [
        Sample(1_000_000 + sum(step for step, _, _ in steps[: i + 1]), good, monitor)
        for i, (_, good, monitor) in enumerate(steps)
    ]
)


@given(samples_strategy, st.integers(0, 2000))
def test_intervals_follow_one_another_without_gap_or_overlap(samples: list[Sample], extra: int) -> None:
    until = max(sample.at for sample in samples) + extra
    found = history(samples, until)
    assert all(start < end for start, end, _ in found)
    assert all(left[1] == right[0] and left[2] is not right[2] for left, right in pairwise(found))
    if found:
        assert (found[0][0], found[-1][1]) == (samples[0].at, until)


@given(samples_strategy, st.integers(0, 2000))
def test_the_fold_agrees_with_a_reading_of_the_whole_history(samples: list[Sample], extra: int) -> None:
    until = max(sample.at for sample in samples) + extra
    assert by_the_second(history(samples, until)) == by_the_second(read_at_once(samples, until))


@given(samples_strategy)
def test_a_tracker_survives_being_written_down(samples: list[Sample]) -> None:
    tracker: Tracker | None = None
    for sample in samples:
        stored = None if tracker is None else Tracker.from_json(json.loads(json.dumps(tracker.as_json())))
        assert stored == tracker
        tracker, _ = advance(stored, sample, PROBE)


def by_the_second(intervals: Sequence[tuple[int, int, State]]) -> list[tuple[int, State]]:
    return [(second, state) for start, end, state in intervals for second in range(start, end)]


def read_at_once(samples: list[Sample], until: int) -> list[tuple[int, int, State]]:
    """The same rules read over the whole history: split where evidence breaks off, then look for long enough runs."""
    rising: list[Sample] = []
    for sample in samples:
        if not rising or sample.at > rising[-1].at:
            rising.append(sample)
    pieces: list[tuple[int, int, State]] = []
    stretch: list[Sample] = []
    for position, sample in enumerate(rising):
        following = rising[position + 1].at if position + 1 < len(rising) else until
        if not sample.good and not sample.monitor:
            pieces += read_stretch(stretch, sample.at)
            stretch = []
            pieces.append((sample.at, following, UNKNOWN))
            continue
        stretch.append(sample)
        if following > sample.at + 150:
            pieces += read_stretch(stretch, sample.at + 150)
            pieces.append((sample.at + 150, following, UNKNOWN))
            stretch = []
    return pieces + read_stretch(stretch, until, whole=True)


def read_stretch(stretch: list[Sample], end: int, *, whole: bool = False) -> list[tuple[int, int, State]]:
    runs: list[list[Sample]] = []
    for sample in stretch:
        if runs and runs[-1][0].good == sample.good:
            runs[-1].append(sample)
        else:
            runs.append([sample])
    pieces: list[tuple[int, int, State]] = []
    state = UNKNOWN
    for position, run in enumerate(runs):
        last = position == len(runs) - 1
        proven = len(run) >= 2 if run[0].good else len(run) >= 3 and run[-1].at - run[0].at >= 180
        agrees = run[0].good == (state is UP) and state is not UNKNOWN
        if proven:
            state = UP if run[0].good else DOWN
        broken_off = last and not whole and not proven and not agrees
        pieces.append((run[0].at, end if last else runs[position + 1][0].at, UNKNOWN if broken_off else state))
    return pieces


# -- timelines -------------------------------------------------------------------------------------------------------


def up(start: int, end: int) -> Interval:
    return Interval(start, end, UP)


def down(start: int, end: int) -> Interval:
    return Interval(start, end, DOWN)


def states(intervals: Sequence[Interval]) -> list[tuple[int, int, State]]:
    return [(i.from_at, i.to_at, i.state) for i in intervals]


def test_a_site_is_up_while_one_of_its_access_points_is() -> None:
    members = [
        Member([up(0, 50), down(50, 100)], [(0, 100)]),
        Member([down(0, 20), up(20, 60), down(60, 80)], [(0, 100)]),
    ]
    assert states(timeline(members, [(0, 100)])) == [(0, 60, UP), (60, 80, DOWN), (80, 100, UNKNOWN)]
    assert states(timeline(members, [(0, 100)], needed=2)) == [(0, 20, DOWN), (20, 50, UP), (50, 100, DOWN)]


def test_an_access_point_counts_only_while_it_is_commissioned() -> None:
    members = [Member([down(0, 100)], [(0, 40)]), Member([up(0, 100)], [(60, 90)])]
    assert states(timeline(members, [(0, 100)])) == [(0, 40, DOWN), (60, 90, UP)]
    assert timeline([], [(0, 100)]) == []


def test_service_hours_cut_the_timeline() -> None:
    member = Member([up(0, 50), down(50, 100)], [(0, 100)])
    assert states(timeline([member], [(10, 20), (40, 60)])) == [(10, 20, UP), (40, 50, UP), (50, 60, DOWN)]


def test_only_work_recorded_before_its_start_is_excluded() -> None:
    base = [(1000, 9000)]
    works = [Maintenance(2000, 3000, 1999), Maintenance(4000, 5000, 4000), Maintenance(6000, 7000, 0, withdrawn=True)]
    assert exclusions(works, base, JAKARTA) == [(2000, 3000)]


def test_the_cap_starts_anew_with_each_local_month() -> None:
    edge = utc("2026-11-30 17:00")  # 1 December 00:00 WIB
    work = [Maintenance(edge - 7200, edge + 7200, 0)]
    base = [(edge - 86400, edge + 86400)]
    assert exclusions(work, base, JAKARTA, cap=3600) == [(edge - 7200, edge - 3600), (edge, edge + 3600)]


def test_excluded_time_is_laid_over_every_state() -> None:
    plain = [up(0, 50), down(50, 100), Interval(100, 120, UNKNOWN, MONITOR)]
    laid = exclude(plain, [(40, 60), (110, 500)])
    assert states(laid) == [
        (0, 40, UP),
        (40, 60, EXCLUDED),
        (60, 100, DOWN),
        (100, 110, UNKNOWN),
        (110, 120, EXCLUDED),
    ]
    assert lengths(laid) == Lengths(up=40, down=40, unknown=10, excluded=30)


member_strategy = st.builds(
    lambda edges, kinds, life: Member(
        [
            Interval(start, end, kind)
            for (start, end), kind in zip(pairwise(sorted(edges)), kinds, strict=False)
            if kind is not EXCLUDED and start < end
        ],
        [(min(life), max(life))] if life[0] != life[1] else [],
    ),
    st.lists(st.integers(0, 1000), max_size=12),
    st.lists(st.sampled_from(State), min_size=12, max_size=12),
    st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
)
spans_strategy = st.lists(st.integers(0, 1000), max_size=8, unique=True).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(st.lists(member_strategy, max_size=4), spans_strategy, spans_strategy, st.integers(1, 3))
def test_lengths_add_up_to_the_base_and_agree_with_every_second(
    members: list[Member], base: list[tuple[int, int]], excluded: list[tuple[int, int]], needed: int
) -> None:
    def state_at(second: int) -> State | None:
        alive = [m for m in members if any(start <= second < end for start, end in m.life)]
        if not alive or not any(start <= second < end for start, end in base):
            return None
        if any(start <= second < end for start, end in excluded):
            return EXCLUDED
        seen = [next((i.state for i in m.intervals if i.from_at <= second < i.to_at), UNKNOWN) for m in alive]
        if seen.count(UP) >= needed:
            return UP
        return UNKNOWN if seen.count(UP) + seen.count(UNKNOWN) >= needed else DOWN

    expected = [(second, state) for second in range(1000) if (state := state_at(second)) is not None]
    found = exclude(timeline(members, base, needed), excluded)
    assert by_the_second(states(found)) == expected
    assert lengths(found).base == len(expected)


# -- figures ---------------------------------------------------------------------------------------------------------


def test_the_formulas_on_a_worked_example() -> None:
    # 30 days: 2 h down, 10 h unknown, 6 h excluded.
    month = Lengths(up=720 * 3600 - 18 * 3600, down=2 * 3600, unknown=10 * 3600, excluded=6 * 3600)
    assert month.base == 30 * 86400
    assert month.measured == Share(702 * 3600, 704 * 3600)
    assert month.strict == Share(702 * 3600, 714 * 3600)
    assert month.upper == Share(712 * 3600, 714 * 3600)
    assert month.completeness == Share(704 * 3600, 714 * 3600)
    assert (month.strict.hundredths, month.measured.hundredths) == (9831, 9971)
    assert month.verdict(98) is Verdict.PASS
    assert month.verdict(99) is Verdict.OPEN
    assert month.verdict(99.9) is Verdict.FAIL


def test_nothing_observed_is_never_a_hundred_percent() -> None:
    nothing = Lengths(excluded=100)
    assert nothing.strict.value is None
    assert nothing.strict.hundredths is None
    assert nothing.verdict(0) is Verdict.OPEN
    assert Lengths(unknown=100).strict.hundredths == 0
    assert Lengths(unknown=100).measured.hundredths is None


def test_one_second_of_outage_never_shows_as_a_hundred_percent() -> None:
    assert Lengths(up=31_535_999, down=1).strict.hundredths == 9999
    assert Lengths(up=31_536_000).strict.hundredths == 10000


def test_a_target_is_met_exactly() -> None:
    assert Lengths(up=951, down=49).verdict(95.1) is Verdict.PASS
    assert Lengths(up=950, down=50).verdict(95.1) is Verdict.FAIL


def test_an_outage_over_closing_hours_needs_nothing_else_seen_meanwhile() -> None:
    served = [down(100, 200), down(500, 600)]
    through = [down(50, 600)]
    assert outages(served, through) == [Outage(100, 600, 200, True)]
    mended = [down(50, 250), up(250, 480), down(480, 650), up(650, 700)]
    assert outages(served, mended) == [Outage(100, 200, 100, False), Outage(500, 600, 100, False)]


def test_outages_are_counted_cut_and_marked() -> None:
    seen = [up(0, 100), down(100, 400), up(400, 500), down(500, 801), up(801, 900), down(900, 950)]
    found = outages(seen)
    assert found == [Outage(100, 400, 300, False), Outage(500, 801, 301, False), Outage(900, 950, 50, True)]
    assert [outage.long for outage in found] == [False, True, False]
    assert mean_time(lengths(seen).down, len(found)) == (300 + 301 + 50) // 3
    assert mean_time(lengths(seen).up, len(found)) == (100 + 100 + 99) // 3
    assert mean_time(0, 0) is None


def test_an_outage_over_closing_hours_is_one() -> None:
    assert outages([up(0, 10), down(10, 20), down(100, 130), up(130, 200)]) == [Outage(10, 130, 40, False)]
