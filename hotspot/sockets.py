"""Connections to peers that are not trusted."""

import socket
from collections.abc import Callable


class Counted(socket.socket):
    """A connection from which at most so many bytes are read: who answers without an end fills no memory.

    What comes beyond them raises `fault(most)`.
    """

    def __init__(self, connection: socket.socket, most: int, fault: Callable[[int], Exception]):
        super().__init__(connection.family, connection.type, connection.proto, connection.detach())
        self._most = most
        self._left = most
        self._fault = fault

    @property
    def over(self) -> bool:
        """Whether more came than was to be read."""
        return self._left < 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        self._left -= len(data)
        if self.over:
            raise self._fault(self._most)
        return data
