"""A whole node in a temporary folder, on loopback: its city, its secrets, its services as real processes."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from hotspot.settings import Settings
from hotspot.store import Store

from .commands import hotspot
from .doubles.coovachilli import CoovaChilliDouble

EXAMPLE = Path(__file__).parents[1] / "sites.toml"
PATIENCE = 60.0
"""Seconds that a service may take for anything: waiting costs nothing where it is quick, and machines differ."""

_FIRST_PORT, _BLOCK, _BLOCKS = 10_000, 100, 220
"""Below the ports that the kernel deals out by itself."""


def _ports() -> Iterator[int]:
    """Ports of blocks that are this process's alone: another's tests run beside it, and bind what they got later."""
    claims = []
    for block in random.sample(range(_BLOCKS), _BLOCKS):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0nirkabel-tests-ports-{block}")  # a name that goes with the process
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        yield from range(_FIRST_PORT + block * _BLOCK, _FIRST_PORT + (block + 1) * _BLOCK)


_PORTS = _ports()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody has, and that nobody gets meanwhile: no other test, and nobody from the kernel."""
    for port in _PORTS:
        with socket.socket(socket.AF_INET, kind) as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError


class Service:
    """A service's process. `ready` has its line about where it listens."""

    def __init__(self, command: list[str], environment: Mapping[str, str], wait_for: str, timeout: float = PATIENCE):
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self.process = subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.ready = self.wait_for(wait_for, timeout)
        except AssertionError:
            self.stop()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put("")

    def wait_for(self, text: str, timeout: float = PATIENCE) -> str:
        """The next line that holds `text`."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                line = ""
            assert line, f"no line with {text!r} in:\n{''.join(self.lines)}"
            if text in line:
                return line

    def said(self, *words: str) -> str:
        """The first line with all these words, whenever it comes: what it did is seen before what it says."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if found := [line for line in list(self.lines) if all(word in line for word in words)]:
                return found[0]
            assert time.monotonic() < deadline, f"no line with {words} in:\n{''.join(self.lines)}"
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join()
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Node:
    """Settings, city and commands of one node. Nothing runs until it is asked for."""

    def __init__(self, folder: Path, changes: Mapping[str, str] | None = None):
        self.folder = folder
        self.portal_port = free_port()
        self.auth_port, self.acct_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        self.telemetry_port, self.coa_port = free_port(), free_port(socket.SOCK_DGRAM)
        self.sites = folder / "sites.toml"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOTSPOT_")},
            "HOTSPOT_STATE": str(folder / "state"),
            "HOTSPOT_PORTAL_LISTEN": f"127.0.0.1:{self.portal_port}",
            "HOTSPOT_RADIUS_AUTH_LISTEN": f"127.0.0.1:{self.auth_port}",
            "HOTSPOT_RADIUS_ACCT_LISTEN": f"127.0.0.1:{self.acct_port}",
            "HOTSPOT_TELEMETRY_LISTEN": f"127.0.0.1:{self.telemetry_port}",
        }
        defaults = {
            "https://wifi.example.go.id": f"http://127.0.0.1:{self.portal_port}",
            '"10.20.1.0/28"': '"127.0.0.1/32"',
            "10.20.1.2:3799": f"127.0.0.1:{self.coa_port}",
            '\nhours = "05:00-23:00"': "",
            '\nhours = "06:00-17:00"': "",
        }
        self.write({**defaults, **(changes or {})})
        self.run("secrets", "create", "--sites", str(self.sites))

    def write(self, changes: Mapping[str, str], base: str | None = None) -> None:
        """The example city with some texts changed."""
        text = EXAMPLE.read_text() if base is None else base
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        self.put(text)

    def put(self, text: str) -> None:
        """The city's file, all of it at once: `hotspot up` reads it whenever it has changed."""
        fresh = self.sites.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.sites)

    def activate(self) -> None:
        self.run("activate", str(self.sites))

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"

    @property
    def settings(self) -> Settings:
        return Settings.load(environ=self.environment)

    def store(self) -> Store:
        return Store.open(self.settings)

    def secret(self, name: str) -> bytes:
        return self.settings.secret(f"env:{name}")

    def call(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """A `hotspot` command, whatever its exit code."""
        return hotspot(*arguments, env=self.environment, stdin=stdin)

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What a `hotspot` command printed; it must succeed."""
        done = self.call(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def gateway(
        self, name: str = "tk1-gw", secrets: str = "TK1", nasmac: str = "02-00-5E-AA-BB-01"
    ) -> CoovaChilliDouble:
        """The stand-in for one of the city's CoovaChilli gateways."""
        return CoovaChilliDouble(
            nasid=name,
            uamserver=f"{self.portal}/g/{name}",
            uam_secret=self.secret(f"{secrets}_UAM"),
            radius_secret=self.secret(f"{secrets}_RADIUS"),
            auth=("127.0.0.1", self.auth_port),
            acct=("127.0.0.1", self.acct_port),
            coa_port=self.coa_port if name == "tk1-gw" else 0,
            nasmac=nasmac,
        )

    def service(self, name: str) -> Service:
        return Service([sys.executable, "-m", name], self.environment, f"{name} listening on")

    def up(self) -> Service:
        """`hotspot up`, ready when all three services listen."""
        command = [str(Path(sys.executable).parent / "hotspot"), "up", "--sites", str(self.sites)]
        return Service(command, {**self.environment, "PYTHONUNBUFFERED": "1"}, "listening on")
