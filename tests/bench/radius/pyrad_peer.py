"""pyrad's own server as a peer."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.node import Service, free_port

from . import tape
from .city import City, mac_of
from .ours import INSTALLED
from .peer import Serving, Workload
from .tape import Tape


class Pyrad:
    name = "pyrad"
    workloads = (Workload.LOOKUP,)

    def __init__(self, folder: Path):
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)

    def prepare(self, workload: Workload, city: City) -> Tape:
        macs = (mac_of(phone).replace(":", "") for phone in range(city.phones))
        lines = [" ".join(city.secrets), *(f"{mac} {mac}" for mac in macs)]
        (self._folder / "users").write_text("\n".join(lines))
        return tape.lookups(self._folder / f"{workload}.tape", city)

    @contextmanager
    def serve(self, _workload: Workload) -> Iterator[Serving]:
        port = free_port(socket.SOCK_DGRAM)
        command = [str(INSTALLED), "-m", f"{__package__}.pyrad_server", str(port), str(self._folder / "users")]
        service = Service(command, os.environ, "listening")
        try:
            yield Serving(port, 0, service.process.pid)
        finally:
            service.stop(signal.SIGKILL)  # it knows no other end
