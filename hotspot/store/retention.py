"""Forgetting people: what names a person or a device is erased when nobody has needed it for a term.

Erased are addresses of devices, phone numbers, voucher codes as they were typed, and the grants that let them in. What
was used stays: sessions hold random ids, which then mean nobody, and are what reports count. Consents stay, as
proof that somebody consented. Members are kept until they are removed, whoever is blocked until they are not, and
whoever a legal hold names, with their devices and grants, until it is over.
"""

from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, or_, select

from ..identity import PersonKind
from ..sites import Inventory
from .holds import held
from .schema import block, device, grant, identity, person, session, ticket

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
    """What `forget` would forget."""

    def rows(statement: Select[tuple[str]]) -> int:
        return connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()

    return Forgotten(rows(_grants(terms)), rows(_devices(terms)), rows(_persons(terms)))


def forget(connection: Connection, terms: Terms, limit: int) -> Forgotten:
    """Forgets at most `limit` of each kind; nothing is left when it returns nothing."""
    grants = _grants(terms).limit(limit)
    ids = list(connection.execute(grants).scalars())
    connection.execute(delete(ticket).where(ticket.c.grant_id.in_(ids)))
    connection.execute(delete(grant).where(grant.c.id.in_(ids)))
    # Whom a grant still refers to has their turn with the next call: foreign keys.
    referred = select(grant.c.id).where(grant.c.device_id == device.c.id).exists()
    devices = _devices(terms).where(~referred).limit(limit)
    gone_devices = connection.execute(delete(device).where(device.c.id.in_(devices))).rowcount
    persons = _persons(terms).limit(limit)
    gone_persons = connection.execute(delete(identity).where(identity.c.person_id.in_(persons))).rowcount
    return Forgotten(len(ids), gone_devices, gone_persons)


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
    # Joined, not asked for each device: PostgreSQL compares every device with every session under NOT IN, once these
    # are more than its work_mem holds (a million sessions never ended), and no index has sessions by device.
    used = select(session.c.device_id).where(_in_use(terms)).distinct().subquery()
    unused = device.outerjoin(used, used.c.device_id == device.c.id)
    chosen = select(device.c.id).select_from(unused).where(used.c.device_id.is_(None))
    return chosen.where(
        device.c.first_seen < terms.now - _YOUNG,
        ~granted.exists(),
        device.c.id.not_in(_blocked(terms)),
        device.c.id.not_in(select(grant.c.device_id).where(grant.c.person_id.in_(held(terms.now)))),
        device.c.id.not_in(select(session.c.device_id).where(session.c.person_id.in_(held(terms.now)))),
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
