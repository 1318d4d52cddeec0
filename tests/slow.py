"""Peers that begin and do not finish: many connections that a server should end, and when and how it does."""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hotspot.node.service import allow_files

_FILES = 8192


@dataclass
class End:
    """How a server ended a connection: after so many seconds, and what it said before."""

    seconds: float
    said: bytes


@dataclass
class Slow:
    """Connections that have sent what they will send, and read what comes."""

    port: int
    ends: list[End] = field(default_factory=list)
    _began: dict[socket.socket, float] = field(default_factory=dict)
    _said: dict[socket.socket, bytes] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Slow":
        allow_files(_FILES)
        self._selector.register(self._wake[0], selectors.EVENT_READ)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._wake[1].send(b"x")
        self._reader.join()
        for sock in (*self._began, *self._wake):
            sock.close()
        self._selector.close()

    def __post_init__(self) -> None:
        self._wake = socket.socketpair()

    def begin(self, texts: Iterable[bytes]) -> None:
        """A connection for each text."""
        for text in texts:
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            sock.sendall(text)
            self._began[sock] = time.monotonic()
            self._said[sock] = b""
            self._selector.register(sock, selectors.EVENT_READ)
            self._wake[1].send(b"x")

    @property
    def begun(self) -> list[socket.socket]:
        return list(self._began)

    def all_ended(self, within: float) -> list[End]:
        """How all of them ended."""
        wait_until(lambda: len(self.ends) == len(self._began), within)
        return self.ends

    def _read(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                try:
                    got = sock.recv(65536)
                except OSError:
                    got = b""
                if sock is self._wake[0]:
                    continue
                self._said[sock] += got
                if not got:
                    self._selector.unregister(sock)
                    self.ends.append(End(time.monotonic() - self._began[sock], self._said[sock]))


def wait_until(done: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def took(action: Callable[[], object]) -> float:
    """Seconds."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def quickest(action: Callable[[], object], enough: float, tries: int = 3) -> float:
    """Seconds that it takes at best: what else this machine does may cost one try its time, but hardly every one."""
    best = took(action)
    while best > enough and (tries := tries - 1):
        best = min(best, took(action))
    return best


def post(path: str, sender: str, length: int, body: bytes, *more: str) -> bytes:
    """A request as a proxy on this machine passes it on, with what has come of its body."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: portal.test",
        f"X-Forwarded-For: {sender}",
        f"Content-Length: {length}",
        *more,
    )
    return "\r\n".join((*lines, "Content-Type: application/x-www-form-urlencoded", "", "")).encode() + body
