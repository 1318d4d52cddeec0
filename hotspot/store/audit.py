"""Who did what to which subject, when. Entries are only ever added; the database itself refuses to change them.

The entries of one subject (an access point, a site, a session) form a chain: each has its place, counted from 1, and an
HMAC, under a key of the installation's, over itself and the one before it. Who can write to the database and has no
master key can make no entry that holds: a change, or an entry missing in the middle, breaks the chain. Entries missing
at its end leave a whole, shorter chain: only what was noted elsewhere shows that (`Head` and `hotspot audit verify
--against`; `Anchor`, which a job logs every day, and `--anchor`).
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from hotspot.errors import ConfigError

from .portable import lock
from .schema import KEYED, audit, audit_anchor, meta

KEY_OPTION: Final = "audit_key"
"""The execution option of a core database's engine that holds the key of its chains."""
PURPOSE: Final = "audit chain"
"""What that key is derived for (`hotspot.people.identity.Keys.derive`)."""
SETTLED: Final = 600
"""Seconds after which no transaction is still adding an entry that an anchor should have covered."""
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
    key = _key(connection)
    lock(connection, {f"audit {subject}" for subject in subjects})
    ends = _heads(connection, subjects)
    rows: list[dict[str, Any]] = []
    for one in wanted:
        end = ends.get(one.subject, Head(one.subject, 0, _START))
        detail = json.dumps(one.detail, sort_keys=True, ensure_ascii=False)
        unsealed = Entry(one.subject, end.number + 1, now, who, one.action, detail, "")
        entry = Entry(**{**vars(unsealed), "hash": _sealed(end.hash, unsealed, key)})
        ends[one.subject] = Head(entry.subject, entry.number, entry.hash)
        rows.append(vars(entry))
    connection.execute(insert(audit), rows)


def _key(connection: Connection) -> bytes | None:
    """The chains' key; None at an installation that has no master key yet. ConfigError where the store has one and this
    node has not."""
    key: bytes | None = connection.get_execution_options().get(KEY_OPTION)
    if key is None and connection.execute(select(meta.c.name).where(meta.c.name == KEYED)).first():
        raise ConfigError(
            "the audit trail needs HOTSPOT_MASTER_KEY, which is not set here: copy it from the node that made the store"
        )
    return key


def _fields(previous: str, entry: Entry) -> bytes:
    """The hash before it and every field, as JSON text: no two entries give the same bytes."""
    fields = [previous, entry.subject, entry.number, entry.at, entry.who, entry.action, entry.detail]
    return json.dumps(fields, ensure_ascii=False).encode()


def _sealed(previous: str, entry: Entry, key: bytes | None) -> str:
    if key is None:
        return _unkeyed(previous, entry)
    return hmac.new(key, _fields(previous, entry), hashlib.sha256).hexdigest()


def _unkeyed(previous: str, entry: Entry) -> str:
    """As entries are sealed where there is no key: before `hotspot secrets create`, and up to schema 0001."""
    return hashlib.sha256(_fields(previous, entry)).hexdigest()


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
    """What became of one subject's chain. `fault` is empty for a whole one; `entries` are those that hold, `unkeyed`
    of them, at its beginning, from before chains had a key: anybody with the database could have written those."""

    subject: str
    entries: int
    hash: str
    fault: str = ""
    unkeyed: int = 0


def verify(connection: Connection, against: Iterable[Head] = (), subject: str = "") -> Iterator[Verdict]:
    """Follows every chain, or one subject's. Entries that `against` noted earlier must still stand."""
    key = _key(connection)
    noted: dict[str, list[Head]] = {}
    for head in against:
        if not subject or head.subject == subject:
            noted.setdefault(head.subject, []).append(head)
    query = select(*_COLUMNS).order_by(audit.c.subject, audit.c.number)
    if subject:
        query = query.where(audit.c.subject == subject)
    rows = connection.execute(query.execution_options(yield_per=1000))
    for name, chain in groupby((Entry(*row) for row in rows), key=lambda entry: entry.subject):
        yield _followed(name, chain, noted.pop(name, []), key)
    for name in noted:
        yield Verdict(name, 0, _START, "every entry is gone")


