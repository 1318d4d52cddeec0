"""What the city's complaint system must still be told, and which of its calls have been heard.

A delivery stands here in the transaction of what it tells of, and stays due, with growing pauses, until it was taken.
It holds no text: that is read from the complaint when it is sent. Its id is the idempotency key of every try.
"""

import hashlib
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from hotspot.people.identity import Keys, new_id
from hotspot.store.portable import upsert
from hotspot.store.schema import delivery

from .complaints import Complaint, listed

FIRST_PAUSE: Final = 60
LONGEST_PAUSE: Final = 6 * 3600
_HEARD: Final = "heard"
"""The event of a row that stands for a call from the other side."""


def add(connection: Connection, number: str, event: str, now: int) -> None:
    """Tells the other side of a complaint, soon."""
    row = {"id": new_id(), "number": number, "event": event, "created_at": now, "due_at": now, "attempts": 0}
    connection.execute(insert(delivery).values(outcome="", **row))


def due(connection: Connection, keys: Keys, now: int, limit: int = 50) -> list[tuple[Row[Any], Complaint]]:
    """What is to be sent now, oldest first."""
    rows = connection.execute(
        select(delivery)
        .where(delivery.c.finished_at.is_(None), delivery.c.due_at <= now)
        .order_by(delivery.c.due_at, delivery.c.id)
        .limit(limit)
    ).all()
    return [(row, one) for row in rows for one in listed(connection, keys, number=row.number)]


def taken(connection: Connection, delivery_id: str, outcome: str, now: int) -> None:
    chosen = update(delivery).where(delivery.c.id == delivery_id)
    connection.execute(
        chosen.values(finished_at=now, due_at=None, attempts=delivery.c.attempts + 1, outcome=outcome[:200])
    )


def failed(connection: Connection, row: Row[Any], outcome: str, now: int, least: int = 0) -> int:
    """Tries again later, after `least` seconds at the earliest; after how many seconds."""
    pause = max(least, int(min(FIRST_PAUSE * 2**row.attempts, LONGEST_PAUSE)))
    chosen = update(delivery).where(delivery.c.id == row.id)
    connection.execute(chosen.values(attempts=row.attempts + 1, due_at=now + pause, outcome=outcome[:200]))
    return pause


def again(connection: Connection, number: str | None, now: int) -> int:
    """Tries what waits at once, of one complaint or of all. How many."""
    chosen = update(delivery).where(delivery.c.finished_at.is_(None))
    if number is not None:
        chosen = chosen.where(delivery.c.number == number)
    return connection.execute(chosen.values(due_at=now)).rowcount


def hear(connection: Connection, key: str, number: str, now: int) -> bool:
    """Remembers a call by its idempotency key. False where it was heard before."""
    row = {
        "id": hashlib.sha256(key.encode()).hexdigest()[:32], "number": number, "event": _HEARD, "created_at": now,
        "attempts": 1, "outcome": "", "finished_at": now,
    }  # fmt: skip
    statement = upsert(connection, delivery).values(row).on_conflict_do_nothing(index_elements=["id"])
    return connection.execute(statement.returning(delivery.c.id)).first() is not None


def forget_heard(connection: Connection, before: int) -> None:
    """Drops the keys of calls that are old."""
    connection.execute(delete(delivery).where(delivery.c.event == _HEARD, delivery.c.created_at < before))


def sent(connection: Connection, *, pending: bool = False, limit: int = 1000) -> list[Row[Any]]:
    """Deliveries, newest first; with `pending` those that were not taken yet."""
    statement = select(delivery).where(delivery.c.event != _HEARD)
    if pending:
        statement = statement.where(delivery.c.finished_at.is_(None))
    return list(connection.execute(statement.order_by(delivery.c.created_at.desc(), delivery.c.id).limit(limit)))
