"""What telemetry observes and announces: samples, states, maintenance, leases; and the sessions its reports count."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, text, union_all, update

from hotspot.store.schema import session
from hotspot.store.telemetry_schema import export, interval, lease, maintenance, sample, tracker

# SQLite and PostgreSQL write an upsert alike; SQLAlchemy has it for each of them only.
_KEEP_TRACKER = text(
    "INSERT INTO tracker (ap, state) VALUES (:ap, :state) ON CONFLICT (ap) DO UPDATE SET state = excluded.state"
)
_TAKE_LEASE = text(
    "INSERT INTO lease (name, holder, until) VALUES (:name, :holder, :until) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
    "WHERE lease.holder = excluded.holder OR lease.until <= :now"
)
# A time that lies ahead was told by a clock that has been set right since.
_BEGIN_JOB = text(
    "INSERT INTO job_run (name, began_at) VALUES (:name, :now) "
    "ON CONFLICT (name) DO UPDATE SET began_at = excluded.began_at "
    "WHERE job_run.began_at <= :now - :every OR job_run.began_at > :now"
)
_MOVE_WATERMARK = text(
    "INSERT INTO export (target, watermark) VALUES (:target, :at) "
    "ON CONFLICT (target) DO UPDATE SET watermark = excluded.watermark"
)


@dataclass(frozen=True)
class SampleRow:
    at: int
    ap: str
    good: bool
    monitor: bool
    rtt_us: int | None


@dataclass(frozen=True)
class IntervalRow:
    """A closed state of an access point over [from_at, to_at)."""

    ap: str
    from_at: int
    to_at: int
    state: str
    cause: str


@dataclass(frozen=True)
class MaintenanceRow:
    id: str
    site: str
    from_at: int
    to_at: int
    ticket: str
    reason: str
    recorded_by: str
    recorded_at: int
    withdrawn_at: int | None


@dataclass(frozen=True)
class SessionRow:
    """A session as statistics need it; nothing in it names a person. `ended_at` is its last record while it runs."""

    site: str
    person: str | None
    device: str
    started_at: int
    ended_at: int
    seconds: int
    down: int
    up: int


# -- samples, states, trackers (telemetry) ---------------------------------------------------------------------------


def keep_round(
    connection: Connection,
    samples: Iterable[SampleRow],
    closed: Iterable[IntervalRow],
    trackers: Mapping[str, Mapping[str, Any]],
) -> None:
    """One round of probes: its samples, the states that ended with it, and the trackers (AP id -> JSON value)."""
    sample_rows = [vars(row) for row in samples]
    interval_rows = [vars(row) for row in closed]
    if sample_rows:
        connection.execute(insert(sample), sample_rows)
    if interval_rows:
        connection.execute(insert(interval), interval_rows)
    tracker_rows = [{"ap": ap, "state": json.dumps(value, sort_keys=True)} for ap, value in trackers.items()]
    if tracker_rows:
        connection.execute(_KEEP_TRACKER, tracker_rows)


def trackers(connection: Connection) -> dict[str, dict[str, Any]]:
    """Every access point's tracker as the JSON value it was kept as."""
    return {row.ap: json.loads(row.state) for row in connection.execute(select(tracker))}


def forget_beyond(connection: Connection, ap: str, at: int) -> None:
    """Takes back what was recorded of an access point with times after `at`, by a clock that had run ahead."""
    connection.execute(delete(interval).where(interval.c.ap == ap, interval.c.from_at >= at))
    connection.execute(update(interval).where(interval.c.ap == ap, interval.c.to_at > at).values(to_at=at))
    connection.execute(delete(sample).where(sample.c.ap == ap, sample.c.at >= at))


def intervals(connection: Connection, window: tuple[int, int]) -> dict[str, list[IntervalRow]]:
    """The closed states that touch a window, under their AP, in order; not clipped."""
    found: dict[str, list[IntervalRow]] = {}
    rows = connection.execute(
        select(interval)
        .where(interval.c.from_at < window[1], interval.c.to_at > window[0])
        .order_by(interval.c.ap, interval.c.from_at)
    )
    for row in rows:
        found.setdefault(row.ap, []).append(IntervalRow(**row._mapping))
    return found


def samples_between(connection: Connection, after: int, until: int, limit: int | None) -> list[SampleRow]:
    """Samples with after < at <= until, oldest first."""
    rows = connection.execute(
        select(sample).where(sample.c.at > after, sample.c.at <= until).order_by(sample.c.at, sample.c.ap).limit(limit)
    )
    return [SampleRow(**row._mapping) for row in rows]


def last_sample_at(connection: Connection) -> int | None:
    return connection.execute(select(func.max(sample.c.at))).scalar()


def first_observed(connection: Connection) -> int | None:
    """When the first state that is still known began; None before the first closed one."""
    return connection.execute(select(func.min(interval.c.from_at))).scalar()


