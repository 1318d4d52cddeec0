"""The ledger's hot path: accounting records entered into their sessions, a whole batch in a few statements.

A session's id is made of what its records name it by, so a record needs no look-up: one upsert per session, whose
maxima and minima are those of `hotspot.admission.session.fold`, for a record that is in all its figures at least what
is known. Where one is not (late, repeated, of a stay begun anew, after a turn), or where several came at once, the row
is read and folded. Only a gateway that sends no Class back leaves open whether an Acct-Session-Id is used again; for
those the known incarnations are read first."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from hotspot.admission.session import SAME_START, Record, Session, belongs, fold
from hotspot.store.portable import Statement, cursor, is_postgresql, listed, lock, plain_array, text_array
from hotspot.store.schema import session

_TEXTS: Final = ("id", "gateway", "acct_session_id", "device_id", "ticket_id", "grant_id", "person_id", "site")
_MAXIMA: Final = ("last_at", "seconds", "down", "up", "latest_start")
_NUMBERS: Final = ("started_at", *_MAXIMA, "last_bytes", "heard", "stopped_at", "ended_at")
_COLUMNS: Final = (*_TEXTS, *_NUMBERS, "stopped_cause", "start_seen")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose session it is: what the ticket, or the grant, that a record names stands for."""

    grant: str
    person: str
    device: str
    lookup: bytes
    """The device's index (`Keys.device_index`), to tell whether it is the one the gateway sees."""
    gateway: str
    site: str
    plan: str
    ends_at: int
    """When its grant ends."""


_BY_TICKET: Final = Statement(
    "SELECT t.id, g.id, g.person_id, g.device_id, d.lookup, g.gateway, g.site, g.plan, g.ends_at"
    " FROM ticket t JOIN access_grant g ON g.id = t.grant_id JOIN device d ON d.id = g.device_id"
    " WHERE t.id {among}"
)
_BY_GRANT: Final = Statement(
    "SELECT g.id, g.id, g.person_id, g.device_id, d.lookup, g.gateway, g.site, g.plan, g.ends_at"
    " FROM access_grant g JOIN device d ON d.id = g.device_id WHERE g.id {among}"
)

_REMEMBER: Final = 60
"""Seconds; an Origin is remembered for twice as long at most."""
_MOST_REMEMBERED: Final = 50_000

_LATER: Final = (
    "excluded.stopped_at IS NOT NULL AND (session.stopped_at IS NULL OR excluded.stopped_at > session.stopped_at"
    " OR (excluded.stopped_at = session.stopped_at AND excluded.stopped_cause > session.stopped_cause {binary}))"
)
_FOLD: Final = (
    " ON CONFLICT (id) DO UPDATE SET started_at = {least}(session.started_at, excluded.started_at), "
    + ", ".join(f"{name} = {{greatest}}(session.{name}, excluded.{name})" for name in _MAXIMA)
    + ", last_bytes = CASE WHEN excluded.last_at > session.last_at THEN excluded.last_bytes"
    " WHEN excluded.last_at < session.last_at THEN session.last_bytes"
    " ELSE {greatest}(session.last_bytes, excluded.last_bytes) END,"
    " heard = session.heard | excluded.heard, start_seen = session.start_seen OR excluded.start_seen,"
    " stopped_at = CASE WHEN LATER THEN excluded.stopped_at ELSE session.stopped_at END,"
    " stopped_cause = CASE WHEN LATER THEN excluded.stopped_cause ELSE session.stopped_cause END,"
    " ended_at = COALESCE(CASE WHEN LATER THEN excluded.stopped_at ELSE session.stopped_at END,"
    " CASE WHEN session.presumed_at >= {greatest}(session.last_at, excluded.last_at) THEN session.presumed_at END)"
    " WHERE excluded.seconds >= session.seconds AND excluded.down >= session.down AND excluded.up >= session.up"
    " AND session.stopped_at IS NULL"
    " AND session.base_seconds = 0 AND session.base_down = 0 AND session.base_up = 0"
).replace("LATER", _LATER)
"""What `hotspot.admission.session.fold` does, on the row, where nothing is smaller than it was: a test holds the two
together."""
_TYPES: Final = {**dict.fromkeys(_TEXTS, "text"), **dict.fromkeys(_NUMBERS, "bigint"), "start_seen": "boolean"}
_MARKS: Final = ", ".join("?" for _ in _COLUMNS)
_UNNESTED: Final = "unnest(" + ", ".join("?::" + _TYPES.get(name, "text") + "[]" for name in _COLUMNS) + ")"


