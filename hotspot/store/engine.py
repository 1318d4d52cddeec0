"""Opening the two databases, on SQLite or PostgreSQL, and bringing their schema up to date.

SQLite runs in WAL mode: `core` with synchronous=FULL, since what we acknowledged must survive a power cut, `telemetry`
with NORMAL. Every writing transaction begins IMMEDIATE: a deferred one that turns from reading to writing fails with
"database is locked" however long its timeout. Versions whose WAL can be corrupted by several writers (sqlite.org,
fixed in 3.51.3 and in 3.44.6 and 3.50.7) are refused.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from math import inf
from pathlib import Path
from typing import Any, Final, TypeVar

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from ..errors import ConfigError, PeerError, StoreError
from ..settings import Settings
from . import patient
from .audit import KEY_OPTION, PURPOSE
from .driver import SQLITE, Driver, Passing, postgresql
from .portable import cursor
from .schema import core
from .shape import differences
from .telemetry_schema import telemetry
from .together import Together

T = TypeVar("T")

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT: Final = 15.0
_LOOK: Final = 0.00003
_REST: Final = 0.5
"""Seconds after which an idle connection is tried before it is used."""
_MIGRATION_LOCK: Final = 0x6E69726B  # "nirk", the key of PostgreSQL's advisory lock
_FORMS: Final = f"sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; several hosts as {patient.SEVERAL}"
_SCHEMAS: Final = {"core": core, "telemetry": telemetry}
_SAFE_PATCHES: Final = {(3, 44): 6, (3, 50): 7, (3, 51): 3}


def safe_sqlite(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite keeps a WAL whole under several writers."""
    branch, patch = version[:2], version[2]
    if branch in _SAFE_PATCHES:
        return patch >= _SAFE_PATCHES[branch]
    return branch > (3, 51)


