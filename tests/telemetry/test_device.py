"""Whether an access point answers, against real SSH servers and against what stands there instead of them."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hotspot.host_key import trusted_of
from telemetry.measure.device import BLIND, HOLDS, RENEWED_WITHIN, SILENT, Devices, Echo, Target, connection_stands
from tests.node import free_port

from .access_points import Dropbear, OpenSsh


class Monitor:
    """Probes with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __enter__(self) -> "Monitor":
        self._threads = ThreadPoolExecutor(4)
        self.devices = Devices(self._threads, lambda: self.now)
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()

    def ask(self, target: Target, patience: float = 20) -> Echo:
        return asyncio.run(self.devices("tk1-ap1", target, patience))


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    with Monitor() as one:
        yield one


@contextmanager
def stand_in(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """No access point: what accepts connections at its address and does something else with them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with listener.accept()[0] as peer, suppress(OSError):
                        talk(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def until_it_goes(peer: socket.socket) -> None:
    while peer.recv(4096):
        pass


def says(data: bytes, then: Callable[[socket.socket], None] = until_it_goes) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        peer.sendall(data)
        then(peer)

    return talk


def at(port: int, trusted: str | None = None, *, tunnel: bool = False) -> Target:
    return Target("127.0.0.1", port, tunnel, trusted, ("tk1-ap1", "127.0.0.1"))


def test_who_says_who_it_is_and_proves_it_is_there(dropbear: Dropbear, monitor: Monitor) -> None:
    echo = monitor.ask(at(dropbear.port, dropbear.key))
    assert echo.good
    assert not echo.blind
    assert echo.rtt_us is not None
    assert 0 < echo.rtt_us < 20_000_000
    assert monitor.ask(at(dropbear.port)).good, "one that was not adopted yet"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_every_kind_of_host_key_is_known(tmp_path: Path, monitor: Monitor, kind: str) -> None:
    with Dropbear(tmp_path, kind) as one:
        assert monitor.ask(at(one.port, one.key)).good


@pytest.mark.parametrize(("names", "good"), [("tk1-ap1", True), ("tk2-ap1", False)])
def test_a_key_that_the_citys_authority_signed(tmp_path: Path, monitor: Monitor, names: str, good: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with OpenSsh(tmp_path, names) as one:
        echo = monitor.ask(at(one.port, trusted_of(None, one.authority)))
    assert (echo.good, "its certificate is for tk2-ap1" in echo.reason) == (good, not good)


def test_another_ones_key_is_no_answer_and_is_said_once(tmp_path: Path, dropbear: Dropbear, monitor: Monitor) -> None:
    with Dropbear(tmp_path) as another, capture_logs() as logs:
        for _ in range(3):
            echo = monitor.ask(at(dropbear.port, another.key))
            assert (echo.good, echo.blind) == (False, False)
            assert "it shows the host key SHA256:" in echo.reason
    [said] = [entry for entry in logs if entry["event"] == "another one answers"]
    assert (said["ap"], said["address"]) == ("tk1-ap1", f"127.0.0.1:{dropbear.port}")
    ecdsa = at(dropbear.port, "ecdsa-sha2-nistp256 " + dropbear.key.split()[1])
    assert not monitor.ask(ecdsa).good, "it has none of that kind"


@pytest.mark.parametrize("tunnel", [False, True])
def test_a_refusal_is_never_an_answer(monitor: Monitor, tunnel: bool) -> None:
    """At a tunnel's port it is the relay that refuses: the access point is silent. Elsewhere nobody knows who did."""
    assert monitor.ask(at(free_port(), tunnel=tunnel)) == (SILENT if tunnel else BLIND)
    with stand_in(lambda peer: peer.shutdown(socket.SHUT_RDWR)) as port:
        assert monitor.ask(at(port, tunnel=tunnel)) == (SILENT if tunnel else BLIND), "closed without a word"


def test_a_connection_alone_is_no_answer(monitor: Monitor) -> None:
    with stand_in(until_it_goes) as port:
        assert monitor.ask(at(port), 0.4) == SILENT


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"y\n" * 8192, b"y" * 16384])
def test_what_is_no_ssh_server_is_not_the_access_point(monitor: Monitor, data: bytes) -> None:
    with stand_in(says(data, lambda peer: peer.shutdown(socket.SHUT_WR))) as port:
        echo = monitor.ask(at(port))
    assert (echo.good, echo.blind, echo.reason) == (False, False, "it is no SSH server")


def test_lines_before_the_version_are_heard(monitor: Monitor) -> None:
    with stand_in(says(b"this is private property\r\nSSH-2.0-x\r\n")) as port:
        assert monitor.ask(at(port)).good


def unproven(echo: Echo) -> bool:
    return not echo.good and echo.blind and "could not be read" in echo.reason


def test_a_version_without_the_key_does_not_end_an_outage(dropbear: Dropbear, monitor: Monitor) -> None:
    """Not after a silence, nor when the proof is old; in between it is enough, as an exchange each minute is much to
    ask of a cheap router."""
    with stand_in(says(b"SSH-2.0-dropbear\r\n", lambda peer: peer.shutdown(socket.SHUT_RDWR))) as port:
        target = at(dropbear.port, dropbear.key)
        copied = replace(target, port=port)
        assert unproven(monitor.ask(copied))
        assert monitor.ask(target).good
        monitor.now += HOLDS - RENEWED_WITHIN - 1
        assert monitor.ask(copied).good
        monitor.now += RENEWED_WITHIN
        assert monitor.ask(copied).good, "it was to be renewed, and still holds"
        monitor.now += 2
        assert unproven(monitor.ask(copied))
        assert unproven(monitor.ask(copied))
        assert monitor.ask(target).good


def test_a_silence_makes_it_prove_itself_anew(tmp_path: Path, monitor: Monitor) -> None:
    with Dropbear(tmp_path) as one:
        target = at(one.port, one.key)
        assert monitor.ask(target).good
        one.stop()
        assert not monitor.ask(target).good
        one.start()
        another = at(one.port, one.key[:-4] + "AAAA")
        assert monitor.ask(another).wrong, "replaced, and not adopted again"
        assert monitor.ask(target).good


def test_a_proof_that_hangs_ends_with_the_round() -> None:
    """What is asked by a thread does not outlive who asked."""
    held = threading.Event()

    def hang(peer: socket.socket) -> None:
        peer.sendall(b"SSH-2.0-x\r\n")
        while data := peer.recv(4096):
            if data.startswith(b"SSH-"):
                held.set()

    async def scene(port: int, devices: Devices) -> None:
        task = asyncio.create_task(devices("tk1-ap1", at(port, "ssh-ed25519 AAAA"), 20))
        await asyncio.to_thread(held.wait, 60)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with stand_in(hang) as port, Monitor() as monitor:
        started = time.monotonic()
        asyncio.run(scene(port, monitor.devices))
    assert held.is_set()
    assert time.monotonic() - started < 60


def test_the_monitors_uplink_is_any_endpoint() -> None:
    with stand_in(until_it_goes) as port:
        assert asyncio.run(connection_stands("127.0.0.1", port, 20)).good
    assert asyncio.run(connection_stands("127.0.0.1", free_port(), 20)).good, "a refusal comes from somebody, too"


def test_a_monitor_without_a_route_says_nothing_about_an_access_point(monitor: Monitor) -> None:
    assert monitor.ask(Target("255.255.255.255", 9)) == BLIND
    assert asyncio.run(connection_stands("255.255.255.255", 9, 20)) == BLIND
