"""A lease in the store that a thread keeps alive: of several controllers, one does the work."""

import os
import secrets
import socket
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from hotspot.errors import HotspotError
from hotspot.store import Store, observed

SECONDS: Final = 60
"""After which the lease of a controller that died is free."""


class Lease:
    """Held from a `take` that worked until `close`, or until it could not be renewed in time."""

    def __init__(self, store: Store, name: str, clock: Callable[[], int]):
        self.lost = Event()
        self._store = store
        self._name = name
        self._clock = clock
        self._holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._ended = Event()
        self._thread: Thread | None = None

    def take(self) -> str:
        """ "" when it is ours from now on, else who has it."""
        if not self._renewed():
            with self._store.telemetry.read() as connection:
                return observed.lease_holder(connection, self._name, self._clock()) or "another controller"
        self.lost.clear()
        if self._thread is None:
            self._thread = Thread(target=self._keep, daemon=True)
            self._thread.start()
        return ""

    def close(self) -> None:
        """Gives it back."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            with self._store.telemetry.write() as connection:
                observed.give_lease_back(connection, self._name, self._holder)

    def _renewed(self) -> bool:
        now = self._clock()
        with self._store.telemetry.write() as connection:
            return observed.take_lease(connection, self._name, self._holder, now, now + SECONDS)

    def _keep(self) -> None:
        kept_until = self._clock() + SECONDS
        while not self._ended.wait(SECONDS / 4):
            try:
                ours = self._renewed()
            except HotspotError:
                ours = self._clock() < kept_until - SECONDS / 4  # the store is away; nobody else can have it yet
            else:
                kept_until = self._clock() + SECONDS if ours else 0
            if not ours:
                self.lost.set()
