"""What is pushed to: a real dropbear and a real sshd on loopback, and a configuration folder for each access point.

Access point N is reached as 127.1.N/256.N%256, all of them by the same server, which costs the client what many servers
cost. Runs in a network of its own (tools/bed.sh).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from controller.kinds import render
from controller.transport.ssh import create_key, load_key, public_line, read_host_key
from hotspot.city.inventory import load

DROPBEARS = 32
"""As many, since one takes five logins at once from an address; each serves every 32nd access point."""
_DROPBEAR_PORT = 2300
_SSHD_PORT = 2299


def address(number: int) -> str:
    return f"127.1.{number // 250}.{number % 250 + 1}"


def port(number: int, server: str) -> int:
    return _SSHD_PORT if server == "sshd" else _DROPBEAR_PORT + number % DROPBEARS


def name(number: int) -> str:
    return f"ap-{number}"


def sites_toml(count: int, server: str) -> str:
    """A city of access points beside a gateway of another make, with a radio: 5 files each, 6 KB."""
    head = """
[city]
name = "Kota Uji"
region = "36.74"
operator = "Diskominfo Kota Uji"
[portal]
url = "http://portal.test:8000"
[wifi]
uplink = "eth0"
ports = ["lan1"]
radios = [{ device = "wlan0", band = "2.4", channel = 6 }]
[plans.umum]
session = "2h"
[[gateway]]
id = "gw"
nas = "mikrotik"
radius = { sources = ["10.199.0.1/32"], secret = "env:FLEET_RADIUS" }
[[site]]
id = "taman-uji"
name = "Taman Uji"
kind = "park"
region = "36.74.01.1003"
location = [-6.3018, 106.6653]
since = 2026-01-15
plan = "umum"
admit = ["click-through"]
funding = "APBD"
"""
    return head + "".join(
        f'[[site.ap]]\nid = "{name(number)}"\nmac = "02:00:00:00:{number // 256:02x}:{number % 256:02x}"\n'
        f'address = "{address(number)}:{port(number, server)}"\nkind = "debian"\ngateway = "gw"\n'
        for number in range(count)
    )


@dataclass
class Targets:
    """Both servers, running, and `count` folders. `files` are what every tool but ours sends, already rendered."""

    folder: Path
    count: int

    def __enter__(self) -> "Targets":
        self.key = self.folder / "state/ssh_ed25519"
        create_key(self.key)
        key = load_key(self.key.read_bytes())
        home = self.folder / "home/.ssh"  # root's, in the servers' own mounts
        home.mkdir(parents=True, mode=0o700)
        home.parent.chmod(0o700)
        (home / "authorized_keys").write_text(public_line(key, "bench") + "\n")
        (home / "authorized_keys").chmod(0o600)
        host = self.folder / "host_key"
        dropbear_host = self.folder / "dropbear_host_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host], check=True)
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", dropbear_host], check=True, capture_output=True)
        (self.folder / "sshd_config").write_text(
            f"Port {_SSHD_PORT}\nHostKey {host}\nPermitRootLogin prohibit-password\nUsePAM no\nMaxStartups 500\n"
            "Subsystem sftp /usr/lib/openssh/sftp-server\nPidFile none\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        bind = f'mount --bind {home.parent} /root && exec "$@"'
        at_home = ["unshare", "-m", "--propagation", "private", "sh", "-c", bind, "sh"]
        with (self.folder / "log").open("wb") as log:
            self._processes = [
                subprocess.Popen([*at_home, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                for command in (
                    ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")],
                    *(
                        ["dropbear", "-F", "-E", "-s", "-r", str(dropbear_host), "-p", str(_DROPBEAR_PORT + number)]
                        for number in range(DROPBEARS)
                    ),
                )
            ]
        for number in (_SSHD_PORT, *range(_DROPBEAR_PORT, _DROPBEAR_PORT + DROPBEARS)):
            _await(number)
        for server in ("dropbear", "sshd"):
            (self.folder / f"host-{server}").write_text(read_host_key("127.0.0.1", port(0, server)))
        self.files = self.folder / "files"
        for file in render(load(sites_toml(1, "dropbear")), name(0), {}).files:
            path = self.files / file.path[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
        sums = subprocess.run(
            ["sh", "-c", "find . -type f | sort | xargs sha256sum"], cwd=self.files, check=True, capture_output=True
        ).stdout
        (self.folder / "sums").write_bytes(sums)
        (self.files / "sums").write_bytes(sums)
        self.blank()
        return self

    def blank(self) -> None:
        """Takes everything that was pushed away."""
        shutil.rmtree(self.folder / "ap", ignore_errors=True)
        for number in range(self.count):
            self.root(number).mkdir(parents=True, exist_ok=True)

    def settle(self) -> None:
        """Waits until what was armed has switched, and quietens it."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            armed = (self.folder / "ap").glob("*/var/lib/nirkabel/pending")
            if all((one.parents[3] / "run/nirkabel/applied").exists() for one in armed):
                break
            self.quiet()
            time.sleep(0.2)
        self.quiet()
        time.sleep(0.5)

    def quiet(self) -> None:
        """Ends the watchdogs of pushes that nobody will confirm: hundreds of them would take the machine."""
        for applied in (self.folder / "ap").glob("*/run/nirkabel/applied"):
            file = applied.with_name("watchdog")
            text = file.read_text().strip() if file.exists() else ""
            command = Path(f"/proc/{text}/cmdline") if text else None
            if command is not None and command.exists() and str(self.folder).encode() in command.read_bytes():
                with suppress(ProcessLookupError):
                    os.kill(int(text), signal.SIGKILL)
                file.unlink(missing_ok=True)

    def root(self, number: int) -> Path:
        return self.folder / "ap" / name(number)

    def paths(self) -> list[Path]:
        """The files, relative."""
        return sorted(path.relative_to(self.files) for path in self.files.rglob("*") if path.is_file())

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _await(number: int) -> None:
    end = time.monotonic() + 10
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", number)) == 0:
                return
        if time.monotonic() > end:
            raise RuntimeError(
                f"no SSH server on port {number}; `tools/peers.sh bench` brings dropbear and openssh-server"
            )
        time.sleep(0.05)
