"""Work of the portal that belongs to no request."""

from typing import Final

import structlog

from hotspot.job import Job
from hotspot.one_time import LIFETIME
from hotspot.settings import Settings
from hotspot.store import Store, attempts, codes

log = structlog.get_logger("portal")

_ENOUGH: Final = 20
"""Codes in an hour below which their share says nothing."""
_USUAL: Final = 0.4
"""The share of codes that are entered, below which something is wrong."""


def forget_old_attempts(store: Store, _settings: Settings, now: int) -> None:
    """Every phone that mistyped once would stay in the table for ever."""
    with store.core.write() as connection:
        attempts.forget_before(connection, now)


def watch_codes(store: Store, _settings: Settings, now: int) -> None:
    """Warns when codes are asked for and not entered, as when somebody earns by having messages sent."""
    with store.core.write() as connection:
        codes.forget_before(connection, now)
        asked, entered = codes.challenges_asked(connection, now - codes.HOUR - LIFETIME, now - LIFETIME)
    if asked >= _ENOUGH and entered < asked * _USUAL:
        log.warning("codes not entered", asked=asked, entered=entered)


OLD_ATTEMPTS: Final = Job("old-attempts", 3600, forget_old_attempts)
CODES: Final = Job("codes", 600, watch_codes)
