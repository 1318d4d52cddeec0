"""Many access points on loopback, each a real dropbear with mounts of its own, so that what is pushed really lands.

Each has its own /etc/nirkabel, units, /usr/local, /var/lib and /run, and stand-ins: a `systemctl` that only notes what
it was asked, so that nothing that is configured runs, a `reboot` that changes the boot id alone, one LED and one
interface. They carry bridged configurations, which need no gateway.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands import hotspot
from tests.node import free_port

from .local import end_helper

_INIT = """
set -e
folder=$1
mount -t tmpfs t "$folder"
also=
if grep -qx deny /proc/self/setgroups; then also=,userxattr; fi # in a plain user's namespace
for bin in /usr/bin /usr/sbin; do
	own=$folder$bin
	mkdir -p "$own/up" "$own/work" "$own/merged"
	mount -t overlay o -o "lowerdir=$bin,upperdir=$own/up,workdir=$own/work$also" "$own/merged"
	mount --bind "$own/merged" "$bin"
done
rm -f /usr/bin/systemctl /usr/sbin/reboot
cat >/usr/bin/systemctl <<'SCRIPT'
#!/bin/sh
echo "$*" >>/run/asked
tenths=0
while [ -f /run/slow ] && [ $tenths -lt 300 ]; do tenths=$((tenths + 1)); sleep 0.1; done
[ ! -f /run/broken ]
SCRIPT
cat >/usr/sbin/reboot <<'SCRIPT'
#!/bin/sh
[ -f /run/dead ] || cat /proc/sys/kernel/random/uuid >/run/boot_id
SCRIPT
chmod 755 /usr/bin/systemctl /usr/sbin/reboot
mount -t tmpfs -o mode=755 t /run
mount -t tmpfs -o mode=700 t /root
cat /proc/sys/kernel/random/boot_id >/run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id # what a restart changes
mount -t tmpfs t /sys/class # one LED that blinks with the network, and one interface
mkdir -p /sys/class/leds/green /sys/class/net/eth0/device
echo 'none [netdev] timer' >/sys/class/leds/green/trigger
echo 1 >/sys/class/leds/green/brightness
echo 02:00:00:00:00:00 >/sys/class/net/eth0/address
mkdir -p /etc/nirkabel
for one in /etc/nirkabel /etc/systemd/system /var/lib /usr/local; do mount -t tmpfs -o mode=755 t "$one"; done
mkdir -p /root/.ssh
cp "$2" /root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
cd /
exec dropbear -F -E -s -r "$3" -p "127.0.0.1:$4"
"""


@dataclass
class FleetAp:
    name: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    def path(self, path: str) -> Path:
        """One of its files, as this machine reaches it."""
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root{path}")

    def listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        """Ends it, and what its helper left running."""
        if self.process is None:
            return
        for name in ("watchdog", "worker"):
            end_helper(self.path(f"/run/nirkabel/{name}"), "/var/lib/nirkabel/helper.sh")
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process = None


@dataclass
class Fleet:
    """Access points ap-0 … ap-N. `authorize` lets the controller in."""

    folder: Path
    count: int
    aps: list[FleetAp] = field(default_factory=list)

    def start(self, public_line: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "authorized_keys").write_text(public_line + "\n")
        (self.folder / "init.sh").write_text(_INIT)
        host_key = self.folder / "host_key"
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", host_key], check=True, capture_output=True)
        for number in range(self.count):
            (self.folder / f"ap-{number}").mkdir()
            ap = FleetAp(f"ap-{number}", free_port())
            self.begin(ap, host_key)
            self.aps.append(ap)
        self.await_all()

    def begin(self, ap: FleetAp, host_key: Path) -> None:
        """Starts one access point, blank."""
        files = (self.folder / "init.sh", self.folder / ap.name, self.folder / "authorized_keys", host_key)
        command = ["unshare", "-m", "--propagation", "private", "sh", *map(str, files), str(ap.port)]
        with (self.folder / "log").open("ab") as log:
            ap.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def await_all(self) -> None:
        end = time.monotonic() + 120
        for ap in self.aps:
            while not ap.listens():
                running = time.monotonic() < end and ap.process is not None and ap.process.poll() is None
                assert running, (self.folder / "log").read_text()
                time.sleep(0.02)

    def close(self) -> None:
        for ap in self.aps:
            ap.close()

    def logins(self) -> int:
        """How often somebody was let in, all of them together."""
        return (self.folder / "log").read_text().count("auth succeeded")

    def sites_toml(self, *, revision: int = 1) -> str:
        """Their city; each revision's configuration differs from the one before."""
        head = f"""
[city]
name = "Kota Uji"
region = "36.74"
operator = "Diskominfo Kota Uji"

[portal]
url = "http://portal.test:8000"

[wifi]
bridge = true
uplink = "eth0"
ports = ["lan{revision}"]

[controller]
confirm = "60s"

[plans.umum]
session = "2h"

[[gateway]]
id = "gw"
nas = "mikrotik"
radius = {{ sources = ["10.199.0.1/32"], secret = "env:FLEET_RADIUS" }}

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
        entries = [
            f'\n[[site.ap]]\nid = "{ap.name}"\nmac = "02:00:00:00:{number // 256:02x}:{number % 256:02x}"\n'
            f'address = "127.0.0.1:{ap.port}"\nkind = "debian"\ngateway = "gw"\n'
            for number, ap in enumerate(self.aps)
        ]
        return head + "".join(entries)


class City:
    """A node whose city is a fleet, all of it adopted."""

    def __init__(self, folder: Path, count: int, fleet: type[Fleet] = Fleet):
        self.state = folder / "state"
        self.sites = folder / "sites.toml"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.state), "HOTSPOT_STATE": str(self.state)}
        self.fleet = fleet(folder / "fleet", count)
        self.fleet.start(self.run("keys", "create").strip())
        self.activate(1)
        for ap in self.fleet.aps:
            self.run("adopt", ap.name, "--yes")

    def activate(self, revision: int) -> None:
        self.sites.write_text(self.fleet.sites_toml(revision=revision))
        self.run("secrets", "create", "--sites", str(self.sites))
        self.run("activate", str(self.sites))

    def command(self, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name("hotspot")), *arguments]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return hotspot(*arguments, env=self.environment, timeout=300)

    def run(self, *arguments: str, code: int = 0) -> str:
        done = self.call(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def outcomes(self, *arguments: str, code: int = 0) -> dict[str, str]:
        """What became of each access point, by `apply` or another command that tells it."""
        answer = json.loads(self.run(*arguments, "--json", code=code))
        return {one["ap"]: one.get("state") or one["outcome"] for one in answer["access_points"]}

    def close(self) -> None:
        self.fleet.close()
