"""Legal holds: persons whose data must be kept until a day, as for a court. No term and no erasure touches it.

What is held is all that `rules.retention` and `rules.erasure` would erase: what names the person, their devices, their
grants.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from hotspot.people.identity import new_id
from hotspot.store.schema import hold


def place(connection: Connection, person_id: str, until: int, reason: str, who: str, now: int) -> None:
    """Holds a person's data; takes the place of an earlier hold."""
    lift(connection, person_id, who, now)
    row = {"person_id": person_id, "until": until, "reason": reason, "created_at": now, "created_by": who}
    connection.execute(insert(hold).values(id=new_id(), **row))


def lift(connection: Connection, person_id: str, who: str, now: int) -> bool:
    """Ends a hold before its time. Whether there was one."""
    theirs = update(hold).where(hold.c.person_id == person_id, hold.c.lifted_at.is_(None), hold.c.until > now)
    return bool(connection.execute(theirs.values(lifted_at=now, lifted_by=who)).rowcount)


def until(connection: Connection, persons: Collection[str], now: int) -> int | None:
    """Until when the data of one of these persons is held; None where nobody's is."""
    theirs = select(func.max(hold.c.until)).where(
        hold.c.person_id.in_(persons), hold.c.lifted_at.is_(None), hold.c.until > now
    )
    return connection.execute(theirs).scalar()


def held(now: int) -> Select[tuple[str]]:
    """The ids of the persons whose data is held."""
    return select(hold.c.person_id).where(hold.c.lifted_at.is_(None), hold.c.until > now)


def count(connection: Connection, now: int) -> int:
    """How many persons' data is held."""
    return connection.execute(select(func.count()).select_from(held(now).distinct().subquery())).scalar_one()


def listed(connection: Connection, now: int, *, everything: bool = False) -> list[Row[Any]]:
    """Holds, newest first; with `everything` also those that are over."""
    statement = select(hold)
    if not everything:
        statement = statement.where(hold.c.lifted_at.is_(None), hold.c.until > now)
    return list(connection.execute(statement.order_by(hold.c.created_at.desc(), hold.c.id)))