def _entering(rows: str) -> Statement:
    return Statement("INSERT INTO session ({columns}) {rows}" + _FOLD, columns=", ".join(_COLUMNS), rows=rows)


_FOLDED: Final = (*_MAXIMA, "started_at", "last_bytes", "heard", "base_seconds", "base_down", "base_up")
_CHANGE: Final = (
    update(session)
    .where(session.c.id == bindparam("name"))
    .values({name: bindparam(name) for name in (*_FOLDED, "ended_at", "stopped_at", "stopped_cause", "start_seen")})
)
_AT_ONCE: Final = 500
"""Rows that are read in one statement."""
_ENTER_EACH: Final = _entering(f"VALUES ({_MARKS})")
_ENTER_ALL: Final = _entering(f"SELECT * FROM {_UNNESTED}")  # noqa: S608 - names of ours


def origins(connection: Connection, names: set[str]) -> dict[str, Origin]:
    """What each name stands for: a ticket's id, or a grant's where the session was admitted without a ticket."""
    found: dict[str, Origin] = {}
    on = cursor(connection)
    for statement in (_BY_TICKET, _BY_GRANT):
        missing = names - found.keys()
        if missing:
            on.execute(statement.of(connection), (listed(connection, missing),))
            for name, grant, person, device, lookup, gateway, site, plan, ends_at in on.fetchall():
                found[name] = Origin(grant, person, device, bytes(lookup), gateway, site, plan, ends_at)
    return found


class Origins:
    """One process's memory of `origins`, for records that come soon after each other.

    What a ticket stands for does not change, but its grant's end and plan may: hence no longer. What names nothing is
    asked for each time.
    """

    def __init__(self) -> None:
        self._newer: dict[str, Origin] = {}
        self._older: dict[str, Origin] = {}
        self._turned_at = 0

    def of(self, connection: Connection, names: set[str], now: int) -> dict[str, Origin]:
        """As `origins`, as it was at most two minutes ago."""
        if now - self._turned_at >= _REMEMBER or len(self._newer) >= _MOST_REMEMBERED:
            self._older, self._newer, self._turned_at = self._newer, {}, now
        found: dict[str, Origin] = {}
        for name in names:
            origin = self._newer.get(name) or self._older.get(name)
            if origin is not None:
                found[name] = origin
        if len(found) < len(names):
            fresh = origins(connection, names - found.keys())
            self._newer |= fresh
            found |= fresh
        return found


def session_id(record: Record, incarnation: int) -> str:
    """The id of a record's session. `incarnation` tells those without Class apart; it is 0 with it.

    It begins with the time that the ticket, or the incarnation, begins with: see `hotspot.people.identity.new_id`.
    """
    ticket = record.ticket or f"{incarnation:08x}"
    parts = f"{record.gateway}\0{record.acct_session_id}\0{record.device}\0{ticket}"
    return ticket[:8] + hashlib.blake2b(parts.encode(), digest_size=12).hexdigest()


def apply(
    connection: Connection, records: Iterable[Record], known: Mapping[str, Origin] | None = None
) -> dict[str, Origin | None]:
    """Enters records; durable when the transaction ends. The sessions they belong to, with their origin.

    `known` are `origins` that the caller has read already, of all the records' tickets.
    """
    records = list(records)
    if known is None:
        known = origins(connection, {record.ticket for record in records if record.ticket})
    told: dict[str, list[Record]] = defaultdict(list)
    classless: list[Record] = []
    for record in records:
        if record.ticket is None:
            classless.append(record)
        else:
            told[session_id(record, 0)].append(record)
    if classless:
        told |= _classless(connection, classless)
    touched: dict[str, Origin | None] = {}
    rows: list[tuple[Any, ...]] = []
    for name in sorted(told):  # every node locks rows in the same order
        first = told[name][0]
        origin = known.get(first.ticket) if first.ticket else None
        if origin is not None and (origin.gateway != first.gateway or origin.device != first.device):
            origin = None  # one gateway cannot claim another's
        touched[name] = origin
        rows.append(_row(name, fold(None, first), origin, told[name][-1].site))
    if rows:
        whole = _enter(connection, rows) == len(rows)
        rest = {name: group for name, group in told.items() if len(group) > 1 or not whole}
        _fold_one_by_one(connection, rest)
    return touched


