"""Plans and pushes to one access point, with a result whatever happens.

A push is: send and arm (the access point answers before it switches), hear that it has switched and by which proof, and
confirm with that proof over a new connection. The proof is heard over the connection that armed it where that outlives
the switch, else over a new one: it is made after the switch, so that whoever brings it has a way there and back, and
opens a connection now. Whatever goes wrong on either side, an access point that gets no confirmation reverts by itself.
"""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import paramiko

from hotspot.errors import PeerError

from . import backup, payload
from .desired import Desired
from .diff import kept
from .hands import Hands
from .job import Job, Outcome, Ran, Result, StoppedError
from .mikrotik import router_backup
from .mikrotik.router import RouterContact
from .mikrotik.router_hands import RouterHands
from .payload import unpacked
from .plan import Observed, Plan, State, parse_observed, parse_told, plan
from .posix import account
from .posix.shell import ShellHands, result_of
from .transport.remote import Facts
from .transport.ssh import LARGEST, LARGEST_FILES, Patience, Problem, SshError, Target, execute

CONTACT_SECONDS: Final = 60.0
"""For one contact at most; checks on a slow access point and a rollback that is finished first take their time."""
_SHORTEST_CONTACT: Final = 10.0
_RETRY_SECONDS: Final = 1.0
_SWITCHING_SECONDS: Final = 40
"""How long an access point stays on the connection that armed it; then it is asked over a new one."""
_LONGEST_SILENCE: Final = 6.0
"""Seconds without a sign of life, of which there is one each second (five, where its `sleep` knows whole ones only)."""
_SHORTEST_SILENCE: Final = 1.5
"""Where the confirmation has to come very soon."""
_PROOF: Final = re.compile(r"[0-9a-f]{32}")


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
        return self._guarded(job, lambda target, desired: self._apply(job, target, desired))

    def arm(self, job: Job) -> Result:
        """Pushes without confirming: APPLIED once the access point has answered, and it reverts by itself. What a
        benchmark measures.
        """

        def work(target: Target, desired: Desired) -> Result:
            answer = self._armed(job, target, desired, stay=0)
            word, rest = result_of(answer)
            outcome = Outcome.APPLIED if word == "armed" else _ANSWERS.get(word, Outcome.FAILED)
            return Result(job.ap, outcome, rest, diff=_wrote_over(desired, answer))

        return self._guarded(job, work)

    def observe(self, job: Job) -> tuple[Result, Observed | None]:
        """What an access point carries; nothing observed where it could not be asked."""
        observed: Observed | None = None

        def work(target: Target, desired: Desired) -> Result:
            nonlocal observed
            observed = self._observed(target, desired)
            return Result(job.ap, Outcome.PLANNED)

        return self._guarded(job, work), observed

    def fetch(self, job: Job, paths: tuple[str, ...]) -> tuple[Result, dict[str, bytes]]:
        """The contents of those of these files that are there."""
        found: dict[str, bytes] = {}

        def work(target: Target, _desired: Desired) -> Result:
            found.update(unpacked(self._question(target, "fetch", paths=paths)))
            return Result(job.ap, Outcome.DONE)

        result = self._guarded(job, work)
        return result, {path: data for path, data in found.items() if path in paths}

    def kept(self, job: Job, observed: Observed, password: str) -> tuple[Result, Desired | None]:
        """What an access point carries, for a backup; ConfigError where that cannot be given back. `password` is for
        what encrypts it by itself, too.
        """
        found: list[Desired] = []

        def work(target: Target, _desired: Desired) -> Result:
            found.append(self._router(target).kept(password))
            return Result(job.ap, Outcome.DONE)

        if job.target is not None and job.target.routeros:
            result = self._guarded(job, work)
            return result, found[0] if found else None
        result, contents = self.fetch(job, (*observed.committed, *backup.MANIFESTS))
        return result, backup.carried(observed, contents) if result.outcome.good else None

    def stand(self, job: Job) -> tuple[Result, str]:
        """What an access point is committed to: a digest, "" for nothing. A push that waits there is undone first."""
        result, observed = self.observe(job)
        if observed is None or observed.pending is None:
            return result, (observed.current if observed else None) or ""
        tx = observed.pending.tx

        def work(target: Target, _desired: Desired) -> Result:
            if target.routeros:
                self._router(target).withdraw(tx)
                return Result(job.ap, Outcome.WITHDRAWN, "it loads what it had, and restarts")
            word, rest = result_of(self._question(target, "rollback", tx=tx))
            return Result(job.ap, Outcome.WITHDRAWN if word == "reverted" else Outcome.FAILED, rest)

        return self._guarded(job, work), ""

    def does(self, job: Job, work: Callable[[Hands], Ran | None]) -> Ran:
        """Has something done to an access point beside its configuration; nothing told of it means that it is done."""
        if job.target is None:
            outcome, detail = job.problem or (Outcome.FAILED, "nothing to do")
            return Ran(job.ap, outcome, detail)
        kind = RouterHands if job.target.routeros else ShellHands
        try:
            return work(kind(job.ap, job.target, self._key, self._seconds)) or Ran(job.ap, Outcome.DONE)
        except SshError as error:
            return Ran(job.ap, Outcome(error.problem.value), str(error))
        except StoppedError as error:
            return Ran(job.ap, error.outcome, str(error))
        except PeerError as error:
            return Ran(job.ap, Outcome.FAILED, str(error))

    def facts(self, job: Job) -> tuple[Ran, Facts | None]:
        """What an access point says of itself; nothing where it could not be asked."""
        found: list[Facts] = []
        ran = self.does(job, lambda hands: found.append(hands.facts()))
        return ran, found[0] if found else None

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

    def _call(
        self,
        target: Target,
        verb: str,
        tx: str,
        stream: bytes,
        *arguments: int | str,
        patience: Patience = lambda _output: None,
    ) -> bytes:
        command = payload.command(self._script, verb, tx, *arguments, root=self._root)
        if not target.is_root:
            stream = account.request(" ".join(["helper", verb, tx, *map(str, arguments)]).strip(), stream)
            command = account.command(target.user)
        most = LARGEST_FILES if verb == "fetch" else LARGEST
        return execute(target, self._key, command, stream, self._seconds, patience=patience, most=most)

    def _question(
        self, target: Target, verb: str, *, tx: str = "", proof: str = "", paths: tuple[str, ...] = ()
    ) -> bytes:
        arguments = (proof,) if proof else ()
        return self._call(target, verb, tx, payload.pack_call(self._script, paths), *arguments)

    def _plan(self, ap: str, target: Target, desired: Desired, *, contents: bool) -> Result:
        observed = self._observed(target, desired)
        if target.routeros and router_backup.is_one(desired):
            found = Plan(State.CHANGED, (), note="it would load the backup, and restart")
        else:
            found = plan(desired, observed)
        before: dict[str, bytes] = {}
        changed = tuple(change.path for change in found.changes)
        if contents and changed and not target.routeros:
            before = unpacked(self._question(target, "fetch", paths=changed))
        return Result(ap, Outcome.PLANNED, found.summary, plan=found, before=before)

    def _observed(self, target: Target, desired: Desired) -> Observed:
        if target.routeros:
            return self._router(target).look().observed()
        answer = self._question(target, "observe", paths=desired.paths)
        return parse_observed(answer.decode("utf-8", "replace"))

    def _router(self, target: Target) -> RouterContact:
        return RouterContact(target, self._key, self._seconds, self._confirm)

    def _armed(self, job: Job, target: Target, desired: Desired, *, stay: int = _SWITCHING_SECONDS) -> bytes:
        """Sends a push; the answer, with a proof at its end where that came within `stay` seconds."""
        stream = payload.pack(desired, self._script, target.signer)
        tx = job.tx or secrets.token_hex(16)
        silence = min(_LONGEST_SILENCE, max(_SHORTEST_SILENCE, self._confirm / 4)) if stay else 0
        return self._call(target, "apply", tx, stream, self._confirm, stay, patience=_once_armed(silence))

    def _apply(self, job: Job, target: Target, desired: Desired) -> Result:
        job = replace(job, tx=job.tx or secrets.token_hex(16))
        if target.routeros:
            router = self._router(target)
            if router_backup.is_one(desired):
                word, rest = router.restore(desired, job.password)
            else:
                word, rest = router.apply(desired, job.tx, job.earlier)
            return Result(job.ap, _ANSWERS.get(word, Outcome.FAILED), rest)
        deadline = time.monotonic() + self._confirm
        answer = self._armed(job, target, desired)
        word, rest = result_of(answer)
        if word == "busy" and rest in job.earlier:
            result = self._await_confirmation(job.ap, target, rest, deadline)
            return result if result.outcome.good else self._apply(replace(job, earlier=()), target, desired)
        if word == "insync" and rest.partition(" ")[2] in job.earlier:
            return Result(job.ap, Outcome.APPLIED, "by the attempt before, which was cut off on our side")
        if word != "armed":
            return Result(job.ap, _ANSWERS.get(word, Outcome.FAILED), rest or word)
        result = self._await_confirmation(job.ap, target, job.tx, deadline, _proof(answer))
        return replace(result, diff=_wrote_over(desired, answer))

    def _await_confirmation(self, ap: str, target: Target, tx: str, deadline: float, proof: str = "") -> Result:
        """Confirms over new connections until the access point has switched, or its time is over."""
        last = "it did not finish switching"
        while time.monotonic() < deadline:
            try:
                word, rest = result_of(self._question(target, "confirm", tx=tx, proof=proof))
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


_ARMED: Final = re.compile(rb"^result armed [^\n]*\n", re.MULTILINE)
_APPLIED: Final = re.compile(rb"^applied ([0-9a-f]{32})\n", re.MULTILINE)


def _once_armed(seconds: float) -> Patience:
    """Waits for the answer to a push as for any, and from there on so long for each sign of life."""
    return lambda output: seconds if _ARMED.search(output, output.rfind(b"result ")) else None


def _proof(answer: bytes) -> str:
    """What came after the result of a push; "" for nothing."""
    found = _APPLIED.search(answer, answer.rfind(b"result armed "))
    return found[1].decode() if found else ""


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
    "confirmed": Outcome.APPLIED,
    "reverted": Outcome.REVERTED,
    "unconfirmed": Outcome.UNCONFIRMED,
}
