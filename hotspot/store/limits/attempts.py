"""Counting attempts to prove an identity. Counted before they are judged, so that parallel guesses all count.

Who tries is counted by their device, whatever they try. Who is tried, a member, is counted too, since addresses are
cheap; but only over devices from which this member has never been in. So whoever spoils a member's count keeps them
from new devices for a while, and never from their own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, delete, select

from hotspot.people.identity import Keys
from hotspot.store.portable import Statement, run
from hotspot.store.schema import attempt


@dataclass(frozen=True)
class Limit:
    """So many attempts of a subject are judged in so many seconds, counted from the first."""

    count: int
    window: int


DEVICE: Final = Limit(10, 600)
"""Attempts of a device."""
STRANGERS: Final = Limit(100, 3600)
"""Attempts at a member from devices that are not known as theirs: more than one device alone can make."""


def subject(keys: Keys, kind: str, value: str) -> bytes:
    """What stands for whoever tries or is tried in the table."""
    return keys.index(f"attempt by {kind}", value)


@dataclass(frozen=True)
class AtMember:
    """An attempt with a member's name: who tries, and whom."""

    device: bytes
    member: bytes
    stranger: bool

    def take(self, connection: Connection, now: int) -> int:
        """Counts it; the seconds to wait if it may not be judged. A device's refused attempts count against nobody."""
        wait = take(connection, self.device, now, DEVICE)
        if not wait and self.stranger:
            wait = take(connection, self.member, now, STRANGERS)
        return wait

    def forget(self, connection: Connection) -> None:
        """After a success."""
        forget(connection, self.device)
        if self.stranger:
            forget(connection, self.member)


def at_member(keys: Keys, device: str, name: str, password_hash: str | None, *, known: bool) -> AtMember:
    """An attempt by `device`, at the member of this name (`people.normal_name`) while they have this password: with a
    new one counting starts anew. `known`: whether the member has been in from this device."""
    whom = subject(keys, "member", f"{name}|{password_hash or ''}")
    return AtMember(subject(keys, "device", device), whom, not known)


_TAKE: Final = (
    "INSERT INTO attempt (subject, until, failures) VALUES {rows} ON CONFLICT (subject) DO UPDATE SET"
    " failures = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.failures + 1 END,"
    " until = CASE WHEN attempt.until <= ? THEN excluded.until ELSE attempt.until END"
    " RETURNING subject, failures, until"
)


@lru_cache(maxsize=8)
def _take(count: int) -> Statement:
    return Statement(_TAKE, rows=", ".join(["(?, ?, 1)"] * count))


def take_all(connection: Connection, taken: Mapping[bytes, Limit], now: int) -> list[int]:
    """Counts one more attempt of each subject (32 bytes). For each: 0 if it may be judged, else the seconds to wait."""
    rows = [value for subject, limit in taken.items() for value in (subject, now + limit.window)]
    counted = run(connection, _take(len(taken)), *rows, now, now).fetchall()
    found = {bytes(subject): (failures, until) for subject, failures, until in counted}
    waits = []
    for subject, limit in taken.items():
        failures, until = found[subject]
        waits.append(0 if failures <= limit.count else int(until) - now)
    return waits


def take(connection: Connection, subject: bytes, now: int, limit: Limit = DEVICE) -> int:
    """As `take_all`, of one subject."""
    return take_all(connection, {subject: limit}, now)[0]


def spent(connection: Connection, subject: bytes, now: int) -> int:
    """How many attempts of a subject have been counted in its window."""
    counted = select(attempt.c.failures).where(attempt.c.subject == subject, attempt.c.until > now)
    return connection.execute(counted).scalar() or 0


_GIVE_BACK: Final = Statement("UPDATE attempt SET failures = failures - 1 WHERE subject = ? AND failures > 0")


def give_back(connection: Connection, subjects: Collection[bytes]) -> None:
    """Takes back an attempt of each, after a success."""
    for one in subjects:
        run(connection, _GIVE_BACK, one)


_FORGET: Final = Statement("DELETE FROM attempt WHERE subject = ?")


def forget(connection: Connection, subject: bytes) -> None:
    """After a success."""
    run(connection, _FORGET, subject)


def forget_before(connection: Connection, now: int) -> None:
    """Drops the counts whose window is over."""
    connection.execute(delete(attempt).where(attempt.c.until <= now))
