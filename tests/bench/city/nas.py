"""The city's gateways on a bad network: requests built, retransmitted and answers checked as a NAS does it.

Written apart from the code under test. The network loses, repeats and holds back 5 % each of what goes either way, by
dice that know only the seed, the message and the try. A gateway repeats the same bytes until it has its answer.
"""

import hashlib
import heapq
import hmac
import os
import selectors
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

ACCESS_REQUEST, ACCESS_ACCEPT, ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 1, 2, 4, 5
BADNESS: Final = 0.05
_WINDOW: Final = 256
"""Requests on their way at a time, over all gateways."""
_TIMEOUT: Final = 1.0
_MOST_TRIES: Final = 40
_LONGEST_DELAY: Final = 0.3


def attribute(kind: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        value = value.to_bytes(4, "big")
    elif isinstance(value, str):
        value = value.encode()
    return bytes([kind, len(value) + 2]) + value


def access_request(identifier: int, secret: bytes, body: bytes, password: str) -> bytes:
    """An Access-Request with PAP and a Message-Authenticator (RFC 2865 section 5.2, RFC 2869 section 5.14)."""
    authenticator = os.urandom(16)
    clear = password.encode().ljust(16, b"\0")
    pad = hashlib.md5(secret + authenticator).digest()
    body += attribute(2, bytes(a ^ b for a, b in zip(clear, pad, strict=True)))
    head = struct.pack(">BBH", ACCESS_REQUEST, identifier, 20 + len(body) + 18) + authenticator
    signature = hmac.digest(secret, head + attribute(80, bytes(16)) + body, "md5")
    return head + attribute(80, signature) + body


def accounting_request(identifier: int, secret: bytes, body: bytes) -> bytes:
    """An Accounting-Request with its computed authenticator (RFC 2866 section 3)."""
    head = struct.pack(">BBH", ACCOUNTING_REQUEST, identifier, 20 + len(body))
    return head + hashlib.md5(head + bytes(16) + body + secret).digest() + body


def status_server(identifier: int, secret: bytes) -> bytes:
    """A Status-Server with its Message-Authenticator (RFC 5997 section 3)."""
    head = struct.pack(">BBH", 12, identifier, 20 + 18) + os.urandom(16)
    return head + attribute(80, hmac.digest(secret, head + attribute(80, bytes(16)), "md5"))


def is_answer(reply: bytes, request: bytes, secret: bytes) -> bool:
    """Whether bytes are the authentic answer to a request."""
    if len(reply) < 20 or reply[1] != request[1]:
        return False
    expected = hashlib.md5(reply[:4] + request[4:20] + reply[20:] + secret).digest()
    return reply[4:20] == expected


@dataclass
class Message:
    """What a gateway has to say. `build` makes the request's bytes for an identifier."""

    gateway: int
    name: str
    """Throws the dice."""
    build: Callable[[int], bytes]
    port: int
    expects: int
    after: "Message | None" = None
    """What must be answered before this may be said."""
    alone: bool = False
    """Whether the gateway says nothing else until this is answered, and this only when all else is."""
    answered: bool = False
    followers: "list[Message]" = field(default_factory=list)


@dataclass
class _Pending:
    message: Message
    data: bytes
    tries: int = 0
    answers: int = 0


@dataclass
class _Nas:
    sock: socket.socket
    secret: bytes
    waiting: deque[Message] = field(default_factory=deque)
    pending: dict[int, _Pending] = field(default_factory=dict)
    next_identifier: int = 0

    def may_say(self, message: Message) -> bool:
        if len(self.pending) > 200 or any(one.message.alone for one in self.pending.values()):
            return False
        return not (message.alone and self.pending)


class City:
    """All gateways, each on an address of its own. `say` sends everything and returns when all of it is answered."""

    def __init__(self, seed: int, server: str, gateways: dict[int, tuple[str, bytes]]):
        self._seed, self._server = seed, server
        self._selector = selectors.DefaultSelector()
        self._nas: dict[int, _Nas] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = self._outstanding = 0
        self.seen: Counter[str] = Counter()
        for index, (address, secret) in gateways.items():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((address, 0))
            sock.setblocking(False)
            self._nas[index] = _Nas(sock, secret)
            self._selector.register(sock, selectors.EVENT_READ, self._nas[index])

    def __enter__(self) -> "City":
        return self

    def __exit__(self, *_: object) -> None:
        for nas in self._nas.values():
            nas.sock.close()
        self._selector.close()

    def say(self, messages: Iterator[Message], patience: float = 120.0) -> None:
        """AssertionError where an answer is wrong, or none has come for `patience` seconds."""
        exhausted = False
        last, answered = time.monotonic(), -1
        while not exhausted or self._outstanding:
            while not exhausted and self._outstanding < _WINDOW:
                message = next(messages, None)
                exhausted = message is None
                if message is not None:
                    self._take(message)
            self._receive()
            self._run_events()
            if self.seen["answered"] != answered:
                last, answered = time.monotonic(), self.seen["answered"]
            assert time.monotonic() - last < patience, f"no answer for {patience} seconds: {dict(self.seen)}"

    def _take(self, message: Message) -> None:
        self._outstanding += 1
        if message.after is not None and not message.after.answered:
            message.after.followers.append(message)
            return
        nas = self._nas[message.gateway]
        nas.waiting.append(message)
        self._speak(nas)

    def _speak(self, nas: _Nas) -> None:
        while nas.waiting and nas.may_say(nas.waiting[0]):
            message = nas.waiting.popleft()
            while nas.next_identifier in nas.pending:
                nas.next_identifier = (nas.next_identifier + 1) % 256
            identifier = nas.next_identifier
            nas.next_identifier = (identifier + 1) % 256
            nas.pending[identifier] = _Pending(message, message.build(identifier))
            self._transmit(nas, identifier, nas.pending[identifier])

    def _dice(self, *what: object) -> Iterator[float]:
        digest = hashlib.blake2b(repr((self._seed, *what)).encode(), digest_size=32).digest()
        return (number / 2**32 for number in struct.unpack(">8I", digest))

    def _transmit(self, nas: _Nas, identifier: int, pending: _Pending) -> None:
        if nas.pending.get(identifier) is not pending:
            return  # it has its answer
        pending.tries += 1
        assert pending.tries <= _MOST_TRIES, f"{pending.message.name}: no answer to {_MOST_TRIES} tries"
        self.seen["sent"] += 1
        self.seen["retransmitted"] += pending.tries > 1
        dice = self._dice(pending.message.name, pending.tries)

        def send() -> None:
            with suppress(OSError):
                nas.sock.sendto(pending.data, (self._server, pending.message.port))

        if next(dice) < BADNESS:
            self.seen["lost"] += 1
        elif next(dice) < BADNESS:
            self.seen["held back"] += 1
            self._later(next(dice) * _LONGEST_DELAY, send)
        else:
            send()
        if next(dice) < BADNESS:
            self.seen["repeated"] += 1
            self._later(next(dice) * _LONGEST_DELAY, send)
        self._later(_TIMEOUT, lambda: self._transmit(nas, identifier, pending))

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time.monotonic() + delay, self._count, action))

    def _run_events(self) -> None:
        now = time.monotonic()
        while self._events and self._events[0][0] <= now:
            heapq.heappop(self._events)[2]()

    def _receive(self) -> None:
        wait = max(0.0, self._events[0][0] - time.monotonic()) if self._events else 0.05
        for key, _ in self._selector.select(min(wait, 0.05)):
            nas: _Nas = key.data
            while True:
                try:
                    reply = nas.sock.recv(4096)
                except BlockingIOError:
                    break
                self._heard(nas, reply)
            self._speak(nas)

    def _heard(self, nas: _Nas, reply: bytes) -> None:
        pending = nas.pending.get(reply[1])
        if pending is None or not is_answer(reply, pending.data, nas.secret):
            self.seen["late"] += 1  # to a copy that the network had held back
            return
        pending.answers += 1
        if next(self._dice(pending.message.name, "answer", pending.answers)) < BADNESS:
            self.seen["answers lost"] += 1
            return
        assert reply[0] == pending.message.expects, f"{pending.message.name}: answered with code {reply[0]}"
        del nas.pending[reply[1]]
        self._outstanding -= 1
        self.seen["answered"] += 1
        pending.message.answered = True
        nas.waiting.extendleft(reversed(pending.message.followers))
