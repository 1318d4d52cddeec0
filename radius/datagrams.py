"""A UDP socket that takes and gives many datagrams at once: recvmmsg(2) and sendmmsg(2), on buffers laid out once.

A call for each datagram costs more than deciding what to answer. Addresses are few and come again and again, so each is
turned into text once and then found by its bytes.
"""

import socket
import struct
import sys
from typing import Final

from .mmsg import LENGTH, MOST, ROOM, STEP, Slots

Source = tuple[str, int]
Datagram = tuple[bytes, Source, int]
"""Bytes, where they came from or go to, and the index of our socket."""

_MOST_KNOWN: Final = 20_000
_SIZES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Of struct sockaddr_in and sockaddr_in6."""


class Datagrams:
    """One socket's traffic. `index` marks what comes from it; so many addresses are remembered."""

    def __init__(self, sock: socket.socket, index: int, most_known: int = _MOST_KNOWN):
        self._sock = sock
        self._index = index
        self._most_known = most_known
        self._size = _SIZES[sock.family]
        self._in, self._out = Slots(self._size), Slots(self._size)
        self._sources: dict[bytes, Source] = {}
        self._names: dict[Source, bytes] = {}

    def receive(self) -> list[Datagram]:
        """What has come, at most `MOST`; nothing where nothing has."""
        slots, size, known, index = self._in, self._size, self._sources, self._index
        count = slots.receive(self._sock.fileno())
        room, words = slots.room, slots.words
        names = bytes(slots.name_room[: count * size])
        batch: list[Datagram] = []
        for k in range(count):
            at = k * ROOM
            name = names[k * size : (k + 1) * size]
            data = room[at : at + words[k * STEP + LENGTH]].tobytes()
            batch.append((data, known.get(name) or self._learn(name), index))
        return batch

    def send(self, answers: list[Datagram]) -> int:
        """Sends what it can at once. How many could not be sent: to RADIUS that is a loss like any other."""
        return sum(self._send(answers[start : start + MOST]) for start in range(0, len(answers), MOST))

    def _send(self, answers: list[Datagram]) -> int:
        slots, size = self._out, self._size
        room, names, sizes = slots.room, slots.name_room, slots.sizes
        for k, (data, target, _) in enumerate(answers):
            at, length = k * ROOM, len(data)
            room[at : at + length] = data
            sizes[2 * k + 1] = length
            names[k * size : (k + 1) * size] = self._names.get(target) or self._name(target)
        return slots.send(self._sock.fileno(), len(answers))

    def _learn(self, name: bytes) -> Source:
        """The host and port of a socket address."""
        if len(self._sources) >= self._most_known:
            self._sources.clear()
            self._names.clear()
        source = (_host(self._sock.family, name), int.from_bytes(name[2:4], "big"))
        self._sources[name] = source
        self._names[source] = name
        return source

    def _name(self, target: Source) -> bytes:
        """The socket address of a host and port that has been forgotten meanwhile."""
        family = self._sock.family
        host, _, scope = target[0].partition("%")
        start = struct.pack("=H", family) + struct.pack("!H", target[1])
        address = socket.inet_pton(family, host)
        if family == socket.AF_INET:
            return start + address + bytes(8)
        return start + bytes(4) + address + struct.pack("=I", int(scope or 0))


def _host(family: int, name: bytes) -> str:
    """The host of struct sockaddr_in, or of sockaddr_in6, whose link is told by its number where that matters."""
    if family == socket.AF_INET:
        return socket.inet_ntop(family, name[4:8])
    scope = int.from_bytes(name[24:28], sys.byteorder)
    return socket.inet_ntop(family, name[8:24]) + (f"%{scope}" if scope else "")