def _followed(subject: str, chain: Iterable[Entry], noted: list[Head], key: bytes | None) -> Verdict:
    previous, count, unkeyed, hashes = _START, 0, 0, {}
    fault = ""
    for entry in chain:
        if entry.number != count + 1:
            fault = f"entry {count + 1} is gone"
        elif key is not None and entry.hash == _sealed(previous, entry, key):
            pass
        elif unkeyed == count and entry.hash == _unkeyed(previous, entry):
            unkeyed += 1
        else:
            fault = f"entry {entry.number} was changed"
        if fault:
            break
        previous, count = entry.hash, entry.number
        hashes[entry.number] = entry.hash
    for head in noted:
        if not fault and head.number > count:
            fault = f"entries {count + 1} to {head.number} are gone"
        elif not fault and hashes[head.number] != head.hash:
            fault = f"entry {head.number} is not the one that was noted"
    return Verdict(subject, count, previous, fault, unkeyed)


# -- anchors: one digest for the whole trail, to be noted where this node cannot write -------------------------------


@dataclass(frozen=True)
class Anchor:
    """The whole trail up to its entry with the id `last`: `digest` is SHA-256 over the anchor before it and the hashes
    of the `entries` since then. `at` is UTC seconds."""

    number: int
    at: int
    last: int
    entries: int
    digest: str


_ANCHOR: Final = (
    audit_anchor.c.number, audit_anchor.c.at, audit_anchor.c.last, audit_anchor.c.entries, audit_anchor.c.digest
)  # fmt: skip


def _digest(connection: Connection, before: str, after: int, last: int) -> tuple[int, str]:
    """How many entries have ids in (after, last], and the digest of those and of the anchor before."""
    digest, count = hashlib.sha256(before.encode()), 0
    query = select(audit.c.id, audit.c.hash).where(audit.c.id > after, audit.c.id <= last).order_by(audit.c.id)
    for row in connection.execute(query.execution_options(yield_per=1000)):
        digest.update(f"{row.id} {row.hash}\n".encode())
        count += 1
    return count, digest.hexdigest()


def newest_anchor(connection: Connection) -> Anchor | None:
    """The last anchor that was made."""
    row = connection.execute(select(*_ANCHOR).order_by(audit_anchor.c.number.desc()).limit(1)).first()
    return None if row is None else Anchor(*row)


def drop_anchor(connection: Connection, now: int) -> Anchor | None:
    """Makes the next anchor, over what has settled since the last; None where that is nothing."""
    lock(connection, {"audit anchor"})
    before = newest_anchor(connection) or Anchor(0, 0, 0, 0, _START)
    recent = select(func.min(audit.c.id)).where(audit.c.id > before.last, audit.c.at > now - SETTLED)
    newest = connection.execute(select(func.max(audit.c.id))).scalar() or 0
    first_recent = connection.execute(recent).scalar()
    last = newest if first_recent is None else first_recent - 1
    if last <= before.last:
        return None
    count, digest = _digest(connection, before.digest, before.last, last)
    anchor = Anchor(before.number + 1, now, last, count, digest)
    connection.execute(insert(audit_anchor), vars(anchor))
    return anchor


def anchor_fault(connection: Connection, number: int, digest: str) -> str:
    """Why the trail is no longer the one of an anchor that was noted elsewhere; empty where it is."""
    before = Anchor(0, 0, 0, 0, _START)
    rows = connection.execute(select(*_ANCHOR).where(audit_anchor.c.number <= number).order_by(audit_anchor.c.number))
    for anchor in [Anchor(*row) for row in rows]:
        count, again = _digest(connection, before.digest, before.last, anchor.last)
        if (anchor.number, count, again) != (before.number + 1, anchor.entries, anchor.digest):
            return f"the entries up to anchor {anchor.number} are not those that it was made from"
        before = anchor
    if before.number != number:
        return f"anchor {number} is gone"
    return "" if before.digest == digest.lower() else f"anchor {number} is not the one that was noted"
