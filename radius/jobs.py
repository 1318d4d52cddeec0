"""Work of accounting that belongs to no request."""

from typing import Final

import structlog

from hotspot.job import Job
from hotspot.settings import Settings
from hotspot.store import Store, orders, revisions, sessions, watch

log = structlog.get_logger("radius")

_AT_ONCE: Final = 50
_ROUNDS: Final = 40


def end_silent_sessions(store: Store, _settings: Settings, now: int) -> None:
    """A gateway that is gone sends no Stop. Whatever it says later takes this back."""
    with store.core.write() as connection:
        ended = sessions.presume_silent(connection, now)
    if ended:
        log.info("silent sessions ended", count=ended)


def watch_sessions(store: Store, _settings: Settings, now: int) -> None:
    """What ends or changes sessions without an accounting record. A long list is looked at in short transactions, so
    that nobody waits for it."""
    revisions.current(store)
    for round_ in range(_ROUNDS):
        with store.core.write() as connection:
            revision = revisions.active(connection)
            if revision is None:
                return
            if round_ == 0:
                watch.follow(connection, revision, now)
                orders.settle(connection, now)
            looked = watch.look(connection, revision, now, _AT_ONCE)
        if looked.ended or looked.changed:
            log.info("sessions watched", grants=looked.grants, ended=looked.ended, changed=looked.changed)
        if looked.grants < _AT_ONCE:
            return


WATCH: Final = Job("session-watch", 2, watch_sessions)
SILENT_SESSIONS: Final = Job("silent-sessions", 60, end_silent_sessions)
