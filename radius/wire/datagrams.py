"""A UDP socket that takes and gives many datagrams at once: recvmmsg(2) and sendmmsg(2), on buffers laid out once.

A call for each datagram costs more than deciding what to answer. Addresses are few and come again and again, so each is
turned into text once and then found by its bytes.
"""

import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

from .codec import Slots
from .mmsg import Datagram, Source

_MOST_KNOWN: Final = 20_000
_SIZES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Of struct sockaddr_in and sockaddr_in6."""


class Datagrams:
    """One socket's traffic. `index` marks what comes from it; so many addresses are remembered. `room` makes room for
    datagrams by the size of an address."""

    def __init__(
        self, sock: socket.socket, index: int, most_known: int = _MOST_KNOWN, room: Callable[[int], Slots] = Slots
    ):
        self._sock = sock
        self._index = index
        self._most_known = most_known
        size = _SIZES[sock.family]
        self._in, self._out = room(size), room(size)
        self._sources: dict[bytes, Source] = {}
        self._names: dict[Source, bytes] = {}

    def receive(self) -> list[Datagram]:
        """What has come, at most `MOST`; nothing where nothing has."""
        return self._in.receive(self._sock.fileno(), self._index, self._sources, self._learn)

    def send(self, answers: list[Datagram]) -> int:
        """Sends what it can at once. How many could not be sent: to RADIUS that is a loss like any other."""
        return self._out.send(self._sock.fileno(), tuple(answers), self._names, self._name)

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
