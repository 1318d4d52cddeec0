"""The queue of `hotspot reconcile`: which access points must still be brought to which revision."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from hotspot.store.schema import catch_up


@dataclass(frozen=True)
class Waiting:
    """One access point in the queue. `run` queued it ("" where its drift did), `tries` are those that failed there,
    before `next_at` it is left alone, and after `given_up_at` until a person has done something about it.
    """

    ap: str
    revision: int
    reason: str
    run: str
    queued_at: int
    tries: int = 0
    next_at: int = 0
    detail: str = ""
    given_up_at: int | None = None


def waiting(connection: Connection) -> dict[str, Waiting]:
    """The whole queue by access point."""
    return {row.ap: Waiting(**row._mapping) for row in connection.execute(select(catch_up).order_by(catch_up.c.ap))}


def put(connection: Connection, entries: Iterable[Waiting]) -> None:
    """Queues access points, each in the place of an entry that it had."""
    rows = [vars(one) for one in entries]
    if rows:
        drop(connection, [row["ap"] for row in rows])
        connection.execute(insert(catch_up), rows)


def drop(connection: Connection, aps: Iterable[str]) -> None:
    names = list(aps)
    if names:
        connection.execute(delete(catch_up).where(catch_up.c.ap.in_(names)))


def drop_run(connection: Connection, run: str) -> None:
    """Takes out what one run queued."""
    connection.execute(delete(catch_up).where(catch_up.c.run == run))
