"""Uptime: from probes to states, from states to figures. Pure: times and settings in, intervals and numbers out.

The rules, in the order in which they apply (docs/telemetry.md explains them to readers of a report):

1. A sample holds until the next one, for 2.5 probe intervals at most; after that the state is UNKNOWN.
2. A failed probe while the monitor's own uplink fails says nothing about the access point: UNKNOWN.
3. DOWN needs `down_after` failed probes in a row that span `down_for` seconds, UP needs `up_after` good ones.
   Accounting is back-dated to the first of them (as ITU-T G.826 counts its ten seconds). What was still undecided when
   the evidence broke off stays UNKNOWN.
4. A site is UP while k of its access points are; UNKNOWN while it might be; else DOWN. Found by sweeping over their
   intervals, never by averaging.
5. Announced maintenance becomes EXCLUDED and leaves the denominator, up to a cap for each month.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from hotspot.city.sites import ProbeSection

from .spans import Window, first_seconds, intersect, months, union

MONITOR: Final = "pemantau"
"""Cause of every UNKNOWN: it was the monitor that could not see."""
LONG_OUTAGE: Final = 300
"""Seconds beyond which an outage is reported one by one (ESJ 2952: shorter ones do not count for restitution)."""
EXCLUSION_CAP: Final = 8 * 3600
"""Seconds of maintenance for each site and local month that leave the denominator; the rest counts like any time."""


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class Sample:
    """One probe. `monitor` tells whether the monitor's own uplink answered in the same round."""

    at: int
    good: bool
    monitor: bool = True
    rtt_us: int | None = None


@dataclass(frozen=True)
class Interval:
    """A state that held over [from_at, to_at), UTC seconds."""

    from_at: int
    to_at: int
    state: State
    cause: str = ""

    @property
    def seconds(self) -> int:
        return self.to_at - self.from_at


# -- the fold: samples of one access point become intervals ----------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """Equal samples in a row that may end the present state."""

    good: bool
    since: int
    count: int


@dataclass(frozen=True)
class Tracker:
    """All that must be remembered of one access point between two samples; `since` opens the present state."""

    state: State
    cause: str
    since: int
    last_at: int
    held_until: int
    run: Run | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        run = value["run"]
        return cls(**{**value, "state": State(value["state"]), "run": None if run is None else Run(**run)})


def advance(tracker: Tracker | None, sample: Sample, probe: ProbeSection) -> tuple[Tracker, list[Interval]]:
    """The tracker after one more sample, and the intervals that ended with it, in order.

    A sample that is not later than the last one is dropped: a clock set back must not count time twice.
    """
    if tracker is None:
        tracker = Tracker(State.UNKNOWN, MONITOR, sample.at, sample.at - 1, sample.at)
    if sample.at <= tracker.last_at:
        return tracker, []
    closed: list[Interval] = []
    if sample.at > tracker.held_until:
        tracker = _turn(tracker, State.UNKNOWN, _evidence_ends(tracker, tracker.held_until), closed)
    if not sample.good and not sample.monitor:
        tracker = _turn(tracker, State.UNKNOWN, _evidence_ends(tracker, sample.at), closed)
    else:
        run = _longer(tracker.run, sample)
        state = _confirmed(run, sample.at, probe)
        if state is None and run.good == (tracker.state is State.UP) and tracker.state is not State.UNKNOWN:
            state = tracker.state  # a sample that agrees with the present state ends every doubt
        tracker = replace(tracker, run=run) if state is None else _turn(tracker, state, run.since, closed)
    hold = probe.interval * 5 // 2
    return replace(tracker, last_at=sample.at, held_until=sample.at + hold), closed


def rewound(tracker: Tracker, at: int) -> Tracker | None:
    """The tracker as it was when a clock that had run ahead showed `at`: the state that was open then goes on, weeks of
    it perhaps; what was begun later is not known to have been. None where it is all of a time that is still to come."""
    if tracker.since >= at:
        return None
    return replace(tracker, last_at=at - 1, held_until=at, run=None)


def _longer(run: Run | None, sample: Sample) -> Run:
    if run is not None and run.good == sample.good:
        return replace(run, count=run.count + 1)
    return Run(sample.good, sample.at, 1)


def _confirmed(run: Run, at: int, probe: ProbeSection) -> State | None:
    """The state that a run of equal samples proves, None while it is too short."""
    if run.good:
        return State.UP if run.count >= probe.up_after else None
    long_enough = run.count >= probe.down_after and at - run.since >= probe.down_for
    return State.DOWN if long_enough else None


