"""When a gateway's signed redirect was first seen, on any node: most gateways write no time into them.

Kept is a keyed hash of it, for a week.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete

from hotspot.store.portable import Statement, run, upsert
from hotspot.store.schema import arrival_seen

KEPT: Final = 7 * 86400

_FIRST: Final = Statement("SELECT at, sender FROM arrival_seen WHERE mark = ?")


class First(NamedTuple):
    """When a redirect, by its keyed hash, was first seen, and from whom (a keyed hash of their address)."""

    mark: bytes
    at: int
    sender: bytes


def first(connection: Connection, mark: bytes) -> First | None:
    row = run(connection, _FIRST, mark).fetchone()
    return None if row is None else First(mark, row[0], bytes(row[1]))


def keep(connection: Connection, seen: Collection[First]) -> None:
    """What another process has seen before stays as it is."""
    if seen:
        statement = upsert(connection, arrival_seen).on_conflict_do_nothing()
        connection.execute(statement, [one._asdict() for one in sorted(seen)])


def forget_before(connection: Connection, now: int) -> None:
    connection.execute(delete(arrival_seen).where(arrival_seen.c.at <= now - KEPT))
