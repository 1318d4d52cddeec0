"""A controller and a double of RouterOS, by real SSH and SFTP."""

from pathlib import Path

from controller.desired import Desired
from controller.job import Job
from controller.plan import State
from controller.push import Contact
from controller.transport.ssh import Target, create_key, execute, load_key, public_line
from tests.doubles.routeros import RouterosDouble
from tests.node import free_port

from .local import new_tx
from .rendering import changed, rendered

AP = "gate-1"
FIRST = rendered(changed("routeros"), AP)
SECOND = rendered(changed("routeros", ('network = "10.211.0.1/24"', 'network = "10.212.0.1/24"')), AP)


class Admin:
    """A controller and its router."""

    def __init__(self, folder: Path):
        create_key(folder / "key")
        self.key = load_key((folder / "key").read_bytes())
        self.router = RouterosDouble(public_line(self.key, "nirkabel"), free_port())

    def contact(self, confirm: int = 20) -> Contact:
        return Contact(self.key, confirm)

    def job(self, desired: Desired, tx: str = "", earlier: tuple[str, ...] = ()) -> Job:
        target = Target("127.0.0.1", self.router.port, "admin", self.router.host_key_line, routeros=True)
        return Job(AP, target, desired, tx=tx or new_tx(), earlier=earlier)

    def run(self, command: str) -> bytes:
        target = self.job(FIRST).target
        assert target is not None
        return execute(target, self.key, command, b"", 10)

    def state(self, desired: Desired) -> State:
        found = self.contact().plan(self.job(desired)).plan
        assert found is not None
        return found.state
