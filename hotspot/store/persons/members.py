"""Members as their admins and their guessers see them: the list, new passwords, removal, and attempts at a name."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, delete, func, select, update

from hotspot.errors import StoreError
from hotspot.people.identity import Keys, PersonKind
from hotspot.store.limits import attempts
from hotspot.store.limits.attempts import AtMember
from hotspot.store.schema import grant, identity, member

from . import people, remembered
from .people import Member


@dataclass(frozen=True)
class Listed:
    """A member as admins see them. Times in UTC seconds."""

    person: str
    name: str
    created_at: int
    last_login: int | None
    disabled: bool


def listed(connection: Connection, keys: Keys) -> list[Listed]:
    """All members by name. StoreError under another master key."""
    last = select(grant.c.person_id, func.max(grant.c.starts_at).label("at")).group_by(grant.c.person_id).subquery()
    statement = (
        select(member, identity.c.sealed, last.c.at)
        .join(identity, identity.c.person_id == member.c.person_id)
        .outerjoin(last, last.c.person_id == member.c.person_id)
    )
    try:
        found = [
            Listed(
                row.person_id,
                keys.open(PersonKind.MEMBER, row.sealed),
                row.created_at,
                row.at,
                row.disabled_at is not None,
            )
            for row in connection.execute(statement)
        ]
    except InvalidTag as error:
        raise StoreError("a member was sealed under another master key") from error
    return sorted(found, key=lambda one: one.name)


def set_password(connection: Connection, person: str, password_hash: str) -> None:
    """Whoever was remembered by the old one says the new one first."""
    connection.execute(update(member).where(member.c.person_id == person).values(password_hash=password_hash))
    remembered.forget(connection, [person])


def remove(connection: Connection, person: str) -> None:
    """Forgets a member's name and password. What they used stays in the statistics, as nobody's."""
    connection.execute(delete(member).where(member.c.person_id == person))
    connection.execute(delete(identity).where(identity.c.person_id == person))


def password_hash(connection: Connection, person: str) -> str | None:
    """A member's, None for anybody else."""
    return connection.execute(select(member.c.password_hash).where(member.c.person_id == person)).scalar_one_or_none()


def approach(
    connection: Connection, keys: Keys, name: str, mac: str, device: str | None = None
) -> tuple[Member | None, AtMember]:
    """The member of a name, and what counts an attempt at them by the device with this address.

    `device` is what the device is counted as, where that is not its address alone. RequestError("bad-name").
    """
    found = people.find_member(connection, keys, name)
    seen = None if found is None else people.find_device(connection, keys, mac)
    known = found is not None and seen is not None and _has_been_in(connection, found.person, seen)
    hashed = None if found is None else found.password_hash
    return found, attempts.at_member(keys, device or mac, people.normal_name(name), hashed, known=known)


def _has_been_in(connection: Connection, person: str, device: str) -> bool:
    statement = select(grant.c.id).where(grant.c.person_id == person, grant.c.device_id == device).limit(1)
    return connection.execute(statement).first() is not None