def _fold_one_by_one(connection: Connection, told: Mapping[str, list[Record]]) -> None:
    """Folds records into rows that are there. What a row has of them already changes nothing."""
    changed: list[dict[str, Any]] = []
    names = sorted(told)
    for start in range(0, len(names), _AT_ONCE):
        chosen = select(session).where(session.c.id.in_(names[start : start + _AT_ONCE])).order_by(session.c.id)
        for row in connection.execute(chosen.with_for_update()):
            before = session_of(row)
            after = before
            for record in told[row.id]:
                after = fold(after, record)
            if after != before:
                changed.append(_changes(row.id, after))
    if changed:
        connection.execute(_CHANGE, changed)


def _changes(name: str, value: Session) -> dict[str, Any]:
    stopped_at, stopped_cause = value.stopped or (None, None)
    numbers = {column: getattr(value, column) for column in _FOLDED}
    ended_at = value.end[0] if value.end else None
    return {
        "name": name,
        **numbers,
        "ended_at": ended_at,
        "stopped_at": stopped_at,
        "stopped_cause": stopped_cause,
        "start_seen": value.start_seen,
    }


def _classless(connection: Connection, records: list[Record]) -> dict[str, list[Record]]:
    """The records without Class by their sessions: those that stand in the table are continued where they belong."""
    by_key: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        by_key[record.gateway, record.acct_session_id, record.device].append(record)
    lock(connection, {"|".join(key) for key in by_key})
    kept: dict[tuple[str, str, str], dict[str, Session]] = defaultdict(dict)
    for row in may_go_on(connection, records):
        key = (row.gateway, row.acct_session_id, row.device_id)
        if key in by_key:
            kept[key][row.id] = session_of(row)
    told: dict[str, list[Record]] = defaultdict(list)
    for key, group in by_key.items():
        for record in group:
            # Also by the start that first told this incarnation from others: it may have moved since.
            own = session_id(record, record.started_at)
            name = own if own in kept[key] else next((n for n, s in kept[key].items() if belongs(s, record)), own)
            kept[key][name] = fold(kept[key].get(name), record)
            told[name].append(record)
    return told


def may_go_on(connection: Connection, records: list[Record]) -> list[Any]:
    """The sessions that records without Class may belong to: by when they began (`belongs`), and by their own names.
    A device's earlier ones, of weeks, are not looked at."""
    begun = [record.started_at for record in records]
    around = session.c.started_at.between(min(begun) - SAME_START, max(begun) + SAME_START)
    devices = {record.device for record in records}
    chosen = select(session).where(session.c.ticket_id == "", session.c.device_id.in_(devices), around)
    found = list(connection.execute(chosen))
    names = sorted({session_id(record, record.started_at) for record in records} - {row.id for row in found})
    for start in range(0, len(names), _AT_ONCE):
        found += connection.execute(select(session).where(session.c.id.in_(names[start : start + _AT_ONCE])))
    return found


def session_of(row: Any) -> Session:
    return Session(
        gateway=row.gateway,
        acct_session_id=row.acct_session_id,
        device=row.device_id,
        ticket=row.ticket_id or None,
        started_at=row.started_at,
        last_at=row.last_at,
        seconds=row.seconds,
        down=row.down,
        up=row.up,
        stopped=None if row.stopped_at is None else (row.stopped_at, row.stopped_cause),
        presumed=None if row.presumed_at is None else (row.presumed_at, row.presumed_cause),
        start_seen=row.start_seen,
        latest_start=row.latest_start,
        last_bytes=row.last_bytes,
        heard=row.heard,
        base_seconds=row.base_seconds,
        base_down=row.base_down,
        base_up=row.base_up,
    )


def _row(name: str, value: Session, origin: Origin | None, site: str) -> tuple[Any, ...]:
    """The values of `_COLUMNS`."""
    stopped_at, cause = value.stopped or (None, None)
    return (
        name,
        value.gateway,
        value.acct_session_id,
        value.device,
        value.ticket or "",
        origin.grant if origin else None,
        origin.person if origin else None,
        origin.site if origin else site,
        value.started_at,
        value.last_at,
        value.seconds,
        value.down,
        value.up,
        value.latest_start,
        value.last_bytes,
        value.heard,
        stopped_at,
        stopped_at,
        cause,
        value.start_seen,
    )


def _enter(connection: Connection, rows: list[tuple[Any, ...]]) -> int:
    """How many rows were entered or went on; the others have something that is larger already."""
    on = cursor(connection)
    if is_postgresql(connection):
        columns = zip(_COLUMNS, zip(*rows, strict=True), strict=True)
        values = [text_array(c) if _TYPES.get(name, "text") == "text" else plain_array(c) for name, c in columns]
        on.execute(_ENTER_ALL.of(connection), values)
    else:
        on.executemany(_ENTER_EACH.of(connection), rows)
    return int(on.rowcount)
