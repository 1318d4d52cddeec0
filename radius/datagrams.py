"""A UDP socket that takes and gives many datagrams at once: recvmmsg(2) and sendmmsg(2), on buffers laid out once.

A call for each datagram costs more than deciding what to answer. Addresses are few and come again and again, so each is
turned into text once and then found by its bytes.
"""

import ctypes
import os
import socket
import struct
import sys
from errno import EAGAIN, EINTR
from typing import Final

Source = tuple[str, int]
Datagram = tuple[bytes, Source, int]
"""Bytes, where they came from or go to, and the index of our socket."""

MOST: Final = 256
"""Datagrams taken from a socket at once; under load this many share one commit."""
_ROOM: Final = 4160
"""Bytes for each datagram: more than a packet may have, so that a longer one is seen to be one."""
_MOST_KNOWN: Final = 20_000
_SIZES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
"""Of struct sockaddr_in and sockaddr_in6."""


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vector_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint32))


_libc: Final = ctypes.CDLL(None, use_errno=True)
_STEP: Final = ctypes.sizeof(_Message) // 4
_LENGTH: Final = _Message.length.offset // 4
"""Where the length of message k stands among the array's 32-bit words: at k * _STEP + _LENGTH."""


class _Slots:
    """Room for `MOST` datagrams with their addresses, as the kernel wants it described."""

    def __init__(self, name_size: int):
        self.bytes = bytearray(MOST * _ROOM)
        self.names = bytearray(MOST * name_size)
        self._vectors = (_Vector * MOST)()
        self.messages = (_Message * MOST)()
        base = ctypes.addressof((ctypes.c_char * len(self.bytes)).from_buffer(self.bytes))
        names = ctypes.addressof((ctypes.c_char * len(self.names)).from_buffer(self.names))
        for k in range(MOST):
            vector, header = self._vectors[k], self.messages[k].header
            vector.base, vector.length = base + k * _ROOM, _ROOM
            header.name, header.name_length = names + k * name_size, name_size
            header.vector, header.vector_length = ctypes.addressof(vector), 1
        self.room = memoryview(self.bytes)
        self.name_room = memoryview(self.names)
        self.sizes = memoryview(self._vectors).cast("B").cast("L")
        """That of datagram k at 2k + 1."""
        self.words = memoryview(self.messages).cast("B").cast("I")


class Datagrams:
    """One socket's traffic. `index` marks what comes from it; so many addresses are remembered."""

    def __init__(self, sock: socket.socket, index: int, most_known: int = _MOST_KNOWN):
        self._sock = sock
        self._index = index
        self._most_known = most_known
        self._size = _SIZES[sock.family]
        self._in, self._out = _Slots(self._size), _Slots(self._size)
        self._sources: dict[bytes, Source] = {}
        self._names: dict[Source, bytes] = {}

    def receive(self) -> list[Datagram]:
        """What has come, at most `MOST`; nothing where nothing has."""
        slots, size, known, index = self._in, self._size, self._sources, self._index
        count = _libc.recvmmsg(self._sock.fileno(), slots.messages, MOST, socket.MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in {EAGAIN, EINTR}:
                return []
            raise OSError(code, os.strerror(code))
        room, words = slots.room, slots.words
        names = bytes(slots.name_room[: count * size])
        batch: list[Datagram] = []
        for k in range(count):
            at = k * _ROOM
            name = names[k * size : (k + 1) * size]
            data = room[at : at + words[k * _STEP + _LENGTH]].tobytes()
            batch.append((data, known.get(name) or self._learn(name), index))
        return batch

    def send(self, answers: list[Datagram]) -> int:
        """Sends what it can at once. How many could not be sent: to RADIUS that is a loss like any other."""
        return sum(self._send(answers[start : start + MOST]) for start in range(0, len(answers), MOST))

    def _send(self, answers: list[Datagram]) -> int:
        slots, size = self._out, self._size
        room, names, sizes = slots.room, slots.name_room, slots.sizes
        for k, (data, target, _) in enumerate(answers):
            at, length = k * _ROOM, len(data)
            room[at : at + length] = data
            sizes[2 * k + 1] = length
            names[k * size : (k + 1) * size] = self._names.get(target) or self._name(target)
        sent = lost = 0
        while sent < len(answers):
            rest = ctypes.byref(slots.messages, sent * ctypes.sizeof(_Message))
            count = _libc.sendmmsg(self._sock.fileno(), rest, len(answers) - sent, socket.MSG_DONTWAIT)
            if count < 0:  # the first of them is the one that cannot be sent
                if ctypes.get_errno() == EINTR:
                    continue
                lost += 1
            sent += abs(count)
        return lost

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
