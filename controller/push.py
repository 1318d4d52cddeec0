"""Plans and pushes over many access points: one thread each, a canary first, and a result for every one.

A push is: send and arm (the access point answers before it switches), hear over a new connection that it has switched
and by which proof, and confirm with that proof over yet another one. Whatever goes wrong on either side, an access
point that gets no confirmation reverts by itself.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Generic, TypeVar

import paramiko

from hotspot.errors import ConfigError, PeerError

from . import payload
from .desired import Desired
from .diff import kept
from .payload import unpacked
from .plan import Plan, parse_observed, parse_told, plan
from .ssh import Problem, SshError, Target, execute

WORKERS: Final = 16
CONTACT_SECONDS: Final = 60.0
"""For one contact at most; checks on a slow access point and a rollback that is finished first take their time."""
_SHORTEST_CONTACT: Final = 10.0
_RETRY_SECONDS: Final = 1.0
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")
_PROOF: Final = re.compile(r"[0-9a-f]{32}")


class Outcome(StrEnum):
    """How one access point fared. The first three are good."""

    PLANNED = "planned"
    IN_SYNC = "in-sync"
    APPLIED = "applied"
    INVALID = "invalid"
    BUSY = "busy"
    REVERTED = "reverted"
    UNCONFIRMED = "unconfirmed"
    DAMAGED = "damaged"
    FAILED = "failed"
    NOT_ADOPTED = "not-adopted"
    CONFIG = "configuration"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"
    WRONG_KEY = "wrong-host-key"
    REFUSED = "login-refused"
    TIMEOUT = "timeout"
    BROKEN = "broken-off"

    @property
    def good(self) -> bool:
        return self in (Outcome.PLANNED, Outcome.IN_SYNC, Outcome.APPLIED)

    @property
    def blames_push(self) -> bool:
        """Whether it speaks against what was pushed, and not only for an access point that is away."""
        return self in (Outcome.INVALID, Outcome.REVERTED, Outcome.UNCONFIRMED, Outcome.DAMAGED, Outcome.FAILED)


@dataclass(frozen=True)
class Job:
    """One access point with what it should hold, or the reason why it cannot be worked on."""

    ap: str
    target: Target | None = None
    desired: Desired | None = None
    problem: tuple[Outcome, str] | None = None


@dataclass(frozen=True)
class Result:
    ap: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0
    plan: Plan | None = None
    before: dict[str, bytes] = field(default_factory=dict)
    """Contents that stand on the access point, where a diff was asked for."""
    diff: tuple[str, ...] = ()
    """What a push wrote over, secrets masked, as it is kept."""


class Contact:
    """Talks to access points with one key. `root` puts the helper's files below another folder (tests)."""

    def __init__(self, key: paramiko.PKey, confirm: int, root: str = ""):
        self._key = key
        self._confirm = confirm
        self._seconds = min(CONTACT_SECONDS, max(_SHORTEST_CONTACT, confirm))
        self._root = root
        self._script = payload.helper()

    def plan(self, job: Job, *, contents: bool = False) -> Result:
        """What a push would do."""
        return self._guarded(job, lambda target, desired: self._plan(job.ap, target, desired, contents=contents))

    def apply(self, job: Job) -> Result:
        """Pushes and confirms."""
        return self._guarded(job, lambda target, desired: self._apply(job.ap, target, desired))

    def _guarded(self, job: Job, work: Callable[[Target, Desired], Result]) -> Result:
        """A failure is a result beside the others."""
        started = time.monotonic()
        if job.target is None or job.desired is None:
            outcome, detail = job.problem or (Outcome.FAILED, "nothing to do")
            return Result(job.ap, outcome, detail)
        try:
            result = work(job.target, job.desired)
        except SshError as error:
            result = Result(job.ap, Outcome(error.problem.value), str(error))  # what it had switched, it reverts
        except PeerError as error:
            result = Result(job.ap, Outcome.FAILED, str(error))
        return replace(result, seconds=time.monotonic() - started)

    def _call(self, target: Target, verb: str, tx: str, stream: bytes, *arguments: int | str) -> bytes:
        command = payload.command(self._script, verb, tx, *arguments, root=self._root)
        return execute(target, self._key, command, stream, self._seconds)

    def _question(
        self, target: Target, verb: str, *, tx: str = "", proof: str = "", paths: tuple[str, ...] = ()
    ) -> bytes:
        arguments = (proof,) if proof else ()
        return self._call(target, verb, tx, payload.pack_call(self._script, paths), *arguments)

    def _plan(self, ap: str, target: Target, desired: Desired, *, contents: bool) -> Result:
        answer = self._question(target, "observe", paths=desired.paths)
        found = plan(desired, parse_observed(answer.decode("utf-8", "replace")))
        before: dict[str, bytes] = {}
        changed = tuple(change.path for change in found.changes)
        if contents and changed:
            before = unpacked(self._question(target, "fetch", paths=changed))
        return Result(ap, Outcome.PLANNED, found.summary, plan=found, before=before)

    def _apply(self, ap: str, target: Target, desired: Desired) -> Result:
        tx = secrets.token_hex(16)
        deadline = time.monotonic() + self._confirm
        answer = self._call(target, "apply", tx, payload.pack(desired, self._script), self._confirm)
        word, rest = _result(answer)
        if word != "armed":
            return Result(ap, _ANSWERS.get(word, Outcome.FAILED), rest or word)
        result = self._await_confirmation(ap, target, tx, deadline)
        return replace(result, diff=_wrote_over(desired, answer))

    def _await_confirmation(self, ap: str, target: Target, tx: str, deadline: float) -> Result:
        """Confirms over new connections until the access point has switched, or its time is over."""
        last, proof = "it did not finish switching", ""
        while time.monotonic() < deadline:
            try:
                word, rest = _result(self._question(target, "confirm", tx=tx, proof=proof))
            except SshError as error:
                if error.problem in (Problem.WRONG_KEY, Problem.REFUSED):
                    return Result(ap, Outcome.UNCONFIRMED, f"{error}; it reverts by itself")
                last = str(error)
                time.sleep(_RETRY_SECONDS)
                continue
            if word == "confirmed":
                return Result(ap, Outcome.APPLIED)
            if word == "applied" and _PROOF.fullmatch(rest):
                proof = rest
            elif word != "switching":
                return Result(ap, Outcome.REVERTED, rest or word)
        return Result(ap, Outcome.UNCONFIRMED, f"{last}; it reverts by itself after {self._confirm} s")


