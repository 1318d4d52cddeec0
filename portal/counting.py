"""What became of login forms: counted in this process, brought to the store by a thread. No page waits for it."""

import socket
import threading
import time
from collections import Counter
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.store import Store
from hotspot.store.telemetry import counts, visits
from hotspot.store.telemetry.visits import WHAT, Visits
from hotspot.store.telemetry_schema import portal_count

log = structlog.get_logger("portal")

EVERY: Final = 5.0
"""Seconds between two times; what a process has counted since is lost with it."""


class Counting:
    """Counts of (gateway, outcome): `handed:voucher`, `refused:voucher-unknown`, `limited:device`."""

    def __init__(self, store: Store):
        self._store = store
        self._grown: Counter[tuple[str, str]] = Counter()
        self._visits: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, gateway: str, outcome: str) -> None:
        with self._lock:
            self._grown[gateway, outcome[:64]] += 1

    def visit(self, site: str, what: str) -> None:
        """A login page that was `shown` at a site, somebody who was `handed` to its gateway, or is `admitted` there."""
        with self._lock:
            self._visits[site, what] += 1

    def bring(self, now: int) -> None:
        """Adds what has grown to the store's counts; what it does not take comes with the next time."""
        with self._lock:
            grown, self._grown = self._grown, Counter()
            seen, self._visits = self._visits, Counter()
        try:
            with self._store.telemetry.write() as connection:
                counts.add(connection, socket.gethostname()[:64], grown, now, portal_count)
                sites = {site for site, _ in seen}
                told = {site: Visits(*(seen[site, what] for what in WHAT)) for site in sites}
                visits.add(connection, told, now)
        except HotspotError as error:
            log.error("counts wait", error=str(error))
            with self._lock:
                self._grown += grown
                self._visits += seen

    def start(self) -> None:
        """In a thread that ends with the process."""
        threading.Thread(target=self._run, name="counting", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY)
            if self._grown or self._visits:
                self.bring(int(time.time()))
