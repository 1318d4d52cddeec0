"""Whether a signed redirect is fresh: first seen within five minutes, by any process, and from the same sender.

Most gateways write no time into what they sign, so a redirect that was overheard would be good for ever. What is not
fresh is not refused: a gateway may send the same redirect twice, and a phone's browser may load it again. But then it
counts as what anybody can write, as at a gateway that signs nothing.
"""

import threading
import time
from dataclasses import replace
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.nas.arrival import Arrival
from hotspot.people.identity import Keys
from hotspot.store import Store
from hotspot.store.limits import arrivals
from hotspot.store.limits.arrivals import First

from .forms import FORM_LIFETIME

log = structlog.get_logger("portal")

EVERY: Final = 1.0
"""Seconds until other processes know what this one has seen. No page waits for it."""
_MOST: Final = 100_000
"""Redirects that wait for a store that is away; then the oldest are forgotten."""


class Freshness:
    """One process's view of the redirects that were seen."""

    def __init__(self, store: Store, keys: Keys):
        self._store = store
        self._keys = keys
        self._waiting: dict[bytes, First] = {}
        self._lock = threading.Lock()

    def judged(self, arrival: Arrival, sender: str, now: int) -> Arrival:
        """An arrival, proven no longer where its redirect was seen before, too long ago or from another sender."""
        if not arrival.proven or not arrival.mark:
            return arrival
        mark = self._keys.index("arrival", f"{arrival.gateway}|{arrival.mark}")
        mine = First(mark, now, self._keys.index("sender", sender))
        known = self._waiting.get(mark)
        if known is None:
            with self._store.core.glance() as connection:
                known = arrivals.first(connection, mark)
        if known is None:
            self._note(mine)
            return arrival
        fresh = known.at > now - FORM_LIFETIME and known.sender == mine.sender
        return arrival if fresh else replace(arrival, proven=False)

    def _note(self, seen: First) -> None:
        with self._lock:
            self._waiting.setdefault(seen.mark, seen)
            while len(self._waiting) > _MOST:
                del self._waiting[next(iter(self._waiting))]

    def bring(self) -> None:
        """Has the store keep what this process has seen first; what it does not take comes with the next time."""
        seen = list(self._waiting.values())
        if not seen:
            return
        try:
            with self._store.core.write() as connection:
                arrivals.keep(connection, seen)
        except HotspotError as error:
            log.error("redirects not kept", waiting=len(seen), error=str(error))
            return
        with self._lock:
            for one in seen:
                self._waiting.pop(one.mark, None)

    def start(self) -> None:
        """In a thread that ends with the process."""
        threading.Thread(target=self._run, name="freshness", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY)
            self.bring()
