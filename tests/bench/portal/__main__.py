"""`python -m tests.bench.portal`: what a login at the portal costs, beside openNDS's own theme page."""

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench.radius import processes

from . import inside, opennds
from .city import Visitor
from .inside import Inside
from .opennds import Page, shown_beside
from .ours import Kept, Ours
from .phones import Journeys, NotLet, Wire, arrive

BUILT: Final = Path(__file__).parents[3] / "build" / "bench"
METHODS: Final = ("voucher", "click-through")
_WARM: Final = 300
"""Logins before those that count."""
_VISITS: Final = 10
"""Of openNDS's page, in each round."""


@dataclass(frozen=True)
class Round:
    """Logins by one method."""

    method: str
    logins_per_cpu_s: float
    cpu_ms: float
    per_second: float
    p50_ms: float
    p99_ms: float
    requests: float
    received: float
    sent: float
    others_cpu: float
    """The part of all cores' time that neither portal nor phones used; where it is large, figures mean little."""
    whole: bool
    """Whether the store holds what was admitted, and nothing else."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.portal", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a measurement")
    parser.add_argument("--rounds", type=int, help="default: 5")
    parser.add_argument("--logins", type=int, help="of each round, at most 9700 (default: 5000)")
    parser.add_argument("--at-once", type=int, default=32, help="phones at the same time (default: 32)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting for the portal")
    parser.add_argument(
        "--profile", action="store_true", help="tell where the application's time goes, and nothing else"
    )
    parser.add_argument("--write", type=Path, default=BUILT / "portal.json", help="where the figures go")
    return parser.parse_args()


def _round(ours: Ours, method: str, logins: int, at_once: int) -> Round:
    visitors = ours.visitors(method)
    with ours.filled() as state:
        with ours.serve(state) as pid:
            warm = arrive(ours.port, islice(visitors, _WARM), at_once)
            before, busy, mine = processes.times(pid), processes.machine(), processes.times(os.getpid())[os.getpid()]
            journeys = arrive(ours.port, islice(visitors, logins), at_once)
            used = processes.used(before, processes.times(pid))
            others = processes.machine() - busy - used - (processes.times(os.getpid())[os.getpid()] - mine)
        kept = ours.kept(state)
    if journeys.refused or warm.refused:
        raise NotLet(f"{len(journeys.refused)} logins failed: {(journeys.refused or warm.refused)[0]}")
    done = warm.done + journeys.done
    return Round(
        method=method,
        logins_per_cpu_s=journeys.done / used,
        cpu_ms=used / journeys.done * 1e3,
        per_second=journeys.done / journeys.elapsed,
        p50_ms=median(journeys.seconds) * 1e3,
        p99_ms=sorted(journeys.seconds)[int(len(journeys.seconds) * 0.99)] * 1e3,
        requests=journeys.requests / journeys.done,
        received=journeys.received / journeys.done,
        sent=journeys.sent / journeys.done,
        others_cpu=max(0.0, others) / journeys.elapsed / (os.cpu_count() or 1),
        whole=kept == Kept(done, done, done if method == "voucher" else 0, done),
    )


def _first_page(ours: Ours) -> tuple[int, int]:
    """Requests, and bytes on the wire, until the first page is whole."""
    journeys = Journeys()
    visitor = next(ours.visitors("voucher"))
    with ours.filled() as state, ours.serve(state), Wire(ours.port, journeys) as wire:
        status, _, page = wire.ask("GET", visitor.path, visitor.address)
        if status != 200:
            raise NotLet(f"the page came with {status}")
        for path in shown_beside(page):
            wire.ask("GET", path, visitor.address)
    return journeys.requests, journeys.received


def _alone(environment: dict[str, str], visitors: list[Visitor]) -> Inside:
    """In a process of its own, whose threads end with it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(inside.measure, environment, visitors).result()


def _told(one: Round) -> str:
    faults = "" if one.whole else "; THE STORE DOES NOT ADD UP"
    return (
        f"  {one.method:14} {one.logins_per_cpu_s:7,.0f} logins per CPU-second ({one.cpu_ms:.2f} ms),"
        f" {one.per_second:,.0f}/s, p50 {one.p50_ms:.0f} p99 {one.p99_ms:.0f} ms;"
        f" others took {one.others_cpu:.0%} of the cores{faults}"
    )


