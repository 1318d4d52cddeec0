"""A lease in the store: of several nodes, one does a piece of work.

Whose it is and until when goes by the store's clock alone, and its holder's name has a random part: neither a node
whose own clock is wrong nor two machines of one name can take what is another's, or keep it beyond its time.
"""

import os
import secrets
import socket
from collections.abc import Callable
from threading import Event, Lock, Thread

from sqlalchemy import Connection

from hotspot.errors import HotspotError
from hotspot.store import Store
from hotspot.store.portable import clock as store_clock
from hotspot.store.telemetry import observed

StoreClock = Callable[[Connection], float]
"""UTC seconds by the clock of the database behind a connection."""


class Lease:
    """One piece of work, for at most `seconds` after each `take`."""

    def __init__(self, store: Store, name: str, seconds: int, clock: StoreClock = store_clock):
        self.holder = f"{socket.gethostname()[:38]}:{os.getpid()}:{secrets.token_hex(8)}"
        self.seconds = seconds
        self._store, self._name, self._clock = store, name, clock

    def take(self) -> int | None:
        """The time by the store's clock, when it is ours from now on; None where another has it."""
        with self._store.telemetry.write() as connection:
            return self.taken(connection)

    def taken(self, connection: Connection) -> int | None:
        """As `take`, within a transaction of the telemetry store."""
        now = int(self._clock(connection))
        ours = observed.take_lease(connection, self._name, self.holder, now, now + self.seconds)
        return now if ours else None

    def taken_by(self) -> str:
        """ "" when it is ours from now on, else who has it: machine, process, and what makes it unlike all others."""
        if self.take() is not None:
            return ""
        with self._store.telemetry.read() as connection:
            return observed.lease_holder(connection, self._name, int(self._clock(connection))) or "another node"

    def give_back(self) -> None:
        """So that another need not wait until it runs out. A store that is away keeps it until then."""
        try:
            with self._store.telemetry.write() as connection:
                observed.give_lease_back(connection, self._name, self.holder)
        except HotspotError:
            return


class KeptLease(Lease):
    """A lease that a thread keeps alive from a `take` that worked until `close`, or until it could not be renewed."""

    def __init__(self, store: Store, name: str, seconds: int, clock: StoreClock = store_clock):
        super().__init__(store, name, seconds, clock)
        self.lost = Event()
        self._ended = Event()
        self._thread: Thread | None = None
        self._lock = Lock()

    def taken(self, connection: Connection) -> int | None:
        now = super().taken(connection)
        if now is not None:
            self.lost.clear()
            with self._lock:
                if self._thread is None:
                    self._thread = Thread(target=self._keep, name="lease", daemon=True)
                    self._thread.start()
        return now

    def close(self) -> None:
        """Gives it back."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self.give_back()

    def _keep(self) -> None:
        failed = 0
        while not self._ended.wait(self.seconds / 4):
            try:
                ours = super().take() is not None
                failed = 0
            except HotspotError:
                failed += 1
                ours = failed < 3  # the store is away; nobody else can have it yet
            if not ours:
                self.lost.set()
