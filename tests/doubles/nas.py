"""A stand-in for the side of a gateway that takes orders (RFC 5176): NOT a real gateway.

It reads packets with pyrad, an implementation independent of the one under test, and computes its authenticators
itself. What it answers next is what the test has told it.
"""

import hashlib
import hmac
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from pyrad import packet as rp

from .coovachilli import dictionary

DISCONNECT, CHANGE = 40, 43


@dataclass(frozen=True)
class Heard:
    """A request as it came."""

    code: int
    identifier: int
    data: bytes
    attributes: dict[str, Any]
    source: tuple[str, int]
    at: float


Answer = Callable[["NasDouble", Heard], None]


def acknowledge(nas: "NasDouble", heard: Heard) -> None:
    nas.reply(heard, heard.code + 1)


def refuse(cause: int | None = None) -> Answer:
    """A NAK, with an Error-Cause if there is one."""
    body = b"" if cause is None else bytes([101, 6]) + cause.to_bytes(4, "big")

    def answer(nas: "NasDouble", heard: Heard) -> None:
        nas.reply(heard, heard.code + 2, body)

    return answer


def stay_silent(_nas: "NasDouble", _heard: Heard) -> None:
    """As a gateway that is away."""


def forge(nas: "NasDouble", heard: Heard) -> None:
    """An ACK by somebody who does not know the secret, and one whose Message-Authenticator does not hold."""
    nas.reply(heard, heard.code + 1, secret=b"somebody else's secret")
    nas.reply(heard, heard.code + 1, bytes([80, 18]) + bytes(16))


def later(seconds: float) -> Answer:
    """An ACK that is long under way."""

    def answer(nas: "NasDouble", heard: Heard) -> None:
        time.sleep(seconds)
        acknowledge(nas, heard)

    return answer


class NasDouble:
    """A socket on loopback. `answers` are used up one for each request; then every request is acknowledged."""

    def __init__(self, secret: bytes, *answers: Answer, address: str = "127.0.0.1"):
        self.secret = secret
        self.answers = deque(answers)
        self.heard: list[Heard] = []
        self.unauthentic = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.bind((address, 0))
        self._sock.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def address(self) -> str:
        host, port = self._sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                data, source = self._sock.recvfrom(4096)
                self._receive(data, source[:2])

    def _receive(self, data: bytes, source: tuple[str, int]) -> None:
        expected = hashlib.md5(data[:4] + bytes(16) + data[20:] + self.secret).digest()
        if data[0] not in (DISCONNECT, CHANGE) or not hmac.compare_digest(data[4:20], expected):
            self.unauthentic += 1
            return
        packet: Any = rp.Packet(packet=data, secret=self.secret, dict=dictionary())
        attributes = {name: packet[name][0] for name in packet.keys() if isinstance(name, str)}
        heard = Heard(data[0], data[1], data, attributes, source, time.monotonic())
        self.heard.append(heard)
        (self.answers.popleft() if self.answers else acknowledge)(self, heard)

    def reply(self, heard: Heard, code: int, body: bytes = b"", secret: bytes | None = None) -> None:
        head = bytes([code, heard.identifier]) + (20 + len(body)).to_bytes(2, "big")
        signature = hashlib.md5(head + heard.data[4:20] + body + (secret or self.secret)).digest()
        self._sock.sendto(head + signature + body, heard.source)
