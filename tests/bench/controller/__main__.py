"""`python -m tests.bench.controller`: what a push costs the controller, beside other tools, on loopback.

CPU is the client's alone, without the start of its interpreter, which counts once for a run and not for each access
point: ours and the bare loop tell it themselves, of the others' whole process trees it is taken from two runs of
different size. The servers share the machine, whose speed changes with what else it does: ours and the bare loop take
turns, and the ratio is the median over the rounds of both in each.
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


_SIZES = {"openssh": (10, 60), "pyinfra": (10, 50), "ansible raw": (10, 40), "ansible modules": (2, 8)}
"""Of the two runs of each tool."""


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
        self._targets.settle()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command[:4])} … failed:\n{text[-2000:]}")
        return Run(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, text)

    def round(self, commands: dict[str, tuple[Command, int]]) -> dict[str, Cost]:
        """One run of each worker of ours, which tells its own CPU without its start. A check finds what the one before
        it has left there.
        """
        costs = {}
        for name, (command, count) in commands.items():
            run = self.once(command(count), blank=name != "check")
            told = _told(run.said, count)
            costs[name] = Cost(told["cpu_ms"], run.wall / count * 1e3, told["rss_mb"])
        return costs

    def tree(self, command: Command, few: int, many: int) -> Cost:
        """Of any tool: two runs, the difference of their CPU divided by that of their sizes, so that its start counts
        for nothing.
        """
        small, large = (self.once(command(count), blank=True) for count in (few, many))
        more = many - few
        return Cost((large.cpu - small.cpu) / more * 1e3, (large.wall - small.wall) / more * 1e3)


def _told(said: str, count: int) -> dict[str, float]:
    """What a worker tells; every one of its access points must have been done."""
    told: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    if told["good"] != count:
        raise SystemExit(f"{said[-2000:]}\n{told['good']} of {count} were done")
    return told


def _ours(folder: Path, what: str) -> Command:
    worker = [sys.executable, "-m", "tests.bench.controller.worker", what, str(folder)]
    return lambda count: [*worker, str(count), "dropbear"]


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    count, rounds = (40, 1) if arguments.quick else (100, 5)
    costs: dict[str, Cost] = {}
    with Targets(folder, 2000) as targets:
        bench = Bench(targets, folder)
        peers = Peers(targets, tools(BUILT / "venv")).commands()

        workers = {"bare paramiko": (peers.pop("bare paramiko"), 2 * count)}
        workers |= {what: (_ours(folder, what), count) for what in ("push", "confirmed", "check")}
        told = [bench.round(workers) for _ in range(rounds)]
        for name in workers:
            costs[name] = Cost(
                statistics.median(one[name].cpu_ms for one in told),
                statistics.median(one[name].wall_ms for one in told),
            )
            _show(name, costs[name])
        for name, command in {} if arguments.ours else peers.items():
            costs[name] = bench.tree(command, *_SIZES[name])
            _show(name, costs[name])
        # each of 1,000 is a job with its rendered files; 2,000 tell whether it is flat
        asked = [bench.round({"ask": (_ours(folder, "ask"), many)})["ask"] for many in (1000, 2000)]
        trips = round_trips(targets)
    ratios = {
        what: statistics.median(one[what].cpu_ms / one["bare paramiko"].cpu_ms for one in told)
        for what in ("push", "confirmed")
    }
    memory = {f"rss_mb_{many}": round(cost.rss_mb, 1) for many, cost in zip((1000, 2000), asked, strict=True)}
    return _figures(costs, ratios, trips) | memory


def _show(name: str, cost: Cost) -> None:
    print(f"{name:16} {cost.cpu_ms:9.2f} ms CPU {cost.wall_ms:9.2f} ms wall for each", flush=True)


def _figures(costs: dict[str, Cost], ratios: dict[str, float], trips: float) -> dict[str, Any]:
    push = costs["push"].cpu_ms

    def times(name: str) -> float | None:
        return round(costs[name].cpu_ms / push, 2) if name in costs else None

    return {
        "push_cpu_ms": round(push, 2),
        "confirmed_push_cpu_ms": round(costs["confirmed"].cpu_ms, 2),
        "check_cpu_ms": round(costs["check"].cpu_ms, 2),
        "vs_pyinfra": times("pyinfra"),
        "vs_ansible_modules": times("ansible modules"),
        "vs_ansible_raw": times("ansible raw"),
        "vs_openssh": times("openssh"),
        "vs_bare_paramiko": round(ratios["push"], 2),
        "confirmed_vs_bare_paramiko": round(ratios["confirmed"], 2),
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
