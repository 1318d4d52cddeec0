"""The stand-in for a network between a client and a server that can be cut: what is sent then goes nowhere, and nobody
is told.
"""

import selectors
import socket
import threading
from contextlib import suppress


class CutNetworkDouble:
    """Forwards TCP connections on loopback to a server's Unix socket. `cut` ends it without a word to either side, for
    the connections that are there and for new ones, until `mend`."""

    def __init__(self, server: str):
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._passing = threading.Event()
        self._passing.set()
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut(self) -> None:
        self._passing.clear()

    def mend(self) -> None:
        """For new connections; those that were cut stay so, as after a reboot of what stood between."""
        self._forget()
        self._passing.set()

    def close(self) -> None:
        self._ended.set()
        self._passing.set()
        self._thread.join()
        self._forget()
        self._listener.close()
        self._selector.close()

    def _forget(self) -> None:
        for sock in list(self._pairs):
            with suppress(KeyError, ValueError):
                self._selector.unregister(sock)
            sock.close()
        self._pairs.clear()

    def _run(self) -> None:
        while not self._ended.is_set():
            if not self._passing.wait(0.05):
                continue
            for key, _ in self._selector.select(0.05):
                if self._passing.is_set():
                    self._step(key.fileobj)  # type: ignore[arg-type]

    def _step(self, sock: socket.socket) -> None:
        if sock is self._listener:
            client, _ = sock.accept()
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self._server)
            self._pairs |= {client: server, server: client}
            for end in (client, server):
                self._selector.register(end, selectors.EVENT_READ)
            return
        other = self._pairs.get(sock)
        with suppress(OSError):
            data = sock.recv(65536)
            if data and other is not None:
                other.sendall(data)
                return
        for gone in (sock, other):
            if gone is not None and self._pairs.pop(gone, None) is not None:
                self._selector.unregister(gone)
                gone.close()
