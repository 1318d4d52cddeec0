"""RADIUS's questions to the store, a whole batch in a few statements: tickets redeemed once, devices resumed."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection

from hotspot.admission.grant import Grant
from hotspot.admission.ticket import PASS_LIFETIME
from hotspot.store.limits import exits
from hotspot.store.portable import Statement, cursor, is_postgresql, listed, text_array

from .grants import REPORTED

_HELD: Final = "g.id, g.site, g.gateway, g.plan, g.starts_at, g.ends_at, g.idle, g.down, g.up, g.interim, g.total"
"""The fields of `Held`, for a grant of which nothing has been used."""


class Claim(NamedTuple):
    """A ticket that somebody has shown the password of, and the request that did."""

    ticket: str
    gateway: str
    authenticator: bytes


class Held(NamedTuple):
    """What is left to a device of a grant that has not ended."""

    grant: str
    site: str
    gateway: str
    plan: str
    starts_at: int
    ends_at: int
    idle: int
    down: int | None
    up: int | None
    interim: int
    left: int | None
    """Bytes that its person may still use; None where they are not limited."""

    @classmethod
    def whole(cls, grant: Grant) -> Self:
        """A grant of which nothing has been used."""
        limits = grant.limits
        return cls(
            grant.id, grant.site, grant.gateway, grant.plan, grant.starts_at, grant.ends_at,
            limits.idle, limits.down, limits.up, limits.interim, limits.total,
        )  # fmt: skip


def _held(columns: tuple[Any, ...]) -> Held:
    """Those of `_HELD`, in its order; what `Held._make` does, without counting them for every row."""
    return tuple.__new__(Held, columns)


class Redeemed(NamedTuple):
    """A grant as a ticket's redemption found it. `at` is when the ticket was first redeemed."""

    held: Held
    at: int


class Spent(NamedTuple):
    """Why a ticket counts no more; `code` is the key of its text. The language is its grant's."""

    code: str
    language: str = "id"


def redeem(
    connection: Connection, claims: Sequence[Claim], now: int, devices: Mapping[str, int] | None = None
) -> list[Redeemed | Spent]:
    """What each ticket stands for, once. The caller has checked their passwords. `devices` are how many a person may
    have in at a time, by plan; None for what has been let in before.

    The request that redeemed a ticket may come again, to any node, and gets the same grant and the same time. Any other
    request finds it spent, another gateway unknown, and after its time it has expired.
    """
    places = None if devices is None else _Places(devices)
    if is_postgresql(connection):
        return _redeem_at_once(connection, claims, now, places)
    return _redeem_in_turn(connection, claims, now, places)


class _Places:
    """How many devices of a person come in by a batch. Several tickets may have been given out, as none takes a place
    until it is shown; whoever is first has it."""

    def __init__(self, devices: Mapping[str, int]):
        self._devices = devices
        self._coming: dict[str, set[str]] = {}

    def takes(self, person: str, device: str, plan: str, others: int) -> bool:
        """Whether there is a place for a device, beside the person's others that are in already. It has it then."""
        beside = self._coming.setdefault(person, set())
        if others + len(beside - {device}) >= self._devices.get(plan, inf):
            return False
        beside.add(device)
        return True


_FULL: Final = "denied.too-many-devices"
_OTHERS: Final = (
    "(SELECT COUNT(DISTINCT o.device_id) FROM access_grant o LEFT JOIN ticket u ON u.grant_id = o.id"
    " LEFT JOIN session s ON s.person_id = o.person_id AND s.grant_id = o.id"
    " WHERE o.person_id = g.person_id AND o.device_id <> g.device_id AND o.ends_at > ?"
    " AND (s.id IS NOT NULL AND s.ended_at IS NULL"
    " OR s.id IS NULL AND (u.redeemed_at > ? OR u.id IS NULL AND o.starts_at > ?)))"
)
"""How many other devices of a grant's person are in, as `admission.usage` counts them; it takes `_since`."""


def _since(now: int) -> tuple[int, int, int]:
    return now, now - REPORTED, now - PASS_LIFETIME


_SEEN: Final = (
    "SELECT t.id, t.gateway, t.expires_at, t.redeemed_at, t.request_authenticator, g.language, g.exit, e.until,"
    " g.person_id, g.device_id, {others}, {held}"
    " FROM ticket t JOIN access_grant g ON g.id = t.grant_id LEFT JOIN learned_exit e ON e.exit = g.exit"
    " WHERE t.id {among}"
)
_LOOK: Final = Statement(_SEEN, others="0", held=_HELD)
_LOOK_BESIDE: Final = Statement(_SEEN, others=_OTHERS, held=_HELD)


