"""Members' passwords checked beside the server's loop: a slow hash holds up no other request.

argon2 works outside the interpreter's lock, so threads are enough. The loop hands checks in, waits for `fileno` among
its sockets, and takes the results out. There is room for a limited number: a flood of logins must not queue for
minutes, and a gateway that got no answer asks again.
"""

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from queue import Full, Queue
from typing import Final, Generic, TypeVar

import structlog

from hotspot.people.password import matches

log = structlog.get_logger("radius")

Tag = TypeVar("Tag")

THREADS: Final = 1
"""In each worker process; there is one of those for every core."""
ROOM: Final = 64
"""Checks that wait, about two seconds of one core: gateways ask again after two to ten."""
_NICE: Final = 10
"""Hashing leaves the processor to the threads that answer."""


class Hashing(Generic[Tag]):
    """Checks of passwords, each with a tag by which its owner knows it again."""

    def __init__(self, threads: int = THREADS, room: int = ROOM):
        self._waiting: Queue[tuple[Tag, str | None, str] | None] = Queue(room)
        self._done: Queue[tuple[Tag, bool]] = Queue()
        self._signal = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._threads = [threading.Thread(target=self._work, name="hashing", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        """Readable while there are results to take."""
        return self._signal

    def room(self) -> int:
        """How many checks can be submitted now. Only the threads take some out, so it is never less than this."""
        return self._waiting.maxsize - self._waiting.qsize()

    def submit(self, tag: Tag, password_hash: str | None, password: str) -> bool:
        """Whether there was room. Without a hash, for an unknown name, the result is no, and takes as long."""
        try:
            self._waiting.put_nowait((tag, password_hash, password))
        except Full:
            return False
        return True

    def take(self) -> list[tuple[Tag, bool]]:
        """The results since the last call."""
        try:
            os.eventfd_read(self._signal)
        except BlockingIOError:
            return []
        return [self._done.get_nowait() for _ in range(self._done.qsize())]

    def close(self) -> None:
        """Ends the threads when they have checked what waits."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        os.close(self._signal)

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)  # Linux has priorities for threads
        while (check := self._waiting.get()) is not None:
            tag, password_hash, password = check
            self._done.put((tag, matches(password_hash, password)))
            os.eventfd_write(self._signal, 1)


class Known:
    """Names and passwords that were right a moment ago, as hashes under a key of this process.

    The stored hash is part of it: a changed password is not known any more.
    """

    def __init__(self, lifetime: int = 300, most: int = 10_000):
        self._key = os.urandom(32)
        self._lifetime = lifetime
        self._most = most
        self._until: OrderedDict[bytes, int] = OrderedDict()

    def _of(self, name: str, password: str, password_hash: str) -> bytes:
        parts = (part.encode() for part in (name, password, password_hash))
        return hmac.digest(self._key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), hashlib.sha256)

    def add(self, name: str, password: str, password_hash: str, now: int) -> None:
        key = self._of(name, password, password_hash)
        self._until[key] = now + self._lifetime
        self._until.move_to_end(key)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def has(self, name: str, password: str, password_hash: str, now: int) -> bool:
        return self._until.get(self._of(name, password, password_hash), 0) > now
