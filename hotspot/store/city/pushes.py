"""Pinned host keys of access points, and what was pushed to them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from hotspot.store.schema import host_key, push, push_run

RECONCILE: Final = "reconcile"
"""The action of runs that no admin started."""


@dataclass(frozen=True)
class HostKey:
    """A pinned key: its OpenSSH text (`ssh-ed25519 AAAA…`) and its fingerprint (`SHA256:…`)."""

    ap: str
    key: str
    fingerprint: str


def pinned(connection: Connection) -> dict[str, HostKey]:
    """Every pinned key by its access point."""
    rows = connection.execute(select(host_key.c.ap, host_key.c.key, host_key.c.fingerprint))
    return {row.ap: HostKey(row.ap, row.key, row.fingerprint) for row in rows}


def unpin(connection: Connection, ap: str) -> None:
    connection.execute(delete(host_key).where(host_key.c.ap == ap))


def pin(connection: Connection, pinned_key: HostKey, who: str, now: int) -> None:
    """Pins a key in the place of any other of that access point."""
    connection.execute(delete(host_key).where(host_key.c.ap == pinned_key.ap))
    connection.execute(
        insert(host_key).values(
            ap=pinned_key.ap,
            key=pinned_key.key,
            fingerprint=pinned_key.fingerprint,
            pinned_at=now,
            pinned_by=who,
        )
    )


# -- runs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One `apply`, `rollback` or pass of `reconcile`. `settings` are its options, `stopped` why it ended early."""

    id: str
    action: str
    who: str
    started_at: int
    settings: dict[str, Any]
    ended_at: int | None = None
    stopped: str = ""


@dataclass(frozen=True)
class Push:
    """One attempt at one access point. `id` is the transaction there; no outcome: our side never heard how it ended."""

    id: str
    run: str
    ap: str
    revision: int
    manifest: str
    outcome: str | None = None
    detail: str = ""


def begin_run(connection: Connection, run: Run) -> None:
    values = {**vars(run), "settings": json.dumps(run.settings, sort_keys=True)}
    connection.execute(insert(push_run).values(values))


def end_run(connection: Connection, run: str, stopped: str, now: int) -> None:
    connection.execute(update(push_run).where(push_run.c.id == run).values(ended_at=now, stopped=stopped))


def resume_run(connection: Connection, run: str) -> None:
    """Marks it as under way again."""
    connection.execute(update(push_run).where(push_run.c.id == run).values(ended_at=None, stopped=""))


def find_run(connection: Connection, run: str = "") -> Run | None:
    """The run whose id begins so; without one the last that an admin started. None where there is none, or several."""
    query = select(push_run).order_by(push_run.c.started_at.desc(), push_run.c.id).limit(2)
    if run:
        query = query.where(push_run.c.id.startswith(run, autoescape=True))
    else:
        query = query.where(push_run.c.action != RECONCILE)
    rows = connection.execute(query).all()
    if not rows or (run and len(rows) > 1):
        return None
    row = rows[0]
    settings = json.loads(row.settings)
    return Run(row.id, row.action, row.who, row.started_at, settings, row.ended_at, row.stopped)


def intend(connection: Connection, pushes: Iterable[Push], now: int) -> None:
    """Notes pushes before the first contact."""
    rows = [{**vars(one), "planned_at": now} for one in pushes]
    if rows:
        connection.execute(insert(push), rows)


def finish_all(connection: Connection, ends: Iterable[tuple[str, str, str]], now: int) -> None:
    """Notes how pushes ended: (id, outcome, detail) of each."""
    rows = [{"push_id": one, "outcome": outcome, "detail": detail, "now": now} for one, outcome, detail in ends]
    values: dict[str, Any] = {
        "outcome": bindparam("outcome"),
        "detail": bindparam("detail"),
        "finished_at": bindparam("now"),
    }
    if rows:
        connection.execute(update(push).where(push.c.id == bindparam("push_id")).values(values), rows)


def skip(connection: Connection, push_ids: Iterable[str], outcome: str, detail: str, now: int) -> None:
    """Closes pushes that were never begun."""
    values = {"outcome": outcome, "detail": detail, "finished_at": now}
    connection.execute(update(push).where(push.c.id.in_(list(push_ids))).values(**values))


_PUSH = (push.c.id, push.c.run, push.c.ap, push.c.revision, push.c.manifest, push.c.outcome, push.c.detail)


def attempts(connection: Connection, run: str) -> dict[str, list[Push]]:
    """Every attempt of a run by its access point, oldest first."""
    found: dict[str, list[Push]] = {}
    for row in connection.execute(select(*_PUSH).where(push.c.run == run).order_by(push.c.number)):
        found.setdefault(row.ap, []).append(Push(*row))
    return found


def carried_before(connection: Connection, ap: str, outcome: str, manifest: str) -> Push | None:
    """The latest push with this outcome that left an access point with anything but `manifest`."""
    query = (
        select(*_PUSH)
        .where(push.c.ap == ap, push.c.outcome == outcome, push.c.manifest != manifest)
        .order_by(push.c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Push(*row)


def carrying(connection: Connection, ap: str, manifest: str) -> Push | None:
    """The latest push of this content to an access point."""
    query = select(*_PUSH).where(push.c.ap == ap, push.c.manifest == manifest).order_by(push.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Push(*row)
