"""One measurement, and the rounds that take turns."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from . import processes
from .generator import Pressure, Run, play
from .peer import Expected, Ledger, Peer, Serving, Workload, folded
from .tape import Tape

_SETTLE: Final = 1.0
"""Seconds that a server has after it said that it is ready: its workers open their stores."""
_QUIET: Final = 0.1
"""The part of all cores' time that others may use before it counts as a disturbance."""
_PATIENCE: Final = 20.0
"""Seconds in which what was acknowledged must have come to the store."""
_RIGHT: Final = 1
_UNSENT: Final = 0


@dataclass(frozen=True)
class Measured:
    """One run of one workload against one server."""

    peer: str
    workload: Workload
    round: int
    run: Run
    cpu_us: float
    """Of the server's processes, for each right answer."""
    postgres_cpu_us: float | None
    applied_per_second: float | None
    """As `run.per_second`, slower where the store had to catch up; None where the server writes nothing."""
    stored: Ledger | None
    whole: bool
    """Whether the store holds what was acknowledged, and nothing that was not sent."""
    others_cpu: float
    """The part of all cores' time that went to neither server nor load: where it is large, the figures mean little."""
    half_load: Run | None = None


@dataclass(frozen=True)
class Rounds:
    """What to measure: every workload on every peer, in turns, `count` times."""

    program: Path
    folder: Path
    pressure: Pressure
    count: int
    half_load_of: frozenset[str]
    """Names of the peers that are also asked at half of the rate just found."""
    patience: float = 0
    """Seconds to wait, before each run, for a machine that is busy with something else."""

    def play(self, work: list[tuple[Peer, Workload, Tape]], tell: Callable[[Measured], None]) -> Iterator[Measured]:
        for number in range(self.count):
            for peer, workload, tape in work:
                measured = self._measure(number, peer, workload, tape)
                tell(measured)
                yield measured

    def _measure(self, number: int, peer: Peer, workload: Workload, tape: Tape) -> Measured:
        results = self.folder / "outcomes"
        subprocess.run(["sync", "-f", str(self.folder)], check=True)
        with peer.serve(workload) as serving:
            port = serving.port(workload)
            self._wait_for_quiet()
            before, busy, began = _times(serving), processes.machine(), time.monotonic()
            run = play(self.program, tape, port, self.pressure, results)
            after, busy, lasted = _times(serving), processes.machine() - busy, time.monotonic() - began
            began = time.monotonic()
            expected = _expected(workload, tape, run, results) if serving.stored else Expected()
            stored, waited = _settled(serving, expected, began)
        half = self._half_load(peer, workload, tape, run) if peer.name in self.half_load_of else None
        server, postgres = (processes.used(b, a) for b, a in zip(before, after, strict=True))
        answers = max(run.right, 1)
        return Measured(
            peer=peer.name,
            workload=workload,
            round=number,
            run=run,
            cpu_us=server / answers * 1e6,
            postgres_cpu_us=postgres / answers * 1e6 if serving.postgres else None,
            applied_per_second=None if stored is None else run.per_second * run.elapsed / (run.elapsed + waited),
            stored=stored,
            whole=stored is None or expected.is_met(stored),
            others_cpu=max(0, busy - server - postgres - run.generator_cpu) / lasted / (os.cpu_count() or 1),
            half_load=half,
        )

    def _wait_for_quiet(self) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            busy = processes.machine()
            time.sleep(_SETTLE)
            part = (processes.machine() - busy) / _SETTLE / (os.cpu_count() or 1)
            if part <= _QUIET or time.monotonic() >= deadline:
                return

    def _half_load(self, peer: Peer, workload: Workload, tape: Tape, run: Run) -> Run:
        pressure = replace(self.pressure, rate=max(run.per_second / 2, 1))
        with peer.serve(workload) as serving:
            self._wait_for_quiet()
            return play(self.program, tape, serving.port(workload), pressure, self.folder / "outcomes")


def _times(serving: Serving) -> tuple[processes.Times, processes.Times]:
    return processes.times(serving.pid), processes.times(serving.postgres) if serving.postgres else {}


def _expected(workload: Workload, tape: Tape, run: Run, results: Path) -> Expected:
    if workload is Workload.REDEEM:
        return Expected({"redeemed": run.right}, {"redeemed": run.sent})
    outcomes = results.read_bytes()
    return Expected(
        folded(tape, outcomes, lambda outcome: outcome == _RIGHT),
        folded(tape, outcomes, lambda outcome: outcome != _UNSENT),
    )


def _settled(serving: Serving, expected: Expected, began: float) -> tuple[Ledger | None, float]:
    """What the store holds once it holds what was acknowledged, and how long that took after the last answer."""
    if serving.stored is None:
        return None, 0.0
    looked = 0
    while True:
        at = time.monotonic()
        stored = serving.stored()
        looked += 1
        late = expected.least and any(stored[name] < least for name, least in expected.least.items())
        if not late or at - began > _PATIENCE:
            return stored, 0.0 if looked == 1 else at - began
        time.sleep(0.05)


def middle(values: list[float]) -> float:
    return median(values) if values else 0.0