def _wrote_over(desired: Desired, answer: bytes) -> tuple[str, ...]:
    """The diff of a push as it is kept. What cannot be read of it does not make the push a failure."""
    try:
        told = parse_told(answer)
    except PeerError as error:
        return (str(error),)
    return tuple(kept(desired, told.changes, told.before))


_ANSWERS: Final = {
    "insync": Outcome.IN_SYNC,
    "busy": Outcome.BUSY,
    "invalid": Outcome.INVALID,
    "damaged": Outcome.DAMAGED,
    "bad-payload": Outcome.DAMAGED,
}


def _result(output: bytes) -> tuple[str, str]:
    """The word and the rest of the helper's `result` line. SshError when there is none."""
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        if line.startswith("result "):
            word, _, rest = line.removeprefix("result ").partition(" ")
            return word, _UNPRINTABLE.sub(" ", rest).strip()
    raise SshError(Problem.BROKEN, f"it gave no result: {output[-200:].decode('utf-8', 'replace').strip()!r}")


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

    def run(self, on_start: Callable[[_J], None] = lambda _job: None) -> Iterator[tuple[_J, _R]]:
        running: dict[Future[_R], _J] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            while True:
                while self.left and not self.interrupted and len(running) < self._width():
                    job = self.left.pop(0)
                    on_start(job)
                    running[pool.submit(self._work, job)] = job
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()


class Canary:
    """How wide a run of pushes may go: one at a time until one has worked, nothing after a failed canary or too many
    failures."""

    def __init__(self, halt_after: int):
        self._halt_after = halt_after
        self._proven = False
        self._failures = 0
        self.halted = ""

    def width(self) -> int:
        if self.halted:
            return 0
        return WORKERS if self._proven else 1

    def saw(self, result: Result) -> None:
        if result.outcome.good:
            # One that was in sync already has proved nothing about this push.
            self._proven = self._proven or result.outcome is Outcome.APPLIED
            return
        if result.outcome is Outcome.NOT_ADOPTED:
            return  # nothing was tried there
        self._failures += 1
        if self.halted:
            return
        if not self._proven and result.outcome.blames_push:
            self.halted = f"the canary {result.ap} failed"
        elif self._failures >= self._halt_after:
            self.halted = f"{self._failures} access points failed"


def unusable(ap: str, error: ConfigError) -> Job:
    """A job that cannot be done because of the configuration."""
    return Job(ap, problem=(Outcome.CONFIG, "; ".join(map(str, error.faults))))
