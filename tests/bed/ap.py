"""A blank Debian access point: its own mounts and processes, a stand-in for systemd, and SSH. Nothing is configured.

It has what an admin's fresh installation has: the packages, an uplink with an address, an SSH server that knows the
controller's key. Everything else must come from a push. /etc and /usr/bin are overlays in memory, /usr/local and
/var/lib are empty.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


class BlankAp:
    """One access point in the namespace `space`. Give it the controller's public key before `ssh` is of use."""

    def __init__(self, space: str, address: str, folder: Path):
        self.space = space
        self.address = address
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self.folder / "over").mkdir(parents=True, exist_ok=True)
        keys = self.folder / "authorized_keys"
        keys.touch(mode=0o600)
        host_key = self.folder / "host_key"
        if not host_key.exists():
            subprocess.run(["dropbearkey", "-t", "ed25519", "-f", host_key], check=True, capture_output=True)
        init = ["sh", str(self.init_script()), str(self.folder)]
        isolated = ["unshare", "-m", "-p", "--fork", "--mount-proc", "--kill-child", *init]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, *isolated], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + 60
        while not self._listens():
            running = time.monotonic() < end and self._process.poll() is None
            assert running, (self.folder / "log").read_text()
            time.sleep(0.05)

    def init_script(self) -> Path:
        """What its first process runs, with the folder beside it, in namespaces of its own."""
        shutil.copy(_HERE / "systemctl.py", self.folder / "systemctl")
        return Path(shutil.copy(_HERE / "ap.sh", self.folder / "init.sh"))

    def authorize(self, public_line: str) -> None:
        """What an admin does on the console: lets the controller's key in."""
        done = self.run("sh", "-c", f"echo {shlex.quote(public_line)} >>/root/.ssh/authorized_keys")
        assert done.returncode == 0, done.stderr

    def run(self, *command: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Runs a command on the access point, as on its console."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
        return subprocess.run(
            ["nsenter", "-t", str(self.init_pid), "-m", "-p", "-n", *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )

    @property
    def init_pid(self) -> int:
        """The process of its init, as this machine counts."""
        pids = [pid for pid in self._pids() if b"init.sh" in _command(pid) and not _command(pid).startswith(b"unshare")]
        assert pids, "the access point is down"
        return pids[0]

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout

    def look(self) -> str:
        """What an admin would look at first when it does not serve."""
        look = "ps ax -o pid,etimes,args; ip addr; ip link; ss -lnup; tail -n 20 /run/standin/*.log; nft list ruleset"
        return self.run("sh", "-c", f"{look}; cat /run/nirkabel/reload.log /run/standin/*").stdout

    def cut(self) -> None:
        """Takes its uplink away, as a wrong configuration would."""
        self.run("ip", "link", "set", "wan0", "down")

    def mend(self) -> None:
        self.run("ip", "link", "set", "wan0", "up")
        self.run("ip", "route", "replace", "default", "via", "10.199.0.1")

    def _pids(self) -> list[int]:
        found = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=True)
        return [int(pid) for pid in found.stdout.split()]

    def _listens(self) -> bool:
        """Whether its SSH server does: the process alone is there before its port."""
        shown = ["ip", "netns", "exec", self.space, "ss", "-Hlnt", "sport = :22"]
        return bool(subprocess.run(shown, capture_output=True, text=True, check=True).stdout.strip())

    def close(self) -> None:
        for pid in self._pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _command(pid: int) -> bytes:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0]
            + b" "
            + Path(f"/proc/{pid}/cmdline").read_bytes()
        )
    except (FileNotFoundError, ProcessLookupError):
        return b""
