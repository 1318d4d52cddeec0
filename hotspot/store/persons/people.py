"""Persons, members and devices, by what names them."""

from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import Column, Connection, insert, select, update

from hotspot.errors import RequestError, StoreError
from hotspot.people.identity import Keys, PersonKind, is_randomised, new_id
from hotspot.store.portable import Statement, begins, run
from hotspot.store.schema import device, identity, member, person
from hotspot.typed import plain


@dataclass(frozen=True)
class Member:
    person: str
    password_hash: str
    disabled: bool


def find(connection: Connection, keys: Keys, kind: PersonKind, value: str) -> str | None:
    """The id of the person known by `value`."""
    return _found(connection, keys.index(kind, value))


_FIND: Final = Statement("SELECT person_id FROM identity WHERE lookup = ?")
_MAKE: Final = Statement("INSERT INTO person (id, kind, created_at) VALUES (?, ?, ?)")
_KNOW: Final = Statement(
    "INSERT INTO identity (person_id, kind, lookup, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (lookup) DO NOTHING"
)


def _found(connection: Connection, lookup: bytes) -> str | None:
    row = run(connection, _FIND, lookup).fetchone()
    return None if row is None else str(row[0])


def find_or_create(connection: Connection, keys: Keys, kind: PersonKind, value: str, now: int) -> str:
    """The id of the person known by `value`, who is made known where nobody was."""
    known = find(connection, keys, kind, value)
    if known is not None:
        return known
    return create(connection, keys, kind, value, now)


def create(connection: Connection, keys: Keys, kind: PersonKind, value: str, now: int) -> str:
    """As `find_or_create`, for a value by which most likely nobody is known yet."""
    lookup, person_id = keys.index(kind, value), new_id()
    run(connection, _MAKE, person_id, str(kind), now)
    if run(connection, _KNOW, person_id, str(kind), lookup, keys.seal(kind, value)).rowcount == 1:
        return person_id
    connection.execute(person.delete().where(person.c.id == person_id))  # another node was faster
    return str(_found(connection, lookup))


def normal_name(name: str) -> str:
    """A member's name as it is compared, however a keyboard composes its letters: compatibility forms and spaces made
    alike (`typed.plain`), in lower case. RequestError("bad-name")."""
    normal = " ".join(plain(name).split()).lower()
    if not 1 <= len(normal) <= 64 or not normal.isprintable():
        raise RequestError("bad-name")
    return normal


def _as_once(name: str) -> str:
    """As names were compared before letters that are composed otherwise were one: who was entered so is still found."""
    return " ".join(name.split()).lower()


def add_member(connection: Connection, keys: Keys, name: str, password_hash: str, now: int) -> str:
    """A new member's person id. RequestError("member-exists") where the name is taken."""
    normal = normal_name(name)
    if find(connection, keys, PersonKind.MEMBER, normal) is not None:
        raise RequestError("member-exists")
    person_id = find_or_create(connection, keys, PersonKind.MEMBER, normal, now)
    connection.execute(insert(member).values(person_id=person_id, password_hash=password_hash, created_at=now))
    return person_id


def find_member(connection: Connection, keys: Keys, name: str) -> Member | None:
    statement = (
        select(member)
        .join(identity, identity.c.person_id == member.c.person_id)
        .where(
            identity.c.lookup.in_([keys.index(PersonKind.MEMBER, one) for one in (normal_name(name), _as_once(name))])
        )
    )
    row = connection.execute(statement).first()
    return None if row is None else Member(row.person_id, row.password_hash, row.disabled_at is not None)


def set_password_hash(connection: Connection, person_id: str, password_hash: str) -> None:
    connection.execute(update(member).where(member.c.person_id == person_id).values(password_hash=password_hash))


_FIND_DEVICE: Final = Statement("SELECT id FROM device WHERE lookup = ?")
_SEE: Final = Statement(
    "INSERT INTO device (id, lookup, sealed, randomised, first_seen) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (lookup) DO NOTHING"
)


def see_device(connection: Connection, keys: Keys, mac: str, now: int) -> str:
    """The id of the device with a MAC address in `parse_mac` form; a new one is remembered."""
    known = find_device(connection, keys, mac)
    if known is not None:
        return known
    device_id = new_id()
    row = (device_id, keys.device_index(mac), keys.seal("mac", mac), is_randomised(mac), now)
    if run(connection, _SEE, *row).rowcount == 1:
        return device_id
    return str(find_device(connection, keys, mac))  # another node was faster


def find_device(connection: Connection, keys: Keys, mac: str) -> str | None:
    """The id of a device that was seen before."""
    row = run(connection, _FIND_DEVICE, keys.device_index(mac)).fetchone()
    return None if row is None else str(row[0])


def member_name(connection: Connection, keys: Keys, person_id: str) -> str | None:
    """A member's name in its normal form; None for anybody else. StoreError under another master key."""
    statement = select(identity.c.sealed).where(
        identity.c.person_id == person_id, identity.c.kind == PersonKind.MEMBER.value
    )
    sealed = connection.execute(statement).scalar_one_or_none()
    try:
        return None if sealed is None else keys.open(PersonKind.MEMBER, sealed)
    except InvalidTag as error:
        raise StoreError("a member was sealed under another master key") from error


def device_mac(connection: Connection, keys: Keys, device_id: str) -> str:
    """The MAC address of a device, for the gateway that must be told about it. StoreError under another master key."""
    return open_mac(keys, connection.execute(select(device.c.sealed).where(device.c.id == device_id)).scalar_one())


def persons_like(connection: Connection, prefix: str) -> list[str]:
    """The persons whose ids begin with `prefix`, at most two, so that a caller sees ambiguity."""
    return _like(connection, person.c.id, prefix)


def devices_like(connection: Connection, prefix: str) -> list[str]:
    """The devices whose ids begin with `prefix`, at most two."""
    return _like(connection, device.c.id, prefix)


def _like(connection: Connection, column: Column[Any], prefix: str) -> list[str]:
    statement = select(column).where(begins(column, prefix)).limit(2)
    return list(connection.execute(statement).scalars())


def open_mac(keys: Keys, sealed: bytes) -> str:
    """The MAC address that `device.sealed` hides. StoreError under another master key."""
    try:
        return keys.open("mac", sealed)
    except InvalidTag as error:
        raise StoreError("a device was sealed under another master key") from error
