"""`python -m tests.bench.radius`: measures our RADIUS server beside others, in turns, on loopback."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.postgres import Server, binaries, running

from . import freeradius, profiled
from .city import GATEWAYS, City
from .freeradius import Backend, FreeRadius
from .generator import BenchError, Pressure, compiled
from .measure import Rounds
from .ours import INSTALLED, Ours
from .peer import Peer, Workload
from .pyrad_peer import Pyrad
from .report import Summary, line

ROOT = Path(__file__).parents[3]
BUILT = ROOT / "build" / "bench"
PROFILES = BUILT / "profiles"
SERVERS = (
    "ours-sqlite", "ours-postgresql", "freeradius-files", "freeradius-sqlite", "freeradius-postgresql", "pyrad",
)  # fmt: skip
_POSTGRES = {"autovacuum": "off", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "shared_buffers": "256MB"}
"""Durable as it comes (fsync, synchronous_commit); only its housekeeping is done between the rounds, not within."""
_TICKETS_PER_SECOND = 40_000
_RECORDS_PER_SECOND = 60_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.radius", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second: a look, not a measurement")
    parser.add_argument("--only", default=",".join(Workload), help="workloads, with commas (default: all)")
    parser.add_argument("--servers", default=",".join(SERVERS), help=f"of {', '.join(SERVERS)} (default: all)")
    parser.add_argument("--seconds", type=float, help="of each run (default: 3)")
    parser.add_argument("--rounds", type=int, help="default: 3")
    parser.add_argument("--outstanding", type=int, default=64, help="requests in flight (default: 64)")
    parser.add_argument("--phones", type=int, default=20_000, help="people, with a phone each (default: 20000)")
    parser.add_argument("--no-half-load", action="store_true", help="do not ask ours again at half of its rate")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting for our server")
    parser.add_argument("--patience", type=float, default=0, help="seconds to wait for a quiet machine before each run")
    parser.add_argument("--threads", type=int, help="FreeRADIUS's thread pool (default: its fastest)")
    parser.add_argument("--profile", action="store_true", help="run ours under cProfile and tell where its time goes")
    parser.add_argument("--write", type=Path, default=BUILT / "radius.json", help="where the figures go")
    return parser.parse_args()


def _postgres(stack: ExitStack, folder: Path) -> Server:
    programs = binaries()
    if programs is None:
        raise BenchError("PostgreSQL's server is missing; `tools/peers.sh bench` brings it")
    return stack.enter_context(running(programs, _POSTGRES, folder))


def _peers(arguments: argparse.Namespace, folder: Path, postgres: Server | None) -> Iterator[Peer]:
    changes = dict(setting.split("=", 1) for setting in arguments.set)
    for name in arguments.servers.split(","):
        kind, _, store = name.partition("-")
        if name not in SERVERS:
            raise BenchError(f"there is no server {name!r}; there are {', '.join(SERVERS)}")
        if kind == "ours":
            profiles = PROFILES if arguments.profile else None
            yield Ours(folder, postgres if store == "postgresql" else None, changes, profiles)
        elif kind == "freeradius":
            if freeradius.program() is None:
                raise BenchError("FreeRADIUS is missing; `tools/peers.sh bench` brings it")
            backend = Backend(store)
            yield FreeRadius(folder, backend, postgres if store == "postgresql" else None, arguments.threads)
        else:
            yield Pyrad(folder)


def _measure(arguments: argparse.Namespace, stack: ExitStack) -> Summary:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="radius-", dir="/var/tmp")))
    folder.chmod(0o755)
    postgres = _postgres(stack, folder) if "postgresql" in arguments.servers else None
    pressure = Pressure(arguments.outstanding, arguments.seconds or (1 if arguments.quick else 3))
    lasting = pressure.warmup + pressure.seconds
    city = City(
        phones=arguments.phones // GATEWAYS * GATEWAYS,
        tickets=int(_TICKETS_PER_SECOND * lasting),
        sessions=int(_RECORDS_PER_SECOND * lasting / 3),
    )
    peers = list(_peers(arguments, folder, postgres))
    wanted = [Workload(name) for name in arguments.only.split(",")]
    work = []
    for workload in wanted:
        for peer in peers:
            if workload in peer.workloads:
                print(f"preparing {workload} {peer.name}", flush=True)
                work.append((peer, workload, peer.prepare(workload, city)))
    half = frozenset() if arguments.no_half_load else frozenset(p.name for p in peers if p.name.startswith("ours"))
    count = arguments.rounds or (1 if arguments.quick else 3)
    rounds = Rounds(compiled(BUILT), folder, pressure, count, half, arguments.patience)
    return Summary(list(rounds.play(work, lambda measured: print(line(measured), flush=True))))


def _installed() -> str:
    """Which Python ours is installed for, and whether it is compiled."""
    asked = "import platform, radius.wire.packet as p; print(p.__file__.endswith('.py'), platform.python_version())"
    told = subprocess.run([INSTALLED, "-P", "-c", asked], check=True, capture_output=True, text=True)
    plain, version = told.stdout.split()
    return f"{'plain' if plain == 'True' else 'compiled'}, Python {version}"


def main() -> int:
    arguments = _arguments()
    shutil.rmtree(PROFILES, ignore_errors=True)
    PROFILES.mkdir(parents=True)
    print(f"{os.cpu_count()} cores shared with the load; {arguments.outstanding} requests in flight", flush=True)
    print(f"ours: {_installed()}; pyrad on the same Python", flush=True)
    try:
        with ExitStack() as stack:
            summary = _measure(arguments, stack)
    except (BenchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(summary.table())
    if arguments.profile:
        profiled.summary(PROFILES)
    arguments.write.parent.mkdir(parents=True, exist_ok=True)
    arguments.write.write_text(json.dumps(summary.as_json(), indent=1) + "\n")
    print(f"\n{arguments.write}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
