"""How long the store may take for anything, and the end of what takes longer.

A server that hangs with its connection open (it is stopped, its disk does not answer, its network is cut) enforces no
timeout of its own, so each transaction is watched from here: when its time is over the connection is shut down, on our
side, and whoever waits for it hears at once that it has ended. PostgreSQL's own timeouts (`store.patient`) clear away
what such a transaction has left there, and end what waits for a lock with a clear word.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Any, Final

GATEWAY: Final = 3.0
"""Seconds that a RADIUS server gives its store: gateways ask again after 3 to 10, and have another server to go to."""
PERSON: Final = 8.0
"""Seconds that who stands at a login page waits."""
WORK: Final = 60.0
"""Seconds for a transaction of a job."""
TERMINAL: Final = 600.0
"""Seconds for a transaction of a command: reports read years, and who types can stop it."""
MIGRATION: Final = 6 * 3600.0

_CUT: Final = "nirkabel cut"
"""In the `info` of a connection that was shut down."""


class Deadlines:
    """The transactions under way over one engine's connections. Its thread runs while there are any."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._under_way: dict[int, tuple[float, Any, Any]] = {}
        """By the pool's entry: when its time is over, the entry, and the driver's connection."""
        self._lock = threading.Lock()
        """Held while a connection is shut down, so that none is that has just been given back."""
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, entry: Any, connection: Any) -> None:
        """A connection is in use from now on."""
        self._under_way[id(entry)] = (time.monotonic() + self.seconds, entry, connection)
        if self._thread is None:
            self._watch()

    def end(self, entry: Any) -> None:
        """It is no more. A connection that was shut down is not used again."""
        with self._lock:
            self._under_way.pop(id(entry), None)
        if entry.info.get(_CUT):
            entry.invalidate()

    def extend(self, connection: Any, seconds: float) -> None:
        """Gives the transaction of a driver's connection another time than the usual."""
        for key, (_, entry, known) in list(self._under_way.items()):
            if known is connection:
                self._under_way[key] = (time.monotonic() + seconds, entry, known)

    def close(self) -> None:
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        self._closed.clear()

    def _watch(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        thread = threading.current_thread()
        while not self._closed.wait(min(0.25, self.seconds / 4)):
            with self._lock:
                self._cut(time.monotonic())
                self._thread = None  # first: what begins now sees that it must start another
                if not self._under_way:
                    return
                self._thread = thread
        with self._lock:
            self._thread = None

    def _cut(self, now: float) -> None:
        for until, entry, connection in list(self._under_way.values()):
            if until < now:
                del self._under_way[id(entry)]
                entry.info[_CUT] = True
                _shut_down(connection)


def was_cut(info: Any) -> bool:
    """Whether the connection of this `info` was shut down as its time was over."""
    return bool(info.get(_CUT))


def _shut_down(connection: Any) -> None:
    """Ends a connection's traffic in both directions. Its descriptor stays the driver's."""
    # Whatever a connection raises that is closed: then it has ended.
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.shutdown(socket.SHUT_RDWR)
