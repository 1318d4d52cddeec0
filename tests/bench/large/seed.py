"""Fills a core database with years of a city's visits, as fast as the engine inserts: a row of each kind a visit.

Rows are made by the database itself, with foreign keys unchecked meanwhile: they are made to fit. Visits are spread
evenly over the last 120 days; everybody comes four times, one after the other. Personal values are no real ones:
nothing opens them.
"""

# ruff: noqa: S608 - the statements are made of this file's own words

from typing import Final

from sqlalchemy import Connection, text

from hotspot.store.engine import Database

SPAN: Final = 120 * 86400
"""Seconds over which the visits are spread."""
_BATCH: Final = 1000
"""Vouchers of a batch."""
_RUNNING: Final = 1000
"""One visit in so many is still there: the newest ones."""

_SQLITE: Final = {
    "series": "(WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {count})"
    " SELECT i FROM s) n",
    "id": "printf('%012x%020x', {at}, {i})",
    "bytes": "CAST(printf('{salt}%031d', {i}) AS BLOB)",
    "no": "0",
    "yes": "1",
}
_POSTGRESQL: Final = {
    "series": "generate_series(0, {count} - 1) AS n (i)",
    "id": "lpad(to_hex({at}), 12, '0') || lpad(to_hex({i}), 20, '0')",
    "bytes": "convert_to('{salt}' || lpad(({i})::text, 31, '0'), 'UTF8')",
    "no": "false",
    "yes": "true",
}


def seed(database: Database, visits: int, now: int) -> None:
    """So many visits, vouchers and orders, and a quarter as many persons and devices."""
    words = _SQLITE if database.engine.dialect.name == "sqlite" else _POSTGRESQL
    people = -(-visits // 4)

    def series(count: int) -> str:
        return words["series"].format(count=count)

    def name(i: str, at: int) -> str:
        return words["id"].format(i=i, at=at)

    def data(i: str, salt: str) -> str:
        return words["bytes"].format(i=i, salt=salt)

    began = f"({now - SPAN} + i * {SPAN // max(1, visits)})"
    met = f"({now - SPAN} + 4 * i * {SPAN // max(1, visits)})"
    whose, device = name("i / 4", 1), name("i / 4", 2)
    ended = f"CASE WHEN i >= {visits - visits // _RUNNING} THEN NULL ELSE {began} + 1800 END"
    site, gateway = "'site-' || (i % 50)", "'gw-' || (i % 50)"
    statements = [
        f"INSERT INTO person (id, kind, created_at) SELECT {name('i', 1)}, 'phone', {met} FROM {series(people)}",
        f"INSERT INTO identity (person_id, kind, lookup, sealed) SELECT {name('i', 1)}, 'phone', {data('i', 'p')},"
        f" {data('i', 's')} FROM {series(people)}",
        f"INSERT INTO device (id, lookup, sealed, randomised, first_seen) SELECT {name('i', 2)}, {data('i', 'd')},"
        f" {data('i', 's')}, {words['no']}, {met} FROM {series(people)}",
        "INSERT INTO access_grant (id, person_id, device_id, site, gateway, plan, method, language, revision,"
        f" starts_at, ends_at, idle, interim) SELECT {name('i', 3)}, {whose}, {device}, {site}, {gateway}, 'umum',"
        f" 'code', 'id', 1, {began}, {began} + 3600, 900, 300 FROM {series(visits)}",
        f"INSERT INTO ticket (id, grant_id, gateway, expires_at) SELECT {name('i', 4)}, {name('i', 3)}, {gateway},"
        f" {began} + 60 FROM {series(visits)}",
        "INSERT INTO session (id, gateway, acct_session_id, device_id, ticket_id, grant_id, person_id, site,"
        " started_at, last_at, seconds, down, up, ended_at, start_seen, latest_start, last_bytes, heard)"
        f" SELECT {name('i', 5)}, {gateway}, 'a' || i, {device}, {name('i', 4)}, {name('i', 3)}, {whose}, {site},"
        f" {began}, {began} + 1800, 1800, 100, 10, {ended}, {words['yes']}, {began}, 110, 1 FROM {series(visits)}",
        "INSERT INTO voucher (id, lookup, batch, serial, site, plan, created_at, expires_at, valid) SELECT"
        f" {name('i', 6)}, {data('i', 'v')}, {name(f'i / {_BATCH}', 7)}, i % {_BATCH} + 1, {site}, 'umum',"
        f" {now - SPAN} + i / {_BATCH}, {now + SPAN}, 86400 FROM {series(visits)}",
        "INSERT INTO session_order (id, kind, session_id, gateway, channel, reason, created_at, expires_at, due_at,"
        f" attempts, state, finished_at) SELECT {name('i', 8)}, 'disconnect', {name('i', 5)}, {gateway}, 'coa', 'plan',"
        f" {began}, {began} + 60, {began}, 1, 'done', {began} + 1 FROM {series(visits // 10)}",
    ]
    with database.write(seconds=3600) as connection:
        _unchecked(connection)
        for statement in statements:
            connection.execute(text(statement.replace(":", "\\:")))
    with database.write(seconds=3600) as connection:
        connection.execute(text("ANALYZE"))


def _unchecked(connection: Connection) -> None:
    """No foreign keys in this transaction: on SQLite they are checked when it ends."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    else:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
