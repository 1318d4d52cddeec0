"""Many datagrams at once: recvmmsg(2) and sendmmsg(2), their structures laid out once. radius/wire/_wire.c has it in
C."""

import ctypes
import os
import socket
from collections.abc import Callable
from errno import EAGAIN, EINTR
from typing import Final

Source = tuple[str, int]
Datagram = tuple[bytes, Source, int]
"""Bytes, where they came from or go to, and the index of our socket."""
MOST: Final = 256
"""Datagrams taken from a socket at once; under load this many share one commit."""
ROOM: Final = 4160
"""Bytes for each datagram: more than a packet may have, so that a longer one is seen to be one."""


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
_SIZE: Final = ctypes.sizeof(_Message)
_STEP: Final = _SIZE // 4
_LENGTH: Final = _Message.length.offset // 4
"""Where the length of message k stands among the array's 32-bit words: at k * _STEP + _LENGTH."""


class Slots:
    """Room for `MOST` datagrams with their addresses."""

    def __init__(self, name_size: int):
        """`name_size` is that of the sockets' struct sockaddr."""
        self._name_size = name_size
        self._bytes = bytearray(MOST * ROOM)
        self._addresses = bytearray(MOST * name_size)
        self._vectors = (_Vector * MOST)()
        self._messages = (_Message * MOST)()
        base = ctypes.addressof((ctypes.c_char * len(self._bytes)).from_buffer(self._bytes))
        names = ctypes.addressof((ctypes.c_char * len(self._addresses)).from_buffer(self._addresses))
        for k in range(MOST):
            vector, header = self._vectors[k], self._messages[k].header
            vector.base, vector.length = base + k * ROOM, ROOM
            header.name, header.name_length = names + k * name_size, name_size
            header.vector, header.vector_length = ctypes.addressof(vector), 1
        self._room = memoryview(self._bytes)
        self._names = memoryview(self._addresses)
        self._sizes = memoryview(self._vectors).cast("B").cast("L")
        """That of datagram k at 2k + 1."""
        self._words = memoryview(self._messages).cast("B").cast("I")

    def receive(
        self, descriptor: int, index: int, known: dict[bytes, Source], learn: Callable[[bytes], Source], /
    ) -> list[Datagram]:
        """Takes what has come to a socket, at most `MOST`. `known` has sources by their struct sockaddr, `learn` makes
        others. `index` is put into each datagram."""
        count: int = _libc.recvmmsg(descriptor, self._messages, MOST, socket.MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in {EAGAIN, EINTR}:
                return []
            raise OSError(code, os.strerror(code))
        size, room, words = self._name_size, self._room, self._words
        names = bytes(self._names[: count * size])
        batch: list[Datagram] = []
        for k in range(count):
            at = k * ROOM
            name = names[k * size : (k + 1) * size]
            data = room[at : at + words[k * _STEP + _LENGTH]].tobytes()
            batch.append((data, known.get(name) or learn(name), index))
        return batch

    def send(
        self,
        descriptor: int,
        answers: tuple[Datagram, ...],
        known: dict[Source, bytes],
        find: Callable[[Source], bytes],
        /,
    ) -> int:
        """Sends what it can at once; how many could not be sent. `known` has the struct sockaddr of sources, `find`
        makes others."""
        return sum(
            self._send(descriptor, answers[start : start + MOST], known, find) for start in range(0, len(answers), MOST)
        )

    def _send(
        self,
        descriptor: int,
        answers: tuple[Datagram, ...],
        known: dict[Source, bytes],
        find: Callable[[Source], bytes],
    ) -> int:
        size, room, names, sizes = self._name_size, self._room, self._names, self._sizes
        for k, (data, target, _) in enumerate(answers):
            at, length = k * ROOM, len(data)
            room[at : at + length] = data
            sizes[2 * k + 1] = length
            names[k * size : (k + 1) * size] = known.get(target) or find(target)
        sent = lost = 0
        while sent < len(answers):
            rest = ctypes.byref(self._messages, sent * _SIZE)
            gone = _libc.sendmmsg(descriptor, rest, len(answers) - sent, socket.MSG_DONTWAIT)
            if gone < 0:  # the first of them is the one that cannot be sent
                if ctypes.get_errno() == EINTR:
                    continue
                lost += 1
            sent += abs(gone)
        return lost
