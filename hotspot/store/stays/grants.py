"""Grants, the tickets that carry them through RADIUS, and what a person has used today."""

from enum import Enum
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, tuple_, update

from hotspot.admission.grant import Grant, Limits, Usage, local_day
from hotspot.admission.session import share
from hotspot.admission.ticket import PASS_LIFETIME, Ticket
from hotspot.store.limits import exits
from hotspot.store.portable import Statement, run
from hotspot.store.schema import grant, session, ticket

REPORTED: Final = 60
"""Seconds within which a gateway reports a session that RADIUS has let it begin."""
OVERDUE: Final = 15
"""Seconds that a gateway has to end a session by itself when its grant has ended."""


_SHARED: Final = Statement("UPDATE access_grant SET due_at = ? WHERE person_id = ? AND ends_at > ?")
_ADD: Final = Statement(
    "INSERT INTO access_grant (id, person_id, device_id, site, gateway, plan, method, language, revision, starts_at,"
    " ends_at, idle, down, up, total, interim, handback, due_at, exit)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_TICKET: Final = Statement("INSERT INTO ticket (id, grant_id, gateway, expires_at) VALUES (?, ?, ?, ?)")


def add_grant(
    connection: Connection,
    value: Grant,
    revision: int,
    handback: str | None = None,
    *,
    first: bool = False,
    exit_: bytes | None = None,
) -> None:
    """Keeps a grant. `handback` is what its dialect needs later: openNDS level 3 the entry for authmon, CoovaChilli the
    URL at which the phone logs itself off. `first` says that the person has no other. `exit_` is where the phone comes
    from (`store.limits.exits.mark`).

    Where others of the person's grants are in force, `rules.watch` looks at all of them: their time runs faster now.
    """
    shared = not first and run(connection, _SHARED, value.starts_at, value.person, value.starts_at).rowcount
    limits = value.limits
    row = (
        *(value.id, value.person, value.device, value.site, value.gateway, value.plan, str(value.method)),
        *(value.language, revision, value.starts_at, value.ends_at),
        *(limits.idle, limits.down, limits.up, limits.total, limits.interim),
        *(handback, value.starts_at if shared else value.ends_at + OVERDUE, exit_),
    )
    run(connection, _ADD, *row)


def add_ticket(connection: Connection, value: Ticket) -> None:
    run(connection, _ADD_TICKET, value.id, value.grant, value.gateway, value.expires_at)


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


class Seen(Enum):
    """What a gateway has shown of the device that a grant names. Until then anybody may have named it."""

    YES = "yes"
    NOT_YET = "not yet"
    """Its ticket has not been shown."""
    UNKNOWN = "unknown"
    """There is no ticket, and this gateway has said nothing so far."""


def seen(connection: Connection, grant_id: str) -> Seen:
    row = connection.execute(
        select(grant.c.confirmed_at, ticket.c.id, ticket.c.redeemed_at)
        .outerjoin(ticket, ticket.c.grant_id == grant.c.id)
        .where(grant.c.id == grant_id)
    ).first()
    if row is not None and (row.confirmed_at is not None or row.redeemed_at is not None):
        return Seen.YES
    return Seen.UNKNOWN if row is None or row.id is None else Seen.NOT_YET


def unseen() -> ColumnElement[bool]:
    """Whether a grant's ticket has not been shown by any gateway."""
    return select(ticket.c.id).where(ticket.c.grant_id == grant.c.id, ticket.c.redeemed_at.is_(None)).exists()


def newest_grant(connection: Connection, device_id: str, gateway: str, now: int) -> Grant | None:
    """The grant by which a device is in at a gateway."""
    row = connection.execute(
        select(grant)
        .outerjoin(session, and_(session.c.person_id == grant.c.person_id, session.c.grant_id == grant.c.id))
        .where(grant.c.device_id == device_id, grant.c.gateway == gateway, grant.c.ends_at > now)
        .where(session.c.ended_at.is_(None), ~unseen())
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


def confirm(connection: Connection, grant_ids: set[str], now: int) -> list[str]:
    """The gateway itself has shown that these grants are in force. The site of each that was not confirmed before."""
    if not grant_ids:
        return []
    fresh = update(grant).where(grant.c.id.in_(grant_ids), grant.c.confirmed_at.is_(None)).values(confirmed_at=now)
    shown = connection.execute(fresh.returning(grant.c.exit, grant.c.site)).all()
    exits.learn(connection, {row.exit for row in shown if row.exit}, now)
    return [row.site for row in shown]


def confirmed(connection: Connection, grant_id: str) -> bool:
    return connection.execute(select(grant.c.confirmed_at).where(grant.c.id == grant_id)).scalar() is not None


class _Used(NamedTuple):
    device: str
    started_at: int
    last_at: int
    seconds: int
    down: int
    up: int
    ended_at: int | None
    ends_at: int


_USED: Final = Statement(
    "SELECT s.device_id, s.started_at, s.last_at, s.seconds, s.down, s.up, s.ended_at, g.ends_at"
    " FROM session s JOIN access_grant g ON g.id = s.grant_id WHERE s.person_id = ? AND s.last_at >= ?"
    " UNION ALL SELECT g.device_id, NULL, NULL, NULL, NULL, NULL,"
    " CASE WHEN t.id IS NOT NULL AND t.redeemed_at IS NULL THEN 1 ELSE 0 END, g.ends_at FROM access_grant g"
    " LEFT JOIN session s ON s.person_id = g.person_id AND s.grant_id = g.id"
    " LEFT JOIN ticket t ON t.grant_id = g.id"
    " WHERE g.person_id = ? AND g.ends_at > ? AND s.id IS NULL"
    " AND (t.redeemed_at > ? OR t.redeemed_at IS NULL AND t.expires_at >= ? OR t.id IS NULL AND g.starts_at > ?)"
)
"""Sessions; and without one, devices that were let in a moment ago, which count before their gateway has reported them.
A ticket that no gateway has shown lets nobody in: `redemption` counts anew. A pass does, whenever it is shown.
"""


def usage(connection: Connection, person: str, now: int, zone: ZoneInfo) -> Usage:
    """What a person has used in the local day of `now`; a session across midnight counts in proportion."""
    day = local_day(now, zone)
    asked = run(connection, _USED, person, day[0], person, now, now - REPORTED, now, now - PASS_LIFETIME)
    rows: list[_Used] = []
    let_in: set[str] = set()
    waiting: set[str] = set()
    for row in asked.fetchall():
        if row[1] is None:
            (waiting if row[6] else let_in).add(row[0])
        else:
            rows.append(_Used(*row))
    ends = [(row, row.started_at + max(row.seconds, row.last_at - row.started_at)) for row in rows]
    # A session whose Stop was lost is over with its grant.
    running = {row.device for row in rows if row.ended_at is None and row.ends_at > now}
    return Usage(
        seconds=sum(share(row.started_at, end, row.seconds, day) for row, end in ends),
        bytes=sum(share(row.started_at, end, row.down + row.up, day) for row, end in ends),
        devices=frozenset(running | let_in),
        waiting=frozenset(waiting),
    )