def drop_samples(connection: Connection, before: int, at_most: int) -> int:
    """Deletes the oldest samples before a time, whole rounds, about `at_most` of them. Returns how many went."""
    edge = connection.execute(
        select(sample.c.at).where(sample.c.at < before).order_by(sample.c.at).offset(at_most).limit(1)
    ).scalar()
    return connection.execute(delete(sample).where(sample.c.at < (before if edge is None else edge + 1))).rowcount


# -- maintenance (telemetry) -----------------------------------------------------------------------------------------


def announce(connection: Connection, row: MaintenanceRow) -> None:
    connection.execute(insert(maintenance).values(**vars(row)))


def withdraw(connection: Connection, maintenance_id: str, now: int) -> bool:
    """Takes work back that has not begun yet. False when there is none such, or it has begun, or is withdrawn."""
    result = connection.execute(
        update(maintenance)
        .where(maintenance.c.id == maintenance_id, maintenance.c.from_at > now, maintenance.c.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )
    return result.rowcount == 1


def find_maintenance(connection: Connection, prefix: str) -> list[MaintenanceRow]:
    """The entries whose id begins so."""
    rows = connection.execute(select(maintenance).where(maintenance.c.id.startswith(prefix, autoescape=True)).limit(2))
    return [MaintenanceRow(**row._mapping) for row in rows]


def maintenance_between(connection: Connection, window: tuple[int, int]) -> list[MaintenanceRow]:
    """Announced work that touches a window, withdrawn or not, in order."""
    rows = connection.execute(
        select(maintenance)
        .where(maintenance.c.from_at < window[1], maintenance.c.to_at > window[0])
        .order_by(maintenance.c.from_at, maintenance.c.id)
    )
    return [MaintenanceRow(**row._mapping) for row in rows]


# -- leases and exports (telemetry) ----------------------------------------------------------------------------------


def take_lease(connection: Connection, name: str, holder: str, now: int, until: int) -> bool:
    """Whether `holder` may do the work called `name` until then. It may take its own lease again."""
    taken = connection.execute(_TAKE_LEASE, {"name": name, "holder": holder, "now": now, "until": until})
    return taken.rowcount == 1


def lease_holder(connection: Connection, name: str, now: int) -> str | None:
    """Who has a lease, if anybody has."""
    query = select(lease.c.holder).where(lease.c.name == name, lease.c.until > now)
    holder: str | None = connection.execute(query).scalar()
    return holder


def give_lease_back(connection: Connection, name: str, holder: str) -> None:
    connection.execute(delete(lease).where(lease.c.name == name, lease.c.holder == holder))


def begin_job(connection: Connection, name: str, now: int, every: int) -> bool:
    """Whether a job is due that is done every so many seconds; then it has begun now."""
    return connection.execute(_BEGIN_JOB, {"name": name, "now": now, "every": every}).rowcount == 1


def watermark(connection: Connection, target: str) -> int | None:
    """Up to which time an export has delivered."""
    return connection.execute(select(export.c.watermark).where(export.c.target == target)).scalar()


def move_watermark(connection: Connection, target: str, at: int) -> None:
    connection.execute(_MOVE_WATERMARK, {"target": target, "at": at})


# -- sessions (core), read only --------------------------------------------------------------------------------------


def sessions(connection: Connection, window: tuple[int, int]) -> Iterator[SessionRow]:
    """The sessions that touch a window, and those that still run, in no order."""
    # Each part by its own index: those that began within it, those that began before it and ended since, and those that
    # run.
    began, ended = session.c.started_at, session.c.ended_at
    parts = (
        (began >= window[0], began < window[1], ended.is_not(None)),
        (began < window[0], ended >= window[0]),
        (began < window[1], ended.is_(None)),
    )
    rows = connection.execute(
        union_all(*(_session_rows().where(*part) for part in parts)).execution_options(yield_per=10_000)
    )
    for row in rows:
        yield SessionRow(**row._mapping)


def _session_rows() -> Select[Any]:
    return select(
        session.c.site,
        session.c.person_id.label("person"),
        session.c.device_id.label("device"),
        session.c.started_at,
        func.coalesce(session.c.ended_at, session.c.last_at).label("ended_at"),
        session.c.seconds,
        session.c.down,
        session.c.up,
    )


def first_session_at(connection: Connection) -> int | None:
    return connection.execute(select(func.min(session.c.started_at))).scalar()


def active_sessions(connection: Connection, now: int) -> dict[str, int]:
    """Running sessions of each site."""
    rows = connection.execute(
        select(session.c.site, func.count())
        .where(session.c.ended_at.is_(None), session.c.started_at <= now)
        .group_by(session.c.site)
    )
    return {site: count for site, count in rows}  # noqa: C416 - rows are not pairs to mypy
