"""Work of the portal that belongs to no request."""

from typing import Final

from hotspot.job import Job
from hotspot.settings import Settings
from hotspot.store import Store, attempts


def forget_old_attempts(store: Store, _settings: Settings, now: int) -> None:
    """Every phone that mistyped once would stay in the table for ever."""
    with store.core.write() as connection:
        attempts.forget_before(connection, now)


OLD_ATTEMPTS: Final = Job("old-attempts", 3600, forget_old_attempts)
