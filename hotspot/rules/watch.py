"""What ends or changes a session without an accounting record: time that runs out, an ended or revoked grant, a block,
a new revision.

Every grant says when it is to be looked at next (`due_at`, an index holds only those that are): when it should have
ended, when its person's time will be used up by all that run, or at once where something has changed. So a look costs
what has fallen due, not what is running. A grant that nobody uses any more is never looked at again.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from hotspot.admission.allowance import amended, time_ends_at
from hotspot.admission.grant import Denial, Grant, Reason
from hotspot.admission.plan import Plan
from hotspot.city.sites import Inventory, Site
from hotspot.store.city import revisions
from hotspot.store.city.revisions import Revision
from hotspot.store.persons import blocks
from hotspot.store.persons.blocks import Blocked
from hotspot.store.portable import lock
from hotspot.store.schema import grant, meta, session
from hotspot.store.stays import orders
from hotspot.store.stays.grants import OVERDUE, grant_of, usage
from hotspot.store.stays.orders import Channel, Kind, Wanted

from . import enforcement
from .enforcement import channel_of, unreported

AGAIN: Final = 300
"""Seconds after which a session that was ordered out is looked at again, if it still runs."""
_SOON: Final = 2
"""Seconds before which nothing is looked at twice."""
_SEEN: Final = "watched revision"
_BY_VOUCHER: Final = "voucher"


@dataclass(frozen=True)
class Looked:
    """What a look at the due grants came to."""

    grants: int = 0
    ended: int = 0
    changed: int = 0


def block(
    connection: Connection,
    inventory: Inventory,
    kind: Blocked,
    subject: str,
    until: int,
    reason: str,
    who: str,
    now: int,
) -> int:
    """Lets a person or a device in no more until a time and orders what runs out. How many sessions."""
    lock(connection, {f"{kind} {subject}"})  # whoever is just being let in is in, and found below, or sees the block
    blocks.add(connection, kind, subject, until, reason, who, now)
    whose = {"person": subject} if kind is Blocked.PERSON else {"device": subject}
    return end(connection, inventory, Reason.BLOCKED, now, **whose)


def end(
    connection: Connection,
    inventory: Inventory,
    reason: str,
    now: int,
    *,
    person: str | None = None,
    device: str | None = None,
) -> int:
    """Ends what a person or a device was granted and orders their running sessions out. How many."""
    whose = grant.c.person_id == person if person is not None else grant.c.device_id == device
    ids = connection.execute(select(grant.c.person_id).where(whose).distinct()).scalars().all()
    rows = [row for row in enforcement.running(connection, ids) if device is None or row.device_id == device]
    in_force = update(grant).where(whose, grant.c.ends_at > now)
    connection.execute(in_force.values(ends_at=now, due_at=now + AGAIN))
    return enforcement.put_out(connection, inventory, ((row, reason) for row in rows), now)


def follow(connection: Connection, revision: Revision, now: int) -> int:
    """Makes the grants due that a new revision may have changed; once for each revision. How many."""
    row = connection.execute(select(meta.c.value).where(meta.c.name == _SEEN)).scalar()
    if row is not None and int(row) == revision.number:
        return 0
    value = str(revision.number).encode()
    if row is None:
        connection.execute(insert(meta).values(name=_SEEN, value=value))
        return 0
    connection.execute(update(meta).where(meta.c.name == _SEEN).values(value=value))
    before = revisions.get(connection, int(row))
    if before is not None and _allowances(before.inventory) == _allowances(revision.inventory):
        return 0
    watched = update(grant).where(grant.c.due_at.is_not(None), grant.c.ends_at > now)
    return connection.execute(watched.where(grant.c.revision < revision.number).values(due_at=now)).rowcount


def _allowances(inventory: Inventory) -> tuple[dict[str, Plan], dict[str, tuple[str, str | None]]]:
    return dict(inventory.plans), {site.id: (site.plan, site.timezone) for site in inventory.site}


def look(connection: Connection, revision: Revision, now: int, limit: int = 50) -> Looked:
    """Looks at the grants that have fallen due, at most so many, oldest first."""
    due = select(grant).where(grant.c.due_at <= now).order_by(grant.c.due_at).limit(limit)
    held = connection.execute(due.with_for_update(skip_locked=True)).all()
    if not held:
        return Looked()
    rows = enforcement.running(connection, {row.person_id for row in held})
    inventory = revision.inventory
    out = list(enforcement.judged(connection, inventory, rows, now, live=True))
    ended = enforcement.put_out(connection, inventory, out, now)
    leaving = {row.id for row, _ in out}
    changed = 0
    for row in held:
        mine = [one for one in rows if one.grant_id == row.id]
        if not mine:
            overdue = row.ends_at + OVERDUE
            _look_at(connection, [row.id], overdue if overdue > now else None)
        elif all(one.id in leaving for one in mine):
            _look_at(connection, [row.id], now + AGAIN)
        else:
            changed += _go_on(connection, revision, row, mine, rows, now)
    return Looked(len(held), ended, changed)


def _look_at(connection: Connection, grants: Collection[str], due_at: int | None) -> None:
    connection.execute(update(grant).where(grant.c.id.in_(grants)).values(due_at=due_at))


def _go_on(
    connection: Connection,
    revision: Revision,
    row: Row[Any],
    mine: list[Row[Any]],
    everybodys: list[Row[Any]],
    now: int,
) -> int:
    """A grant that goes on: under a changed plan with other limits. Returns how many of its sessions are told so."""
    inventory, held = revision.inventory, grant_of(row)
    site = inventory.find_site(held.site)
    told = 0
    if site is not None and row.revision < revision.number:
        plan = _changed_plan(connection, revision, row, site)
        if plan is not None:
            held, told = _amend(connection, inventory, replace(held, plan=plan), site, mine, everybodys, now)
        connection.execute(update(grant).where(grant.c.id == held.id).values(revision=revision.number))
    due_at = held.ends_at + OVERDUE
    plan_now = inventory.plans.get(held.plan)
    if site is not None and plan_now is not None and plan_now.time_per_day is not None:
        theirs = [one for one in everybodys if one.person_id == held.person]
        known = usage(connection, held.person, now, inventory.zone(site))
        used_up = time_ends_at(plan_now, known.seconds + unreported(theirs, now), len(known.devices), now)
        due_at = min(due_at, used_up or due_at)
    _look_at(connection, [held.id], max(due_at, now + _SOON))
    return told


def _changed_plan(connection: Connection, revision: Revision, row: Row[Any], site: Site) -> str | None:
    """The plan that holds for a grant now, where it is not as it was when the grant was given; else None.

    Who came by a voucher keeps the plan that it names; everybody else has the site's.
    """
    before = revisions.get(connection, row.revision)
    if before is None:
        return None
    old = before.inventory.find_site(row.site)
    follows = row.method != _BY_VOUCHER and old is not None and old.plan == row.plan
    name = site.plan if follows else row.plan
    plans, known = revision.inventory.plans, before.inventory.plans
    same = plans.get(name) == known.get(row.plan) and (old is None or old.timezone == site.timezone)
    return None if name not in plans or same else name


def _amend(
    connection: Connection,
    inventory: Inventory,
    held: Grant,
    site: Site,
    mine: list[Row[Any]],
    everybodys: list[Row[Any]],
    now: int,
) -> tuple[Grant, int]:
    """The grant as its plan has it now, kept; and how many of its sessions' gateways are told."""
    plan, zone = inventory.plans[held.plan], inventory.zone(site)
    known = usage(connection, held.person, now, zone)
    theirs = [row for row in everybodys if row.person_id == held.person]
    known = replace(known, seconds=known.seconds + unreported(theirs, now))
    # What a voucher entitles to cannot grow by a plan; nothing longer than it had is known here.
    until = held.ends_at if held.method == _BY_VOUCHER else None
    fresh = amended(held, site.id, plan, known, spent(connection, held), now, zone, until)
    if isinstance(fresh, Denial):
        connection.execute(update(grant).where(grant.c.id == held.id).values(ends_at=now, plan=held.plan))
        enforcement.put_out(connection, inventory, ((row, fresh.reason) for row in mine), now)
        return replace(held, ends_at=now), 0
    return fresh, keep(connection, inventory, fresh, mine, "plan", now)


def spent(connection: Connection, held: Grant) -> int:
    """The bytes that were used under a grant."""
    total = select(func.coalesce(func.sum(session.c.down + session.c.up), 0))
    under = total.where(session.c.person_id == held.person, session.c.grant_id == held.id)
    return int(connection.execute(under).scalar_one())


def keep(
    connection: Connection, inventory: Inventory, fresh: Grant, rows: list[Row[Any]], reason: str, now: int
) -> int:
    """Keeps what a grant allows from now on and orders the gateways of its running sessions to follow. How many can."""
    limits = fresh.limits
    values = {
        "plan": fresh.plan,
        "ends_at": fresh.ends_at,
        "idle": limits.idle,
        "down": limits.down,
        "up": limits.up,
        "total": limits.total,
    }
    connection.execute(update(grant).where(grant.c.id == fresh.id).values(**values, due_at=now))
    wanted = [
        Wanted(row.id, row.gateway, Channel.COA, reason, Kind.CHANGE, fresh.ends_at)
        for row in rows
        if channel_of(inventory, row.gateway) is Channel.COA
    ]
    orders.add_all(connection, wanted, now)
    return len(wanted)
