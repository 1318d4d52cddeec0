"""Devices that are remembered for days: on which device who has proven who they are, until when.

An entry stands for the proof, not for a right: whether its person may come in is looked up anew, and it ends when they
are blocked, withdraw a consent, change their password, or are erased. Its id alone opens nothing; the portal signs it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select

from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.store.schema import device, identity, member, remembered, voucher

PROOFS: Final = {PersonKind.PHONE: "code", PersonKind.MEMBER: "member", PersonKind.VOUCHER: "voucher"}
"""By which method a person of a kind is proven, of those that can be remembered."""


@dataclass(frozen=True)
class Remembered:
    """Somebody who proved on this device who they are. `plan` and `until` are what their voucher says."""

    person: str
    method: str
    expires_at: int
    plan: str | None = None
    until: int | None = None


def add(connection: Connection, person: str, device_id: str, expires_at: int, now: int) -> str:
    """The id of a new entry; a device remembers one person."""
    connection.execute(delete(remembered).where(remembered.c.device_id == device_id))
    id_ = new_id()
    row = {"id": id_, "person_id": person, "device_id": device_id, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(remembered).values(row))
    return id_


def find(connection: Connection, keys: Keys, entry: str, mac: str, site: str, now: int) -> Remembered:
    """Whom an entry stands for on the device with this address, at a site. RequestError("remembered-gone")."""
    row = connection.execute(
        select(
            remembered.c.person_id, remembered.c.expires_at, identity.c.kind, member.c.disabled_at,
            member.c.person_id.label("member"), voucher.c.site, voucher.c.plan, voucher.c.used_at, voucher.c.valid,
            voucher.c.revoked_at,
        )
        .join(device, device.c.id == remembered.c.device_id)
        .join(identity, identity.c.person_id == remembered.c.person_id)
        .outerjoin(member, member.c.person_id == remembered.c.person_id)
        .outerjoin(voucher, voucher.c.person_id == remembered.c.person_id)
        .where(remembered.c.id == entry, remembered.c.expires_at > now, device.c.lookup == keys.device_index(mac))
    ).one_or_none()  # fmt: skip
    found = None if row is None else _entitled(row, site, now)
    if found is None:
        raise RequestError("remembered-gone")
    return found


def _entitled(row: Any, site: str, now: int) -> Remembered | None:
    match row.kind:
        case PersonKind.PHONE:
            return Remembered(row.person_id, PROOFS[PersonKind.PHONE], row.expires_at)
        case PersonKind.MEMBER if row.member is not None and row.disabled_at is None:
            return Remembered(row.person_id, PROOFS[PersonKind.MEMBER], row.expires_at)
        case PersonKind.VOUCHER if row.used_at is not None and row.revoked_at is None and row.site == site:
            until = row.used_at + row.valid
            if until > now:
                return Remembered(row.person_id, PROOFS[PersonKind.VOUCHER], row.expires_at, row.plan, until)
    return None


def forget(connection: Connection, subjects: Collection[str]) -> int:
    """Ends the entries whose ids, persons or devices these are. How many."""
    theirs = (column.in_(subjects) for column in (remembered.c.id, remembered.c.person_id, remembered.c.device_id))
    return connection.execute(delete(remembered).where(or_(*theirs))).rowcount


def forget_before(connection: Connection, now: int) -> None:
    """Removes those that are over."""
    connection.execute(delete(remembered).where(remembered.c.expires_at <= now))


def listed(connection: Connection, persons: Collection[str]) -> list[Row[Any]]:
    """The entries of persons, newest first."""
    theirs = select(remembered).where(remembered.c.person_id.in_(persons))
    return list(connection.execute(theirs.order_by(remembered.c.created_at.desc(), remembered.c.id)))
