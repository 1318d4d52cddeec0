"""`make bench-large`: what a million visits cost retention, whoever logs in beside it, and who asks for lists."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hotspot.people.identity import new_id
from hotspot.rules.retention import Terms
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import vouchers
from hotspot.store.stays import redemption, sessions
from hotspot.store.stays.redemption import Claim
from hotspot.store.telemetry import observed
from portal.jobs import forget_all
from tests.conftest import settings_in
from tests.postgres import binaries, running

from .seed import seed

RESULTS: Final = Path(__file__).parents[3] / "build" / "bench" / "LARGE.json"
_PAUSE: Final = 0.02
"""Seconds between two redemptions beside retention."""
_TERM: Final = 90 * 86400

BESIDE: Final = """
import json, sys
from pathlib import Path
from hotspot.settings import Settings
from tests.bench.large.__main__ import redeemed
redeemed(Settings.load(Path(sys.argv[1])))
"""


def redeemed(settings: Settings) -> None:
    """Redeems tickets, as RADIUS does, until stdin ends, from a process of its own; prints what each took, in ms."""
    store, over = Store.open(settings), threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    took: list[float] = []
    while not over.wait(_PAUSE):
        began = time.perf_counter()
        with store.core.write() as connection:
            redemption.redeem(connection, [Claim(new_id(), "gw-1", os.urandom(16))], int(time.time()))
        took.append(1000 * (time.perf_counter() - began))
    store.close()
    print(json.dumps(took))


@contextmanager
def _beside(settings: Settings) -> Iterator[list[float]]:
    command = [sys.executable, "-c", BESIDE, str(settings.state)]
    environment = {**os.environ, **settings.environment}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    took: list[float] = []
    yield took
    out, _ = process.communicate()
    took += sorted(json.loads(out))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return round(time.perf_counter() - began, 3)


def _measure(settings: Settings, visits: int) -> dict[str, Any]:
    store, now = Store.open(settings), int(time.time())
    figures: dict[str, Any] = {"visits": visits, "seed_s": _timed(lambda: seed(store.core, visits, now))}

    def looked(work: Callable[[Any], object]) -> float:
        with store.core.read() as connection:
            return _timed(lambda: work(connection))

    figures["session_list_s"] = looked(lambda c: sessions.listed(c, running=True, limit=1001))
    figures["session_list_all_of_a_site_s"] = looked(
        lambda c: sessions.listed(c, running=False, site="site-7", limit=1001)
    )
    figures["voucher_list_s"] = looked(lambda c: vouchers.counted(c, now, limit=101))
    figures["voucher_count_s"] = looked(vouchers.count_batches)
    figures["active_sessions_s"] = looked(lambda c: observed.active_sessions(c, now))
    figures["sessions_of_a_day_s"] = looked(lambda c: list(observed.sessions(c, (now - 86400, now))))
    with _beside(settings) as alone:
        time.sleep(5)
    terms = Terms(now - _TERM, now - _TERM, (), now)
    with _beside(settings) as took:
        began = time.perf_counter()
        gone = forget_all(store, terms)
        figures["retention_s"] = round(time.perf_counter() - began, 1)
    figures["forgotten"] = {"grants": gone.grants, "devices": gone.devices, "persons": gone.persons}
    figures["retention_again_s"] = _timed(lambda: forget_all(store, terms))
    for name, values in (("redeem_alone_ms", alone), ("redeem_beside_retention_ms", took)):
        figures[name] = {
            "count": len(values),
            "median": round(values[len(values) // 2], 2),
            "p99": round(values[len(values) * 99 // 100], 2),
            "max": round(values[-1], 2),
        }
    store.close()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.large", description=__doc__)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"))
    parser.add_argument("--write", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    if arguments.engine != "postgresql":
        with tempfile.TemporaryDirectory(prefix="large-", dir="/var/tmp") as name:
            figures["sqlite"] = _measure(settings_in(Path(name)), arguments.visits)
    programs = binaries()
    if arguments.engine != "sqlite" and programs is not None:
        with tempfile.TemporaryDirectory(prefix="large-", dir="/var/tmp") as name:
            Path(name).chmod(0o711)  # its server is another user's
            with running(programs, {"max_wal_size": "4GB", "shared_buffers": "512MB"}, Path(name)) as server:
                urls = {f"HOTSPOT_{which}_URL": server.new_database() for which in ("CORE", "TELEMETRY")}
                figures["postgresql"] = _measure(settings_in(Path(name), **urls), arguments.visits)
    arguments.write.parent.mkdir(parents=True, exist_ok=True)
    arguments.write.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
