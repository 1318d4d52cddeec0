"""Runs over many access points: one thread each, canaries first, then waves, and a halt when too much fails."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, Generic, TypeVar

from .job import Outcome, Result

WORKERS: Final = 16
_IDLE: Final = 0.5

_J = TypeVar("_J")
_R = TypeVar("_R")


class Waves(Generic[_J, _R]):
    """Runs jobs in threads and yields (job, result) as they end.

    `width` says how many may run at once right now. 0 ends the run, and so does `stop`, which a signal handler may
    call: what runs is finished, and what was not started stays in `left`.
    """

    def __init__(self, jobs: Iterable[_J], work: Callable[[_J], _R], width: Callable[[], int]):
        self.left = list(jobs)
        self.interrupted = False
        self._work = work
        self._width = width

    def stop(self) -> None:
        self.interrupted = True

    def run(
        self, on_start: Callable[[_J], None] = lambda _job: None, on_idle: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[_J, _R]]:
        """`on_idle` is called whenever nothing has ended for half a second."""
        running: dict[Future[_R], _J] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            while True:
                while self.left and not self.interrupted and len(running) < self._width():
                    job = self.left.pop(0)
                    on_start(job)
                    running[pool.submit(self._work, job)] = job
                if not running:
                    return
                done, _ = wait(running, timeout=_IDLE, return_when=FIRST_COMPLETED)
                if not done:
                    on_idle()
                for future in done:
                    yield running.pop(future), future.result()


class Pace:
    """How wide a run of pushes may go. Pure but for its counters.

    One at a time until `canaries` have worked; then waves of `wave` percent of all, each begun when the one before has
    ended. Nothing after a canary that rejects or reverts the push, or after `halt_after` failures of any kind.
    """

    def __init__(self, total: int, *, canaries: int = 1, wave: int = 100, halt_after: int = 2):
        self._canaries = canaries
        self._wave = max(1, math.ceil(total * wave / 100))
        self._halt_after = halt_after
        self._failures = 0
        self._running = 0
        self._left = 0
        """How many more may be begun in this wave."""
        self.number = 0
        """Of the wave under way; 0 are the canaries."""
        self.halted = ""

    @property
    def size(self) -> int:
        """How many the wave under way may have."""
        return self._wave if self.number else self._canaries

    def width(self) -> int:
        """How many may run at once right now."""
        if self.halted:
            return 0
        if self._canaries > 0:
            return 1
        if self._left == 0 and self._running == 0:
            self._left = self._wave
            self.number += 1
        return min(WORKERS, self._running + self._left)

    def began(self) -> None:
        self._running += 1
        self._left = max(0, self._left - 1)

    def saw(self, result: Result) -> None:
        self._running -= 1
        if result.outcome.good:
            # One that was in sync already has proved nothing about this push.
            self._canaries -= result.outcome is Outcome.APPLIED
            return
        if result.outcome is Outcome.NOT_ADOPTED:
            return  # nothing was tried there
        self._failures += 1
        if self.halted:
            return
        if self._canaries > 0 and result.outcome.blames_push:
            self.halted = f"the canary {result.ap} failed"
        elif self._failures >= self._halt_after:
            self.halted = f"{self._failures} access points failed"
