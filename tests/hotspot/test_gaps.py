"""What is missing is told, and nothing else."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotspot.admission.gaps import Gap, GapKind, ambiguous, gaps, silences
from hotspot.admission.session import HEARD, Record, RecordKind, Session, fold, presume_ended

START = 1_000 * HEARD


def record(at: int, kind: RecordKind = RecordKind.INTERIM, **changes: object) -> Record:
    values: dict[str, object] = {
        "kind": kind, "gateway": "gw", "acct_session_id": "1", "device": "d", "ticket": "t", "site": "s",
        "at": START + at, "seconds": at, "down": at * 10, "up": at, "cause": "User-Request",
    }  # fmt: skip
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def session(*records: Record) -> Session:
    found = reduce(fold, records, None)
    assert found is not None
    return found


def kinds(value: Session, **options: bool) -> list[GapKind]:
    return [gap.kind for gap in gaps(value, patience=900, **options)]


WHOLE = [record(0, RecordKind.START), *(record(at) for at in range(300, 3000, 300)), record(3100, RecordKind.STOP)]


def test_a_whole_session_has_no_gap() -> None:
    assert kinds(session(*WHOLE)) == []


@given(st.permutations(WHOLE), st.lists(st.sampled_from(WHOLE), max_size=5))
def test_order_and_repetition_make_no_gap(records: list[Record], again: list[Record]) -> None:
    assert kinds(session(*records, *again)) == []


def test_one_lost_interim_is_no_gap() -> None:
    assert kinds(session(*(record for record in WHOLE if record.seconds != 900))) == []


def test_a_lost_start_shows_until_it_comes_late() -> None:
    late = session(*WHOLE[1:])
    assert kinds(late) == [GapKind.LOST_START]
    assert kinds(late, announces=False) == []
    assert kinds(fold(late, WHOLE[0])) == []


@pytest.mark.parametrize(("cause", "kind"), [("Lost-Service", GapKind.LOST_STOP), ("NAS-Reboot", GapKind.RESTART)])
def test_a_presumed_end_is_a_lost_stop(cause: str, kind: GapKind) -> None:
    ended = presume_ended(session(*WHOLE[:-1]), START + 2_800, cause)
    assert gaps(ended, patience=900) == [Gap(kind, START + 2_700, START + 2_800)]
    assert kinds(fold(ended, WHOLE[-1])) == ([GapKind.OUTLIVED] if kind is GapKind.RESTART else [])


def test_counters_that_went_backwards() -> None:
    restarted = record(3_300, down=5, up=0)
    assert kinds(session(*WHOLE[:-1], restarted)) == [GapKind.COUNTERS]
    assert kinds(session(restarted, *WHOLE[:-1])) == [GapKind.COUNTERS]


def test_a_session_time_that_began_anew() -> None:
    assert kinds(session(*WHOLE[:-1], record(3_300, seconds=10, down=10**6))) == [GapKind.TIME]


def test_sessions_without_class_that_overlap_are_ambiguous() -> None:
    first, second = session(record(300), record(900)), session(record(800, seconds=100))
    later = session(record(5_000, seconds=10))
    assert ambiguous([later, second, first]) == [(first, second)]


@given(st.sets(st.integers(0, 14 * 3600), min_size=1))
def test_every_long_silence_shows_and_none_that_was_not(times: set[int]) -> None:
    moments = sorted({0, *times})
    shown = silences(session(*(record(at) for at in moments)))
    heard = [START + at for at in moments]
    assert all(not any(begin <= at < end for at in heard) for begin, end in shown)
    for before, after in zip(heard, heard[1:], strict=False):
        if after - before > 2 * HEARD:
            assert any(before < begin and end <= after + HEARD for begin, end in shown)


def test_a_session_of_days_shows_the_silence_of_its_last_hours() -> None:
    day, silent = 86_400, range(255_000, 258_000)
    whole = [record(at) for at in range(0, 3 * day, 300)]
    assert silences(session(*(one for one in whole if one.seconds not in silent))) == []  # older records have its bits
    sparse = silences(session(record(0), record(3 * day)))
    assert sum(end - begin for begin, end in sparse) == 61 * HEARD
    assert sparse[-1][1] == (START + 3 * day) // HEARD * HEARD
