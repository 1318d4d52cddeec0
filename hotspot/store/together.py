"""Writes that share a transaction: whoever comes while another's is being flushed goes with the next one.

A flush costs the same for one login as for ten, and pages of the database that ten have changed are written once. Each
is durable before its caller goes on, and undone alone when it fails. PostgreSQL does this by itself.

Most works succeed, so a transaction is tried without savepoints first. Where anything in it fails, all of it is undone
and done again with them.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from .portable import cursor

T = TypeVar("T")

_MOST: Final = 64
"""Works in a transaction: those who wait shall not wait for too many."""
_HOPEFUL: Final = "hopeful"
"""Set in the `info` of a connection whose transaction has no savepoints."""


class _Again(Exception):  # noqa: N818 - no fault yet
    """Something in a transaction without savepoints has failed. Nobody who expects an error of theirs catches it."""


@contextmanager
def part(connection: Connection) -> Iterator[None]:
    """A part of a transaction that is undone, it alone, when it raises."""
    if _HOPEFUL in connection.info:
        try:
            yield
        except Exception as error:
            raise _Again from error
        return
    on = cursor(connection)
    on.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        on.execute("ROLLBACK TO part")
        on.execute("RELEASE part")
        raise
    on.execute("RELEASE part")


class _Asked(Generic[T]):
    """What one thread wants done, and what became of it."""

    def __init__(self, work: Callable[[Connection], T]):
        self._work = work
        self._answers: list[T] = []
        self.error: Exception | None = None
        self.over = False
        self._called = threading.Lock()
        self._called.acquire()

    def hope(self, connection: Connection) -> None:
        """Does it; whatever is wrong with it is found out when it is done again."""
        self._answers = [self._work(connection)]

    def do(self, connection: Connection) -> None:
        """Does it, undone where it raises."""
        try:
            with part(connection):
                self._answers = [self._work(connection)]
        except Exception as error:  # noqa: BLE001 - raised to whoever asked
            self.error = error

    def wait(self) -> None:
        """Until it is over, or the next transaction is its own to begin."""
        self._called.acquire()

    def call(self) -> None:
        self._called.release()

    def answer(self) -> T:
        if self.error is not None:
            raise self.error
        return self._answers[0]


class Together:
    """Does works in as few transactions of `write` as it can. For threads of one process."""

    def __init__(self, write: Callable[[], AbstractContextManager[Connection]]):
        self._write = write
        self._waiting: deque[_Asked[Any]] = deque()
        self._under_way = False
        self._lock = threading.Lock()
        """Of the two above; held for a moment only."""

    def do(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns or raises, once it is durable or undone. It runs in whatever thread has the turn, and may
        run twice: it must change nothing but the database."""
        mine = _Asked(work)
        with self._lock:
            self._waiting.append(mine)
            first, self._under_way = not self._under_way, True
        if not first:
            mine.wait()
        if not mine.over:
            self._lead()
        return mine.answer()

    def _lead(self) -> None:
        """One transaction for those who wait, of whom the first is the caller; then whoever came meanwhile leads."""
        batch: list[_Asked[Any]] = []
        try:
            self._commit(batch)
        finally:
            with self._lock:
                following = self._waiting[0] if self._waiting else None
                self._under_way = following is not None
            if following is not None:
                following.call()
            for asked in batch[1:]:
                asked.call()

    def _join(self, batch: list[_Asked[Any]]) -> list[_Asked[Any]]:
        """Puts those who wait by now into a batch."""
        with self._lock:
            batch.extend(self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST)))
        return batch

    def _commit(self, batch: list[_Asked[Any]]) -> None:
        """Does what those who wait want, and puts them into `batch`."""
        try:
            if not self._hoped(batch):
                with self._write() as connection:
                    for asked in batch:
                        asked.do(connection)
        except Exception as error:  # noqa: BLE001 - raised to whoever asked
            for asked in batch or self._join(batch):
                asked.error = error
        finally:
            for asked in batch:
                asked.over = True

    def _hoped(self, batch: list[_Asked[Any]]) -> bool:
        """Whether all of them went well without savepoints; else nothing has happened."""
        try:
            with self._write() as connection:
                connection.info[_HOPEFUL] = True
                try:
                    for asked in self._join(batch):  # now, as others may have written until now
                        asked.hope(connection)
                except Exception as error:
                    raise _Again from error
                finally:
                    del connection.info[_HOPEFUL]
        except _Again:
            return False
        return True
