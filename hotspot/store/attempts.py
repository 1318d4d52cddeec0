"""Counting failed attempts to prove an identity. Counted before they are judged, so that parallel guesses all count."""

from sqlalchemy import Connection, case, delete, select

from ..identity import Keys
from .portable import upsert
from .schema import attempt

WINDOW = 600
"""Seconds in which at most LIMIT attempts of one subject are judged."""
LIMIT = 10


def subject(keys: Keys, kind: str, value: str) -> bytes:
    """What stands for a device's address or a member's name in the table."""
    return keys.index(f"attempt by {kind}", value)


def of_member(keys: Keys, name: str, mac: str) -> list[bytes]:
    """The subjects of an attempt with a member's name (`people.normal_name`): who tries, and whom."""
    return [subject(keys, "device", mac), subject(keys, "member", name)]


def take(connection: Connection, subject: bytes, now: int, *, limit: int = LIMIT, window: int = WINDOW) -> bool:
    """Whether one more attempt of `subject` (32 bytes) may be judged: at most `limit` in `window` seconds."""
    statement = upsert(connection, attempt).values(subject=subject, until=now + window, failures=1)
    over = attempt.c.until <= now
    statement = statement.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "failures": case((over, 1), else_=attempt.c.failures + 1),
            "until": case((over, now + window), else_=attempt.c.until),
        },
    ).returning(attempt.c.failures)
    return int(connection.execute(statement).scalar_one()) <= limit


def spent(connection: Connection, subject: bytes, now: int) -> int:
    """How many attempts of a subject have been counted in its window."""
    counted = select(attempt.c.failures).where(attempt.c.subject == subject, attempt.c.until > now)
    return connection.execute(counted).scalar() or 0


def forget(connection: Connection, subject: bytes) -> None:
    """After a success."""
    connection.execute(delete(attempt).where(attempt.c.subject == subject))


def forget_before(connection: Connection, now: int) -> None:
    """Drops the counts whose window is over."""
    connection.execute(delete(attempt).where(attempt.c.until <= now))
