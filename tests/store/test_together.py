"""Writes that share a transaction: durable for whom they return, undone alone for whom they fail."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event, select

from hotspot.errors import PeerError, RequestError
from hotspot.store import Store
from hotspot.store.limits import attempts
from hotspot.store.limits.attempts import Limit
from hotspot.store.schema import attempt
from hotspot.store.together import part

NOW = 1_800_000_000
MANY = Limit(10**6, 600)


def subject(number: int) -> bytes:
    return number.to_bytes(32)


def counted(store: Store) -> dict[int, int]:
    with store.core.read() as connection:
        return {int.from_bytes(row.subject): row.failures for row in connection.execute(select(attempt))}


def count(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        attempts.take(connection, subject(number), NOW, MANY)
        return number

    return work


def fail(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        count(number)(connection)
        raise RequestError("no", str(number))

    return work


def at_once(store: Store, works: list[Callable[[Connection], int]]) -> list[int | Exception]:
    """What each returned or raised, all asked for while another writes."""
    waiting = threading.Barrier(len(works) + 1)

    def ask(work: Callable[[Connection], int]) -> int | Exception:
        waiting.wait()
        try:
            return store.core.together(work)
        except (RequestError, KeyError) as error:
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        with store.core.write() as connection:
            futures = [threads.submit(ask, work) for work in works]
            count(999)(connection)
            waiting.wait()
        return [future.result() for future in futures]


def test_each_gets_its_answer_and_all_are_kept(store: Store) -> None:
    assert at_once(store, [count(number) for number in range(1, 9)]) == list(range(1, 9))
    assert counted(store) == {**dict.fromkeys(range(1, 9), 1), 999: 1}


def test_who_fails_is_undone_alone_and_told_why(store: Store) -> None:
    def defect(connection: Connection) -> int:
        count(7)(connection)
        raise KeyError("a defect")

    found = at_once(store, [count(1), fail(2), count(3), defect, fail(4), count(5)])
    assert [one for one in found if isinstance(one, int)] == [1, 3, 5]
    assert [str(one.detail) for one in found if isinstance(one, RequestError)] == ["2", "4"]
    assert [type(one) for one in found if not isinstance(one, int | RequestError)] == [KeyError]
    assert set(counted(store)) == {1, 3, 5, 999}


def test_a_part_is_undone_and_what_was_done_before_it_stays(store: Store) -> None:
    def work(connection: Connection) -> str:
        count(1)(connection)
        try:
            with part(connection):
                fail(2)(connection)
        except RequestError as error:
            return error.code
        return "nothing was wrong"

    assert store.core.together(work) == "no"
    assert counted(store) == {1: 1}


def test_on_sqlite_those_who_wait_share_one_transaction(store: Store) -> None:
    if store.core.engine.dialect.name != "sqlite":
        return  # PostgreSQL flushes together what comes together by itself
    commits: list[object] = []
    event.listen(store.core.engine, "commit", commits.append)
    at_once(store, [count(number) for number in range(1, 33)])
    assert len(commits) <= 4  # of 33 writes; one when nobody dawdles


def test_nothing_is_said_to_be_done_before_it_is_durable(store: Store) -> None:
    """A commit that fails is everybody's failure."""
    if store.core.engine.dialect.name != "sqlite":
        return

    @event.listens_for(store.core.engine, "commit")
    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("INSERT INTO meta (name, value) VALUES ('x', x'00')")

    with pytest.raises(PeerError):
        store.core.together(count(1))
    event.remove(store.core.engine, "commit", refuse)
    with store.core.read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
    assert counted(store) == {}
