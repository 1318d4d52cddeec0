"""Room for many datagrams as recvmmsg(2) and sendmmsg(2) want it described: C structures of Linux, laid out once."""

import ctypes
import os
import socket
from errno import EAGAIN, EINTR
from typing import Final

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
STEP: Final = _SIZE // 4
LENGTH: Final = _Message.length.offset // 4
"""Where the length of message k stands among the array's 32-bit words: at k * STEP + LENGTH."""


class Slots:
    """Room for `MOST` datagrams with their addresses."""

    def __init__(self, name_size: int):
        self.bytes = bytearray(MOST * ROOM)
        self.names = bytearray(MOST * name_size)
        self._vectors = (_Vector * MOST)()
        self._messages = (_Message * MOST)()
        base = ctypes.addressof((ctypes.c_char * len(self.bytes)).from_buffer(self.bytes))
        names = ctypes.addressof((ctypes.c_char * len(self.names)).from_buffer(self.names))
        for k in range(MOST):
            vector, header = self._vectors[k], self._messages[k].header
            vector.base, vector.length = base + k * ROOM, ROOM
            header.name, header.name_length = names + k * name_size, name_size
            header.vector, header.vector_length = ctypes.addressof(vector), 1
        self.room = memoryview(self.bytes)
        self.name_room = memoryview(self.names)
        self.sizes = memoryview(self._vectors).cast("B").cast("L")
        """That of datagram k at 2k + 1."""
        self.words = memoryview(self._messages).cast("B").cast("I")

    def receive(self, descriptor: int) -> int:
        """Takes what has come to a socket, at most `MOST`; how many."""
        count: int = _libc.recvmmsg(descriptor, self._messages, MOST, socket.MSG_DONTWAIT, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in {EAGAIN, EINTR}:
                return 0
            raise OSError(code, os.strerror(code))
        return count

    def send(self, descriptor: int, count: int) -> int:
        """Sends the first `count` at once; how many of them could not be sent."""
        sent = lost = 0
        while sent < count:
            rest = ctypes.byref(self._messages, sent * _SIZE)
            gone = _libc.sendmmsg(descriptor, rest, count - sent, socket.MSG_DONTWAIT)
            if gone < 0:  # the first of them is the one that cannot be sent
                if ctypes.get_errno() == EINTR:
                    continue
                lost += 1
            sent += abs(gone)
        return lost
