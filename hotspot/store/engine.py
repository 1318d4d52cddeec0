"""Opening the two databases, on SQLite or PostgreSQL, and bringing their schema up to date."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hotspot.errors import ConfigError, StoreError
from hotspot.settings import Settings

from . import deadline, local, patient
from .audit import KEY_OPTION, PURPOSE
from .deadline import Deadlines, was_cut
from .driver import SQLITE, Driver, Passing, postgresql
from .local import Turn
from .portable import driver as driver_of
from .schema import core
from .shape import differences
from .telemetry_schema import telemetry
from .together import Together

T = TypeVar("T")

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x6E69726B  # "nirk", the key of PostgreSQL's advisory lock
_FORMS: Final = f"sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE; several hosts as {patient.SEVERAL}"
_SCHEMAS: Final = {"core": core, "telemetry": telemetry}


class Database:
    """One database. `read` and `write` are its only transactions; `together` shares one among those who come."""

    def __init__(self, name: str, url: str, *, durable: bool, create: bool = True, seconds: float = deadline.TERMINAL):
        """`seconds` are what a transaction may take; then PeerError, whatever the server does (`store.deadline`)."""
        self.name = name
        self._deadlines = Deadlines(seconds)
        self._engine, self._driver = _engine(name, url, self._deadlines, durable=durable, create=create)
        self._kept: deque[Connection] = deque()
        """Connections of those who have glanced at SQLite, for whoever does next: as many as ever did at a time."""
        on_sqlite = self._engine.dialect.name == "sqlite"
        self._turn = Turn(Path(f"{self._engine.url.database}-turn"), seconds) if on_sqlite else None
        self._writer: Connection | None = None
        self._together = Together(self._write_again)
        self._away_since: float | None = None

    @property
    def engine(self) -> Engine:
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with self._connected() as connection:
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
        with self._connected() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def write(self, *, seconds: float | None = None) -> Iterator[Connection]:
        """A transaction that is durable when the block has ended, and undone when it raises. It may take `seconds`
        where it is none of the usual ones.

        PeerError also where PostgreSQL has kept it on one machine alone, as somebody cancelled the wait for a standby:
        then it stands there, but whoever is told so must not be told that it is safe.
        """
        with self._turn or nullcontext(), self._connected() as connection:
            connection.execution_options(writes=True)
            with connection.begin():
                if seconds is not None and connection.dialect.name == "postgresql":
                    self._deadlines.extend(driver_of(connection), seconds)
                    patient.extend(connection, seconds)
                yield connection
            patient.confirmed(self.name, connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection whose errors are ours: what the driver raises, and what became of one that took too long."""
        with _peer_errors(self.name, self._driver), self._engine.connect() as connection, self._in_time(connection):
            yield connection

    @contextmanager
    def _in_time(self, connection: Connection) -> Iterator[None]:
        """PeerError says so where a transaction took too long."""
        info = connection.info
        try:
            yield
        except self._driver.failures as error:
            if was_cut(info):
                self._engine.dispose()  # the others in the pool are as dead; each would be found out as slowly
                raise patient.late(self.name, self._deadlines.seconds) from error
            raise

    def _repeated(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once it is durable; done again where PostgreSQL undid it for reasons that pass: it met
        another (40001, 40P01), or its server went before it was committed. For 5 seconds, of a server that is away
        once for all, so that nobody's threads wait for one that stays so; then PeerError. One that has not answered in
        time is not asked again."""
        began, pause = time.monotonic(), patient.PAUSE
        while True:
            committing = False
            try:
                with self._engine.connect() as connection, self._in_time(connection):
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
        self._deadlines.close()
        if self._turn is not None:
            self._turn.close()


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


def _engine(name: str, url: str, deadlines: Deadlines, *, durable: bool, create: bool) -> tuple[Engine, Driver]:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # neither is shown: it holds the URL, and a password
        raise ConfigError(f"the URL of the {name} database is not understood; write {_FORMS}") from None
    if parsed.get_backend_name() == "postgresql":
        found = postgresql()
        return patient.engine(name, parsed, deadlines, found), found
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ConfigError(f"the {name} database must be sqlite:///PATH or postgresql://…, not {parsed.drivername}")
    return local.engine(name, parsed, durable=durable, create=create, seconds=deadlines.seconds), SQLITE


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
    def open(
        cls, settings: Settings, *, migrate: bool = True, create: bool = True, seconds: float = deadline.TERMINAL
    ) -> "Store":
        """The stores that the settings name, brought up to date where needed, and made where `create` says so. Their
        transactions may take so many `seconds` (`store.deadline`).

        ConfigError for a URL that cannot be used, PeerError for a server that is away, StoreError for a schema that a
        newer version has made.
        """
        store = cls(
            Database("core", settings.core_url, durable=True, create=create, seconds=seconds),
            Database("telemetry", settings.telemetry_url, durable=False, create=create, seconds=seconds),
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

    with database.write(seconds=deadline.MIGRATION) as connection:
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
