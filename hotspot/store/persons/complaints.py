"""Faults that people report: a number to follow each by, who looks after it, and how it ended."""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, or_, select, update

from hotspot.errors import StoreError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.people.voucher import ALPHABET
from hotspot.store.schema import complaint

_SYMBOLS: Final = 8
"""Of a number: 40 random bits, so that nobody finds another's by counting."""
_SEALED: Final = {"text": "complaint text", "contact": "complaint contact"}
_READ_AS: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Complaint:
    """Times in UTC seconds. `text` and `contact` are None once they have been erased, or were not given."""

    id: str
    number: str
    site: str
    category: str
    text: str | None
    contact: str | None
    language: str
    created_at: int
    assigned_to: str | None
    assigned_at: int | None
    resolved_at: int | None
    answer: str | None

    @property
    def state(self) -> str:
        if self.resolved_at is not None:
            return "resolved"
        return "received" if self.assigned_at is None else "assigned"

    def days(self, now: int) -> float:
        """Days until it was resolved, or so far."""
        return round(((self.resolved_at or now) - self.created_at) / 86400, 1)


def normal_number(text: str) -> str:
    """A number as it is kept, from what somebody typed: XXXX-XXXX."""
    plain = re.sub(r"[^0-9A-Z]", "", text[:32].upper()).translate(_READ_AS)
    return f"{plain[:4]}-{plain[4:]}"


def add(
    connection: Connection, keys: Keys, *, site: str, category: str, text: str, contact: str, language: str, now: int
) -> str:
    """Keeps a complaint; its number."""
    number = normal_number("".join(secrets.choice(ALPHABET) for _ in range(_SYMBOLS)))
    connection.execute(
        insert(complaint).values(
            id=new_id(),
            number=number,
            site=site,
            category=category,
            text=keys.seal(_SEALED["text"], text),
            contact=keys.seal(_SEALED["contact"], contact) if contact else None,
            language=language,
            created_at=now,
        )
    )
    return number


def listed(
    connection: Connection, keys: Keys, *, number: str | None = None, site: str | None = None, everything: bool = True
) -> list[Complaint]:
    """Complaints, oldest first; without `everything` those that are not resolved. StoreError under another key."""
    statement = select(complaint)
    if number is not None:
        statement = statement.where(complaint.c.number == normal_number(number))
    if site is not None:
        statement = statement.where(complaint.c.site == site)
    if not everything:
        statement = statement.where(complaint.c.resolved_at.is_(None))
    rows = connection.execute(statement.order_by(complaint.c.created_at, complaint.c.id)).mappings()
    try:
        return [Complaint(**{**row, **_opened(keys, row)}) for row in rows]
    except InvalidTag as error:
        raise StoreError("a complaint was sealed under another master key") from error


def _opened(keys: Keys, row: RowMapping) -> dict[str, str | None]:
    return {name: None if row[name] is None else keys.open(kind, row[name]) for name, kind in _SEALED.items()}


def find(connection: Connection, keys: Keys, number: str) -> Complaint | None:
    return next(iter(listed(connection, keys, number=number)), None)


def times(connection: Connection, window: tuple[int, int]) -> list[tuple[int, int | None]]:
    """(received, resolved) of every complaint that was received in a window, oldest first."""
    received = select(complaint.c.created_at, complaint.c.resolved_at).where(
        complaint.c.created_at >= window[0], complaint.c.created_at < window[1]
    )
    rows = connection.execute(received.order_by(complaint.c.created_at, complaint.c.id))
    return [(row.created_at, row.resolved_at) for row in rows]


def assign(connection: Connection, complaint_id: str, to: str, now: int) -> None:
    chosen = update(complaint).where(complaint.c.id == complaint_id)
    connection.execute(chosen.values(assigned_to=to, assigned_at=now, resolved_at=None, answer=None))


def resolve(connection: Connection, complaint_id: str, answer: str, now: int) -> None:
    chosen = update(complaint).where(complaint.c.id == complaint_id)
    connection.execute(chosen.values(resolved_at=now, answer=answer))


def contacted(connection: Connection, keys: Keys, kind: PersonKind, value: str) -> list[Complaint]:
    """The complaints with whose contact a person left their number or name, spelled in whatever way."""
    found = listed(connection, keys)
    return [one for one in found if one.contact is not None and _names(one.contact, kind, value)]


def _names(contact: str, kind: PersonKind, value: str) -> bool:
    if kind is PersonKind.PHONE:
        return value.removeprefix("+62").removeprefix("+") in re.sub(r"\D", "", contact)
    return kind is PersonKind.MEMBER and value == " ".join(contact.split()).lower()  # many are called Sari


def erase_contact(connection: Connection, keys: Keys, kind: PersonKind, value: str) -> None:
    """Erases what a person wrote in complaints; the text of one that is not resolved stays until then."""
    for one in contacted(connection, keys, kind, value):
        text = {"text": None} if one.resolved_at is not None else {}
        connection.execute(update(complaint).where(complaint.c.id == one.id).values(contact=None, **text))


def to_erase(connection: Connection, before: int) -> int:
    """How many were resolved before a time and still have what people wrote."""
    return connection.execute(select(func.count()).select_from(complaint).where(*_told_before(before))).scalar_one()


def erase(connection: Connection, before: int) -> int:
    """Erases what people wrote in complaints that were resolved before a time. How many."""
    told = update(complaint).where(*_told_before(before))
    return connection.execute(told.values(text=None, contact=None)).rowcount


def _told_before(before: int) -> tuple[ColumnElement[bool], ...]:
    return complaint.c.resolved_at < before, or_(complaint.c.text.is_not(None), complaint.c.contact.is_not(None))
