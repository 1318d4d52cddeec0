"""`hotspot reconcile`: catches up access points that were away, and repairs drift where their site says so."""

import signal
import time
from dataclasses import dataclass, field, replace
from threading import Event
from types import FrameType
from typing import Final

import click

from controller.desired import Desired
from controller.job import Job, Outcome, Result, unusable
from controller.plan import Observed, State, plan
from controller.push import Contact
from controller.reconcile import Reason, Step, after, due, verdict
from controller.selectors import select
from controller.waves import WORKERS, Pace, Waves
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, HotspotError
from hotspot.node.lease import KeptLease
from hotspot.node.terminal import DURATION, FAILED, Command, Node, pass_node, quiet_option
from hotspot.people.identity import new_id
from hotspot.store import audit
from hotspot.store.city import catch_up, pushes, revisions
from hotspot.store.city.catch_up import Waiting
from hotspot.store.city.pushes import HostKey, Run

from .jobs import job_of, prechecked, private_key, selectors_argument, trusted
from .plan import progress, stops
from .runs import carry_out

_LEASE: Final = "reconcile"
_LEASE_SECONDS: Final = 60
"""After which the lease of a controller that died is free."""
_STANDING_BY: Final = 10.0
"""Seconds between two looks whether the other controller still holds the lease."""
_WAVE: Final = 25


@dataclass(frozen=True)
class Found:
    """One access point after a pass. `good`: nothing is left to do about it."""

    ap: str
    state: str
    detail: str = ""
    good: bool = True


@dataclass
class Pass:
    """What one pass knows and finds out."""

    inventory: Inventory
    keys: dict[str, HostKey]
    queue: dict[str, Waiting]
    now: int
    found: dict[str, Found] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    """Access points that are to be pushed now, with the revision of each."""
    forgotten: list[str] = field(default_factory=list)
    """Those whose entry in the queue is done with."""
    interrupted: bool = False

    def tell(self, ap: str, state: str, detail: str = "", *, good: bool = True) -> None:
        self.found[ap] = Found(ap, state, detail, good)


@click.command(cls=Command)
@selectors_argument
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C or SIGTERM; with --json a line of JSON for each pass.")
@click.option("--every", type=DURATION, default="60s", show_default=True, help="Between two passes, with --watch.")
@click.option("--dry-run", is_flag=True, help="Ask the access points and say what would be done.")
@quiet_option
@pass_node
def reconcile(node: Node, aps: tuple[str, ...], watch: bool, every: int, dry_run: bool) -> None:
    """Catch up access points that an apply did not reach, and repair drift where their site says `drift = "repair"`.

    Only what an admin applied gets to an access point: the revision of the `apply` that missed it, or the one that it
    carries. What is reverted, or drifts again after its repair, is tried again after 5 min, 15 min, 1 h and 4 h, then
    given up until the next `apply`. One controller of a store does this at a time, another one stands by.

    Exit code 1 when something is left to do: away, drifted, waiting or given up.

    \b
    hotspot reconcile --dry-run              the queue, and what drifted
    hotspot reconcile kind:school
    hotspot reconcile --watch --every 5m     as a service
    """
    if watch and dry_run:
        raise click.UsageError("--dry-run looks once; it goes without --watch")
    lease, stopped = KeptLease(node.store, _LEASE, _LEASE_SECONDS), Event()
    try:
        if watch:
            _watch(node, aps, lease, stopped, every)
        elif _once(node, aps, None if dry_run else lease):
            node.fail(FAILED)
    finally:
        lease.close()


def _once(node: Node, aps: tuple[str, ...], lease: KeptLease | None) -> bool:
    """One pass, a dry one without a lease; whether something is left to do."""
    holder = lease.taken_by() if lease else ""
    if holder:
        raise HotspotError(f"{holder} reconciles this store already")
    found = _pass(node, aps, lease)
    node.answer(_as_json(found))
    for one in found.found.values():
        node.say(_line(one), failed=not one.good)
    left = sum(not one.good for one in found.found.values())
    node.say(f"{len(found.found)} access points, {left} with something left to do", failed=left > 0)
    if found.interrupted:
        node.complain("interrupted; not everything was looked at")
    return bool(left) or found.interrupted


