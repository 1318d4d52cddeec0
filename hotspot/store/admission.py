"""Grants, the tickets that carry them through RADIUS, and what a person has used today."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, tuple_, update

from ..grant import Grant, Limits, Usage, local_day
from ..session import share
from ..ticket import PASS_LIFETIME, Ticket
from .schema import grant, session, ticket

OVERDUE: Final = 15
"""Seconds that a gateway has to end a session by itself when its grant has ended."""


def add_grant(connection: Connection, value: Grant, revision: int, handback: str | None = None) -> None:
    """Keeps a grant. `handback` is what its dialect needs later: openNDS level 3 the entry for authmon, CoovaChilli the
    URL at which the phone logs itself off.

    Where others of the person's grants are in force, `store.watch` looks at all of them: their time runs faster now.
    """
    others = update(grant).where(grant.c.person_id == value.person, grant.c.ends_at > value.starts_at)
    shared = connection.execute(others.values(due_at=value.starts_at)).rowcount
    connection.execute(
        insert(grant).values(
            id=value.id,
            person_id=value.person,
            device_id=value.device,
            site=value.site,
            gateway=value.gateway,
            plan=value.plan,
            method=value.method,
            language=value.language,
            revision=revision,
            starts_at=value.starts_at,
            ends_at=value.ends_at,
            idle=value.limits.idle,
            down=value.limits.down,
            up=value.limits.up,
            total=value.limits.total,
            interim=value.limits.interim,
            handback=handback,
            due_at=value.starts_at if shared else value.ends_at + OVERDUE,
        )
    )


def add_ticket(connection: Connection, value: Ticket) -> None:
    connection.execute(
        insert(ticket).values(id=value.id, grant_id=value.grant, gateway=value.gateway, expires_at=value.expires_at)
    )


def grant_of(row: Row[Any]) -> Grant:
    """A grant from its row; the limits are those of its start."""
    return Grant(
        id=row.id,
        person=row.person_id,
        device=row.device_id,
        site=row.site,
        gateway=row.gateway,
        plan=row.plan,
        method=row.method,
        language=row.language,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        limits=Limits(
            session=row.ends_at - row.starts_at,
            idle=row.idle,
            down=row.down,
            up=row.up,
            total=row.total,
            interim=row.interim,
        ),
    )


def find_grant(connection: Connection, grant_id: str) -> Grant | None:
    row = connection.execute(select(grant).where(grant.c.id == grant_id)).one_or_none()
    return None if row is None else grant_of(row)


def last_language(connection: Connection, person_id: str) -> str | None:
    """The language in which a person last logged in."""
    statement = select(grant.c.language).where(grant.c.person_id == person_id).order_by(grant.c.starts_at.desc())
    return connection.execute(statement.limit(1)).scalar()


def handback(connection: Connection, grant_id: str) -> str | None:
    return connection.execute(select(grant.c.handback).where(grant.c.id == grant_id)).scalar()


def end_grant(connection: Connection, grant_id: str, now: int) -> None:
    """Nobody is to be in by this grant any longer."""
    connection.execute(
        update(grant).where(grant.c.id == grant_id, grant.c.ends_at > now).values(ends_at=now, due_at=now + OVERDUE)
    )


def starts(connection: Connection, gateway: str, shown: set[tuple[str, str]]) -> dict[str, int]:
    """When the grants among (grant, device) began."""
    rows = connection.execute(select(grant.c.id, grant.c.starts_at).where(_are_of(gateway, shown)))
    return {row.id: row.starts_at for row in rows}


def live_grants(connection: Connection, gateway: str, shown: set[tuple[str, str]], now: int) -> set[tuple[str, str]]:
    """Which of (grant, device) hold at a gateway now. A pass that lay unused for too long does not."""
    rows = connection.execute(
        select(grant.c.id, grant.c.device_id).where(
            _are_of(gateway, shown),
            grant.c.ends_at > now,
            or_(grant.c.confirmed_at.is_not(None), grant.c.starts_at > now - PASS_LIFETIME),
        )
    )
    return {(row.id, row.device_id) for row in rows}


def _are_of(gateway: str, shown: set[tuple[str, str]]) -> ColumnElement[bool]:
    return and_(grant.c.gateway == gateway, tuple_(grant.c.id, grant.c.device_id).in_(list(shown)))


def newest_grant(connection: Connection, device_id: str, gateway: str, now: int) -> Grant | None:
    """The grant by which a device is, or soon will be, in at a gateway."""
    row = connection.execute(
        select(grant)
        .outerjoin(session, and_(session.c.person_id == grant.c.person_id, session.c.grant_id == grant.c.id))
        .where(grant.c.device_id == device_id, grant.c.gateway == gateway, grant.c.ends_at > now)
        .where(session.c.ended_at.is_(None))
        .order_by(grant.c.starts_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else grant_of(row)


def waiting(connection: Connection, gateway: str, now: int) -> list[str]:
    """What a gateway must still be handed: the `handback` of each device's newest grant that nobody has confirmed."""
    rows = connection.execute(
        select(grant.c.device_id, grant.c.handback)
        .where(
            grant.c.gateway == gateway,
            grant.c.handback.is_not(None),
            grant.c.confirmed_at.is_(None),
            grant.c.starts_at > now - PASS_LIFETIME,
            grant.c.ends_at > now,
        )
        .order_by(grant.c.starts_at, grant.c.id)
    )
    return list({row.device_id: row.handback for row in rows}.values())


def confirm(connection: Connection, grant_ids: set[str], now: int) -> None:
    """The gateway itself has shown that these grants are in force."""
    if grant_ids:
        connection.execute(
            update(grant).where(grant.c.id.in_(grant_ids), grant.c.confirmed_at.is_(None)).values(confirmed_at=now)
        )


def confirmed(connection: Connection, grant_id: str) -> bool:
    return connection.execute(select(grant.c.confirmed_at).where(grant.c.id == grant_id)).scalar() is not None


def usage(connection: Connection, person: str, now: int, zone: ZoneInfo) -> Usage:
    """What a person has used in the local day of `now`; a session across midnight counts in proportion."""
    day = local_day(now, zone)
    rows = connection.execute(
        select(session, grant.c.ends_at)
        .join(grant, grant.c.id == session.c.grant_id)
        .where(session.c.person_id == person, session.c.last_at >= day[0])
    ).all()
    ends = [(row, row.started_at + max(row.seconds, row.last_at - row.started_at)) for row in rows]
    # A device that was let in a moment ago counts before its gateway has reported it.
    redeemable = and_(ticket.c.id.is_not(None), ticket.c.expires_at >= now)
    fetchable = and_(ticket.c.id.is_(None), grant.c.starts_at > now - PASS_LIFETIME)
    on_the_way = connection.execute(
        select(grant.c.device_id)
        .outerjoin(session, and_(session.c.person_id == grant.c.person_id, session.c.grant_id == grant.c.id))
        .outerjoin(ticket, ticket.c.grant_id == grant.c.id)
        .where(grant.c.person_id == person, grant.c.ends_at > now, session.c.id.is_(None), or_(redeemable, fetchable))
    ).scalars()
    # A session whose Stop was lost is over with its grant.
    running = {row.device_id for row in rows if row.ended_at is None and row.ends_at > now}
    return Usage(
        seconds=sum(share(row.started_at, end, row.seconds, day) for row, end in ends),
        bytes=sum(share(row.started_at, end, row.down + row.up, day) for row, end in ends),
        devices=frozenset(running | set(on_the_way)),
    )
