from dataclasses import replace
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from hotspot.admission.session import Record, RecordKind, Session, belongs, fold, presume_ended, share

GB = 10**9


@st.composite
def stays(draw: st.DrawFn) -> list[Record]:
    """The records of one stay, in their order: time and counters go on, and a Stop is its last."""
    begin = draw(st.integers(1_000, 100_000))
    steps = draw(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 2**38), st.integers(0, 2**38)), max_size=7))
    last = draw(st.sampled_from([RecordKind.INTERIM, RecordKind.STOP]))
    at, down, up = begin, 0, 0
    records = [draw_record(RecordKind.START, at, 0, 0, 0)]
    for number, (seconds, more_down, more_up) in enumerate(steps):
        at, down, up = at + seconds, down + more_down, up + more_up
        kind = last if number == len(steps) - 1 else RecordKind.INTERIM
        records.append(draw_record(kind, at, at - begin, down, up))
    return records[draw(st.integers(0, len(records) - 1)) :]


def draw_record(kind: RecordKind, at: int, seconds: int, down: int, up: int) -> Record:
    cause = "User-Request" if kind is RecordKind.STOP else None
    return Record(kind, "gw", "1", "d", "t", "s", at, seconds, down, up, cause)


def folded(records: list[Record]) -> Session | None:
    return reduce(fold, records, None)


@given(stays(), st.data())
def test_any_order_and_any_repetition_ends_in_the_same_session(records: list[Record], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(records), max_size=8))
    shuffled = data.draw(st.permutations(records + again))
    assert folded(shuffled) == folded(records)


@given(stays())
def test_nothing_is_lost(records: list[Record]) -> None:
    session = folded(records)
    assert session is not None
    assert session.down == max(record.down for record in records)
    assert session.started_at == min(record.at - record.seconds for record in records)
    assert (session.end is not None) == any(record.kind is RecordKind.STOP for record in records)


@given(st.lists(stays(), min_size=1, max_size=4), st.lists(st.integers(10, 4_000), min_size=4, max_size=4), st.data())
def test_stays_under_one_id_and_class_add_up(them: list[list[Record]], pauses: list[int], data: st.DataObject) -> None:
    """Whatever comes twice, and in whatever order within a stay, its Start before the next one's."""
    told, at = [], 10_000
    down = up = seconds = 0
    for records, pause in zip(them, pauses, strict=False):
        moved = at - records[0].started_at
        begun = draw_record(RecordKind.START, at, 0, 0, 0)
        stay = [begun, *(replace(record, at=record.at + moved) for record in records if record.seconds)]
        again = data.draw(st.lists(st.sampled_from(stay), max_size=3))
        told += [begun, *data.draw(st.permutations(stay + again))]
        last = stay[-1]
        down, up, seconds = down + last.down, up + last.up, seconds + last.seconds
        at = last.at + pause
    session = folded(told)
    assert session is not None
    assert (session.down, session.up, session.seconds) == (down, up, seconds)
    assert (session.end is not None) == (told[-1].kind is RecordKind.STOP or last.kind is RecordKind.STOP)
    late = data.draw(st.sampled_from(told))
    assert fold(session, late) == session, "a repetition, whenever it comes"


def readings(*gigabytes: float, every: int = 300) -> list[Record]:
    return [
        draw_record(RecordKind.INTERIM, 10_000 + every * n, every * n, round(value * GB) % 2**32, 0)
        for n, value in enumerate(gigabytes, 1)
    ]


def test_counters_of_32_bits_that_turn_add_up() -> None:
    records = readings(3.9, 4.2, 0.3, 2.0, 0.1)
    session = folded(records)
    assert session is not None
    assert session.down == 2 * 2**32 + GB // 10  # 8.69 GB
    assert folded([*records, *records]) == session, "told twice"
    assert fold(session, records[1]) == session, "a late one of before the turn"
    assert session.last_bytes == session.counted


def test_a_turn_told_out_of_order_is_counted_once() -> None:
    first, second, third = readings(3.9, 4.2, 0.3)
    ordered, late = folded([first, second, third]), folded([first, third, second])
    assert ordered is not None
    assert late is not None
    assert late.down == ordered.down == 2**32 + 3 * GB // 10


def test_counters_with_gigawords_and_lost_counters_do_not_turn() -> None:
    wide = [draw_record(RecordKind.INTERIM, 10_000 + n, n, value, 0) for n, value in ((300, 5 * GB), (600, GB))]
    assert folded(wide).down == 5 * GB  # type: ignore[union-attr]
    lost = folded([*readings(0.1, 0.2, 0.3, 0.4, 0.5), draw_record(RecordKind.INTERIM, 11_800, 1_800, 1_000, 0)])
    assert lost is not None
    assert lost.down == GB // 2, "4 GB in five minutes, of one that took 0.5 GB in half an hour"
    assert lost.last_bytes < lost.counted, "told as a gap"
    fast = [draw_record(RecordKind.INTERIM, 10_000 + n, n, v * GB, 0) for n, v in ((30, 3), (31, 1))]
    assert folded(fast).down == 3 * GB, "more than 1 Gbit/s"  # type: ignore[union-attr]