def _watch(node: Node, aps: tuple[str, ...], lease: KeptLease, stopped: Event, every: int) -> None:
    def handler(number: int, _frame: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    told: dict[str, Found] = {}
    standing_by = ""
    while not stopped.is_set():
        try:
            holder = lease.taken_by()
            if holder:
                if holder != standing_by:
                    node.complain(f"standing by: {holder} reconciles this store")
                standing_by = holder
                stopped.wait(_STANDING_BY)
                continue
            standing_by = ""
            found = _pass(node, aps, lease)
        except (HotspotError, OSError) as error:
            node.complain(f"error: {error}; the next pass follows in {every} s")
        else:
            node.event(_as_json(found))
            for one in found.found.values():
                if told.get(one.ap) != one and (one.ap in told or not one.good or one.state == Outcome.APPLIED):
                    node.say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {_line(one)}", failed=not one.good)
            told = found.found
            if found.interrupted:
                break
        stopped.wait(every)


def _line(one: Found) -> str:
    return f"{one.ap}: {one.state}{f': {one.detail}' if one.detail else ''}"


def _as_json(found: Pass) -> dict[str, object]:
    return {
        "at": found.now,
        "left": sum(not one.good for one in found.found.values()),
        "interrupted": found.interrupted,
        "access_points": [vars(one) for one in found.found.values()],
    }


# -- one pass ----------------------------------------------------------------------------------------------------


def _pass(node: Node, aps: tuple[str, ...], lease: KeptLease | None) -> Pass:
    """Asks, decides, and pushes; without a lease nothing is pushed and nothing noted."""
    inventory = node.revision().inventory
    with node.store.core.read() as connection:
        now = Pass(inventory, pushes.pinned(connection), catch_up.waiting(connection), node.now)
    if lease:
        _drop_ended(node, now)
    known = trusted(inventory, now.keys)
    names = [ap for ap in select(inventory, aps, now.now) if ap in known]
    contact = Contact(private_key(node, inventory), inventory.controller.confirm)
    for ap in names:
        entry = now.queue.get(ap)
        if entry is not None and not due(entry, now.now):
            given_up = entry.given_up_at is not None
            now.tell(
                ap, "given-up" if given_up else "waiting", _advice(entry) if given_up else entry.detail, good=False
            )
    jobs = [job_of(node, inventory, ap, now.keys, files=False) for ap in names if ap not in now.found]
    waves = Waves(jobs, contact.observe, lambda: WORKERS)
    with stops(waves), progress(node, "asking", len(jobs)) as advance:
        for job, (result, observed) in waves.run():
            _judge(node, now, job.ap, result, observed)
            advance(result)
    now.interrupted = waves.interrupted
    if lease:
        _note(node, now)
        if now.wanted and not now.interrupted:
            _push(node, now, contact, lease)
    now.found = {ap: now.found[ap] for ap in names if ap in now.found}
    return now


def _advice(entry: Waiting) -> str:
    return f"{entry.detail}; after {entry.tries} tries a person must look at it, then `hotspot apply {entry.ap}`"


def _drop_ended(node: Node, now: Pass) -> None:
    """Entries of access points that are no more."""
    alive = set(select(now.inventory, (), now.now)) & trusted(now.inventory, now.keys)
    ended = [ap for ap in now.queue if ap not in alive]
    if ended:
        with node.store.core.write() as connection:
            catch_up.drop(connection, ended)
        now.queue = {ap: entry for ap, entry in now.queue.items() if ap in alive}


def _judge(node: Node, now: Pass, ap: str, result: Result, observed: Observed | None) -> None:
    """Says what is to be done about one that was asked."""
    entry = now.queue.get(ap)
    if observed is None:
        now.tell(ap, str(result.outcome), result.detail, good=False)
        return
    there = plan(Desired(()), observed)
    site, _ = now.inventory.ap_by_id[ap]
    decided = verdict(there, entry, site.drift, now.now)
    match decided.step:
        case Step.NOTHING | Step.FORGET:
            now.tell(ap, str(State.NEW if there.state is State.NEW else State.IN_SYNC))
        case Step.REPORT:
            now.tell(ap, str(State.DRIFTED), decided.why, good=False)
        case Step.WAIT:
            given_up = entry is not None and entry.given_up_at is not None
            now.tell(
                ap,
                "given-up" if given_up else "waiting",
                _advice(entry) if entry and given_up else decided.why,
                good=False,
            )
        case Step.CATCH_UP | Step.REPAIR:
            revision = entry.revision if entry and decided.step is Step.CATCH_UP else _carried(node, ap, observed)
            if revision is None:
                now.tell(ap, str(State.DRIFTED), f"{decided.why}; this store did not push what it carries", good=False)
            else:
                now.wanted[ap] = revision
                now.tell(ap, str(decided.step), decided.why, good=False)
    if decided.step is Step.FORGET:
        now.forgotten.append(ap)


def _carried(node: Node, ap: str, observed: Observed) -> int | None:
    """The revision that an access point was last brought to."""
    with node.store.core.read() as connection:
        push = pushes.carrying(connection, ap, observed.current or "")
    return push.revision if push else None


def _note(node: Node, now: Pass) -> None:
    """Keeps what asking alone has shown: who is still away, and whose entry is done with."""
    kept: list[Waiting] = []
    for ap, one in now.found.items():
        entry = now.queue.get(ap)
        if entry is not None and entry.reason == Reason.AWAY and one.state in tuple(Outcome):
            changed = after(entry, Outcome(one.state), one.detail, now.now)
            kept += [changed] if changed else []
    _keep(node, now, kept, now.forgotten)


def _keep(node: Node, now: Pass, kept: list[Waiting], done: list[str]) -> None:
    """Writes the queue, and in the audit trail who was given up just now."""
    if not kept and not done:
        return
    before = {ap for ap, entry in now.queue.items() if entry.given_up_at is not None}
    with node.store.core.write() as connection:
        catch_up.put(connection, kept)
        catch_up.drop(connection, done)
        for one in kept:
            if one.given_up_at is not None and one.ap not in before:
                audit.record(connection, node.who, "reconcile.given-up", one.ap, node.now, detail=one.detail)


def _push(node: Node, now: Pass, contact: Contact, lease: KeptLease) -> None:
    """Pushes what is wanted, one canary first, and keeps what came of it."""
    jobs = prechecked([_job(node, now, ap, number) for ap, number in now.wanted.items()])
    run = Run(new_id(), pushes.RECONCILE, node.who, node.now, {})
    with node.store.core.write() as connection:
        pushes.begin_run(connection, run)
    pace = LeasedPace(len(jobs), lease)
    results, why = carry_out(node, run, jobs, now.wanted, contact, pace)
    kept: list[Waiting] = []
    done: list[str] = []
    for result in results:
        entry = now.queue.get(result.ap) or Waiting(result.ap, now.wanted[result.ap], Reason.DRIFTED, "", now.now)
        changed = after(entry, result.outcome, result.detail, node.now)
        if changed is None:
            done.append(result.ap)
        elif result.outcome is not Outcome.SKIPPED:
            kept.append(changed)
        given_up = changed is not None and changed.given_up_at is not None
        if changed is not None and given_up:
            now.tell(result.ap, "given-up", _advice(changed), good=False)
        else:
            now.tell(result.ap, str(result.outcome), result.detail, good=result.outcome.good)
    _keep(node, now, kept, done)
    now.interrupted = why == "interrupted"


class LeasedPace(Pace):
    """A run's pace that comes to a halt when another controller has taken over."""

    def __init__(self, total: int, lease: KeptLease):
        super().__init__(total, wave=_WAVE)
        self._lease = lease

    def width(self) -> int:
        if self._lease.lost.is_set():
            self.halted = "another controller has taken over"
        return super().width()


def _job(node: Node, now: Pass, ap: str, number: int) -> Job:
    """An access point where it is reached now, with what that revision wants of it."""
    with node.store.core.read() as connection:
        revision = revisions.get(connection, number)
    if revision is None or revision.inventory.find_ap(ap) is None:
        return unusable(ap, ConfigError(f"the store has no revision {number} with it any more"))
    job = job_of(node, revision.inventory, ap, now.keys)
    return replace(job, target=job_of(node, now.inventory, ap, now.keys, files=False).target)
