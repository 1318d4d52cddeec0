"""Opening, migrating and writing, on both engines."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from hotspot.errors import ConfigError, PeerError, StoreError
from hotspot.settings import MASTER_KEY, Settings
from hotspot.store import Store, schema, telemetry_schema
from hotspot.store.engine import migrate_database
from hotspot.store.local import safe_sqlite
from tests.conftest import settings_in

VARIABLES = (MASTER_KEY, "HOTSPOT_CORE_URL", "HOTSPOT_TELEMETRY_URL")

OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from hotspot.settings import Settings
from hotspot.store import Store
sys.stdin.readline()
Store.open(Settings.load(Path(sys.argv[1]))).close()
"""

COUNT_UP = """
import sys
from pathlib import Path
from sqlalchemy import text
from hotspot.settings import Settings
from hotspot.store import Store
store = Store.open(Settings.load(Path(sys.argv[1])))
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with store.core.write() as connection:
        row = connection.execute(text("SELECT value FROM meta WHERE name = 'n'" + sys.argv[3])).one()
        connection.execute(text("UPDATE meta SET value = :v WHERE name = 'n'"), {"v": str(int(row[0]) + 1).encode()})
store.close()
"""


def environment(settings: Settings) -> Mapping[str, str]:
    """What another process needs to open the same store."""
    return {name: settings.environment[name] for name in VARIABLES if name in settings.environment}


def together(code: str, settings: Settings, *arguments: str, processes: int = 2) -> list[str]:
    """Runs the code in several processes that start their work at once. Their stderr."""
    command = [sys.executable, "-c", code, str(settings.state), *arguments]
    running = [
        subprocess.Popen(command, env=environment(settings), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    complaints = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * processes, complaints
    return complaints


def test_what_is_written_is_there_for_the_next_who_opens(settings: Settings) -> None:
    store = Store.open(settings)
    with store.core.write() as connection:
        connection.execute(schema.meta.insert(), {"name": "n", "value": b"\x00\xff"})
    store.close()
    store = Store.open(settings)
    with store.core.read() as connection:
        assert connection.execute(schema.meta.select()).all() == [("n", b"\x00\xff")]
    store.close()


def test_more_threads_glance_than_there_are_connections(store: Store) -> None:
    """A portal has two dozen threads that live on after a look: none keeps a connection that another needs."""
    looked, over = threading.Barrier(41, timeout=60), threading.Event()

    def look() -> None:
        with store.core.glance() as connection:
            connection.execute(text("SELECT 1"))
        looked.wait()
        over.wait(60)

    threads = [threading.Thread(target=look) for _ in range(40)]
    for thread in threads:
        thread.start()
    looked.wait()
    with store.core.write() as connection:
        connection.execute(schema.meta.insert(), {"name": "n", "value": b"1"})
    over.set()
    for thread in threads:
        thread.join()


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    def half_done() -> None:
        with store.core.write() as connection:
            connection.execute(schema.meta.insert(), {"name": "n", "value": b"1"})
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        half_done()
    with store.core.read() as connection:
        assert connection.execute(schema.meta.select()).all() == []


def test_migrating_again_changes_nothing(store: Store) -> None:
    for name, database in (("core", store.core), ("telemetry", store.telemetry)):
        stands = []
        for _ in range(2):
            with database.read() as connection:
                context = MigrationContext.configure(connection, opts={"version_table": f"alembic_{name}"})
                stands.append(context.get_current_heads())
            migrate_database(database)
        assert stands[0] == stands[1] != ()


@pytest.mark.parametrize("name", ["core", "telemetry"])
def test_migrations_make_the_schema_that_the_statements_use(store: Store, name: str) -> None:
    database = getattr(store, name)
    metadata = {"core": schema.core, "telemetry": telemetry_schema.telemetry}[name]
    with database.read() as connection:
        options = {"version_table": f"alembic_{name}", "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_processes_may_start_at_the_same_moment(settings: Settings) -> None:
    assert together(OPEN_AND_CLOSE, settings, processes=4) == [""] * 4, "nobody complains"
    Store.open(settings, migrate=False).close()


def test_a_schema_of_a_newer_version_is_refused(settings: Settings, store: Store) -> None:
    with store.core.write() as connection:
        connection.execute(text("UPDATE alembic_core SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version \\(9999\\)"):
        Store.open(settings)


def test_writers_wait_for_each_other_and_lose_nothing(settings: Settings, store: Store) -> None:
    with store.core.write() as connection:
        connection.execute(schema.meta.insert(), {"name": "n", "value": b"0"})
    lock = " FOR UPDATE" if settings.core_url.startswith("postgresql") else ""
    together(COUNT_UP, settings, "150", lock)
    with store.core.read() as connection:
        assert connection.execute(schema.meta.select()).one().value == b"300"


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_sqlite_versions_that_corrupt_a_wal_are_refused(version: tuple[int, int, int], safe: bool) -> None:
    assert safe_sqlite(version) is safe


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "no url", "core.db"])
def test_a_url_that_cannot_be_used_is_the_admins_mistake(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="core database"):
        Store.open(settings_in(tmp_path, HOTSPOT_CORE_URL=url))


def test_a_server_that_is_away_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="core database does not answer"):
        Store.open(settings_in(tmp_path, HOTSPOT_CORE_URL=f"postgresql:///x?host={tmp_path}"))
