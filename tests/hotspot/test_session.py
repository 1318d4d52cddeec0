from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from hotspot.session import Record, RecordKind, Session, belongs, fold, presume_ended, share

RECORDS = st.builds(
    Record,
    kind=st.sampled_from(RecordKind),
    gateway=st.just("gw"),
    acct_session_id=st.just("1"),
    device=st.just("d"),
    ticket=st.just("t"),
    site=st.just("s"),
    at=st.integers(1_000, 100_000),
    seconds=st.integers(0, 1_000),
    down=st.integers(0, 2**40),
    up=st.integers(0, 2**40),
    cause=st.sampled_from([None, "User-Request", "Idle-Timeout"]),
)


def folded(records: list[Record]) -> Session | None:
    return reduce(fold, records, None)


@given(st.lists(RECORDS, min_size=1, max_size=8), st.data())
def test_any_order_and_any_repetition_ends_in_the_same_session(records: list[Record], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(records), max_size=8))
    shuffled = data.draw(st.permutations(records + again))
    assert folded(shuffled) == folded(records)


@given(st.lists(RECORDS, min_size=1, max_size=8))
def test_nothing_is_lost(records: list[Record]) -> None:
    session = folded(records)
    assert session is not None
    assert session.down == max(record.down for record in records)
    assert session.started_at == min(record.at - record.seconds for record in records)
    assert (session.end is not None) == any(record.kind is RecordKind.STOP for record in records)


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


@given(st.lists(RECORDS, min_size=1, max_size=6), st.lists(st.integers(1_000, 100_000), max_size=3), st.data())
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
