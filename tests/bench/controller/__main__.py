"""`python -m tests.bench.controller`: what a push costs the controller, beside other tools, on loopback.

CPU is that of the whole process tree that a tool starts, for one access point more: two runs, the difference of their
CPU divided by the difference of their sizes, so that nobody's start counts. The servers share the machine; compare
ratios.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .latency import round_trips
from .peers import Peers, tools
from .targets import Targets

ROOT = Path(__file__).parents[3]
BUILT = ROOT / "build" / "bench"
Command = Callable[[int], list[str]]


@dataclass(frozen=True)
class Run:
    cpu: float
    wall: float
    said: str


@dataclass(frozen=True)
class Cost:
    """Milliseconds for one access point more."""

    cpu_ms: float
    wall_ms: float
    rss_mb: float = 0.0


class Bench:
    def __init__(self, targets: Targets, folder: Path):
        self._targets = targets
        self._environment = {**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "PYTHONPATH": str(ROOT)}
        self._environment |= {"HOME": str(folder), "LC_ALL": "C.UTF-8"}

    def once(self, command: list[str], *, blank: bool) -> Run:
        if blank:
            self._targets.blank()
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, env=self._environment, cwd=self._targets.folder
            )
            while process.poll() is None:
                if "push" in command:
                    self._targets.quiet()
                time.sleep(0.1)
            said.seek(0)
            text = said.read()
        wall = time.monotonic() - started
        self._targets.quiet()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command[:4])} … failed:\n{text[-2000:]}")
        return Run(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, text)

    def cost(self, command: Command, few: int, many: int, rounds: int, *, blank: bool = True) -> Cost:
        """The median over the rounds."""
        costs = []
        for _ in range(rounds):
            small, large = (self.once(command(count), blank=blank) for count in (few, many))
            more = many - few
            rss = _good(large.said, many) if "tests.bench.controller.worker" in command(many) else 0.0
            costs.append(Cost((large.cpu - small.cpu) / more * 1e3, (large.wall - small.wall) / more * 1e3, rss))
        return Cost(
            statistics.median(one.cpu_ms for one in costs),
            statistics.median(one.wall_ms for one in costs),
            max(one.rss_mb for one in costs),
        )


def _good(said: str, count: int) -> float:
    """The memory that a worker tells; every one of its access points must have been done."""
    told = json.loads(said.strip().splitlines()[-1])
    if told["good"] != count:
        raise SystemExit(f"{said[-2000:]}\n{told['good']} of {count} were done")
    return float(told["rss_mb"])


def _ours(folder: Path, what: str) -> Command:
    worker = [sys.executable, "-m", "tests.bench.controller.worker", what, str(folder)]
    return lambda count: [*worker, str(count), "dropbear"]


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    few, many, rounds = (10, 40, 1) if arguments.quick else (40, 240, 3)
    sizes = {"pyinfra": (10, 50), "ansible raw": (10, 40), "ansible modules": (2, 8)}
    costs: dict[str, Cost] = {}
    with Targets(folder, 1000) as targets:
        bench = Bench(targets, folder)
        peers = Peers(targets, tools(BUILT / "venv"))

        def add(name: str, command: Command, size: tuple[int, int], times: int, *, blank: bool = True) -> None:
            costs[name] = bench.cost(command, *size, times, blank=blank)
            print(f"{name:16} {costs[name].cpu_ms:9.2f} ms CPU {costs[name].wall_ms:9.2f} ms wall for each", flush=True)

        commands = peers.commands()
        add("bare paramiko", commands.pop("bare paramiko"), (few, many), rounds)
        bench.once(_ours(folder, "push")(few), blank=True)  # makes the store
        add("push", _ours(folder, "push"), (few, many), rounds)
        add("confirmed push", _ours(folder, "confirmed"), (few, many), rounds)
        add("check", _ours(folder, "check"), (few, many), rounds, blank=False)
        for name, command in commands.items():
            if not arguments.ours:
                add(name, command, sizes.get(name, (few // 2, many // 2)), 1)
        rss = 0.0
        if not arguments.quick:
            # the whole city asked at once: every access point is a job with its rendered files
            bench.once(_ours(folder, "push")(240), blank=True)
            rss = _good(bench.once(_ours(folder, "push")(1000), blank=True).said, 1000)
        trips = round_trips(targets)
    return _figures(costs, rss, trips)


def _figures(costs: dict[str, Cost], rss: float, trips: float) -> dict[str, Any]:
    push = costs["push"].cpu_ms

    def times(name: str) -> float | None:
        return round(costs[name].cpu_ms / push, 2) if name in costs else None

    return {
        "push_cpu_ms": round(push, 2),
        "confirmed_push_cpu_ms": round(costs["confirmed push"].cpu_ms, 2),
        "check_cpu_ms": round(costs["check"].cpu_ms, 2),
        "vs_pyinfra": times("pyinfra"),
        "vs_ansible_modules": times("ansible modules"),
        "vs_ansible_raw": times("ansible raw"),
        "vs_openssh": times("openssh"),
        "vs_bare_paramiko": round(push / costs["bare paramiko"].cpu_ms, 2),
        "confirmed_vs_bare_paramiko": round(costs["confirmed push"].cpu_ms / costs["bare paramiko"].cpu_ms, 2),
        "rss_mb_1000": round(rss, 1) or None,
        "round_trips": round(trips, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.controller", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small round: a look, not a measurement")
    parser.add_argument("--ours", action="store_true", help="only ours and the bare paramiko loop")
    arguments = parser.parse_args()
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="nirkabel-bench-") as folder:
        figures = _measure(arguments, Path(folder))
    target = BUILT / ("controller-quick.json" if arguments.quick or arguments.ours else "controller.json")
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    print(f"vs_bare_paramiko: ours by theirs, less is better; the other vs_: theirs by ours. In {target}")


if __name__ == "__main__":
    main()