def test_a_device_that_comes_back_runs_again() -> None:
    """By MAC re-authentication the Class is the same, and chilli's id may be."""
    stay = [
        draw_record(RecordKind.START, 1_000, 0, 0, 0),
        draw_record(RecordKind.STOP, 1_600, 600, 50, 5),
    ]
    ended = folded(stay)
    assert ended is not None
    assert ended.end == (1_600, "User-Request")
    back = fold(ended, draw_record(RecordKind.START, 1_650, 0, 0, 0))
    assert back.end is None
    assert (back.seconds, back.down) == (600, 50)
    assert fold(back, stay[1]) == back, "the Stop of before, told again"
    more = fold(back, draw_record(RecordKind.INTERIM, 2_650, 1_000, 70, 7))
    assert (more.seconds, more.down, more.up) == (1_600, 120, 12)
    missed = fold(ended, draw_record(RecordKind.INTERIM, 2_000, 300, 20, 2))
    assert (missed.end, missed.seconds, missed.down) == (None, 900, 70), "whose Start was lost"
    longer = fold(ended, draw_record(RecordKind.INTERIM, 3_000, 1_000, 20, 2))
    assert (longer.end, longer.seconds, longer.down) == (None, 1_600, 70), "and that is longer already"


def test_a_start_that_comes_last_begins_nothing() -> None:
    """Of a short stay: without a time of its own it seems to be of when it arrives."""
    ended = fold(None, draw_record(RecordKind.STOP, 1_020, 20, 50, 5))
    late = fold(ended, draw_record(RecordKind.START, 1_021, 0, 0, 0))
    assert (late.end, late.seconds, late.down, late.start_seen) == ((1_020, "User-Request"), 20, 50, True)


def test_a_time_that_begins_anew_alone_loses_no_bytes_and_counts_none_twice() -> None:
    before = fold(None, draw_record(RecordKind.INTERIM, 2_000, 1_000, 500, 50))
    after = fold(before, draw_record(RecordKind.INTERIM, 2_300, 290, 800, 80))
    assert (after.seconds, after.down, after.up) == (1_290, 800, 80)


def record(**changes: object) -> Record:
    values: dict[str, object] = {
        "kind": RecordKind.INTERIM, "gateway": "gw", "acct_session_id": "1", "device": "d", "ticket": None,
        "site": "s", "at": 5_000, "seconds": 100,
    }  # fmt: skip
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def test_counters_beyond_32_bits() -> None:
    assert fold(None, record(down=2**32 + 5)).down == 2**32 + 5


def test_a_session_id_used_again_after_a_reboot() -> None:
    first = fold(None, record())
    assert belongs(first, record(at=5_060, seconds=160))
    assert belongs(first, record(at=5_060, seconds=160 - 29))
    assert not belongs(first, record(at=9_000, seconds=10))


def test_our_class_leaves_no_doubt() -> None:
    first = fold(None, record(ticket="a"))
    assert belongs(first, record(ticket="a", at=9_000, seconds=1))
    assert not belongs(first, record(ticket="b"))
    assert not belongs(first, record(ticket=None))


def test_a_presumed_end_gives_way_to_the_gateways_word() -> None:
    session = presume_ended(fold(None, record()), 6_000, "NAS-Reboot")
    assert session.end == (6_000, "NAS-Reboot")
    assert fold(session, record(at=7_000, seconds=2_100)).end is None
    stopped = fold(session, record(kind=RecordKind.STOP, at=5_500, seconds=600, cause="User-Request"))
    assert stopped.end == (5_500, "User-Request")


@given(stays(), st.lists(st.integers(1_000, 100_000), max_size=3), st.data())
def test_a_restart_may_be_told_before_or_after_the_records(
    records: list[Record], restarts: list[int], data: st.DataObject
) -> None:
    """Once the session is known: a restart that comes first finds nothing to end."""

    def told(session: Session, what: Record | int) -> Session:
        return fold(session, what) if isinstance(what, Record) else presume_ended(session, what, "NAS-Reboot")

    rest: list[Record | int] = [*records[1:], *restarts]
    again: list[Record | int] = data.draw(st.lists(st.sampled_from([*records, *restarts]), max_size=4))
    first = fold(None, records[0])
    assert reduce(told, data.draw(st.permutations(rest + again)), first) == reduce(told, rest, first)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 2**50), st.lists(st.integers(-10, 2100), max_size=5))
def test_shares_of_adjoining_windows_add_up(start: int, length: int, value: int, cuts: list[int]) -> None:
    edges = sorted({-100, *cuts, 3000})
    parts = [share(start, start + length, value, window) for window in zip(edges, edges[1:], strict=False)]
    assert sum(parts) == value
    assert all(part >= 0 for part in parts)
