"""Erasing one person on request. What they used stays in the statistics under random ids that then lead to nobody.

Erased are: what names them, their devices' addresses, their grants, a member's password, the code they were last
sent, contacts they left with reported faults. A voucher is revoked and no longer leads to whoever used it. Consents
count as withdrawn and stay, as proof that somebody once gave them.

Their gateways must still be told to put them out, by names that are about to go: where a session runs, the erasure
waits for its end, an hour at most, and `portal.jobs` does it.
"""

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from hotspot.admission.grant import Reason
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.store.audit import record
from hotspot.store.persons import blocks, complaints, consents, holds, remembered, subject
from hotspot.store.persons.subject import Subject
from hotspot.store.portable import lock
from hotspot.store.schema import challenge, device, erasure, grant, identity, member, ticket, voucher

from . import watch

PATIENCE: Final = 3600
"""Seconds after which an erasure waits for no session any longer."""


@dataclass(frozen=True)
class Erased:
    """How many rows of each kind are erased; `consents` are withdrawn and stay."""

    names: int
    devices: int
    grants: int
    consents: int
    vouchers: int
    faults: int


@dataclass(frozen=True)
class Erasure:
    """What became of a request: done, or waiting until `sessions` have ended."""

    subject: Subject
    sessions: int
    erased: Erased | None


def check(connection: Connection, whose: Subject, now: int) -> None:
    """RequestError: erase-held, erase-blocked where the data must be kept."""
    if holds.until(connection, [whose.person], now) is not None:
        raise RequestError("erase-held")
    if blocks.until(connection, (whose.person, *whose.devices), now) is not None:
        raise RequestError("erase-blocked")


def ask(connection: Connection, keys: Keys, inventory: Inventory, person_id: str, who: str, now: int) -> Erasure:
    """Puts a person out and erases what is known of them, at once where none of their sessions runs. RequestError as
    `check`."""
    lock(connection, {f"person {person_id}"})
    whose = subject.of(connection, person_id)
    check(connection, whose, now)
    watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, now, person=person_id)
    for one in whose.devices:
        watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, now, device=one)
    id_ = new_id()
    connection.execute(insert(erasure).values(id=id_, person_id=person_id, asked_at=now, asked_by=who))
    remembered.forget(connection, (whose.person, *whose.devices))
    record(connection, who, "person.erase", person_id, now)
    running = subject.running(connection, whose)
    return Erasure(whose, running, None if running else _done(connection, keys, id_, whose, now))


def due(connection: Connection) -> list[str]:
    """The ids of the erasures that are not done yet, oldest first."""
    waiting = select(erasure.c.id).where(erasure.c.done_at.is_(None))
    return list(connection.execute(waiting.order_by(erasure.c.asked_at, erasure.c.id)).scalars())


def go_on(connection: Connection, keys: Keys, erasure_id: str, now: int) -> Erased | None:
    """Does an erasure that is due, if its time has come and nobody has meanwhile said that the data must be kept."""
    row = connection.execute(
        select(erasure).where(erasure.c.id == erasure_id, erasure.c.done_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    lock(connection, {f"person {row.person_id}"})
    whose = subject.of(connection, row.person_id)
    try:
        check(connection, whose, now)
    except RequestError:
        return None
    if subject.running(connection, whose) and now < row.asked_at + PATIENCE:
        return None
    return _done(connection, keys, erasure_id, whose, now)


def _done(connection: Connection, keys: Keys, erasure_id: str, whose: Subject, now: int) -> Erased:
    erased = _erase(connection, keys, whose, now)
    connection.execute(update(erasure).where(erasure.c.id == erasure_id).values(done_at=now))
    record(connection, "nirkabel", "person.erased", whose.person, now, **asdict(erased))
    return erased


def count(connection: Connection, keys: Keys, whose: Subject) -> Erased:
    """What an erasure would erase."""
    called = subject.name(connection, keys, whose.person)
    names = select(identity.c.person_id).where(identity.c.person_id == whose.person)
    grants = select(grant.c.id).where(_granted(whose))
    used = select(voucher.c.id).where(voucher.c.person_id == whose.person)
    return Erased(
        names=len(connection.execute(names).all()),
        devices=len(whose.devices),
        grants=len(connection.execute(grants).all()),
        consents=len(consents.listed(connection, persons=[whose.person], withdrawn=False)),
        vouchers=len(connection.execute(used).all()),
        faults=len(complaints.contacted(connection, keys, *called)) if called else 0,
    )


def _granted(whose: Subject) -> ColumnElement[bool]:
    return or_(grant.c.person_id == whose.person, grant.c.device_id.in_(whose.devices))


def _erase(connection: Connection, keys: Keys, whose: Subject, now: int) -> Erased:
    counted = count(connection, keys, whose)
    called = subject.name(connection, keys, whose.person)
    if called:
        complaints.erase_contact(connection, keys, *called)
        if called[0] is PersonKind.PHONE:
            connection.execute(delete(challenge).where(challenge.c.number == keys.index(*called)))
    grants = select(grant.c.id).where(_granted(whose))
    connection.execute(delete(ticket).where(ticket.c.grant_id.in_(grants)))
    connection.execute(delete(grant).where(_granted(whose)))
    connection.execute(delete(device).where(device.c.id.in_(whose.devices)))
    consents.withdraw(connection, [whose.person], now)
    used = update(voucher).where(voucher.c.person_id == whose.person)
    connection.execute(used.where(voucher.c.revoked_at.is_(None)).values(revoked_at=now))
    connection.execute(used.values(person_id=None))
    connection.execute(delete(member).where(member.c.person_id == whose.person))
    connection.execute(delete(identity).where(identity.c.person_id == whose.person))
    return counted
