"""A store that hangs with its connection open: whoever asks it hears in time, and it serves again when it is back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import Connection, text

from hotspot.errors import PeerError
from hotspot.store.engine import Database
from tests.doubles.network import CutNetworkDouble
from tests.postgres import Cluster

SECONDS = 1.5
WAYS = ("read", "glance", "write", "together")


def ask(database: Database, way: str) -> None:
    """A statement, in each of the ways there are."""

    def work(connection: Connection) -> None:
        connection.execute(text("UPDATE n SET value = value + 1" if way in ("write", "together") else "TABLE n"))

    if way == "together":
        database.together(work)
        return
    with getattr(database, way)() as connection:
        work(connection)


def told(work: Callable[[], object]) -> BaseException | None:
    """What a work raises; it must end."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert raised, "it hangs"
    return raised[0]


@pytest.fixture
def url(cluster: Cluster) -> str:
    server = cluster.start()
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE n (value int)")
        connection.execute("INSERT INTO n VALUES (0)")
    return url


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """With a connection that waits to be used."""
    database = Database("core", url, durable=True, seconds=SECONDS)
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
    try:
        yield database
    finally:
        database.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_stopped_is_away(url: str, cluster: Cluster, way: str) -> None:
    with opened(url) as database:
        with cluster.hanging():
            first, second = told(lambda: ask(database, way)), told(lambda: ask(database, way))
        assert isinstance(first, PeerError)
        assert isinstance(second, PeerError), "a new connection cannot be had, either"
        assert told(lambda: ask(database, way)) is None


@pytest.mark.parametrize("way", WAYS)
def test_in_the_midst_of_a_transaction(url: str, cluster: Cluster, way: str) -> None:
    def halfway(stop: AbstractContextManager[None]) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            connection.execute(text("SELECT 1"))
            with stop:
                connection.execute(text("SELECT 2"))

        return work

    def run(database: Database) -> None:
        if way == "together":
            database.together(halfway(cluster.hanging()))
            return
        with getattr(database, way)() as connection:
            halfway(cluster.hanging())(connection)

    with opened(url) as database:
        error = told(lambda: run(database))
        assert isinstance(error, PeerError)
        assert "within 1.5 seconds" in str(error)
        assert told(lambda: ask(database, way)) is None


@pytest.mark.parametrize("way", WAYS)
def test_a_locked_table_is_away(url: str, way: str) -> None:
    with opened(url) as database, psycopg.connect(url) as other:
        other.execute("LOCK TABLE n IN ACCESS EXCLUSIVE MODE")
        error = told(lambda: ask(database, way))
        assert isinstance(error, PeerError)
        assert "lock timeout" in str(error)
        other.rollback()
        assert told(lambda: ask(database, way)) is None


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_is_cut(url: str, way: str) -> None:
    head, _, folder = url.partition("@/")
    name, _, folder = folder.partition("?host=")
    network = CutNetworkDouble(f"{folder}/.s.PGSQL.5432")
    try:
        with opened(f"{head}@127.0.0.1:{network.port}/{name}") as database:
            network.cut()
            first, second = told(lambda: ask(database, way)), told(lambda: ask(database, way))
            assert (type(first), type(second)) == (PeerError, PeerError)
            network.mend()
            assert told(lambda: ask(database, way)) is None
    finally:
        network.close()


def test_what_nobody_waits_for_ends_at_the_server_too(url: str, cluster: Cluster) -> None:
    """A transaction that was cut holds no row for long: whoever comes after must not wait for it."""
    with opened(url) as database, psycopg.connect(url, autocommit=True) as admin:

        def hold() -> None:
            with database.write() as connection:
                connection.execute(text("UPDATE n SET value = 7"))
                connection.execute(text("SELECT pg_sleep(600)"))

        assert isinstance(told(hold), PeerError)
        assert told(lambda: admin.execute("UPDATE n SET value = 8")) is None


def test_whoever_finds_no_connection_free_hears_it(url: str) -> None:
    """A portal has more threads than connections; when all are taken the others are told, too."""
    over, taken = threading.Event(), threading.Semaphore(0)

    def hold(database: Database) -> None:
        with database.read() as connection:
            connection.execute(text("SELECT 1"))
            taken.release()
            over.wait(60)

    with opened(url) as database:
        threads = [threading.Thread(target=told, args=(lambda: hold(database),)) for _ in range(15)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert taken.acquire(timeout=60)
        assert isinstance(told(lambda: ask(database, "read")), PeerError)
        over.set()
        for thread in threads:
            thread.join()


def test_a_migration_may_take_longer(url: str) -> None:
    with opened(url) as database, database.write(seconds=600) as connection:
        connection.execute(text("SELECT pg_sleep(2 * :seconds)"), {"seconds": SECONDS})


def test_threads_of_one_process_wait_for_each_other_no_longer(tmp_path: Path) -> None:
    """SQLite: somebody holds the file, and several threads want to write."""
    path = tmp_path / "n.db"
    database = Database("core", f"sqlite:///{path}", durable=True, seconds=SECONDS)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE n (value int)"))
    locker = sqlite.connect(str(path), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    found: list[BaseException | None] = []
    ways = ["write", "together"] * 6
    threads = [threading.Thread(target=lambda way=way: found.append(told(lambda: ask(database, way)))) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {type(error) for error in found} == {PeerError}
    assert len(found) == len(ways)
    locker.execute("ROLLBACK")
    locker.close()
    assert told(lambda: ask(database, "write")) is None
    database.close()
