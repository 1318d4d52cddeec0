"""PostgreSQL beyond one machine: several hosts, transactions that meet, a standby that does not confirm, a pooler."""

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from hotspot.errors import ConfigError, PeerError
from hotspot.store.engine import Database
from tests.node import free_port
from tests.postgres import Cluster, _as_another_user, binaries, running
from tests.slow import wait_until

# -- several hosts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hush@a,b/db",
        "postgresql://u:hush@a:5432,b:5432/db",
        "postgresql://u:hush@a:port/db",
        "postgresql://u:hush@[::1/db",
    ],
)
def test_a_url_that_is_not_understood_says_how_to_write_it_and_no_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database("core", url, durable=True)
    assert "@/DATABASE?host=A:5432&host=B:5432" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_of_several_hosts_the_one_that_takes_writes_is_used(fresh_postgres: Callable[[], str]) -> None:
    url = fresh_postgres()
    head, _, folder = url.partition("?host=")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE n (value int)")
    database = Database("core", f"{head}?host=/nowhere:5432&host={folder}:5432", durable=True)
    with database.write() as connection_:
        connection_.execute(text("INSERT INTO n VALUES (1)"))
        assert connection_.execute(text("SHOW transaction_read_only")).scalar() == "off"
    database.close()


# -- transactions that meet ----------------------------------------------------------------------------------------


@pytest.fixture
def database(fresh_postgres: Callable[[], str]) -> Iterator[Database]:
    """With a table of two rows."""
    url = fresh_postgres()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE n (id int PRIMARY KEY, value int)")
        connection.execute("INSERT INTO n VALUES (1, 0), (2, 0)")
    made = Database("core", url, durable=True)
    yield made
    made.close()


def _sum(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT sum(value) FROM n")).scalar_one())


def _all(*works: Callable[[], object]) -> list[BaseException]:
    """What the works raise, each in a thread."""
    raised: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


def test_a_deadlock_is_undone_and_done_again(database: Database) -> None:
    both = threading.Barrier(2)

    def work(first: int, second: int) -> Callable[[], object]:
        tries = []

        def change(connection: Connection) -> None:
            tries.append(1)
            connection.execute(text("UPDATE n SET value = value + 1 WHERE id = :id"), {"id": first})
            if len(tries) == 1:
                both.wait(30)
            connection.execute(text("UPDATE n SET value = value + 1 WHERE id = :id"), {"id": second})

        return lambda: database.together(change)

    assert _all(work(1, 2), work(2, 1)) == []
    assert _sum(database) == 4


def test_what_cannot_be_serialized_is_done_again(database: Database) -> None:
    both = threading.Barrier(2)

    def work() -> object:
        tries = []

        def change(connection: Connection) -> None:
            tries.append(1)
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
            value = connection.execute(text("SELECT value FROM n WHERE id = 1")).scalar_one()
            if len(tries) == 1:
                both.wait(30)
            connection.execute(text("UPDATE n SET value = :value WHERE id = 1"), {"value": value + 1})

        return database.together(change)

    assert _all(work, work) == []
    assert _sum(database) == 2


def test_what_is_wrong_by_itself_is_not_repeated(database: Database) -> None:
    tries = []

    def wrong(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("INSERT INTO n VALUES (1, 1)"))

    with pytest.raises(Exception, match="refused a value"):
        database.together(wrong)
    assert len(tries) == 1


# -- a server that restarts ----------------------------------------------------------------------------------------


def _add(connection: Connection) -> None:
    connection.execute(text("INSERT INTO n VALUES (1)"))


def test_a_restart_costs_nobody_a_login_and_a_long_one_no_threads(cluster: Cluster) -> None:
    server = cluster.start()
    server.run("CREATE TABLE n (value int)")
    database = Database("core", server.url, durable=True)
    database.together(_add)
    cluster.stop()
    again = threading.Timer(0.5, cluster.start)
    again.start()
    database.together(_add)
    again.join()
    cluster.stop()
    with pytest.raises(PeerError):
        database.together(_add)
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(PeerError):
            database.together(_add)
    assert time.monotonic() - began < 3, "whoever comes later waits no more"
    cluster.start()
    database.together(_add)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM n")).scalar() == 3
    database.close()


# -- a standby that does not confirm -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["write", "together"])
def test_a_wait_for_a_standby_that_is_cancelled_is_no_acknowledgement(way: str) -> None:
    programs = binaries()
    assert programs is not None
    with running(programs, {"fsync": "off"}) as server:
        server.run("CREATE TABLE n (value int)")
        database = Database("core", server.url, durable=True)
        database.together(_add)
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            admin.execute("SELECT pg_reload_conf()")
            wait_until(lambda: admin.execute("SHOW synchronous_standby_names").fetchone() == ("*",), 10)

            def cancelled() -> bool:
                found = admin.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchall()
                for (pid,) in found:
                    admin.execute("SELECT pg_cancel_backend(%s)", (pid,))
                return bool(found)

            def add() -> None:
                if way == "together":
                    database.together(_add)
                else:
                    with database.write() as connection:
                        _add(connection)

            done: list[BaseException] = []

            def until_one_waits() -> None:  # the checkpointer tells the others that there is a standby, in its time
                while not done:
                    done.extend(_all(add))

            thread = threading.Thread(target=until_one_waits)
            thread.start()
            wait_until(cancelled, 20)
            thread.join(30)
            [error] = done
            assert isinstance(error, PeerError)
            assert "one machine alone" in str(error)
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
            wait_until(lambda: admin.execute("SHOW synchronous_standby_names").fetchone() == ("",), 10)
        database.together(_add)  # the next one is its own
        database.close()


# -- a pooler ------------------------------------------------------------------------------------------------------


@contextmanager
def _pgbouncer(server: str) -> Iterator[str]:
    """The URL of a PgBouncer in transaction mode, with two connections to the server for all its clients."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    name, _, host = server.partition("@/")[2].partition("?host=")
    folder, port = Path(tempfile.mkdtemp(prefix="pgb-")), free_port()
    (folder / "ini").write_text(
        f"[databases]\n{name} = host={host} user=nirkabel\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\nlogfile = {folder}/log\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    user = _as_another_user(folder)
    process = subprocess.Popen([*user, program, "-q", str(folder / "ini")], cwd=folder, stderr=subprocess.DEVNULL)
    url = f"postgresql://nirkabel@127.0.0.1:{port}/{name}"

    def answers() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            return False
        return True

    try:
        wait_until(answers, 20)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


def test_behind_a_pooler_no_statement_is_anothers(fresh_postgres: Callable[[], str]) -> None:
    """Eight clients over two connections of the server; each runs statements of its own often enough that psycopg would
    prepare them, under names that the others use for theirs."""
    server = fresh_postgres()
    with _pgbouncer(server) as url:
        databases = [Database("core", url, durable=True) for _ in range(8)]

        def ask(number: int) -> Callable[[], None]:
            def asked() -> None:
                for round_ in range(150):
                    with databases[number].write() as connection:
                        found = connection.execute(text(f"SELECT {number}, :round"), {"round": round_}).one()
                        assert tuple(found) == (number, round_)

            return asked

        assert _all(*(ask(number) for number in range(8))) == []
        for database in databases:
            database.close()
