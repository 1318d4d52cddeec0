"""Forgetting people: what names a person or a device is erased when nobody has needed it for a term.

Erased are addresses of devices, phone numbers, voucher codes as they were typed, and the grants that let them in. What
was used stays: sessions hold random ids, which then mean nobody, and are what reports count. Consents stay, as
proof that somebody consented. Members are kept until they are removed, whoever is blocked until they are not, and
whoever a legal hold names, with their devices and grants, until it is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from hotspot.city.sites import Inventory
from hotspot.people.identity import PersonKind
from hotspot.store.persons.holds import held
from hotspot.store.schema import block, device, grant, hold, identity, person, session, ticket

_YOUNG: Final = 2 * 86400
"""Seconds in which nobody is forgotten who has only just been met: days in all zones, quotas, passes."""


@dataclass(frozen=True)
class Terms:
    """What is older than these times, in UTC seconds, is forgotten."""

    before: int
    schools_before: int
    schools: tuple[str, ...]
    now: int


def terms_of(inventory: Inventory, now: int) -> Terms:
    schools = tuple(site.id for site in inventory.site if site.kind == "school")
    section = inventory.retention
    return Terms(now - section.personal, now - section.school, schools, now)


@dataclass(frozen=True)
class Forgotten:
    """How many rows of each kind."""

    grants: int = 0
    devices: int = 0
    persons: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))


def count(connection: Connection, terms: Terms) -> Forgotten:
    """What all the steps would forget. By the whole history: for who asks, not for a job."""

    def rows(statement: Select[tuple[str]]) -> int:
        return connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()

    return Forgotten(rows(_grants(terms)), rows(_devices(terms)), rows(_persons(terms)))


Place = tuple[int, str]
"""How far a walk has come: the time and the id of the last one it looked at."""
START: Final[Place] = (-1, "")
Step = Callable[[Connection, Terms, int, Place], tuple[Forgotten, Place | None]]
"""Looks at no more than so many that come after a place and are due; what it forgot, and where the next one begins:
None where nothing is left. One transaction each, so that nobody at a login page waits for it."""


def forget_grants(connection: Connection, terms: Terms, limit: int, after: Place) -> tuple[Forgotten, Place | None]:
    """Ended grants, with their tickets (`Step`)."""
    walk, last = _due(connection, grant, grant.c.ends_at, grant.c.id, terms.before, limit, after)
    return _grants_gone(connection, terms, walk), last


def forget_schools_grants(
    connection: Connection, terms: Terms, limit: int, after: Place
) -> tuple[Forgotten, Place | None]:
    """Those of schools, whose term is shorter (`Step`)."""
    if not terms.schools:
        return Forgotten(), None
    at_school = grant.c.site.in_(terms.schools)
    walk, last = _due(connection, grant, grant.c.ends_at, grant.c.id, terms.schools_before, limit, after, at_school)
    return _grants_gone(connection, terms, walk), last


def forget_devices(connection: Connection, terms: Terms, limit: int, after: Place) -> tuple[Forgotten, Place | None]:
    """Addresses of devices that nobody needs (`Step`). Grants come first: whom one still refers to stays."""
    walk, last = _due(connection, device, device.c.needed_at, device.c.id, terms.before, limit, after)
    referred = select(grant.c.id).where(grant.c.device_id == device.c.id).exists()
    gone = _ids(connection, _devices(terms).where(device.c.id.in_(walk), ~referred))
    connection.execute(delete(device).where(device.c.id.in_(gone)))
    kept = [name for name in walk if name not in gone]
    needed = _needed(terms, grant.c.device_id == device.c.id, session.c.device_id == device.c.id, device.c.first_seen)
    connection.execute(update(device).where(device.c.id.in_(kept)).values(needed_at=needed))
    return Forgotten(devices=len(gone)), last


def forget_persons(connection: Connection, terms: Terms, limit: int, after: Place) -> tuple[Forgotten, Place | None]:
    """What names persons whom nobody needs to know (`Step`)."""
    walk, last = _due(connection, identity, identity.c.needed_at, identity.c.person_id, terms.before, limit, after)
    gone = _ids(connection, _persons(terms).where(identity.c.person_id.in_(walk)))
    connection.execute(delete(identity).where(identity.c.person_id.in_(gone)))
    kept = [name for name in walk if name not in gone]
    met = select(person.c.created_at).where(person.c.id == identity.c.person_id).scalar_subquery()
    theirs = identity.c.person_id
    needed = _needed(terms, grant.c.person_id == theirs, session.c.person_id == theirs, met)
    connection.execute(update(identity).where(theirs.in_(kept)).values(needed_at=needed))
    return Forgotten(persons=len(gone)), last


STEPS: Final[tuple[Step, ...]] = (forget_grants, forget_schools_grants, forget_devices, forget_persons)
"""All of it, in this order."""


def _due(
    connection: Connection,
    table: Any,
    at: Column[Any],
    name: Column[Any],
    before: int,
    limit: int,
    after: Place,
    *also: ColumnElement[bool],
) -> tuple[list[str], Place | None]:
    """The ids of the next rows that are due, locked, so that nothing new refers to them meanwhile; and the place of the
    last one where there may be more."""
    beyond = tuple_(at, name) > tuple_(*map(literal, after))
    chosen = select(at, name).where(at >= after[0], at < before, beyond, *also).order_by(at, name).limit(limit)
    rows = connection.execute(chosen.with_for_update(skip_locked=True, of=table)).all()
    last = (int(rows[-1][0]), str(rows[-1][1])) if len(rows) == limit else None
    return [row[1] for row in rows], last


def _ids(connection: Connection, chosen: Select[Any]) -> set[str]:
    return {str(name) for name in connection.execute(chosen).scalars()}


def _grants_gone(connection: Connection, terms: Terms, walk: list[str]) -> Forgotten:
    """Those of grants that are over whose persons are neither online nor held, with their tickets."""
    whose = {
        row.id: row.person_id
        for row in connection.execute(select(grant.c.id, grant.c.person_id).where(grant.c.id.in_(walk)))
    }
    persons = set(whose.values())
    online = select(session.c.person_id).where(session.c.person_id.in_(persons), session.c.ended_at.is_(None))
    kept = _ids(connection, online.distinct()) | _ids(connection, held(terms.now).where(hold.c.person_id.in_(persons)))
    ids = [name for name, person_id in whose.items() if person_id not in kept]
    connection.execute(delete(ticket).where(ticket.c.grant_id.in_(ids)))
    connection.execute(delete(grant).where(grant.c.id.in_(ids)))
    return Forgotten(grants=len(ids))


def _needed(
    terms: Terms, granted: ColumnElement[bool], used: ColumnElement[bool], met: ColumnElement[int] | ScalarSelect[int]
) -> ColumnElement[int]:
    """The last time of grants and sessions. A school's count as earlier, and so does the first meeting: by what the
    term is longer than that of whoever never used anything."""
    earlier = terms.schools_before - terms.before

    def newest(at: ColumnElement[int], site: ColumnElement[str], whose: ColumnElement[bool]) -> ScalarSelect[int]:
        counted = case((site.in_(terms.schools), at - earlier), else_=at)
        return select(func.coalesce(func.max(counted), 0)).where(whose).scalar_subquery()

    times = (newest(grant.c.ends_at, grant.c.site, granted), newest(session.c.last_at, session.c.site, used))
    # One after the other: SQLite's max of several and PostgreSQL's greatest have different names.
    greatest: ColumnElement[int] = func.coalesce(met, 0) - (terms.now - _YOUNG - terms.before)
    for time in times:
        greatest = case((time > greatest, time), else_=greatest)
    return greatest


def _over(terms: Terms, site: ColumnElement[str], at: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(at < terms.before, and_(site.in_(terms.schools), at < terms.schools_before))


def _grants(terms: Terms) -> Select[tuple[str]]:
    running = (
        select(session.c.id).where(session.c.person_id == grant.c.person_id, session.c.ended_at.is_(None)).exists()
    )
    return select(grant.c.id).where(
        _over(terms, grant.c.site, grant.c.ends_at), ~running, grant.c.person_id.not_in(held(terms.now))
    )


def _devices(terms: Terms) -> Select[tuple[str]]:
    granted = select(grant.c.id).where(grant.c.device_id == device.c.id, ~_over(terms, grant.c.site, grant.c.ends_at))
    used = select(session.c.id).where(session.c.device_id == device.c.id, _in_use(terms))
    of_held = select(grant.c.id).where(grant.c.device_id == device.c.id, grant.c.person_id.in_(held(terms.now)))
    used_by_held = select(session.c.id).where(
        session.c.device_id == device.c.id, session.c.person_id.in_(held(terms.now))
    )
    return select(device.c.id).where(
        device.c.first_seen < terms.now - _YOUNG,
        ~used.exists(),
        ~granted.exists(),
        device.c.id.not_in(_blocked(terms)),
        ~of_held.exists(),
        ~used_by_held.exists(),
    )


def _persons(terms: Terms) -> Select[tuple[str]]:
    granted = select(grant.c.id).where(
        grant.c.person_id == identity.c.person_id, ~_over(terms, grant.c.site, grant.c.ends_at)
    )
    used = select(session.c.id).where(session.c.person_id == identity.c.person_id, _in_use(terms))
    return (
        select(identity.c.person_id)
        .join(person, person.c.id == identity.c.person_id)
        .where(
            identity.c.kind != PersonKind.MEMBER.value,
            person.c.created_at < terms.now - _YOUNG,
            ~granted.exists(),
            ~used.exists(),
            identity.c.person_id.not_in(_blocked(terms)),
            identity.c.person_id.not_in(held(terms.now)),
        )
    )


def _in_use(terms: Terms) -> ColumnElement[bool]:
    return or_(session.c.ended_at.is_(None), ~_over(terms, session.c.site, session.c.last_at))


def _blocked(terms: Terms) -> Select[tuple[str]]:
    return select(block.c.subject).where(block.c.until > terms.now, block.c.lifted_at.is_(None))