def _evidence_ends(tracker: Tracker, at: int) -> int:
    """Where UNKNOWN begins when nothing more is known from `at` on: an undecided run never becomes a state."""
    return at if tracker.run is None else tracker.run.since


def _turn(tracker: Tracker, state: State, at: int, closed: list[Interval]) -> Tracker:
    """The tracker in another state from `at` on; the ended interval is appended unless it is empty."""
    if state is tracker.state:
        return replace(tracker, run=None)
    if at > tracker.since:
        closed.append(Interval(tracker.since, at, tracker.state, tracker.cause))
    cause = MONITOR if state is State.UNKNOWN else ""
    return replace(tracker, state=state, cause=cause, since=at, run=None)


def close(tracker: Tracker, at: int) -> list[Interval]:
    """The open tail of a tracker as intervals up to `at`, without ending it."""
    tail: list[Interval] = []
    if at > tracker.held_until:
        tracker = _turn(tracker, State.UNKNOWN, _evidence_ends(tracker, tracker.held_until), tail)
    if at > tracker.since:
        tail.append(Interval(tracker.since, at, tracker.state, tracker.cause))
    return tail


# -- timelines: intervals within the time that counts ----------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """One access point of a site: its intervals (sorted, disjoint) and the spans in which it was commissioned."""

    intervals: Sequence[Interval]
    life: Sequence[Window]


def timeline(members: Sequence[Member], base: Sequence[Window], needed: int = 1) -> list[Interval]:
    """The state of a site over `base` (sorted, disjoint), where at least one member is commissioned.

    Every second of the result stands in one interval; neighbours in the same state are one. A time for which a member
    has no interval is UNKNOWN for it. One access point is a site with one member.
    """
    lived = intersect(base, union(span for member in members for span in member.life))
    changes: dict[int, tuple[int, int]] = {}  # at -> by how much the numbers of UP and of possibly UP members change

    def change(spans: Iterable[Window], up: int, possible: int) -> None:
        for start, end in spans:
            for at, sign in ((start, 1), (end, -1)):
                before = changes.get(at, (0, 0))
                changes[at] = (before[0] + sign * up, before[1] + sign * possible)

    for member in members:
        change(member.life, 0, 1)
        for state, up, possible in ((State.UP, 1, 0), (State.DOWN, 0, -1)):
            held = [(i.from_at, i.to_at) for i in member.intervals if i.state is state]
            change(intersect(held, member.life), up, possible)

    swept: list[Interval] = []
    up = possible = 0
    edges = sorted(changes)
    for start, end in pairwise(edges):
        up, possible = up + changes[start][0], possible + changes[start][1]
        state = State.UP if up >= needed else State.UNKNOWN if possible >= needed else State.DOWN
        swept.append(Interval(start, end, state, MONITOR if state is State.UNKNOWN else ""))
    return _cut(swept, lived)


def _cut(intervals: Sequence[Interval], spans: Sequence[Window]) -> list[Interval]:
    """The parts of sorted intervals that lie in sorted spans; touching neighbours in one state become one."""
    found: list[Interval] = []
    i = j = 0
    while i < len(intervals) and j < len(spans):
        start, end = max(intervals[i].from_at, spans[j][0]), min(intervals[i].to_at, spans[j][1])
        if start < end:
            last = found[-1] if found else None
            if last and last.to_at == start and (last.state, last.cause) == (intervals[i].state, intervals[i].cause):
                found[-1] = replace(last, to_at=end)
            else:
                found.append(replace(intervals[i], from_at=start, to_at=end))
        if intervals[i].to_at < spans[j][1]:
            i += 1
        else:
            j += 1
    return found


@dataclass(frozen=True)
class Maintenance:
    """Announced work at a site. Only what was recorded before its start, and never withdrawn, is excluded."""

    from_at: int
    to_at: int
    recorded_at: int
    withdrawn: bool = False

    @property
    def counts(self) -> bool:
        return self.recorded_at < self.from_at and not self.withdrawn


def exclusions(
    works: Iterable[Maintenance], base: Sequence[Window], zone: ZoneInfo, cap: int = EXCLUSION_CAP
) -> list[Window]:
    """The time of a base that leaves the denominator: the first `cap` seconds of work in each local month."""
    spans = intersect(union((work.from_at, work.to_at) for work in works if work.counts), base)
    if not spans:
        return []
    return [
        span
        for month in months((spans[0][0], spans[-1][1]), zone)
        for span in first_seconds(intersect(spans, [month]), cap)
    ]


