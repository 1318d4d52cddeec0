"""Work of accounting that belongs to no request."""

from typing import Final

import structlog

from hotspot.job import Job
from hotspot.settings import Settings
from hotspot.store import Store, sessions

log = structlog.get_logger("radius")


def end_silent_sessions(store: Store, _settings: Settings, now: int) -> None:
    """A gateway that is gone sends no Stop. Whatever it says later takes this back."""
    with store.core.write() as connection:
        ended = sessions.presume_silent(connection, now)
    if ended:
        log.info("silent sessions ended", count=ended)


SILENT_SESSIONS: Final = Job("silent-sessions", 60, end_silent_sessions)
