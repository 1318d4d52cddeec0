"""Who did what to which subject, when. Entries are only ever added; the database itself refuses to change them.

The entries of one subject (an access point, a site, a session) form a chain: each has its place, counted from 1, and a
hash over itself and the hash before it. A change, or an entry missing in the middle, breaks the chain. Entries missing
at its end leave a whole, shorter chain: only a hash that was noted elsewhere shows that (`Head`, `hotspot audit verify
--against`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, insert, select

from .portable import lock
from .schema import audit

_START = ""


@dataclass(frozen=True)
class Entry:
    """One entry. `detail` is its JSON text as it was hashed, `at` UTC seconds."""

    subject: str
    number: int
    at: int
    who: str
    action: str
    detail: str
    hash: str

    @property
    def values(self) -> dict[str, Any]:
        """What `detail` holds."""
        return dict(json.loads(self.detail))


@dataclass(frozen=True)
class Head:
    """The last entry of a subject, by place and hash."""

    subject: str
    number: int
    hash: str


@dataclass(frozen=True)
class Happening:
    """What is to be recorded. `detail` must hold no secret and no personal value."""

    action: str
    subject: str
    detail: Mapping[str, Any]


def record(connection: Connection, who: str, action: str, subject: str, now: int, **detail: Any) -> None:
    """Adds one entry. `detail` must hold no secret and no personal value."""
    record_all(connection, who, now, [Happening(action, subject, detail)])


def record_all(connection: Connection, who: str, now: int, happenings: Iterable[Happening]) -> None:
    """Adds entries, in their order, at one time."""
    wanted = list(happenings)
    if not wanted:
        return
    subjects = {one.subject for one in wanted}
    lock(connection, {f"audit {subject}" for subject in subjects})
    ends = _heads(connection, subjects)
    rows: list[dict[str, Any]] = []
    for one in wanted:
        end = ends.get(one.subject, Head(one.subject, 0, _START))
        detail = json.dumps(one.detail, sort_keys=True, ensure_ascii=False)
        unsealed = Entry(one.subject, end.number + 1, now, who, one.action, detail, "")
        entry = Entry(**{**vars(unsealed), "hash": _sealed(end.hash, unsealed)})
        ends[one.subject] = Head(entry.subject, entry.number, entry.hash)
        rows.append(vars(entry))
    connection.execute(insert(audit), rows)


def _sealed(previous: str, entry: Entry) -> str:
    """SHA-256 over the hash before it and every field, as JSON text: no two entries give the same bytes."""
    fields = [previous, entry.subject, entry.number, entry.at, entry.who, entry.action, entry.detail]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


_COLUMNS = (
    audit.c.subject, audit.c.number, audit.c.at, audit.c.who, audit.c.action, audit.c.detail, audit.c.hash
)  # fmt: skip


def _heads(connection: Connection, subjects: Iterable[str]) -> dict[str, Head]:
    last = (
        select(audit.c.subject, func.max(audit.c.number).label("number"))
        .where(audit.c.subject.in_(sorted(subjects)))
        .group_by(audit.c.subject)
        .subquery()
    )
    same = (audit.c.subject == last.c.subject) & (audit.c.number == last.c.number)
    rows = connection.execute(select(audit.c.subject, audit.c.number, audit.c.hash).join(last, same))
    return {row.subject: Head(row.subject, row.number, row.hash) for row in rows}


def latest(connection: Connection, count: int, subject: str = "") -> list[Entry]:
    """The last entries, oldest first; of one subject where it is named."""
    query = select(*_COLUMNS).order_by(audit.c.id.desc()).limit(count)
    if subject:
        query = query.where(audit.c.subject == subject)
    return [Entry(*row) for row in reversed(connection.execute(query).all())]


def of(connection: Connection, subject: str, action: str) -> list[Entry]:
    """A subject's entries of one action, oldest first."""
    query = select(*_COLUMNS).where(audit.c.subject == subject, audit.c.action == action).order_by(audit.c.number)
    return [Entry(*row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Verdict:
    """What became of one subject's chain. `fault` is empty for a whole one; `entries` are those that hold."""

    subject: str
    entries: int
    hash: str
    fault: str = ""


def verify(connection: Connection, against: Iterable[Head] = (), subject: str = "") -> Iterator[Verdict]:
    """Follows every chain, or one subject's. Entries that `against` noted earlier must still stand."""
    noted: dict[str, list[Head]] = {}
    for head in against:
        if not subject or head.subject == subject:
            noted.setdefault(head.subject, []).append(head)
    query = select(*_COLUMNS).order_by(audit.c.subject, audit.c.number)
    if subject:
        query = query.where(audit.c.subject == subject)
    rows = connection.execute(query.execution_options(yield_per=1000))
    for name, chain in groupby((Entry(*row) for row in rows), key=lambda entry: entry.subject):
        yield _followed(name, chain, noted.pop(name, []))
    for name in noted:
        yield Verdict(name, 0, _START, "every entry is gone")


def _followed(subject: str, chain: Iterable[Entry], noted: list[Head]) -> Verdict:
    previous, count, hashes = _START, 0, {}
    fault = ""
    for entry in chain:
        if not fault and entry.number != count + 1:
            fault = f"entry {count + 1} is gone"
        if not fault and entry.hash != _sealed(previous, entry):
            fault = f"entry {entry.number} was changed"
        if not fault:
            previous, count = entry.hash, entry.number
            hashes[entry.number] = entry.hash
    for head in noted:
        if not fault and head.number > count:
            fault = f"entries {count + 1} to {head.number} are gone"
        elif not fault and hashes[head.number] != head.hash:
            fault = f"entry {head.number} is not the one that was noted"
    return Verdict(subject, count, previous, fault)
