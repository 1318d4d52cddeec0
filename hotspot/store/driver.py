"""What the databases' drivers raise, and what we say instead.

psycopg is loaded only where a database is PostgreSQL: that takes longer than many a command.
"""

from dataclasses import dataclass
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy.exc import DBAPIError

from ..errors import HotspotError, PeerError, StoreError

Errors = tuple[type[Exception], ...]


@dataclass(frozen=True)
class Driver:
    """`failures` is all that it raises, `away` of it what says that the database cannot be had just now."""

    failures: Errors
    away: Errors

    def told(self, name: str, error: Exception) -> HotspotError:
        """What it says, in our words."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, self.away) or type(cause) is sqlite.DatabaseError:  # itself: the file is damaged
            return PeerError(f"the {name} database does not answer: {cause}")
        return StoreError(f"the {name} database refused a value: {type(error).__name__}")


SQLITE: Final = Driver(
    (DBAPIError, sqlite.Error, OverflowError),
    (sqlite.OperationalError,),  # locked, a full disk, a read-only one
)


def postgresql() -> Driver:
    import psycopg  # noqa: PLC0415 - see above

    standby = psycopg.errors.ReadOnlySqlTransaction
    return Driver(
        (DBAPIError, psycopg.Error, OverflowError), (psycopg.OperationalError, psycopg.InterfaceError, standby)
    )