def exclude(intervals: Sequence[Interval], excluded: Sequence[Window]) -> list[Interval]:
    """A timeline with EXCLUDED laid over it. Its total length stays the same."""
    spans = union(excluded)
    kept = _cut(intervals, _outside(spans, intervals))
    over = [
        Interval(start, end, State.EXCLUDED)
        for start, end in intersect(union((i.from_at, i.to_at) for i in intervals), spans)
    ]
    return sorted([*kept, *over], key=lambda interval: interval.from_at)


def _outside(spans: Sequence[Window], intervals: Sequence[Interval]) -> list[Window]:
    if not intervals:
        return []
    edges = [intervals[0].from_at, *(edge for span in spans for edge in span), intervals[-1].to_at]
    return union(zip(edges[::2], edges[1::2], strict=True))


# -- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """A part of a whole, exact. None, never 100 %, where there is no whole."""

    part: int
    whole: int

    @property
    def value(self) -> Fraction | None:
        return Fraction(self.part, self.whole) if self.whole else None

    @property
    def hundredths(self) -> int | None:
        """The percentage in hundredths, rounded down: 9999 is 99.99 %, and 10000 needs every second."""
        return self.part * 10000 // self.whole if self.whole else None

    def reaches(self, target: float) -> bool | None:
        """Whether it is at least `target` percent."""
        value = self.value
        return None if value is None else value * 100 >= Fraction(str(target))


class Verdict(StrEnum):
    PASS = "LULUS"  # noqa: S105 - no password
    FAIL = "GAGAL"
    OPEN = "TIDAK DAPAT DINILAI"


@dataclass(frozen=True)
class Lengths:
    """Seconds in each state (U, D, N, X); together the base B."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    excluded: int = 0

    def __add__(self, other: "Lengths") -> "Lengths":
        return Lengths(
            self.up + other.up, self.down + other.down, self.unknown + other.unknown, self.excluded + other.excluded
        )

    @property
    def base(self) -> int:
        return self.up + self.down + self.unknown + self.excluded

    @property
    def counted(self) -> int:
        """U + D + N: what excluded work leaves of the base."""
        return self.up + self.down + self.unknown

    @property
    def measured(self) -> Share:
        """A_m = U / (U + D)."""
        return Share(self.up, self.up + self.down)

    @property
    def strict(self) -> Share:
        """A_s = U / (U + D + N), the headline."""
        return Share(self.up, self.counted)

    @property
    def upper(self) -> Share:
        """A_u = (U + N) / (U + D + N)."""
        return Share(self.up + self.unknown, self.counted)

    @property
    def completeness(self) -> Share:
        """K = (U + D) / (U + D + N)."""
        return Share(self.up + self.down, self.counted)

    def verdict(self, target: float) -> Verdict:
        """Whether the target (percent) was reached, was missed, or cannot be told for want of data."""
        if self.strict.reaches(target):
            return Verdict.PASS
        return Verdict.FAIL if self.upper.reaches(target) is False else Verdict.OPEN


def lengths(intervals: Iterable[Interval]) -> Lengths:
    total = dict.fromkeys(State, 0)
    for interval in intervals:
        total[interval.state] += interval.seconds
    return Lengths(total[State.UP], total[State.DOWN], total[State.UNKNOWN], total[State.EXCLUDED])


@dataclass(frozen=True)
class Outage:
    """A site's time without service. `seconds` are those within the base; `open` when the window's end cut it."""

    from_at: int
    to_at: int
    seconds: int
    open: bool

    @property
    def long(self) -> bool:
        return self.seconds > LONG_OUTAGE


def outages(intervals: Sequence[Interval], seen: Sequence[Interval] | None = None) -> list[Outage]:
    """The outages of a timeline. `seen` is the same timeline beyond service hours, where there are any.

    One that lasts over closing hours is one outage, if nothing but DOWN was seen meanwhile; one is open if nothing else
    was seen to the end.
    """
    whole = intervals if seen is None else seen

    def down_through(start: int, end: int) -> bool:
        return all(one.state is State.DOWN for one in whole if one.from_at < end and one.to_at > start)

    found: list[Outage] = []
    last = len(intervals) - 1
    for position, interval in enumerate(intervals):
        if interval.state is not State.DOWN:
            continue
        before_it = intervals[position - 1] if position > 0 else None
        continues = (
            before_it is not None and before_it.state is State.DOWN and down_through(before_it.to_at, interval.from_at)
        )
        before = found.pop() if continues else None
        found.append(
            Outage(
                before.from_at if before else interval.from_at,
                interval.to_at,
                (before.seconds if before else 0) + interval.seconds,
                position == last and down_through(interval.to_at, whole[-1].to_at),
            )
        )
    return found


def mean_time(total: int, count: int) -> int | None:
    """MTTR from the seconds DOWN, MTBF from the seconds UP; None without an outage."""
    return total // count if count else None
