"""Network namespaces: wan (portal's side, an internet, a private host), one access point, clients on its LAN ports.

    client eth0 -- lan1 [access point] wan0 -- up0 [wan] 10.199.0.1 portal side, 10.199.0.99 a private host,
                                                        203.0.113.10 an "internet": http (80 and 8080) and DNS

Needs root. A name is unique to the process; `Bed` removes every namespace and process that it made, whatever happened.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .ap import BlankAp

PORTAL: Final = "10.199.0.1"
AP_ADDRESS: Final = "10.199.0.2"
PRIVATE: Final = "10.199.0.99"
INTERNET: Final = "203.0.113.10"
PORTAL_NAME: Final = "portal.test"
INTERNET_NAME: Final = "internet.test"
PACKAGES: Final = (
    "ip",
    "nft",
    "iptables",
    "dnsmasq",
    "udhcpc",
    "opennds",
    "dropbear",
    "dropbearkey",
    "curl",
    "unshare",
)

_TOOLS = Path(__file__).parent / "tools.py"


class Namespace:
    """One network namespace and what was started in it."""

    def __init__(self, name: str):
        self.name = name
        self._started: list[subprocess.Popen[bytes]] = []
        _sh("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def argv(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def ip(self, *arguments: str) -> str:
        return _sh("ip", "-n", self.name, *arguments)

    def run(self, *command: str, timeout: float = 300.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end and returns it with its output, whatever its exit code."""
        return subprocess.run(
            self.argv(*command),
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **environment},
            check=False,
        )

    def start(self, *command: str, log: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """Starts a process that lives until the bed ends."""
        with (log or Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen(
                self.argv(*command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
            )
        self._started.append(process)
        return process

    def close(self) -> None:
        for pid in _sh("ip", "netns", "pids", self.name).split():
            _kill(int(pid))
        for process in self._started:
            process.kill()
            process.wait()
        _sh("ip", "netns", "del", self.name)


@dataclass(frozen=True)
class Lease:
    ip: str
    router: str
    dns: str
    captive: str
    """Option 114 as text; empty without it."""


class Client(Namespace):
    """A phone: eth0 on one of the access point's LAN ports."""

    def __init__(self, name: str, number: int, folder: Path):
        super().__init__(name)
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.lease: Lease | None = None
        self._folder = folder

    def dhcp(self) -> Lease:
        """Gets a lease; AssertionError when there is none."""
        script, result = self._folder / f"{self.name}.sh", self._folder / f"{self.name}.lease"
        script.write_text(
            "#!/bin/sh\n"
            '[ "$1" = bound ] || exit 0\n'
            "ip addr flush dev $interface scope global; ip addr add $ip/$mask dev $interface\n"
            "ip route replace default via $router\n"
            f'echo "$ip $router $dns $opt114" >{shlex.quote(str(result))}\n'
        )
        script.chmod(0o755)
        result.unlink(missing_ok=True)
        done = self.run("udhcpc", "-f", "-q", "-n", "-t", "30", "-T", "1", "-i", "eth0", "-O", "114", "-s", str(script))
        assert result.exists(), f"no lease: {done.stderr}"
        ip, router, dns, captive = [*result.read_text().rstrip("\n").split(" "), ""][:4]
        self.lease = Lease(ip, router, dns, bytes.fromhex(captive).decode() if captive else "")
        return self.lease

    def get(self, url: str, *options: str) -> tuple[int, str, str]:
        """(status, redirect URL, body) of a GET; status 0 where no connection came about within 2 seconds."""
        known = [f"{name}:80:{ip}" for name, ip in ((INTERNET_NAME, INTERNET), ("status.client", self.router))]
        resolve = [word for one in known for word in ("--resolve", one)]
        form = "\n%{http_code} %{redirect_url}"
        done = self.run("curl", "-s", "--connect-timeout", "2", "-m", "40", *resolve, *options, "-w", form, url)
        body, _, last = done.stdout.rpartition("\n")
        status, _, redirect = last.partition(" ")
        return int(status or 0), redirect, body

    def known_to_opennds(self) -> None:
        """Waits until it does not answer 403 any more, as it does whom it does not find among dnsmasq's leases."""
        wait_until(lambda: self.get(f"http://{INTERNET_NAME}/")[0] not in (0, 403), "openNDS knows of the lease")

    @property
    def router(self) -> str:
        return self.lease.router if self.lease else "0.0.0.0"

    def connects(self, host: str, port: int, seconds: float = 1.0) -> bool:
        """Whether a TCP connection comes about; `host` may be `fe80::…%eth0`."""
        return self.tool("connect", host, str(port), str(seconds)) == "yes"

    def resolve(self, server: str, name: str) -> str:
        """The IPv4 address that a DNS server gives for a name; empty where none comes to several questions."""
        return self.tool("resolve", server, name)

    def tool(self, *arguments: str) -> str:
        return self.run(sys.executable, str(_TOOLS), *arguments).stdout.strip()

    @property
    def link_local(self) -> str:
        """Its own IPv6 link-local address."""
        found = json.loads(self.ip("-6", "-j", "addr", "show", "dev", "eth0", "scope", "link"))
        return str(found[0]["addr_info"][0]["local"])


class Bed:
    """Everything up, in a `with`: `wan`, `ap` and `clients`."""

    def __init__(self, folder: Path, clients: int = 2, kind: type[BlankAp] = BlankAp):
        self.folder = folder
        self.kind = kind
        self.wan: Namespace
        self.ap: BlankAp
        self.clients: list[Client] = []
        self._count = clients
        self._made: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        while self._made:
            self._made.pop()()

    def _namespace(self, letter: str) -> Namespace:
        space = Namespace(f"{letter}{os.getpid()}")
        self._made.append(space.close)
        return space

    def _build(self) -> None:
        self.wan = self._namespace("w")
        router = self._namespace("n")
        self.wan.ip("link", "add", "up0", "type", "veth", "peer", "name", "wan0", "netns", router.name)
        for address in (f"{PORTAL}/24", f"{PRIVATE}/24"):
            self.wan.ip("addr", "add", address, "dev", "up0")
        self.wan.ip("addr", "add", f"{INTERNET}/32", "dev", "lo")
        self.wan.ip("link", "set", "up0", "up")
        router.ip("addr", "add", f"{AP_ADDRESS}/24", "dev", "wan0")
        router.ip("link", "set", "wan0", "up")
        router.ip("route", "add", "default", "via", PORTAL)
        for number in range(1, self._count + 1):
            client = Client(f"c{number}-{os.getpid()}", number, self.folder)
            self._made.append(client.close)
            mac = ("address", client.mac)
            client.ip("link", "add", "eth0", *mac, "type", "veth", "peer", "name", f"lan{number}", "netns", router.name)
            client.ip("link", "set", "eth0", "up")
            self.clients.append(client)
        self._wan_services()
        self.ap = self.kind(router.name, AP_ADDRESS, self.folder / "ap")
        self._made.append(self.ap.close)
        self.ap.start()

    def _wan_services(self) -> None:
        web = self.folder / "web"
        web.mkdir(exist_ok=True)
        (web / "index.html").write_text("the internet\n")
        for address, port in ((INTERNET, "80"), (INTERNET, "8080"), (PRIVATE, "80"), (PRIVATE, "8080")):
            self.wan.start(sys.executable, "-m", "http.server", "-b", address, "-d", str(web), port)
        common = ("dnsmasq", "-d", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces")
        names = (f"--address=/{PORTAL_NAME}/{PORTAL}", f"--address=/{INTERNET_NAME}/{INTERNET}")
        self.wan.start(*common, f"--listen-address={PORTAL}", "--pid-file=", *names)
        other = f"--address=/{INTERNET_NAME}/203.0.113.77"  # a DNS server that guests must not reach
        self.wan.start(*common, f"--listen-address={INTERNET}", "--pid-file=", other)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0, pause: float = 0.1) -> None:
    """Waits for a condition; AssertionError names it when it does not hold in time. Patience costs nothing."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(pause)


def answers(host: str, port: int) -> bool:
    """Whether something listens there, from where this process is."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _sh(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def missing(commands: Sequence[str] = PACKAGES) -> list[str]:
    """The commands of the bed that this machine lacks."""
    return [name for name in commands if subprocess.run(["which", name], capture_output=True, check=False).returncode]
