"""The ledger: accounting records folded into sessions, durable when the transaction ends."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from ..identity import new_id
from ..session import Record, Session, belongs, fold, presume_ended
from .portable import lock
from .schema import grant, session, ticket

_Key = tuple[str, str, str]


def _incarnation(record: Record) -> int:
    """What tells sessions with one Acct-Session-Id apart where there is no Class; 0 with it."""
    return 0 if record.ticket else record.started_at


@dataclass
class _Kept:
    """A session with its row's id; `new` until it stands in the table."""

    id: str
    session: Session
    incarnation: int
    new: bool = False

    def is_of(self, record: Record) -> bool:
        """`belongs`, also by the start that first told this incarnation from others: it may have moved since."""
        return belongs(self.session, record) or self.incarnation == _incarnation(record) != 0


@dataclass(frozen=True)
class _Origin:
    grant: str | None
    person: str | None
    site: str


def apply(connection: Connection, records: Iterable[Record]) -> set[str]:
    """Folds records into their sessions. Returns the ids of the sessions they belong to."""
    by_key: dict[_Key, list[Record]] = defaultdict(list)
    for record in records:
        by_key[record.gateway, record.acct_session_id, record.device].append(record)
    if not by_key:
        return set()
    lock(connection, {"|".join(key) for key in by_key})
    known = _load(connection, set(by_key))
    touched: dict[str, _Kept] = {}
    origins = _origins(connection, [record for group in by_key.values() for record in group])
    sites: dict[str, _Origin] = {}
    for key, group in by_key.items():
        for record in group:
            kept = next((kept for kept in known[key] if kept.is_of(record)), None)
            if kept is None:
                kept = _Kept(new_id(), fold(None, record), _incarnation(record), new=True)
                known[key].append(kept)
                origin = origins.get((record.ticket or "", record.gateway, record.device))
                sites[kept.id] = origin or _Origin(None, None, record.site)
            else:
                kept.session = fold(kept.session, record)
            touched[kept.id] = kept
    for kept in touched.values():
        if kept.new:
            row = _fresh(kept.session, sites[kept.id])
            connection.execute(insert(session).values(id=kept.id, incarnation=kept.incarnation, **row))
        else:
            connection.execute(update(session).where(session.c.id == kept.id).values(**_counters(kept.session)))
    return set(touched)


def _load(connection: Connection, keys: set[_Key]) -> dict[_Key, list[_Kept]]:
    columns = tuple_(session.c.gateway, session.c.acct_session_id, session.c.device_id)
    found: dict[_Key, list[_Kept]] = defaultdict(list)
    for row in connection.execute(select(session).where(columns.in_(list(keys))).with_for_update()):
        found[row.gateway, row.acct_session_id, row.device_id].append(_Kept(row.id, session_of(row), row.incarnation))
    return found


def _origins(connection: Connection, records: list[Record]) -> dict[tuple[str, str, str], _Origin]:
    """Whose session it is, by (ticket or grant, gateway, device): one gateway cannot claim another's."""
    names = {record.ticket for record in records if record.ticket}
    if not names:
        return {}
    by_ticket = select(ticket.c.id.label("name"), grant).join(grant, grant.c.id == ticket.c.grant_id)
    by_grant = select(grant.c.id.label("name"), grant)
    rows = [
        *connection.execute(by_ticket.where(ticket.c.id.in_(names))),
        *connection.execute(by_grant.where(grant.c.id.in_(names))),
    ]
    return {(row.name, row.gateway, row.device_id): _Origin(row.id, row.person_id, row.site) for row in rows}


def session_of(row: Row[Any]) -> Session:
    return Session(
        gateway=row.gateway,
        acct_session_id=row.acct_session_id,
        device=row.device_id,
        ticket=row.ticket_id or None,
        started_at=row.started_at,
        last_at=row.last_at,
        seconds=row.seconds,
        down=row.down,
        up=row.up,
        stopped=None if row.stopped_at is None else (row.stopped_at, row.stopped_cause),
        presumed=None if row.presumed_at is None else (row.presumed_at, row.presumed_cause),
    )


def _counters(value: Session) -> dict[str, Any]:
    stopped, presumed, end = value.stopped, value.presumed, value.end
    return {
        "started_at": value.started_at,
        "last_at": value.last_at,
        "seconds": value.seconds,
        "down": value.down,
        "up": value.up,
        "stopped_at": stopped and stopped[0],
        "stopped_cause": stopped and stopped[1],
        "presumed_at": presumed and presumed[0],
        "presumed_cause": presumed and presumed[1],
        "ended_at": end and end[0],
    }


def _fresh(value: Session, origin: _Origin) -> dict[str, Any]:
    return {
        "gateway": value.gateway,
        "acct_session_id": value.acct_session_id,
        "device_id": value.device,
        "ticket_id": value.ticket or "",
        "grant_id": origin.grant,
        "person_id": origin.person,
        "site": origin.site,
        **_counters(value),
    }


def presume(connection: Connection, gateway: str, at: int, cause: str, *, running: set[str] | None = None) -> int:
    """Ends the sessions of a gateway that began before `at`, for want of better knowledge. Returns how many.

    `running` are ids of sessions that the gateway has shown to be alive.
    """
    rows = connection.execute(
        select(session)
        .where(session.c.gateway == gateway, session.c.ended_at.is_(None), session.c.started_at <= at)
        .with_for_update()
    ).all()
    lost = [row for row in rows if row.id not in (running or ())]
    for row in lost:
        ended = presume_ended(session_of(row), at, cause)
        connection.execute(update(session).where(session.c.id == row.id).values(**_counters(ended)))
    return len(lost)


def presume_silent(connection: Connection, now: int) -> int:
    """Ends, at their last word, the sessions that missed three reports in a row. Returns how many."""
    patience = 3 * func.coalesce(grant.c.interim, 300)
    silent = (
        select(session.c.id)
        .outerjoin(grant, grant.c.id == session.c.grant_id)
        .where(session.c.ended_at.is_(None), session.c.last_at + patience < now)
    )
    rows = connection.execute(select(session).where(session.c.id.in_(silent)).with_for_update()).all()
    for row in rows:
        ended = presume_ended(session_of(row), row.last_at, "Lost-Service")
        connection.execute(update(session).where(session.c.id == row.id).values(**_counters(ended)))
    return len(rows)


def listed(connection: Connection, *, running: bool, site: str | None = None, limit: int = 1000) -> list[Row[Any]]:
    """Sessions with their grant's plan and method, newest first."""
    statement = select(session, grant.c.plan, grant.c.method).outerjoin(grant, grant.c.id == session.c.grant_id)
    if running:
        statement = statement.where(session.c.ended_at.is_(None))
    if site is not None:
        statement = statement.where(session.c.site == site)
    return list(connection.execute(statement.order_by(session.c.started_at.desc(), session.c.id).limit(limit)))


def find(connection: Connection, prefix: str) -> list[Row[Any]]:
    """The sessions whose id begins with `prefix`, at most two, so that a caller sees ambiguity."""
    statement = select(session).where(session.c.id.startswith(prefix, autoescape=True)).limit(2)
    return list(connection.execute(statement))


def of_grant(connection: Connection, grant_id: str) -> Row[Any] | None:
    """The newest session of a grant."""
    statement = select(session).where(session.c.grant_id == grant_id).order_by(session.c.started_at.desc()).limit(1)
    return connection.execute(statement).one_or_none()
