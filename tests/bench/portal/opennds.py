"""openNDS's own theme page (click to continue), from the Debian package, as a phone in a network of its own gets it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

_GATEWAY: Final = "10.9.0.1"
_PHONE: Final = "10.9.0.2"
_PROBE: Final = "connectivitycheck.gstatic.com"
_CONFIGURATION: Final = """
gatewayinterface br0
gatewayname Bench
login_option_enabled 1
maxclients 250
"""
_WAIT: Final = 20.0
_SETTLE: Final = 2.0
"""Seconds after it has begun with its firewall."""
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Page:
    """What a first page costs: requests and bytes on the wire of the page with all that it shows, CPU of the server."""

    requests: int
    bytes: int
    cpu_ms: float


def possible() -> bool:
    """Whether this process may make networks, and the programs are there."""
    if os.geteuid() != 0:
        return False
    names = ("ip", "opennds", "iptables")
    return all(subprocess.run(["which", name], capture_output=True, check=False).returncode == 0 for name in names)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def _network() -> Iterator[tuple[str, str]]:
    """Namespaces of a gateway and of a phone behind it."""
    gateway, phone = (f"bench{os.getpid()}{which}" for which in "gp")
    with ExitStack() as stack:
        for name in (gateway, phone):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", "br0", "netns", gateway, "type", "veth", "peer", "name", "eth0", "netns", phone)
        _ip("-n", gateway, "link", "add", "wan0", "type", "veth", "peer", "name", "wan1")
        for name, link, address in ((gateway, "br0", _GATEWAY), (phone, "eth0", _PHONE), (gateway, "wan0", "10.8.0.2")):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            _ip("-n", name, "link", "set", link, "up")
        _ip("-n", gateway, "link", "set", "wan1", "up")
        _ip("-n", gateway, "route", "add", "default", "via", "10.8.0.1")
        _ip("-n", phone, "route", "add", "default", "via", _GATEWAY)
        yield gateway, phone


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """openNDS's process id, and the namespace of a phone that it holds back."""
    with _network() as (gateway, phone):
        mac = re.search(r"ether (\S+)", _ip("-n", phone, "-o", "link", "show", "eth0"))
        assert mac is not None
        lease = f"9999999999 {mac[1]} {_PHONE} phone *\n"  # it serves only those to whom DHCP has given an address
        Path("/tmp/dhcp.leases").write_text(lease)
        for path in ("/tmp/ndscids", "/run/tmpfiles.d"):
            Path(path).mkdir(exist_ok=True)
        configuration = folder / "opennds.conf"
        configuration.write_text(_CONFIGURATION)
        log = folder / "opennds.log"
        with log.open("wb") as output:
            command = ["ip", "netns", "exec", gateway, "opennds", "-f", "-c", str(configuration)]
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _wait_for(phone, log)
            yield process.pid, phone
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(phone: str, log: Path) -> None:
    deadline = time.monotonic() + _WAIT
    while b"Initializing firewall rules" not in log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(_SETTLE)
    while time.monotonic() < deadline:
        if "opennds_preauth" in visit(phone, 1).location:
            return
        time.sleep(0.3)
    raise AssertionError(f"openNDS does not serve:\n{log.read_text()[-3000:]}")


@dataclass(frozen=True)
class Seen:
    """What a visit brought: where the gateway sends to, and the last page's requests and bytes."""

    location: str
    requests: int
    bytes: int


def visit(phone: str, times: int) -> Seen:
    """So many visits in a phone's namespace: the probe, the page that it is sent to, all that the page shows."""
    top = Path(__file__).parents[3]
    command = ["ip", "netns", "exec", phone, sys.executable, "-m", __name__, str(times)]
    environment = {**os.environ, "PYTHONPATH": str(top)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    location, requests, size = done.stdout.split() if done.returncode == 0 else ("-", "0", "0")
    return Seen(location, int(requests), int(size))


def cpu(pid: int) -> float:
    """Seconds that a process and the children it has waited for have used; each page is a shell script of its own."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK


def measure(folder: Path, times: int) -> Page:
    """The page's cost over so many visits."""
    with serving(folder) as (pid, phone):
        visit(phone, 1)
        before = cpu(pid)
        seen = visit(phone, times)
        assert seen.requests, "openNDS has stopped answering"
        spent = cpu(pid) - before
        return Page(seen.requests, seen.bytes, spent / times * 1e3)


# -- in the phone's namespace --------------------------------------------------------------------------------------


def _get(url: str, host: str = "") -> tuple[bytes, bytes]:
    """(head, body) as they crossed the wire."""
    parts = urlsplit(url)
    got = b""
    with socket.create_connection((parts.hostname or "", parts.port or 80), 10) as sock:
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        # openNDS 9.10 ends itself when a request has no User-Agent
        sock.sendall(
            f"GET {target} HTTP/1.1\r\nHost: {host or parts.netloc}\r\nUser-Agent: Mozilla/5.0 (Linux; Android 14)\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        with suppress(ConnectionResetError):
            while chunk := sock.recv(65536):
                got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    return head, body


def shown_beside(page: bytes) -> list[str]:
    """What a browser fetches beside a page: pictures, styles and scripts that it names once or more."""
    found = re.findall(rb'<(?:img|script|link)\b[^>]*?(?:src|href)="([^"]+)"', page)
    return list(dict.fromkeys(one.decode() for one in found if not one.startswith(b"data:")))


def _visit() -> Seen:
    head, _ = _get(f"http://{_GATEWAY}:2050/generate_204", _PROBE)
    location = re.search(rb"\r\nLocation: (\S+)", head)
    if location is None:
        return Seen("-", 0, 0)
    url = location[1].decode()
    answers = [_get(url)]
    answers += [_get(one) for one in dict.fromkeys(urljoin(url, name) for name in shown_beside(answers[0][1]))]
    return Seen(url, len(answers), sum(len(head) + 4 + len(body) for head, body in answers))


def main() -> None:
    seen = [_visit() for _ in range(int(sys.argv[1]))][-1]
    print(seen.location, seen.requests, seen.bytes)


if __name__ == "__main__":
    main()
