"""How a service process starts, logs and stops: `python -m portal`, `python -m radius`, `python -m telemetry`."""

import argparse
import multiprocessing.connection
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog

from hotspot.errors import ConfigError, HotspotError, PeerError
from hotspot.settings import Settings

from . import logs
from .terminal import FAILED, WRONG

Main = Callable[[Settings, threading.Event], None]
"""A service's body: runs until the event is set."""


def run(name: str, main: Main) -> int:
    """Runs one service in the foreground until SIGTERM or SIGINT. The exit code for the supervisor: 0, 1 or 2."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}", description=f"Runs the {name} service in the foreground."
    )
    parser.add_argument("--state", type=Path, help="the state folder (default: $HOTSPOT_STATE)")
    parser.add_argument(
        "--until-eof", action="store_true", help="end when stdin does: when the process that started this one is gone"
    )
    arguments = parser.parse_args()
    logs.configure()
    log = structlog.get_logger(name)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold numbers, codes and keys in clear
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    if arguments.until_eof:
        threading.Thread(target=_until_eof, name="until-eof", daemon=True).start()
    try:
        main(Settings.load(arguments.state), stop)
    except ConfigError as error:
        log.error("configuration", faults=[str(fault) for fault in error.faults])
        return WRONG
    except (HotspotError, OSError) as error:
        log.error("stopped", error=str(error))
        return FAILED
    return 0


def _until_eof() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def must_be_free(setting: str, address: tuple[str, int], kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
    """PeerError names the setting whose address another program listens on, or that is not this machine's.

    granian shares a port with whoever else listens there, so it would not notice.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, kind) as sock:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError as error:
            raise PeerError(f"{setting} {address[0]}:{address[1]}: {error.strerror}") from error


def allow_files(wanted: int) -> None:
    """Has this process, and those that it starts, open so many files and connections, or as many as the system lets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def announce_web(name: str, scheme: str, address: tuple[str, int], stop: threading.Event) -> threading.Thread:
    """Announces a web service once it accepts connections, from a thread of its own."""
    host, port = address
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where "everywhere" is found

    def wait() -> None:
        while not stop.wait(0.05):
            try:
                socket.create_connection((reachable, port), timeout=1).close()
            except OSError:
                continue
            announce(name, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")
            return

    thread = threading.Thread(target=wait, name="announce", daemon=True)
    thread.start()
    return thread


def end_with_parent() -> None:
    """Ends this worker process when the process that started it is gone: alone it would only hold the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(FAILED)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def announce(name: str, where: str) -> None:
    """Tells a supervisor, and whoever watches, that a service is ready and where."""
    print(f"{name} listening on {where}", flush=True)  # noqa: T201 - this line is the service's output
