"""The few places where SQLite and PostgreSQL need different words for the same statement."""

from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, for this connection's database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def lock(connection: Connection, keys: set[str]) -> None:
    """Holds these names until the transaction ends. SQLite's one writer holds them already."""
    if connection.dialect.name == "postgresql":
        for key in sorted(keys):
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