class Database:
    """One database. `read` and `write` are its only transactions; `together` shares one among those who come."""

    def __init__(self, name: str, url: str, *, durable: bool, create: bool = True):
        self.name = name
        self._engine, self._driver = _engine(name, url, durable=durable, create=create)
        self._kept: deque[Connection] = deque()
        """Connections of those who have glanced at SQLite, for whoever does next: as many as ever did at a time."""
        self._turn = Turn(Path(f"{self._engine.url.database}-turn")) if self._engine.dialect.name == "sqlite" else None
        self._writer: Connection | None = None
        self._together = Together(self._write_again)
        self._away_since: float | None = None

    @property
    def engine(self) -> Engine:
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with _peer_errors(self.name, self._driver), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # its default shows each statement a newer state
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def glance(self) -> AbstractContextManager[Connection]:
        """For one statement that reads: by itself it sees one state of the database, and no transaction is needed."""
        if self._engine.dialect.name == "postgresql":
            return self._look()
        return _Glance(self.name, self._driver, self._engine, self._kept)

    @contextmanager
    def _look(self) -> Iterator[Connection]:
        with _peer_errors(self.name, self._driver), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block has ended, and undone when it raises.

        PeerError also where PostgreSQL has kept it on one machine alone, as somebody cancelled the wait for a standby:
        then it stands there, but whoever is told so must not be told that it is safe.
        """
        with _peer_errors(self.name, self._driver), self._turn or nullcontext(), self._engine.connect() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                yield connection
            patient.confirmed(self.name, connection)

    def _repeated(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once it is durable; done again where PostgreSQL undid it for reasons that pass: it met
        another (40001, 40P01), or its server went before it was committed. For 5 seconds, of a server that is away
        once for all, so that nobody's threads wait for one that stays so; then PeerError."""
        began, pause = time.monotonic(), patient.PAUSE
        while True:
            committing = False
            try:
                with self._engine.connect() as connection:
                    connection.execution_options(writes=True)
                    with connection.begin():
                        answer = work(connection)
                        committing = True
                    patient.confirmed(self.name, connection)
            except self._driver.failures as error:
                passing = self._driver.passing(error, committing=committing)
                since = began
                if passing is Passing.SERVER:
                    self._engine.dispose()  # the others go to the server that was
                    since = self._away_since = self._away_since or time.monotonic()
                if passing is None or time.monotonic() + pause > since + patient.REPEATED:
                    raise
            else:
                self._away_since = None
                return answer
            time.sleep(pause)
            pause = min(2 * pause, patient.LONGEST_PAUSE)

    @contextmanager
    def _write_again(self) -> Iterator[Connection]:
        """As `write`, over a connection that stays open, whose pages SQLite knows. One thread at a time."""
        with _peer_errors(self.name, self._driver), self._turn or nullcontext():
            if self._writer is None:
                self._writer = self._engine.connect().execution_options(writes=True)
            try:
                with self._writer.begin():
                    yield self._writer
            except self._driver.failures:
                self._writer.close()
                self._writer = None
                raise

    def together(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once it is durable: like `write`, in a transaction that others may share, and repeated
        where it was undone for no fault of its own: it must change nothing but the database. What it raises undoes it
        alone."""
        if self._turn is None:
            with _peer_errors(self.name, self._driver):
                return self._repeated(work)
        with _peer_errors(self.name, self._driver):
            return self._together.do(work)

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._engine.dispose()
        if self._turn is not None:
            self._turn.close()


class Turn:
    """Whose turn it is to write to an SQLite file, among all processes of this machine. A context manager.

    SQLite's own waiting sleeps for up to a tenth of a second between looks, too long where thousands of short
    transactions want in; here the next one is in within a fraction of a millisecond. Whoever ignores it, or waits
    longer than `_BUSY_TIMEOUT`, meets SQLite's own lock.
    """

    def __init__(self, path: Path):
        self._path = path
        self._thread = threading.RLock()
        self._depth = 0
        self._file: int | None = None
        self._owner = 0

    def __enter__(self) -> None:
        self._thread.acquire()
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
        deadline = time.monotonic() + _BUSY_TIMEOUT
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


@contextmanager
def _peer_errors(name: str, driver: Driver) -> Iterator[None]:
    try:
        yield
    except driver.failures as error:
        raise driver.told(name, error) from error


class _Glance:
    """A look with a connection that stays open; written out, for RADIUS does it for every batch.

    A connection is whose turn it is, and no thread's for good: a portal has more threads than the engine has
    connections.
    """

    __slots__ = ("_connection", "_driver", "_engine", "_kept", "_name")

    def __init__(self, name: str, driver: Driver, engine: Engine, kept: "deque[Connection]"):
        self._name = name
        self._driver = driver
        self._engine = engine
        self._kept = kept

    def __enter__(self) -> Connection:
        try:
            self._connection = self._kept.pop()
        except IndexError:
            try:
                self._connection = self._engine.connect()
            except self._driver.failures as error:
                raise self._driver.told(self._name, error) from error
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if self._connection.in_transaction():
                self._connection.rollback()
        except self._driver.failures as failure:
            self._connection.invalidate()
            raise self._driver.told(self._name, failure) from failure
        self._kept.append(self._connection)
        if isinstance(error, self._driver.failures):
            raise self._driver.told(self._name, error) from error


def _looked_after(engine: Engine, driver: Driver) -> Engine:
    """Connections that have rested are tried before they are used: a server that restarted costs nobody an error.

    `pool_pre_ping` does it each time, which is a round trip for every batch of RADIUS requests.
    """

    @event.listens_for(engine, "checkin")
    def _rested(_connection: Any, record: Any) -> None:
        record.info["rests"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _tried(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("rests", inf) > _REST:
            try:
                engine.dialect.do_ping(connection)
            except driver.failures as error:
                raise DisconnectionError from error  # the pool takes a new one

    return engine


def _engine(name: str, url: str, *, durable: bool, create: bool) -> tuple[Engine, Driver]:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # neither is shown: it holds the URL, and a password
        raise ConfigError(f"the URL of the {name} database is not understood; write {_FORMS}") from None
    if parsed.get_backend_name() == "postgresql":
        driver = postgresql()
        engine = create_engine(patient.url(name, parsed))
        patient.prepare(name, engine)
        return _looked_after(engine, driver), driver
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ConfigError(f"the {name} database must be sqlite:///PATH or postgresql://…, not {parsed.drivername}")
    if not safe_sqlite(sqlite.sqlite_version_info):
        raise StoreError(f"SQLite {sqlite.sqlite_version} can corrupt a database under several writers; need 3.51.3")
    if not create and not Path(parsed.database).exists():
        raise ConfigError(
            f"there is no city in {Path(parsed.database).parent}: it has no {Path(parsed.database).name}. Is --state, "
            "or HOTSPOT_STATE, the right folder? A new city begins with `hotspot activate` or `hotspot up`"
        )
    try:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(parsed.database).touch(mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"{parsed.database} cannot be opened: {error.strerror}; run as the user who owns it"
        ) from error
    try:
        # No bound: connections of glances stay open, and nobody who reads or writes shall wait for one of them.
        engine = create_engine(parsed, module=sqlite, connect_args={"timeout": _BUSY_TIMEOUT}, max_overflow=-1)
    except NoSuchModuleError as error:
        raise ConfigError(f"the {name} database: {error}") from error
    synchronous = "FULL" if durable else "NORMAL"

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below starts every transaction
        room = "cache_size=-32768"  # its own 2 MB hold the indexes of a village
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", room):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        cursor(connection).execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine, SQLITE


def exists(settings: Settings) -> bool:
    """Whether the core database was ever made; a server's is there for whoever names it."""
    try:
        url = make_url(settings.core_url)
    except (ArgumentError, ValueError):
        return True  # opening it says what is wrong with it
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


class Store:
    """The two databases of an installation."""

    def __init__(self, core: Database, telemetry: Database):
        self.core = core
        self.telemetry = telemetry

    @classmethod
    def open(cls, settings: Settings, *, migrate: bool = True, create: bool = True) -> "Store":
        """The stores that the settings name, brought up to date where needed, and made where `create` says so.

        ConfigError for a URL that cannot be used, PeerError for a server that is away, StoreError for a schema that a
        newer version has made.
        """
        store = cls(
            Database("core", settings.core_url, durable=True, create=create),
            Database("telemetry", settings.telemetry_url, durable=False, create=create),
        )
        for database in (store.core, store.telemetry):
            if migrate:
                migrate_database(database, create=create)
        if settings.has_keys:
            store.core.engine.update_execution_options(**{KEY_OPTION: settings.keys().derive(PURPOSE)})
        return store

    def close(self) -> None:
        self.core.close()
        self.telemetry.close()


def migrate_database(database: Database, *, create: bool = True) -> None:
    """Brings one database to this version's schema; only one process at a time does it. ConfigError for an empty one
    where nothing is to be made."""
    name = database.name
    newest = max(script.stem for script in (_MIGRATIONS / name / "versions").glob("[0-9]*.py"))[:4]
    with database.read() as connection:
        version = _schema_version(connection, name)
        if version == newest:
            _check_shape(connection, name)
            return
    if version is None and not create:
        raise ConfigError(
            f"the {name} database is empty: is its URL the right one? A new city begins with `hotspot activate` or "
            "`hotspot up`"
        )
    from .upgrade import upgrade  # noqa: PLC0415 - Alembic takes longer to load than most commands to run

    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        upgrade(connection, name, _MIGRATIONS / name, _schema_version(connection, name))
        _check_shape(connection, name)


def _check_shape(connection: Connection, name: str) -> None:
    """StoreError for a schema that is not what its version says: one that was made by hand, or by no release."""
    if found := differences(connection, _SCHEMAS[name]):
        raise StoreError(
            f"the {name} database says that its schema is version {_schema_version(connection, name)}, and is not of "
            f"that version: {'; '.join(found[:5])}. It was changed by hand, or made by a version between releases: "
            "restore a backup, or bring it to that version by hand"
        )


def _schema_version(connection: Connection, name: str) -> str | None:
    """The newest migration that a database has been through; None for an empty one."""
    table = f"alembic_{name}"
    if not inspect(connection).has_table(table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - a name of ours