def _middle(rounds: list[Round], method: str, name: str) -> float:
    values: list[float] = [getattr(one, name) for one in rounds if one.method == method]
    return round(median(values), 3)


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    quick = arguments.quick
    logins = min(arguments.logins or (500 if quick else 5000), 9700)
    ours = Ours(folder, dict(setting.split("=", 1) for setting in arguments.set))
    rounds: list[Round] = []
    alone: list[Inside] = []
    theirs: list[Page] = []
    for number in range(arguments.rounds or (1 if quick else 5)):
        print(f"round {number + 1}", flush=True)
        for method in METHODS:
            rounds.append(_round(ours, method, logins, arguments.at_once))
            print(_told(rounds[-1]), flush=True)
        with ours.filled() as state:
            alone.append(
                _alone(ours.environment(state), list(islice(ours.visitors("voucher"), 200 if quick else 1000)))
            )
        print(f"  the application alone: page {alone[-1].page_ms:.3f} ms, form {alone[-1].form_ms:.3f} ms", flush=True)
        if opennds.possible():
            theirs.append(opennds.measure(folder, 3 if quick else _VISITS))
            print(f"  openNDS's theme: page {theirs[-1].cpu_ms:.0f} ms", flush=True)
    requests, size = _first_page(ours)
    return {
        "logins_per_cpu_s": _middle(rounds, "voucher", "logins_per_cpu_s"),
        "clicks_per_cpu_s": _middle(rounds, "click-through", "logins_per_cpu_s"),
        "first_page_bytes": size,
        "first_page_requests": requests,
        "login_requests": _middle(rounds, "voucher", "requests"),
        "login_bytes_received": _middle(rounds, "voucher", "received"),
        "login_bytes_sent": _middle(rounds, "voucher", "sent"),
        "page_cpu_ms": round(median(one.page_ms for one in alone), 4),
        "form_cpu_ms": round(median(one.form_ms for one in alone), 4),
        "opennds_page_cpu_ms": round(median(one.cpu_ms for one in theirs), 1) if theirs else None,
        "opennds_first_page_bytes": theirs[-1].bytes if theirs else None,
        "opennds_first_page_requests": theirs[-1].requests if theirs else None,
        "whole": all(one.whole for one in rounds),
        "rounds": [asdict(one) for one in rounds],
    }


_TABLE: Final = (
    ("logins_per_cpu_s", "logins with a voucher per CPU-second", "at least 1500"),
    ("clicks_per_cpu_s", "logins by a click per CPU-second", ""),
    ("login_requests", "requests of a login", ""),
    ("login_bytes_received", "bytes to the phone of a login", ""),
    ("first_page_requests", "requests of the first page", "1"),
    ("opennds_first_page_requests", "  of openNDS's", ""),
    ("first_page_bytes", "bytes of the first page, with headers", "at most 10240"),
    ("opennds_first_page_bytes", "  of openNDS's", ""),
    ("page_cpu_ms", "CPU of the first page in the application, ms", "at most 0.3"),
    ("opennds_page_cpu_ms", "  of openNDS's, with its scripts, ms", ""),
)


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="portal-", dir="/var/tmp") as name:
        folder = Path(name)
        try:
            if arguments.profile:
                ours = Ours(folder, {})
                inside.measure(ours.environment("filled"), islice(ours.visitors("voucher"), 1000), profile=True)
                return 0
            figures = _measure(arguments, folder)
        except (NotLet, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    print(f"\n  {'medians':50} {'measured':>10}   should be")
    for key, told, aim in _TABLE:
        print(f"  {told:50} {'-' if figures[key] is None else format(figures[key], ',g'):>10}   {aim}")
    if figures["opennds_page_cpu_ms"] is None:
        print("openNDS was left out: it needs root in a network of its own, and Debian's package.")
    arguments.write.parent.mkdir(parents=True, exist_ok=True)
    arguments.write.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\n{arguments.write}")
    return 0 if figures["whole"] else 1


if __name__ == "__main__":
    sys.exit(main())