def _redeem_in_turn(
    connection: Connection, claims: Sequence[Claim], now: int, places: _Places | None
) -> list[Redeemed | Spent]:
    """SQLite: nobody else writes while this transaction lasts, so what is read here still holds when it is written."""
    on = cursor(connection)
    names = listed(connection, {claim.ticket for claim in claims})
    if places is None:
        on.execute(_LOOK.of(connection), (names,))
    else:
        on.execute(_LOOK_BESIDE.of(connection), (*_since(now), names))
    rows = {row[0]: row for row in on.fetchall()}
    won: dict[str, tuple[int, bytes]] = {}
    results = [_judged(rows.get(claim.ticket), claim, won, now, places) for claim in claims]
    on.executemany(
        "UPDATE ticket SET redeemed_at = ?, request_authenticator = ? WHERE id = ?",
        [(at, authenticator, ticket) for ticket, (at, authenticator) in won.items()],
    )
    _learn(connection, [rows[ticket][6:8] for ticket in won], now)
    return results


def _judged(
    row: Any, claim: Claim, won: dict[str, tuple[int, bytes]], now: int, places: _Places | None = None
) -> Redeemed | Spent:
    """What a claim gets; `won` takes up what is redeemed for the first time."""
    if row is None or row[1] != claim.gateway:
        return Spent("ticket-unknown")
    redeemed_at, by = won.get(claim.ticket) or (row[3], row[4])
    language, held = row[5], _held(row[11:])
    if redeemed_at is not None and bytes(by) != claim.authenticator:
        return Spent("ticket-spent", language)
    if redeemed_at is None:
        if row[2] < now:
            return Spent("ticket-expired", language)
        if held.ends_at <= now:
            return Spent("grant-ended", language)
        if places is not None and not places.takes(row[8], row[9], held.plan, row[10]):
            return Spent(_FULL, language)
        won[claim.ticket] = redeemed_at, _ = now, claim.authenticator
    return Redeemed(held, redeemed_at)


_LOCK: Final = Statement(
    "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended('person ' || g.person_id, 0) AS key"
    " FROM ticket t JOIN access_grant g ON g.id = t.grant_id WHERE t.id {among} ORDER BY key) AS held"
)
"""As `portable.lock` does it: nobody else lets one of these people in, or decides about them, until this is over."""
_BESIDE: Final = Statement(
    "SELECT t.id, t.gateway, g.language, g.person_id, g.device_id, g.plan, {others}"
    " FROM ticket t JOIN access_grant g ON g.id = t.grant_id"
    " WHERE t.id {among} AND t.redeemed_at IS NULL AND t.expires_at >= ? AND g.ends_at > ?",
    others=_OTHERS,
)


def _full(connection: Connection, claims: Sequence[Claim], now: int, places: _Places) -> dict[str, Spent]:
    """PostgreSQL: the tickets that could be redeemed, and for which there is no place."""
    on, names = cursor(connection), listed(connection, {claim.ticket for claim in claims})
    on.execute(_LOCK.of(connection), (names,))
    on.execute(_BESIDE.of(connection), (*_since(now), names, now, now))
    rows = {row[0]: row[1:] for row in on.fetchall()}
    refused: dict[str, Spent] = {}
    for claim in claims:
        gateway, language, *whose = rows.pop(claim.ticket, (None, ""))
        if gateway == claim.gateway and not places.takes(*whose):
            refused[claim.ticket] = Spent(_FULL, language)
    return refused


_REDEEMED: Final = (
    "UPDATE ticket t SET redeemed_at = COALESCE(t.redeemed_at, ?), request_authenticator = c.authenticator"
    " FROM (SELECT id, gateway, decode(hex, 'hex') AS authenticator"
    " FROM unnest(?::text[], ?::text[], ?::text[]) AS u (id, gateway, hex)) c,"
    " access_grant g LEFT JOIN learned_exit e ON e.exit = g.exit"
    " WHERE t.id = c.id AND t.gateway = c.gateway AND g.id = t.grant_id"
    " AND (t.request_authenticator = c.authenticator"
    " OR t.redeemed_at IS NULL AND t.expires_at >= ? AND g.ends_at > ? AND (? OR {alone}))"
    " RETURNING t.id, c.authenticator, t.redeemed_at, g.exit, e.until, {held}"
)
_REDEEM: Final = Statement(
    _REDEEMED,
    alone="NOT EXISTS (SELECT 1 FROM access_grant o"
    " WHERE o.person_id = g.person_id AND o.device_id <> g.device_id AND o.ends_at > ?)",
    held=_HELD,
)
"""It takes whether there are places for all. Else only those are let in who have no other device with a grant: any plan
has a place for one, and nothing needs to be locked for them."""


