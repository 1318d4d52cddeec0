"""What the databases' drivers raise, and what we say instead.

psycopg is loaded only where a database is PostgreSQL: that takes longer than many a command.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import pysqlite3.dbapi2 as sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from hotspot.errors import HotspotError, PeerError, StoreError

Errors = tuple[type[Exception], ...]


class Passing(Enum):
    """Why a transaction was undone that will go well another time."""

    MET = "met"
    """Another transaction."""
    SERVER = "server"
    """Its server went, or is a standby now: another may be there."""


@dataclass(frozen=True)
class Driver:
    """`failures` is all that it raises, `away` of it what says that the database cannot be had just now; `met` where a
    transaction was undone for another's sake, `gone` where its server says that it goes."""

    failures: Errors
    away: Errors
    met: Errors = ()
    gone: Errors = ()

    def passing(self, error: Exception, *, committing: bool) -> Passing | None:
        """Why to do a transaction again, where it is certain that nothing of it was kept: whether a commit was, nobody
        knows whose server went meanwhile."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, self.met):
            return Passing.MET
        lost = (
            isinstance(cause, self.away) and getattr(cause, "sqlstate", "") is None
        )  # psycopg's own word, no server's
        return Passing.SERVER if (lost or isinstance(cause, self.gone)) and not committing else None

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

    errors = psycopg.errors
    standby = errors.ReadOnlySqlTransaction
    return Driver(
        (DBAPIError, psycopg.Error, OverflowError, NoConnectionFree),
        (psycopg.OperationalError, psycopg.InterfaceError, standby, NoConnectionFree),
        met=(errors.SerializationFailure, errors.DeadlockDetected),
        gone=(standby, errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow),
    )
