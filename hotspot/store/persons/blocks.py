"""Persons and devices that are not let in until a time. Which sessions end by it: `rules.watch`."""

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from hotspot.people.identity import new_id
from hotspot.store.portable import Statement, run
from hotspot.store.portable import listed as listed_
from hotspot.store.schema import block

from . import remembered


class Blocked(StrEnum):
    PERSON = "person"
    DEVICE = "device"


def add(connection: Connection, kind: Blocked, subject: str, until: int, reason: str, who: str, now: int) -> str:
    """The id of a new block; it takes the place of an earlier one of the same person or device."""
    lift(connection, subject, who, now)
    remembered.forget(connection, [subject])
    block_id = new_id()
    connection.execute(
        insert(block).values(
            id=block_id,
            kind=kind,
            subject=subject,
            until=until,
            reason=reason,
            created_at=now,
            created_by=who,
        )
    )
    return block_id


def lift(connection: Connection, subject: str, who: str, now: int) -> bool:
    """Ends a block before its time. Whether there was one."""
    lifted = connection.execute(
        update(block)
        .where(block.c.subject == subject, block.c.lifted_at.is_(None), block.c.until > now)
        .values(lifted_at=now, lifted_by=who)
    )
    return bool(lifted.rowcount)


_UNTIL: Final = Statement("SELECT max(until) FROM block WHERE subject {among} AND lifted_at IS NULL AND until > ?")


def until(connection: Connection, subjects: Collection[str], now: int) -> int | None:
    """Until when somebody whose ids these are is blocked; None where nobody is."""
    found: int | None = run(connection, _UNTIL, listed_(connection, subjects), now).fetchone()[0]
    return found


def listed(connection: Connection, now: int, *, everything: bool = False, limit: int = 1000) -> list[Row[Any]]:
    """Blocks, newest first; with `everything` also those that are over."""
    statement = select(block)
    if not everything:
        statement = statement.where(block.c.lifted_at.is_(None), block.c.until > now)
    return list(connection.execute(statement.order_by(block.c.created_at.desc(), block.c.id).limit(limit)))
