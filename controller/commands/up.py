"""`hotspot up`: the whole house on one box. Starts the services, shows where they listen, restarts what dies."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Final

import click

from hotspot.city.change import change
from hotspot.city.inventory import load
from hotspot.errors import ConfigError, PeerError
from hotspot.node.service import must_be_free
from hotspot.node.terminal import WRONG, Command, Node, pass_node
from hotspot.settings import ENV_FILE, MASTER_KEY, create_secrets, secret_faults
from hotspot.store.city import revisions
from hotspot.store.keyed import open_keyed

from .inventory import activated, located, read_text

SERVICES: Final = ("portal", "radius", "telemetry")
_GRACE: Final = 8.0
"""Seconds that a service has to stop before it is killed."""
_STEADY: Final = 30.0
"""Seconds of life after which a service's death is a new misfortune, not one of a row."""
_LONGEST_PAUSE: Final = 30.0
_STORE_PAUSE: Final = 10.0


@dataclass
class Child:
    """One service's process, and when to start it again."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    steady: bool = False
    """Whether it has ever lived for a while."""
    start_at: float = 0.0

    def start(self, state: Path) -> None:
        # In a group of its own: a terminal sends Ctrl-C to ours, and each service shall hear of it once, from us. Its
        # stdin ends when we do, however we end.
        command = [sys.executable, "-m", self.name, "--state", str(state), "--until-eof"]
        self.process = subprocess.Popen(command, process_group=0, stdin=subprocess.PIPE)
        self.started = time.monotonic()

    def lives(self) -> bool:
        return time.monotonic() - self.started > _STEADY

    def died(self) -> int | None:
        """The exit code of a process that has ended since it was last asked."""
        code = self.process.poll() if self.process else None
        if code is None:
            return None
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        lived = time.monotonic() - self.started
        self.failures = 1 if lived > _STEADY else self.failures + 1
        self.process = None
        self.start_at = time.monotonic() + min(_LONGEST_PAUSE, 0.5 * 2 ** (self.failures - 1))
        return code


@dataclass
class Supervisor:
    """Keeps the services alive until told to stop."""

    state: Path
    children: list[Child] = field(default_factory=lambda: [Child(name) for name in SERVICES])

    def run(self, node: Node, sites: "Followed", stop: threading.Event) -> int:
        """Until `stop`. The exit code: not 0 where a service said at once that its configuration is wrong, which no
        second start mends."""
        try:
            while not stop.wait(0.2):
                for child in self.children:
                    code = child.died()
                    if code == WRONG and child.failures == 1 and not child.steady:
                        node.complain(f"{child.name} cannot start as it is configured; see above")
                        return WRONG
                    if code is not None:
                        node.complain(f"{child.name} ended with exit code {code}; starting it again")
                    if child.process is None and time.monotonic() >= child.start_at:
                        child.start(self.state)
                    child.steady = child.steady or (child.process is not None and child.lives())
                sites.follow(node)
            return 0
        finally:
            self.stop(node)

    def stop(self, node: Node) -> None:
        """Asks every service to stop, and kills what has not after the grace time."""
        alive = [child.process for child in self.children if child.process]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + _GRACE
        for process in alive:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                node.complain(f"process {process.pid} did not stop; killed")
                process.kill()
                process.wait()
        for process in alive:
            if process.stdin is not None:
                process.stdin.close()


@dataclass
class Followed:
    """A sites.toml whose changes become the next revision; a faulty change is reported and changes nothing."""

    path: Path
    seen: tuple[int, int] | None = None
    again_at: float = 0.0

    def follow(self, node: Node) -> None:
        try:
            status = self.path.stat()
        except OSError:
            return  # an editor may be replacing it this moment
        now = (status.st_mtime_ns, status.st_size)
        if now == self.seen or time.monotonic() < self.again_at:
            return
        try:
            self.activate(node)
            self.seen = now
        except PeerError as error:
            self.again_at = time.monotonic() + _STORE_PAUSE
            node.complain(f"{error}; {self.path} is activated when it does")
        except ConfigError as error:
            self.seen = now
            for fault in error.faults:
                node.complain(f"{located(self.path, fault)} (the active revision stays)")

    def activate(self, node: Node) -> None:
        """Makes the file's text the active revision, unless it changes what is seldom meant: that waits for an admin.
        ConfigError with all faults."""
        text = read_text(self.path)
        inventory = load(text, datetime.fromtimestamp(node.now, UTC).date())
        with node.new_store.core.read() as connection:
            before = revisions.active(connection)
        held = change(before.inventory, inventory).grave if before else ()
        if before is not None and held:
            for line in held:
                node.complain(f"{self.path}: {line}")
            node.complain(
                f"revision {before.number} stays active; `hotspot activate {self.path}` shows it all, and asks"
            )
            return
        revision, _ = activated(node, self.path, text, inventory)
        for fault in secret_faults(text, inventory, node.settings):
            node.complain(f"warning: {located(self.path, fault)}")
        node.say(f"revision {revision.number} of {inventory.city.name}: {len(inventory.site)} sites")


@click.command(cls=Command)
@click.option(
    "--sites",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("sites.toml"),
    show_default=True,
    help="The city's description; its changes are activated by themselves.",
)
@pass_node
def up(node: Node, sites: Path) -> None:
    """Run portal, RADIUS and telemetry on this box until Ctrl-C.

    \b
    hotspot secrets create --sites sites.toml
    hotspot up --sites sites.toml
    HOTSPOT_PORTAL_LISTEN=127.0.0.1:8000 hotspot up --state ./state
    """
    if not node.settings.environment.get(MASTER_KEY) and not (node.settings.state / "core.db").exists():
        create_secrets(node.settings.state, dict(os.environ), [])
        node.say(f"made a master key in {node.settings.state / ENV_FILE}; back it up")
        node.__dict__.pop("settings")
    open_keyed(node.settings)[0].close()  # a node without keys, or with another's, does not start
    held = _alone(node.settings.state)
    for setting, address in (
        ("HOTSPOT_PORTAL_LISTEN", node.settings.portal_listen),
        ("HOTSPOT_TELEMETRY_LISTEN", node.settings.telemetry_listen),
    ):
        must_be_free(setting, address)
    for setting, address in (
        ("HOTSPOT_RADIUS_AUTH_LISTEN", node.settings.radius_auth_listen),
        ("HOTSPOT_RADIUS_ACCT_LISTEN", node.settings.radius_acct_listen),
    ):
        must_be_free(setting, address, socket.SOCK_DGRAM)
    followed = Followed(sites)
    followed.activate(node)
    status = sites.stat()
    followed.seen = (status.st_mtime_ns, status.st_size)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    node.say(f"state in {node.settings.state}; Ctrl-C stops")
    code = Supervisor(node.settings.state).run(node, followed, stop)
    held.close()
    if code:
        node.fail(code)
    node.say("stopped")


def _alone(state: Path) -> IO[str]:
    """The lock of this state folder, held until it is closed or this process ends. PeerError where another has it."""
    path = state / "up.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise PeerError(
            f"another `hotspot up` (process {holder or 'unknown'}) runs with {state}; stop that one first"
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
