"""Phones that log in: each opens a connection, gets the page, posts its form, and is handed back to its gateway."""

import re
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from .city import Visitor

_FORM: Final = re.compile(rb'name="form" value="([^"]+)"')
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.I)
_LOCATION: Final = re.compile(rb"\r\nlocation: ([^\r]+)", re.I)
_TIMEOUT: Final = 20.0


def form_of(page: bytes) -> str | None:
    """What a login page's forms carry."""
    found = _FORM.search(page)
    return found[1].decode() if found else None


def login_body(visitor: Visitor, form: str) -> bytes:
    """What a browser posts."""
    fields = {"form": form, "method": visitor.method, "code": visitor.code}
    return "&".join(f"{name}={quote(value)}" for name, value in fields.items() if value).encode()


class NotLet(Exception):  # noqa: N818 - what became of a login
    """A login that did not end as it must."""


@dataclass
class Journeys:
    """What became of logins, and what crossed the wire for each (request, answer)."""

    done: int = 0
    refused: list[str] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    requests: int = 0
    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    def __iadd__(self, other: "Journeys") -> "Journeys":
        self.done += other.done
        self.refused += other.refused
        self.sent += other.sent
        self.received += other.received
        self.requests += other.requests
        self.seconds += other.seconds
        return self


class Wire:
    """One connection of a phone."""

    def __init__(self, port: int, journeys: Journeys):
        self._socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._journeys = journeys

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, method: str, path: str, address: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """(status, headers, body) of an answer; the headers are those that a phone's browser sends."""
        form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body) if body else b""
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: {address}\r\n"
            "User-Agent: Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36\r\n"
            "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: id-ID,id;q=0.9\r\n"
            "Accept-Encoding: gzip, deflate\r\n"
        ).encode() + form + b"\r\n" + body  # fmt: skip
        self._socket.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, rest = got.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        while len(rest) < length:
            rest += self._more()
        self._journeys.sent += len(request)
        self._journeys.received += len(head) + 4 + len(rest)
        self._journeys.requests += 1
        return int(head[9:12]), head, rest

    def _more(self) -> bytes:
        chunk = self._socket.recv(65536)
        if not chunk:
            raise NotLet("the connection was closed")
        return chunk


def log_in(port: int, visitor: Visitor, journeys: Journeys) -> None:
    """One phone's login, from its gateway's redirect until it is sent back there. NotLet where it is not."""
    with Wire(port, journeys) as wire:
        status, _, page = wire.ask("GET", visitor.path, visitor.address)
        form = form_of(page)
        if status != 200 or form is None:
            raise NotLet(f"the page came with {status}")
        status, head, page = wire.ask("POST", "/login?lang=id", visitor.address, login_body(visitor, form))
        location = _LOCATION.search(head)
        if status != 303 or location is None or not location[1].decode().startswith(visitor.back):
            raise NotLet(f"the form was answered with {status}: {page[-200:]!r}")


def arrive(port: int, visitors: Iterable[Visitor], at_once: int) -> Journeys:
    """All of them log in, so many at the same time."""
    queue, lock, total = iter(visitors), threading.Lock(), Journeys()

    def stand_in_line() -> None:
        mine = Journeys()
        while True:
            with lock:
                visitor = next(queue, None)
            if visitor is None:
                break
            began = time.monotonic()
            try:
                log_in(port, visitor, mine)
            except (NotLet, OSError) as error:
                mine.refused.append(str(error))
                continue
            mine.done += 1
            mine.seconds.append(time.monotonic() - began)
        with lock:
            nonlocal total
            total += mine

    began = time.monotonic()
    threads = [threading.Thread(target=stand_in_line) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total.elapsed = time.monotonic() - began
    return total
