"""The ledger's upsert folds as `hotspot.admission.session.fold` does, whatever comes in which order: on SQLite and
PostgreSQL."""

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hotspot.admission.session import LARGEST, Record, RecordKind, fold
from hotspot.store import Store
from hotspot.store.schema import session
from hotspot.store.stays import ledger

_CAUSES = st.sampled_from(["", "User-Request", "Idle-Timeout", "lower", "É"])
_names = count()


def _records(name: str) -> st.SearchStrategy[Record]:
    return st.builds(
        Record,
        kind=st.sampled_from(RecordKind),
        gateway=st.just("gw"),
        acct_session_id=st.just(f'{name} "\\ {{x}}'),
        device=st.just("d" * 32),
        ticket=st.just("t" * 32),
        site=st.just("park"),
        at=st.integers(10**9, 10**9 + 20_000),
        seconds=st.integers(0, 10_000),
        down=st.integers(0, LARGEST) | st.integers(0, 2**32 - 1),
        up=st.integers(0, LARGEST) | st.integers(0, 2**32 - 1),
        cause=_CAUSES,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_row_is_what_fold_makes_of_its_records(store: Store, data: st.DataObject) -> None:
    name = str(next(_names))
    records = data.draw(st.lists(_records(name), min_size=1, max_size=6))
    batches = data.draw(st.lists(st.permutations(records), min_size=1, max_size=2))
    folded = None
    for batch in batches:
        cut = data.draw(st.integers(0, len(batch)))
        for part in (batch[:cut], batch[cut:]):
            for record in part:
                folded = fold(folded, record)
            with store.core.write() as connection:
                ledger.apply(connection, part)
    with store.core.read() as connection:
        [row] = connection.execute(select(session).where(session.c.acct_session_id == records[0].acct_session_id))
    assert folded is not None
    assert ledger.session_of(row) == folded
    assert row.ended_at == (folded.end[0] if folded.end else None)
