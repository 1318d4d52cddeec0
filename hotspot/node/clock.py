"""A node's clock, beside the store's: what several nodes issue and redeem must agree in time.

The store's time is asked for every half minute and carried on by a clock that only goes forward, so that a node notices
at once when its own is set. On SQLite both are the machine's.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.store import Store
from hotspot.store.portable import clock as store_clock

log = structlog.get_logger("clock")

TOLD: Final = 5.0
"""Seconds of difference that are told of."""
BELIEVED: Final = 60.0
"""Seconds of difference beyond which the store's clock counts."""
_EVERY: Final = 30.0
_AT_FIRST: Final = 2.0
"""Seconds after which a store that was away is asked again."""
_REMIND: Final = 600.0


class Clock:
    """`now` is cheap; `start` keeps it right."""

    def __init__(
        self,
        store: Store,
        machine: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ):
        self._store, self._machine, self._steady = store, machine, steady
        self._shared = store.core.engine.dialect.name != "sqlite"
        self._base: float | None = None
        """The store's time when the steady clock said 0."""
        self._told_at: float | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> int:
        """UTC seconds, to issue and redeem by: this machine's, or the store's where they differ too much."""
        machine = self._machine()
        if self._base is not None and abs(machine - (self._base + self._steady())) > BELIEVED:
            return int(self._base + self._steady())
        return int(machine)

    @property
    def ahead(self) -> float:
        """Seconds by which this machine's clock is ahead of the store's, as far as is known."""
        return 0.0 if self._base is None else self._machine() - (self._base + self._steady())

    def measure(self) -> None:
        """Asks the store. HotspotError where it is away."""
        if not self._shared:
            return
        with self._store.core.read() as connection:
            store_clock(connection)  # a first one, so that the second is no connection's making
            before = self._steady()
            told = store_clock(connection)
            self._base = told - (before + self._steady()) / 2
        self._tell()

    def start(self) -> None:
        """Measures now, and in a thread that ends with the process."""
        with suppress(HotspotError):  # asked again below
            self.measure()
        if self._shared:
            self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_AT_FIRST if self._base is None else _EVERY):
            try:
                self.measure()
            except HotspotError:
                self._tell()  # by what was known

    def _tell(self) -> None:
        ahead, now = self.ahead, self._steady()
        if abs(ahead) <= TOLD:
            if self._told_at is not None:
                log.info("this node's clock is right again", seconds_ahead=round(ahead, 1))
            self._told_at = None
        elif self._told_at is None or now - self._told_at >= _REMIND:
            self._told_at = now
            by = "the store's clock" if abs(ahead) > BELIEVED else "this node's own clock"
            remedy = "set the time here by NTP (timedatectl set-ntp true), and on the store's machine"
            log.error("this node's clock is wrong", seconds_ahead=round(ahead, 1), goes_by=by, remedy=remedy)
