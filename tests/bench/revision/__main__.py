"""`python -m tests.bench.revision`: a large city is checked and activated, and RADIUS takes it up while it is asked.

A real RADIUS service acknowledges accounting, which is durable before its answer, one report after the other. What
counts is the latest answer while a revision of this many gateways is taken up, beside that before and after.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from pyrad import packet as rp
from pyrad.client import Client

from tests.bed.net import wait_until
from tests.doubles.coovachilli import dictionary
from tests.node import Node, Service

CONTROL = 5.0
"""Seconds of the same questions without a revision, before and after: what the machine itself does to the latest."""
ROOT = Path(__file__).parents[3]
SECOND = re.compile(r'"revision".*"number": 2\b|"number": 2\b.*"revision"')
WRITTEN = ROOT / "build" / "bench" / "revision.json"


ONE = """
[[site]]
id = "s{n}"
name = "Taman {n}"
kind = "park"
location = [-6.3, 106.7]
region = "36.74.01.1001"
plan = "umum"
funding = "APBD"
admit = ["click-through"]
since = 2026-01-01

  [[site.ap]]
  id = "s{n}-ap"
  mac = "{mac}"
  address = "{address}"
  kind = "debian"
  gateway = "s{n}-gw"

[[gateway]]
id = "s{n}-gw"
nas = "coovachilli"
uam_secret = "env:UAM_{n}"
radius = {{ sources = ["{address}/32"], secret = "env:RADIUS_{n}" }}
"""


def more_of(text: str, count: int) -> str:
    """The city with so many more sites, each with an access point and a gateway of its own."""
    parts = [text]
    for number in range(count):
        high, low = divmod(number, 250)
        address = f"10.{64 + high // 250}.{high % 250}.{low + 1}"
        mac = f"02:10:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        parts.append(ONE.format(n=number, address=address, mac=mac))
    return "".join(parts)


class Asking(threading.Thread):
    """Asks without pause, and keeps when each answer came and how long it took (seconds)."""

    def __init__(self, node: Node):
        super().__init__()
        secret = node.secret("TK1_RADIUS")
        self._client = Client("127.0.0.1", node.auth_port, node.acct_port, secret=secret, dict=dictionary())
        self._client.timeout, self._client.retries = 30, 1
        self._client.bind(("127.0.0.1", 0))
        self._ended = threading.Event()
        self.answers: list[tuple[float, float]] = []

    def run(self) -> None:
        number, began = 0, time.monotonic()
        while not self._ended.is_set():
            number += 1
            started = time.monotonic()
            request = self._client.CreateAcctPacket(
                code=rp.AccountingRequest, Acct_Status_Type=3, Acct_Session_Id=f"{number % 50}",
                NAS_Identifier="tk1-gw", Calling_Station_Id="02-AA-00-00-01-01",
            )  # fmt: skip
            request["Acct-Session-Time"], request["Acct-Delay-Time"] = int(started - began), 0
            self._client.SendPacket(request)
            self.answers.append((started, time.monotonic() - started))
            time.sleep(0.002)

    def end(self) -> None:
        self._ended.set()
        self.join()

    def took(self, since: float, until: float) -> dict[str, float]:
        """Milliseconds until the answer: of half of them, of 99 in a hundred, and of the latest."""
        found = sorted(took * 1000 for at, took in self.answers if since <= at <= until) or [0.0]
        shares = {"p50": found[len(found) // 2], "p99": found[len(found) * 99 // 100], "worst": found[-1]}
        return {name: round(value, 1) for name, value in shares.items()} | {"answers": len(found)}


def taken_up(service: Service) -> bool:
    """Whether the worker that is asked says that it has the second revision; one that nobody asks does not look."""
    return any(SECOND.search(line) for line in service.lines)


def measure(count: int, folder: Path) -> dict[str, object]:
    node = Node(folder)
    node.activate()
    large = more_of(node.sites.read_text(encoding="utf-8"), count)
    with (folder / "state" / "hotspot.env").open("a") as file:
        file.writelines(f'UAM_{n}="u{n:030}"\nRADIUS_{n}="r{n:030}"\n' for n in range(count))
    (folder / "large.toml").write_text(large, encoding="utf-8")
    check_s = cpu_of(node, "check", str(folder / "large.toml"))
    with node.service("radius") as service:
        asking = Asking(node)
        asking.start()
        time.sleep(CONTROL)
        node.put(large)
        began = time.monotonic()
        try:
            node.run("activate", str(node.sites), "--yes")
            activated = time.monotonic()
            wait_until(lambda: taken_up(service), "it is taken up", 120, pause=0.02)
            taken = time.monotonic()
            time.sleep(2)
            quiet = time.monotonic()
            time.sleep(CONTROL)
        finally:
            asking.end()
    return {
        "gateways": count,
        "check_cpu_s": round(check_s, 2),
        "activate_s": round(activated - began, 2),
        "take_up_s": round(taken - activated, 2),
        "ms": {
            "before": asking.took(0, began),
            "beside_activate": asking.took(began, activated),
            "taking_up": asking.took(activated, taken + 2),
            "after": asking.took(quiet, quiet + CONTROL),
        },
    }


def cpu_of(node: Node, *arguments: str) -> float:
    """Seconds of a processor that a `hotspot` command takes, its start among them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(sys.executable).parent / "hotspot"), *arguments]
    subprocess.run(command, env=node.environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.revision", description=__doc__)
    parser.add_argument("--gateways", type=int, default=10_000)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(parser.parse_args().gateways, Path(folder))
    WRITTEN.parent.mkdir(parents=True, exist_ok=True)
    WRITTEN.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