def _redeem_at_once(
    connection: Connection, claims: Sequence[Claim], now: int, places: _Places | None
) -> list[Redeemed | Spent]:
    """PostgreSQL: one UPDATE for all; the row's lock decides between nodes. Whose person has other devices waits for
    that person's lock."""
    won = _won(connection, claims, now, all_of_them=places is None)
    rest = [claim for claim in claims if (claim.ticket, claim.authenticator) not in won]
    refused: dict[str, Spent] = {}
    if places is not None and rest:
        refused = _full(connection, rest, now, places)
        won |= _won(connection, [claim for claim in rest if claim.ticket not in refused], now, all_of_them=True)
    lost = {claim.ticket for claim in rest if (claim.ticket, claim.authenticator) not in won}
    rows = {}
    if lost:
        on = cursor(connection)
        on.execute(_LOOK.of(connection), (listed(connection, lost),))
        rows = {row[0]: row for row in on.fetchall()}
    return [
        won.get((claim.ticket, claim.authenticator))
        or refused.get(claim.ticket)
        or _judged(rows.get(claim.ticket), claim, {}, now)
        for claim in claims
    ]


def _won(
    connection: Connection, claims: Sequence[Claim], now: int, *, all_of_them: bool
) -> dict[tuple[str, bytes], Redeemed]:
    if not claims:
        return {}
    on = cursor(connection)
    parts = ((claim.ticket, claim.gateway, claim.authenticator.hex()) for claim in sorted(claims))
    columns = zip(*parts, strict=True)
    on.execute(_REDEEM.of(connection), (now, *map(text_array, columns), now, now, all_of_them, now))
    redeemed = on.fetchall()
    _learn(connection, [row[3:5] for row in redeemed], now)
    return {(row[0], bytes(row[1])): Redeemed(_held(row[5:]), row[2]) for row in redeemed}


def _learn(connection: Connection, shown: Sequence[Any], now: int) -> None:
    """Keeps where the phones of redeemed tickets came from, of (exit, until when it is known already)."""
    exits.learn(
        connection, {bytes(exit_) for exit_, until in shown if exit_ and (until or 0) < now + exits.RENEWED}, now
    )


# -- devices -----------------------------------------------------------------------------------------------------


_RESUME: Final = Statement(
    "SELECT a.key, g.id, g.site, g.gateway, g.plan, g.starts_at, g.ends_at, g.idle, g.down, g.up, g.interim,"
    " CASE WHEN g.total IS NOT NULL THEN g.total - (SELECT COALESCE(SUM(s.down * 1.0 + s.up), 0) FROM session s"
    " WHERE s.person_id = g.person_id AND (s.grant_id = g.id OR s.started_at >= g.starts_at)) END"
    " FROM {pairs} JOIN device d ON d.lookup = {unhex} JOIN access_grant g ON g.device_id = d.id WHERE g.ends_at > ?"
    " AND NOT EXISTS (SELECT 1 FROM ticket t WHERE t.grant_id = g.id AND t.redeemed_at IS NULL)"
)


def unexpired(connection: Connection, lookups: Sequence[bytes], now: int) -> list[list[Held]]:
    """What devices, by their index (`Keys.device_index`), hold now. Reads only.

    A grant whose ticket no gateway has shown is left out: whoever stood at the door may have named another's device.
    """
    found: list[list[Held]] = [[] for _ in lookups]
    on = cursor(connection)
    on.execute(_RESUME.of(connection), (listed(connection, [lookup.hex() for lookup in lookups]), now))
    for row in on.fetchall():
        left = row[-1]  # a sum that outgrows 64 bits is none of the databases' integers
        whole = left is None or isinstance(left, int)
        found[row[0]].append(_held(row[1:] if whole else (*row[1:-1], int(left))))
    return found
