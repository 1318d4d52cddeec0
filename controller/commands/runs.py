"""A run of pushes as the store knows it: noted before the first contact, each result as it comes, resumable.

What a run sets out to do stands in the store before anything is sent, with the transaction of every push. So a
controller that is killed leaves a run that is not ended, and `hotspot apply --resume` knows again what still waits on
an access point.
"""

import fcntl
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from controller.job import Job, Outcome, Result
from controller.push import Contact
from controller.reconcile import queued, queues
from controller.waves import Pace, Waves
from hotspot.errors import ConfigError
from hotspot.node.terminal import FAILED, Node
from hotspot.people.identity import new_id
from hotspot.store import audit
from hotspot.store.audit import Happening
from hotspot.store.city import catch_up, pushes
from hotspot.store.city.catch_up import Waiting
from hotspot.store.city.pushes import Push, Run

from .board import on_terminal
from .plan import as_json, stops

_TOGETHER: Final = 64
_AT_LEAST_EVERY: Final = 1.0
"""Results, and seconds, that share a transaction. What a crash loses is found on the access points by `--resume`."""


@contextmanager
def held(node: Node, run: str) -> Iterator[None]:
    """This process carries the run out; ConfigError where another one of this node does."""
    path = node.settings.state / f"run-{run}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"the run {run[:8]} is under way in another process") from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


class Ledger:
    """Every push of a run in the store, with its audit entry. Used from one thread."""

    def __init__(self, node: Node, run: Run):
        self._node = node
        self._run = run
        self._revisions: dict[str, int] = {}
        self._ended: list[tuple[Job, Result]] = []
        self._flushed_at = -math.inf
        self._missed: list[Waiting] = []

    def intend(self, jobs: Iterable[Job], revisions: dict[str, int]) -> list[Job]:
        """Notes what is about to be done; the jobs with their transactions."""
        planned = [replace(job, tx=new_id()) for job in jobs]
        self._revisions = revisions
        rows = [Push(job.tx, self._run.id, job.ap, revisions[job.ap], job.digest) for job in planned]
        with self._node.store.core.write() as connection:
            pushes.intend(connection, rows, self._node.now)
        return planned

    def finish(self, job: Job, result: Result) -> None:
        """Takes a result. Those that come fast share a transaction."""
        self._ended.append((job, result))
        if len(self._ended) >= _TOGETHER or time.monotonic() - self._flushed_at > _AT_LEAST_EVERY:
            self.flush()

    def flush(self) -> None:
        if not self._ended:
            return
        ended, self._ended = self._ended, []
        self._flushed_at = time.monotonic()
        now = self._node.now
        with self._node.store.core.write() as connection:
            pushes.finish_all(connection, [(job.tx, str(one.outcome), one.detail) for job, one in ended], now)
            happenings = [Happening(self._run.action, job.ap, self._told(job, one)) for job, one in ended]
            audit.record_all(connection, self._node.who, now, happenings)
            if self._run.action != pushes.RECONCILE:  # which keeps the queue itself
                catch_up.drop(connection, [job.ap for job, one in ended if one.outcome.good])
        self._missed += [
            queued(one, self._revisions[job.ap], self._run.id, now) for job, one in ended if queues(one.outcome)
        ]

    def _told(self, job: Job, result: Result) -> dict[str, Any]:
        detail: dict[str, Any] = {
            "run": self._run.id,
            "revision": self._revisions[job.ap],
            "outcome": str(result.outcome),
        }
        if result.detail:
            detail["detail"] = result.detail
        if result.diff:
            detail["diff"] = result.diff
        return detail

    def end(self, left: list[Job], why: str) -> list[Result]:
        """Closes the run; results for those that were never begun. What an apply that ran to its end did not reach is
        queued: one that was halted may have been wrong.
        """
        self.flush()
        detail = f"not touched: {why}"
        with self._node.store.core.write() as connection:
            pushes.skip(connection, [job.tx for job in left], Outcome.SKIPPED, detail, self._node.now)
            pushes.end_run(connection, self._run.id, why, self._node.now)
            if self._run.action == "apply" and not why:
                catch_up.put(connection, self._missed)
        return [Result(job.ap, Outcome.SKIPPED, detail) for job in left]


def carry_out(
    node: Node, run: Run, jobs: list[Job], revisions: dict[str, int], contact: Contact, pace: Pace
) -> tuple[list[Result], str]:
    """Pushes; a result for every job, and why the run ended early, if it did. The run stands in the store already."""
    with held(node, run.id):
        ledger = Ledger(node, run)
        waves = Waves(ledger.intend(jobs, revisions), contact.apply, pace.width)
        results: list[Result] = []
        with stops(waves), on_terminal(node) as board:

            def began(job: Job) -> None:
                board.began(job.ap, pace.number, min(pace.size, len(waves.left) + 1))
                pace.began()

            for job, result in waves.run(began, ledger.flush):
                ledger.finish(job, result)
                pace.saw(result)
                results.append(result)
                board.ended(result)
        why = "interrupted" if waves.interrupted else pace.halted
        return results + ledger.end(waves.left, why), why


def show(node: Node, run: Run, revision: int | None, results: list[Result], why: str) -> None:
    """One line an access point, then the whole; exit code 1 unless all is as wanted."""
    for result in results:
        line = f"{result.ap}: {result.outcome}{f': {result.detail}' if result.detail else ''}"
        node.say(line, failed=not result.outcome.good)
    good = sum(result.outcome.good for result in results)
    what = f"revision {revision}" if revision is not None else run.action
    whole = f"{what}: {good} of {len(results)} as wanted{f'; stopped: {why}' if why else ''}"
    node.say(whole, failed=good < len(results))
    rest = [result for result in results if not result.outcome.good]
    if rest and run.action == "apply":
        missed = [] if why else [result.ap for result in rest if queues(result.outcome)]
        if missed:
            node.say(f"queued for `hotspot reconcile`: {', '.join(missed)}", failed=True)
        node.say(f"the rest: hotspot apply --resume {run.id[:8]}", failed=True)
    node.answer(
        {
            "run": run.id,
            "revision": revision,
            "halted": why,
            "access_points": [as_json(one) for one in results],
        }
    )
    if rest:
        node.fail(FAILED)
