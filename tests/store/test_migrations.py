"""Stores of every earlier version become this one's; those of no version are refused with what differs."""

import hashlib
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from hotspot.errors import StoreError
from hotspot.settings import Settings
from hotspot.store import Store, audit
from hotspot.store.engine import Database
from hotspot.store.schema import core
from hotspot.store.shape import differences
from hotspot.store.telemetry_schema import telemetry

FOLDER = Path(__file__).parents[2] / "hotspot" / "store" / "migrations"
RELEASED = Path(__file__).parent / "released"
"""Schemas as they were made, with some rows: NAME-NUMBER.ENGINE.sql. Files are added to it, never changed."""
SCHEMAS = {"core": core, "telemetry": telemetry}


def versions(name: str) -> list[str]:
    return sorted(path.stem[:4] for path in (FOLDER / name / "versions").glob("[0-9]*.py"))


def migrated(database: Database, name: str, number: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER / name))
    config.set_main_option("version_table", f"alembic_{name}")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, number)


def shape(store: Store) -> dict[str, list[str]]:
    found = {}
    for database in (store.core, store.telemetry):
        with database.read() as connection:
            found[database.name] = differences(connection, SCHEMAS[database.name])
    return found


@pytest.mark.parametrize(("name", "number"), [(name, number) for name in SCHEMAS for number in versions(name)])
def test_every_version_leads_to_this_one(settings: Settings, name: str, number: str) -> None:
    before = Store.open(settings, migrate=False)
    migrated(before.core if name == "core" else before.telemetry, name, number)
    before.close()
    store = Store.open(settings)
    assert shape(store) == {"core": [], "telemetry": []}
    store.close()


def test_numbers_follow_one_another() -> None:
    for name in SCHEMAS:
        numbers = versions(name)
        assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("number", ["0001"])
def test_a_released_store_is_upgraded_and_keeps_what_it_had(settings: Settings, number: str) -> None:
    before = Store.open(settings, migrate=False)
    engine = before.core.engine.dialect.name
    for database in (before.core, before.telemetry):
        script = (RELEASED / f"{database.name}-{number}.{engine}.sql").read_text()
        with database.write() as connection:
            if engine == "sqlite":
                for statement in script.split(";\n\n"):
                    connection.exec_driver_sql(statement)
            else:
                connection.exec_driver_sql(script)
                connection.exec_driver_sql("SET search_path = public")
    before.close()
    store = Store.open(settings)
    assert shape(store) == {"core": [], "telemetry": []}
    with store.core.write() as connection:
        audit.record(connection, "ani", "apply", "tk2-ap1", 200)
    with store.core.read() as connection:
        [told] = audit.verify(connection)
    assert (told.entries, told.unkeyed, told.fault) == (3, 2, "")
    store.close()


def test_released_migrations_are_never_edited() -> None:
    """A store that was made by one is not made again: what changes comes as the next number."""
    known = dict(line.split() for line in (RELEASED / "migrations.sha256").read_text().splitlines())
    found = {path: hashlib.sha256((FOLDER / path).read_bytes()).hexdigest() for path in known}
    assert found == known


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE identity RENAME COLUMN sealed TO hidden", "identity has no column sealed"),
        ("DROP TABLE attempt", "there is no table attempt"),
        ("DROP INDEX ix_ticket_grant_id", "there is no index ix_ticket_grant_id"),
        ("ALTER TABLE attempt ADD COLUMN more INTEGER NOT NULL DEFAULT 0", "attempt.more is unknown"),
        ("audit trigger", "there is no trigger audit_"),
    ],
)
def test_a_store_of_no_version_is_refused_with_what_differs(
    settings: Settings, store: Store, statement: str, told: str
) -> None:
    engine = store.core.engine.dialect.name
    if statement == "audit trigger":
        on_sqlite = "DROP TRIGGER audit_no_update"
        statement = on_sqlite if engine == "sqlite" else "ALTER TABLE audit DISABLE TRIGGER ALL"
    with store.core.write() as connection:
        connection.execute(text(statement))
    with pytest.raises(StoreError, match="is not of that version") as refused:
        Store.open(settings)
    assert told in str(refused.value)


def test_what_an_admin_adds_for_speed_does_no_harm(settings: Settings, store: Store) -> None:
    with store.core.write() as connection:
        connection.execute(text("CREATE INDEX ours ON session (gateway, started_at)"))
        connection.execute(text("ALTER TABLE attempt ADD COLUMN note TEXT"))
    Store.open(settings).close()
