"""SQLite's side of the store: its engine, and whose turn it is to write.

SQLite runs in WAL mode: `core` with synchronous=FULL, since what we acknowledged must survive a power cut, `telemetry`
with NORMAL. Every writing transaction begins IMMEDIATE: a deferred one that turns from reading to writing fails with
"database is locked" however long its timeout. Versions whose WAL can be corrupted by several writers (sqlite.org,
fixed in 3.51.3 and in 3.44.6 and 3.50.7) are refused.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from hotspot.errors import ConfigError, PeerError, StoreError

from .portable import cursor

_LONGEST: Final = 15.0
"""Seconds that a writer waits for the others at most."""
_LOOK: Final = 0.00003
_SAFE_PATCHES: Final = {(3, 44): 6, (3, 50): 7, (3, 51): 3}


def safe_sqlite(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite keeps a WAL whole under several writers."""
    branch, patch = version[:2], version[2]
    if branch in _SAFE_PATCHES:
        return patch >= _SAFE_PATCHES[branch]
    return branch > (3, 51)


def patience(seconds: float) -> float:
    """Seconds that a writer waits for its turn, and as many again for SQLite, where it has so many in all."""
    return min(seconds / 2, _LONGEST)


def engine(name: str, parsed: URL, *, durable: bool, create: bool, seconds: float) -> Engine:
    """An engine for a file, which is made where `create` says so. ConfigError where it cannot be used."""
    if not safe_sqlite(sqlite.sqlite_version_info):
        raise StoreError(f"SQLite {sqlite.sqlite_version} can corrupt a database under several writers; need 3.51.3")
    path = Path(parsed.database or "")
    if not create and not path.exists():
        raise ConfigError(
            f"there is no city in {path.parent}: it has no {path.name}. Is --state, or HOTSPOT_STATE, the right "
            "folder? A new city begins with `hotspot activate` or `hotspot up`"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be opened: {error.strerror}; run as the user who owns it") from error
    try:
        # No bound: connections of glances stay open, and nobody who reads or writes shall wait for one of them.
        made = create_engine(parsed, module=sqlite, connect_args={"timeout": patience(seconds)}, max_overflow=-1)
    except NoSuchModuleError as error:
        raise ConfigError(f"the {name} database: {error}") from error
    synchronous = "FULL" if durable else "NORMAL"

    @event.listens_for(made, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below starts every transaction
        room = "cache_size=-32768"  # its own 2 MB hold the indexes of a village
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", room):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        cursor(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


class Turn:
    """Whose turn it is to write to an SQLite file, among all processes of this machine. A context manager.

    SQLite's own waiting sleeps for up to a tenth of a second between looks, too long where thousands of short
    transactions want in; here the next one is in within a fraction of a millisecond. Whoever ignores it, or has
    waited for half of its time, meets SQLite's own lock.
    """

    def __init__(self, path: Path, seconds: float):
        self._path = path
        self._seconds = patience(seconds)
        self._thread = threading.RLock()
        self._depth = 0
        self._file: int | None = None
        self._owner = 0

    def __enter__(self) -> None:
        if not self._thread.acquire(timeout=self._seconds):
            raise PeerError(f"{self._path.name.removesuffix('-turn')} does not answer: others of this process write")
        self._depth += 1
        if self._depth > 1:
            return
        if self._file is None or self._owner != os.getpid():  # a forked file would share its parent's lock
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                self._depth -= 1
                self._thread.release()
                raise PeerError(f"{self._path} cannot be opened: {error.strerror}") from error
            self._owner = os.getpid()
        deadline = time.monotonic() + self._seconds
        while not _locked(self._file) and time.monotonic() < deadline:
            time.sleep(_LOOK)

    def __exit__(self, *_error: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._thread.release()

    def close(self) -> None:
        if self._file is not None and self._owner == os.getpid():
            os.close(self._file)
        self._file = None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
