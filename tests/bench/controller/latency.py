"""How many round trips a push takes: through a relay that holds every byte back, the wall time tells."""

import queue
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import paramiko

from controller.desired import Desired, File
from controller.job import Job, Outcome
from controller.push import Contact
from controller.transport.ssh import Target, load_key

from .targets import Targets, port

_ONE_WAY: Final = 0.1
"""Seconds; far above what the work itself takes."""


class Relay:
    """Listens on loopback and passes on to `port`, every byte so many seconds late."""

    def __init__(self, to: int, seconds: float):
        self._to = to
        self._seconds = seconds
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            for source, sink in ((near, far), (far, near)):
                line: queue.Queue[tuple[float, bytes]] = queue.Queue()
                threading.Thread(target=self._take, args=(source, line), daemon=True).start()
                threading.Thread(target=self._give, args=(sink, line), daemon=True).start()

    def _take(self, source: socket.socket, line: "queue.Queue[tuple[float, bytes]]") -> None:
        data = b"x"
        while data:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            line.put((time.monotonic() + self._seconds, data))

    @staticmethod
    def _give(sink: socket.socket, line: "queue.Queue[tuple[float, bytes]]") -> None:
        while True:
            due, data = line.get()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self._server.close()


def round_trips(targets: Targets) -> float:
    """Of one push until it is armed, TCP's own handshake, which the relay answers at once, among them."""
    key = load_key(targets.key.read_bytes())
    files = tuple(File(f"/{path}", (targets.files / path).read_bytes()) for path in targets.paths())
    took = {seconds: min(_push(targets, key, files, seconds) for _ in range(3)) for seconds in (0.0, _ONE_WAY)}
    return 1 + (took[_ONE_WAY] - took[0.0]) / (2 * _ONE_WAY)


def _push(targets: Targets, key: paramiko.PKey, files: tuple[File, ...], seconds: float) -> float:
    """Seconds that one takes through a relay."""
    host_key = (targets.folder / "host-dropbear").read_text()
    relay = Relay(port(0, "dropbear"), seconds)
    with tempfile.TemporaryDirectory(dir=targets.folder / "ap") as root:
        target = Target("127.0.0.1", relay.port, "root", host_key)
        result = Contact(key, 60, root).arm(Job("ap", target, Desired(files)))
        relay.close()
        if result.outcome is not Outcome.APPLIED:
            raise SystemExit(f"the push through the relay: {result.outcome} {result.detail}")
        while not Path(root, "run/nirkabel/applied").exists():
            time.sleep(0.05)
        targets.quiet()
    return result.seconds
