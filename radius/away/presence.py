"""Whether the store answers, as one process knows it.

After a failure nobody asks the store anything but a thread, once a second, or less often where it was lost again soon,
so that no gateway waits for a connection that cannot be had. The thread writes: a database on a full or read-only disk
reads well, and is away all the same.
"""

import threading
import time
from typing import Final

import structlog

from hotspot.errors import HotspotError, PeerError
from hotspot.people.identity import Keys
from hotspot.store import Store
from hotspot.store.keyed import confirm

log = structlog.get_logger("radius")

_EVERY: Final = 1.0
_LONGEST: Final = 30.0
_SOON: Final = 60.0
"""A store that is lost again so many seconds after it came back is looked at half as often: it may answer who looks,
and hold up the others, as a locked table does."""
_REMIND: Final = 60.0
"""Seconds between two lines of the log that say that it is still away."""


class Presence:
    """The store's presence. `there` is cheap; `lost` is called by whoever it did not answer."""

    def __init__(self, store: Store, keys: Keys, *, there: bool = True):
        self._store, self._keys = store, keys
        self._there = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause, self._back_at = _EVERY, float("-inf")
        if there:
            self._there.set()
        else:
            self._look()

    @property
    def there(self) -> bool:
        return self._there.is_set()

    def lost(self, error: PeerError) -> None:
        """The store did not answer; from now on until it does again `there` is false."""
        if self._there.is_set():
            self._there.clear()
            again = time.monotonic() - self._back_at < _SOON
            self._pause = min(2 * self._pause, _LONGEST) if again else _EVERY
            log.error("store away", error=str(error))
            self._look()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        if self._thread is not None:
            self._thread.join()  # it ended when the store was there
        self._thread = threading.Thread(target=self._until_it_is_there, name="presence", daemon=True)
        self._thread.start()

    def _until_it_is_there(self) -> None:
        since = reminded = time.monotonic()
        while not self._ended.wait(self._pause):
            try:
                confirm(self._store, self._keys)
            except HotspotError as error:
                if time.monotonic() - reminded >= _REMIND:
                    reminded = time.monotonic()
                    log.error("store still away", error=str(error), seconds=round(reminded - since))
            else:
                log.info("store back", seconds=round(time.monotonic() - since))
                self._back_at = time.monotonic()
                self._there.set()
                return
