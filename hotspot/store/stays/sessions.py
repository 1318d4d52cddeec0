"""Sessions as they stand in the ledger: found, listed, and presumed to have ended. `ledger` enters the records."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from hotspot.admission.session import Session, presume_ended
from hotspot.errors import ConfigError
from hotspot.store import portable
from hotspot.store.portable import Statement, cursor, upsert
from hotspot.store.schema import gateway_restart, grant, session

from .ledger import session_of

STALE: Final = "Stale"
"""Why a session ended that fell silent: no gateway's word, so none of RFC 2866's names."""


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


def presume(
    connection: Connection,
    gateway: str,
    at: int,
    cause: str,
    *,
    running: set[str] | None = None,
    same_second: bool = True,
) -> int:
    """Ends the sessions of a gateway that began before `at` and were not heard of since. Returns how many.

    `running` are ids of sessions that the gateway has shown to be alive; `same_second`: whether one that began in the
    second of `at` did so before.
    """
    began = session.c.started_at <= at if same_second else session.c.started_at < at
    rows = connection.execute(
        select(session)
        .where(session.c.gateway == gateway, session.c.ended_at.is_(None), began)
        .order_by(session.c.id)  # as the ledger locks them
        .with_for_update()
    ).all()
    lost = {row.id: presume_ended(session_of(row), at, cause) for row in rows if row.id not in (running or ())}
    for name, ended in lost.items():
        connection.execute(update(session).where(session.c.id == name).values(**_counters(ended)))
    return sum(ended.end is not None for ended in lost.values())


def restarted(connection: Connection, gateway: str, at: int, cause: str) -> int:
    """A gateway's Accounting-On or -Off: `presume`, and remembered for `presume_late`. Returns how many ended."""
    known = upsert(connection, gateway_restart).values(gateway=gateway, at=at, cause=cause)
    newer = known.on_conflict_do_update(
        index_elements=["gateway"],
        set_={"at": known.excluded.at, "cause": known.excluded.cause},
        where=gateway_restart.c.at < known.excluded.at,
    )
    connection.execute(newer)
    return presume(connection, gateway, at, cause)


_RESTARTS: Final = Statement("SELECT gateway, at, cause FROM gateway_restart WHERE gateway {among}")


def presume_late(connection: Connection, oldest: Mapping[str, int]) -> None:
    """`presume` again for gateways whose records, the `oldest` of this time, came in after a restart that they precede:
    their sessions were not there when it was told. What began in the same second came after it, as its record did."""
    on = cursor(connection)
    on.execute(_RESTARTS.of(connection), (portable.listed(connection, oldest),))
    for gateway, at, cause in on.fetchall():
        if oldest[gateway] < at:
            presume(connection, gateway, at, cause, same_second=False)


def presume_silent(connection: Connection, now: int) -> int:
    """Ends, at their last word, the sessions that missed three reports in a row. Returns how many."""
    patience = 3 * func.coalesce(grant.c.interim, 300)
    silent = (
        select(session.c.id)
        .outerjoin(grant, grant.c.id == session.c.grant_id)
        .where(session.c.ended_at.is_(None), session.c.last_at + patience < now)
    )
    of_silent = select(session).where(session.c.id.in_(silent)).order_by(session.c.id)
    rows = connection.execute(of_silent.with_for_update()).all()
    for row in rows:
        ended = presume_ended(session_of(row), row.last_at, STALE)
        connection.execute(update(session).where(session.c.id == row.id).values(**_counters(ended)))
    return len(rows)


_DETAILED: Final = select(session, grant.c.plan, grant.c.method).outerjoin(grant, grant.c.id == session.c.grant_id)


def detailed(connection: Connection, session_id: str) -> Row[Any]:
    """One session with its grant's plan and method."""
    return connection.execute(_DETAILED.where(session.c.id == session_id)).one()


def count(connection: Connection, *, running: bool, site: str | None = None) -> int:
    """How many `listed` would list without a limit."""
    statement = select(func.count()).select_from(session)
    if running:
        statement = statement.where(session.c.ended_at.is_(None))
    if site is not None:
        statement = statement.where(session.c.site == site)
    return connection.execute(statement).scalar_one()


def listed(
    connection: Connection,
    *,
    running: bool,
    site: str | None = None,
    limit: int = 1000,
    after: tuple[int, str] | None = None,
) -> list[Row[Any]]:
    """Sessions with their grant's plan and method, newest first; those that follow one that began at a time and has an
    id."""
    statement = _DETAILED
    if after is not None:
        began, name = after
        same = and_(session.c.started_at == began, session.c.id > name)
        statement = statement.where(session.c.started_at <= began, or_(session.c.started_at < began, same))
    if running:
        statement = statement.where(session.c.ended_at.is_(None))
    if site is not None:
        statement = statement.where(session.c.site == site)
    return list(connection.execute(statement.order_by(session.c.started_at.desc(), session.c.id).limit(limit)))


def find(connection: Connection, prefix: str) -> list[Row[Any]]:
    """The sessions whose id begins with `prefix`, at most two, so that a caller sees ambiguity."""
    statement = select(session).where(portable.begins(session.c.id, prefix)).limit(2)
    return list(connection.execute(statement))


def named(connection: Connection, prefix: str) -> Row[Any]:
    """The session that somebody names by the beginning of its id. ConfigError where it is none, or not the only one."""
    found = find(connection, prefix.lower())
    if len(found) != 1:
        known = "no session" if not found else "more than one session"
        raise ConfigError(f"{known} has an id that begins with {prefix!r}; see `hotspot session list`")
    return found[0]


def since(connection: Connection, since: int, site: str | None = None) -> Iterator[Row[Any]]:
    """The sessions that run or began since a time, with their grant's interim, by gateway, Acct-Session-Id, device."""
    statement = (
        select(session, grant.c.interim)
        .outerjoin(grant, grant.c.id == session.c.grant_id)
        .where(or_(session.c.ended_at.is_(None), session.c.started_at >= since))
    )
    if site is not None:
        statement = statement.where(session.c.site == site)
    yield from connection.execute(
        statement.order_by(session.c.gateway, session.c.acct_session_id, session.c.device_id, session.c.started_at)
    )


def of_grant(connection: Connection, grant_id: str) -> Row[Any] | None:
    """The newest session of a grant."""
    person = select(grant.c.person_id).where(grant.c.id == grant_id).scalar_subquery()  # the index is theirs
    of_it = select(session).where(session.c.person_id == person, session.c.grant_id == grant_id)
    return connection.execute(of_it.order_by(session.c.started_at.desc()).limit(1)).one_or_none()
