"""The few places where SQLite and PostgreSQL need different words for the same statement.

Hot statements run on the driver's own cursor (`run`): SQLAlchemy Core costs 30 to 70 microseconds a statement (and
more where it is built anew), and RADIUS and the portal answer thousands of requests in a second.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, text
from sqlalchemy.dialects import postgresql, sqlite


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, for this connection's database."""
    return postgresql.insert(table) if is_postgresql(connection) else sqlite.insert(table)


def begins(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether an id, in lower-case hex, begins so; by its index, which LIKE does not use on either engine."""
    return and_(column >= prefix, column < prefix + "g", column.startswith(prefix, autoescape=True))


def lock(connection: Connection, keys: set[str]) -> None:
    """Holds these names until the transaction ends. SQLite's one writer holds them already."""
    if is_postgresql(connection):
        for key in sorted(keys):
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def driver(connection: Connection) -> Any:
    """The driver's own connection, in this one's transaction. Either driver's has `execute`, which gives a cursor."""
    return connection.connection.dbapi_connection


def clock(connection: Connection) -> float:
    """UTC seconds by the database's own clock; SQLite's is the machine's."""
    if not is_postgresql(connection):
        return time.time()
    return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())


def cursor(connection: Connection) -> Any:
    """A cursor of the driver, inside this connection's transaction."""
    return driver(connection).cursor()


_as_json: Final[Callable[[list[str]], str]] = json.JSONEncoder(check_circular=False).encode
_SQLITE: Final = {
    "among": "IN (SELECT value FROM json_each(?))",
    "pairs": "json_each(?) a",
    "unhex": "unhex(a.value)",
    "least": "min",
    "greatest": "max",
    "binary": "COLLATE BINARY",
}
_POSTGRESQL: Final = {
    "among": "= ANY (?::text[])",
    "pairs": "(SELECT value, n - 1 AS key FROM unnest(?::text[]) WITH ORDINALITY AS u (value, n)) a",
    "unhex": "decode(a.value, 'hex')",
    "least": "LEAST",
    "greatest": "GREATEST",
    "binary": 'COLLATE "C"',
}


class Statement:
    """One text for both engines. `?` is a parameter; `{among}`, for one of many texts, and `{pairs}`, a table `a` of
    `key` (position) and `value`, take one that `listed` makes; `{unhex}` is a.value's bytes; `{least}` and `{greatest}`
    are functions of numbers, `{binary}` the collation in which Python compares texts.
    """

    def __init__(self, template: str, **parts: str):
        """`parts` are put into the text as they are: names of columns and the like."""
        self._sqlite = template.format(**_SQLITE, **parts)
        self._postgresql = template.format(**_POSTGRESQL, **parts).replace("?", "%s")

    def of(self, connection: Connection) -> str:
        return self._postgresql if is_postgresql(connection) else self._sqlite


def run(connection: Connection, statement: Statement, *parameters: object) -> Any:
    """The driver's cursor on which a statement has run."""
    return driver(connection).execute(statement.of(connection), parameters)


def listed(connection: Connection, values: Iterable[str]) -> str:
    """The parameter of a statement's `{among}` or `{pairs}`."""
    return text_array(values) if is_postgresql(connection) else _as_json(list(values))


def text_array(values: Iterable[str | None]) -> str:
    """A PostgreSQL array literal of texts; by far cheaper than an adapted list."""
    return "{" + ",".join("NULL" if value is None else _quoted(value) for value in values) + "}"


def plain_array(values: Iterable[int | None]) -> str:
    """A PostgreSQL array literal of numbers or truth values."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
