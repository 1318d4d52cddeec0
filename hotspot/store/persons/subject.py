"""What is known of one person, found from what names them.

A phone number, a member's name or a voucher's code names one person. A device is theirs where nobody else is known on
it. Whoever else was in with its address, if only by click-through, is somebody else: an address proves nobody, so it
leads from one person to no other.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, or_, select

from hotspot.errors import RequestError, StoreError
from hotspot.people.identity import Keys, PersonKind
from hotspot.people.voucher import parse_code
from hotspot.store.schema import block, device, grant, identity, member, person, session, voucher

from . import complaints, consents, remembered
from .people import find, normal_name, open_mac


@dataclass(frozen=True)
class Subject:
    """A person with all that is theirs, as random ids."""

    person: str
    devices: tuple[str, ...]
    shared: tuple[str, ...]
    """Devices on which others are known too."""


def named(connection: Connection, keys: Keys, text: str, number: str | None, issuer: str | None = None) -> list[str]:
    """The persons who are known as `text`, a member's name or a voucher's code, by `number`, in E.164 form, or to
    the OpenID provider `issuer`."""
    found = [find(connection, keys, PersonKind.PHONE, number)] if number else []
    if issuer:
        found.append(find(connection, keys, PersonKind.SSO, f"{issuer}|{text}"))
    with suppress(RequestError):  # no code
        found.append(find(connection, keys, PersonKind.VOUCHER, parse_code(text)))
    with suppress(RequestError):  # no name
        found.append(find(connection, keys, PersonKind.MEMBER, normal_name(text)))
    return [one for one in dict.fromkeys(found) if one is not None]


def of(connection: Connection, person_id: str) -> Subject:
    """Whoever this is, with their devices."""
    granted = select(grant.c.device_id).where(grant.c.person_id == person_id)
    used = select(session.c.device_id).where(session.c.person_id == person_id)
    theirs = device.c.id.in_(granted.union(used))
    devices = set(connection.execute(select(device.c.id).where(theirs)).scalars())
    others = (
        select(grant.c.device_id)
        .join(identity, identity.c.person_id == grant.c.person_id)
        .where(grant.c.device_id.in_(devices), grant.c.person_id != person_id)
    )
    shared = set(connection.execute(others.distinct()).scalars())
    return Subject(person_id, *(tuple(sorted(ids)) for ids in (devices - shared, shared)))


def name(connection: Connection, keys: Keys, person_id: str) -> tuple[PersonKind, str] | None:
    """As what a person is known; None once that was erased. StoreError under another master key."""
    row = connection.execute(select(identity).where(identity.c.person_id == person_id)).one_or_none()
    if row is None:
        return None
    try:
        return PersonKind(row.kind), keys.open(row.kind, row.sealed)
    except InvalidTag as error:
        raise StoreError("a person was sealed under another master key") from error


def known(connection: Connection, keys: Keys, subject: Subject, device_id: str = "") -> dict[str, Any]:
    """All that is stored of a person, in words: what `hotspot person export` writes. Times in ISO 8601, UTC.

    With `device_id` only what was on that device: whoever shares a voucher with others is shown nothing of them.
    """
    called = name(connection, keys, subject.person)
    first = connection.execute(select(person.c.created_at).where(person.c.id == subject.person)).scalar_one()
    account = connection.execute(select(member).where(member.c.person_id == subject.person)).one_or_none()
    devices = select(device).where(device.c.id.in_([device_id] if device_id else [*subject.devices, *subject.shared]))
    grants = select(grant).where(grant.c.person_id == subject.person)
    sessions = select(session).where(session.c.person_id == subject.person)
    if device_id:
        grants = grants.where(grant.c.device_id == device_id)
        sessions = sessions.where(session.c.device_id == device_id)
    return {
        "person": subject.person,
        "kind": called[0].value if called else None,
        "known_as": called[1] if called else None,
        "first_seen": _time(first),
        "member_since": _time(account.created_at) if account else None,
        "devices": [
            {
                "address": open_mac(keys, row.sealed),
                "randomised": row.randomised,
                "first_seen": _time(row.first_seen),
                "shared": row.id in subject.shared,
            }
            for row in connection.execute(devices.order_by(device.c.first_seen))
        ],
        "consents": _of(
            consents.listed(connection, persons=[subject.person]),
            ("purpose", "text_version", "text_sha256", "language", "site", "given_at", "withdrawn_at"),
        ),
        "vouchers": _of(
            connection.execute(select(voucher).where(voucher.c.person_id == subject.person)),
            ("batch", "serial", "site", "plan", "used_at", "revoked_at"),
        ),
        "remembered": _of(remembered.listed(connection, [subject.person]), ("created_at", "expires_at")),
        "grants": _of(
            connection.execute(grants.order_by(grant.c.starts_at.desc())),
            ("site", "gateway", "plan", "method", "starts_at", "ends_at"),
        ),
        "sessions": _of(
            connection.execute(sessions.order_by(session.c.started_at.desc())),
            ("site", "gateway", "started_at", "ended_at", "seconds", "down", "up"),
        ),
        "faults": [
            {"number": one.number, "site": one.site, "text": one.text, "contact": one.contact}
            for one in (complaints.contacted(connection, keys, *called) if called else [])
        ],
        "blocks": _of(
            connection.execute(select(block).where(block.c.subject == subject.person)),
            ("until", "reason", "created_at", "lifted_at"),
        ),
    }


def running(connection: Connection, subject: Subject) -> int:
    """How many sessions of the person, or on their devices, have not ended."""
    granted = select(grant.c.id).where(grant.c.device_id.in_(subject.devices))
    theirs = or_(session.c.person_id == subject.person, session.c.grant_id.in_(granted))
    return len(connection.execute(select(session.c.id).where(theirs, session.c.ended_at.is_(None))).all())


def _of(rows: Iterable[Row[Any]], columns: Collection[str]) -> list[dict[str, Any]]:
    def value(row: Row[Any], column: str) -> Any:
        found = getattr(row, column)
        is_time = column.endswith("_at") or column == "until"
        return _time(found) if is_time and found is not None else found

    return [{column: value(row, column) for column in columns} for row in rows]


def _time(at: int) -> str:
    return datetime.fromtimestamp(min(at, _LAST), UTC).isoformat()


_LAST: Final = 253_402_300_799
"""The last second of the year 9999, which ISO 8601 can write; a block for ever ends later."""
