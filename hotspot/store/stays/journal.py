"""How far a journal has been applied: written in the transaction that applies, so that nothing is applied twice.

A file of a journal (radius/away/backlog.py) is known by a random id; its frames are numbered 0, 1, 2, ...
"""

from typing import Final

from sqlalchemy import Connection, delete, select

from hotspot.store.portable import upsert
from hotspot.store.schema import journal_position

_KEPT: Final = 30 * 86400
"""Seconds after which the position in a file that was never finished is forgotten."""


def applied(connection: Connection, file: str) -> int:
    """The last frame of a file that has been applied; -1 where none has."""
    statement = select(journal_position.c.sequence).where(journal_position.c.file == file)
    found = connection.execute(statement).scalar_one_or_none()
    return -1 if found is None else int(found)


def advance(connection: Connection, file: str, sequence: int, now: int) -> None:
    """Frames up to `sequence` are applied by this transaction."""
    row = {"file": file, "sequence": sequence, "applied_at": now}
    statement = upsert(connection, journal_position).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["file"], set_={"sequence": sequence, "applied_at": now})
    )


def forget(connection: Connection, file: str, now: int) -> None:
    """A file is gone, and with it the need to know; so is what nobody has asked for in a month."""
    old = journal_position.c.applied_at <= now - _KEPT
    connection.execute(delete(journal_position).where((journal_position.c.file == file) | old))
