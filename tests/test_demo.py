"""The demo as a program: that it stays up and ends, and how a browser gets into the bed. What it shows it asserts."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .bed.net import wait_until
from .bed.relay import Relay
from .node import Service, free_port

ROOT = Path(__file__).parents[1]


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says everything once more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):
                while data := connection.recv(65536):
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_browser_outside_reaches_a_service_in_the_bed(tmp_path: Path, echo: int) -> None:
    folder = tmp_path / ("a folder with a long name " * 6)  # longer than a socket's name may be
    folder.mkdir()
    file = folder / "portal.sock"
    inner = subprocess.Popen([sys.executable, "-m", "tests.bed.relay", str(file), "127.0.0.1", str(echo)], cwd=ROOT)
    try:
        wait_until(file.exists, "the relay in the bed listens")
        taken = free_port()
        with Relay(file, taken) as relay, Relay(file, relay.port) as other:
            assert relay.port == taken
            assert other.port != taken, "another one's port is left alone"
            with socket.create_connection(("127.0.0.1", relay.port), timeout=60) as browser:
                browser.sendall(b"x" * 300_000)
                browser.shutdown(socket.SHUT_WR)
                assert sum(map(len, iter(lambda: browser.recv(65536), b""))) == 300_000
    finally:
        inner.terminate()
        inner.wait(60)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_it_stays_up_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """The part that needs no network of its own; without a terminal."""
    clean = {name: value for name, value in os.environ.items() if name != "ONCE" and not name.startswith("HOTSPOT_")}
    demo = Service(
        [sys.executable, "-m", "tests.bed.demo", "--without-namespaces"],
        {**clean, "DEMO_OUT": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        "It stays up.",
        240,
    )
    told = json.loads((tmp_path / "demo.json").read_text())
    assert told["passed"] is True
    assert (told["second_site"]["first"], told["second_site"]["second"]) == ("Access-Accept", "Access-Reject")
    port = int(told["urls"]["dashboard"].rsplit(":")[-1].strip("/"))
    socket.create_connection(("127.0.0.1", port), timeout=60).close()
    assert demo.stop(number) == 0
    assert demo.lines[-1] == "Ended.\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=60)
    assert (tmp_path / "report" / "laporan.pdf").exists()
