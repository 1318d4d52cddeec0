"""`hotspot apply` and `rollback`: pushes to the access points of the active revision, in waves behind a canary."""

import secrets
from dataclasses import replace
from functools import partial
from typing import Any, Final

import click

from controller.job import Job, Outcome, Result
from controller.payload import digest, manifest
from controller.push import Contact
from controller.selectors import select
from controller.waves import WORKERS, Pace, Waves
from hotspot.errors import ConfigError, HotspotError
from hotspot.node.terminal import FAILED, Command, Node, pass_node, quiet_option
from hotspot.store.city import catch_up, pushes, revisions
from hotspot.store.city.pushes import Push, Run

from .jobs import confirm_option, dry_run_option, job_of, jobs_of, prechecked, private_key, selectors_argument
from .plan import planned, progress, stops
from .runs import carry_out, show

_WAVE: Final = 10
"""Percent of all."""


def _percent(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    text = value.strip().removesuffix("%")
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise click.BadParameter("must be a part of all access points, 1% to 100%")
    return int(text)


wave_option = click.option(
    "--wave", callback=_percent, metavar="10%", help="How many of all are begun before the next look back."
)


@click.command(cls=Command)
@selectors_argument
@confirm_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--canary", type=click.IntRange(1), help="APs that must work, one by one, before the waves.  [default: 1]"
)
@wave_option
@click.option("--halt-after", type=click.IntRange(1), help="Failures that end the run.  [default: 2]")
@click.option(
    "--precheck/--no-precheck",
    default=True,
    help="Ask this machine's nft, dnsmasq, hostapd and sh first (the default).",
)
@click.option("--resume", is_flag=True, help="Go on with the last run, or the one named: touch only what is not done.")
@dry_run_option
@quiet_option
@pass_node
def apply(
    node: Node, /, aps: tuple[str, ...], yes: bool, precheck: bool, resume: bool, dry_run: bool, **options: int | None
) -> None:
    """Push the active revision to access points: a canary, then waves.

    \b
    hotspot apply                       every access point in life
    hotspot apply tk2-ap1 sman2-ap1     these two
    hotspot apply tag:canary            those with the tag
    hotspot apply kind:school,district:serpong
    hotspot apply --wave 25% --halt-after 5
    hotspot apply --resume              what the last run left undone
    hotspot apply --dry-run             what `hotspot plan` says of the same
    """
    revision = node.revision()
    given = {name: value for name, value in options.items() if value is not None}
    if resume:
        run, jobs = _resumed(node, revision, aps)
        settings = {**run.settings, **given}
    else:
        jobs = jobs_of(node, revision, aps)
        settings = {"canary": 1, "wave": _WAVE, "halt_after": 2, "confirm": revision.inventory.controller.confirm}
        settings |= given
        run = Run(secrets.token_hex(16), "apply", node.who, node.now, {**settings, "revision": revision.number})
    if precheck:
        jobs = prechecked(jobs)
    key = private_key(node, revision.inventory)
    if dry_run:
        planned(node, revision, jobs, Contact(key, settings["confirm"]))
        return
    if not yes:
        click.confirm(f"Push revision {revision.number} to {len(jobs)} access points?", abort=True, err=True)
    with node.store.core.write() as connection:
        if resume:
            pushes.resume_run(connection, run.id)
        else:
            pushes.begin_run(connection, run)
    results, why = carry_out(
        node,
        run,
        jobs,
        dict.fromkeys((job.ap for job in jobs), revision.number),
        Contact(key, settings["confirm"]),
        _pace(len(jobs), settings),
    )
    show(node, run, revision.number, results, why)


def _pace(total: int, settings: dict[str, Any]) -> Pace:
    return Pace(total, canaries=settings["canary"], wave=settings["wave"], halt_after=settings["halt_after"])


def _resumed(node: Node, revision: revisions.Revision, names: tuple[str, ...]) -> tuple[Run, list[Job]]:
    """A run and what it left undone. ConfigError where nothing can be resumed."""
    if len(names) > 1:
        raise click.UsageError("--resume goes with no access points, only with the id of a run")
    with node.store.core.read() as connection:
        run = pushes.find_run(connection, *names)
        attempts = pushes.attempts(connection, run.id) if run else {}
    if run is None:
        raise ConfigError(f"there is no one run {names[0]}" if names else "nothing was applied yet; there is no run")
    if run.action != "apply":
        raise ConfigError(f"the last run was a {run.action}; `hotspot {run.action}` does it again")
    pushed = run.settings["revision"]
    if pushed != revision.number:
        raise ConfigError(
            f"the run {run.id[:8]} pushed revision {pushed}, and {revision.number} is active now: "
            "`hotspot apply` pushes that"
        )
    rest = [ap for ap, tries in attempts.items() if not any(Outcome(one.outcome).good for one in tries if one.outcome)]
    if not rest:
        raise HotspotError(f"the run {run.id[:8]} is done: nothing is left")
    jobs = jobs_of(node, revision, tuple(rest))
    return run, [_knowing(job, attempts[job.ap]) for job in jobs]


_UNHEARD: Final = (None, Outcome.UNCONFIRMED, Outcome.TIMEOUT, Outcome.BROKEN)
"""Outcomes after which an access point may still wait for its confirmation, or have had it."""


def _knowing(job: Job, tries: list[Push]) -> Job:
    """The job with those earlier attempts at the same content whose end was never heard."""
    if job.desired is None:
        return job
    wanted = digest(manifest(job.desired))
    return replace(job, earlier=tuple(one.id for one in tries if one.outcome in _UNHEARD and one.manifest == wanted))


# -- rollback ----------------------------------------------------------------------------------------------------


@click.command(cls=Command)
@selectors_argument
@click.option("--last", is_flag=True, help="Every access point that the last run changed.")
@confirm_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def rollback(node: Node, aps: tuple[str, ...], last: bool, confirm: int | None, yes: bool, dry_run: bool) -> None:
    """Give access points back the configuration that they had before the one they carry.

    What still waits for its confirmation is undone at once. What was confirmed is replaced by what the store knows they
    carried before, pushed and confirmed like any other. Until the active revision is changed, `hotspot plan` says
    `changed`, and `apply` pushes it again.

    \b
    hotspot rollback tk2-ap1
    hotspot rollback site:taman-kota-1
    hotspot rollback --last
    """
    if last == bool(aps):
        raise click.UsageError("name access points, or give --last")
    revision = node.revision()
    names = _changed_last(node) if last else tuple(select(revision.inventory, aps, node.now))
    key = private_key(node, revision.inventory)
    if dry_run:
        _would_roll_back(node, revision, _earlier(node, Contact(key, confirm or 60), revision, names, dry=True))
        return
    if not yes:
        click.confirm(f"Roll back {', '.join(names)}?", abort=True, err=True)
    contact = Contact(key, confirm or revision.inventory.controller.confirm)
    run = Run(secrets.token_hex(16), "rollback", node.who, node.now, {})
    with node.store.core.write() as connection:
        catch_up.drop(connection, names)  # `hotspot reconcile` must not bring back what is taken back here
        undone = pushes.find_run(connection) if last else None
        if undone is not None:
            catch_up.drop_run(connection, undone.id)
        pushes.begin_run(connection, run)
    earlier = _earlier(node, contact, revision, names)
    jobs, numbers = [job for job, _ in earlier], {job.ap: number for job, number in earlier}
    results, why = carry_out(node, run, jobs, numbers, contact, Pace(len(jobs), halt_after=2))
    show(node, run, None, results, why)


def _changed_last(node: Node) -> tuple[str, ...]:
    with node.store.core.read() as connection:
        run = pushes.find_run(connection)
        attempts = pushes.attempts(connection, run.id) if run else {}
    touched = (Outcome.APPLIED, *_UNHEARD)
    names = tuple(ap for ap, tries in attempts.items() if any(one.outcome in touched for one in tries))
    if not names:
        raise HotspotError("the last run changed no access point")
    return names


def _would_roll_back(node: Node, revision: revisions.Revision, earlier: list[tuple[Job, int]]) -> None:
    rows = [
        (job.ap, *job.problem) if job.problem else (job.ap, Outcome.PLANNED, f"would get back revision {number}")
        for job, number in earlier
    ]
    for ap, outcome, detail in rows:
        node.say(f"{ap}: {detail}" if outcome.good else f"{ap}: {outcome}: {detail}")
    told = [{"ap": ap, "outcome": outcome, "detail": detail} for ap, outcome, detail in rows]
    node.answer({"revision": revision.number, "access_points": told})
    if not all(outcome.good for _, outcome, _ in rows):
        node.fail(FAILED)


def _looked(contact: Contact, job: Job) -> tuple[Result, str]:
    """As `Contact.stand`, and nothing is undone."""
    result, observed = contact.observe(job)
    if observed is not None and observed.pending is not None:
        return Result(job.ap, Outcome.WITHDRAWN, f"push {observed.pending.tx} would be undone"), ""
    return result, (observed.current if observed else None) or ""


def _earlier(
    node: Node, contact: Contact, revision: revisions.Revision, names: tuple[str, ...], *, dry: bool = False
) -> list[tuple[Job, int]]:
    """What each access point carried before, as a job, and its revision's number."""
    ask = partial(_looked, contact) if dry else contact.stand
    waves = Waves(jobs_of(node, revision, names), ask, lambda: WORKERS)
    found: list[tuple[Job, int]] = []
    with stops(waves), progress(node, "asking", len(names)) as advance:
        for job, (result, current) in waves.run():
            found.append(_before(node, revision, job, result, current))
            advance(result)
    left = [(Job(job.ap, problem=(Outcome.SKIPPED, "interrupted")), revision.number) for job in waves.left]
    return found + left


def _before(node: Node, revision: revisions.Revision, job: Job, result: Result, current: str) -> tuple[Job, int]:
    """`result` is what became of the question, `current` the digest of what the access point is committed to."""

    def ends(outcome: Outcome, detail: str) -> tuple[Job, int]:
        return Job(job.ap, problem=(outcome, detail)), revision.number

    if result.outcome is not Outcome.PLANNED:
        return ends(result.outcome, result.detail)
    with node.store.core.read() as connection:
        keys = pushes.pinned(connection)
        push = pushes.carried_before(connection, job.ap, Outcome.APPLIED, current)
        before = revisions.get(connection, push.revision) if push else None
    if push is None or before is None:
        return ends(Outcome.CONFIG, "the store knows nothing that it carried before")
    if before.inventory.find_ap(job.ap) is None:
        return ends(Outcome.CONFIG, f"revision {push.revision} has no such access point")
    return replace(job_of(node, before.inventory, job.ap, keys), target=job.target), before.number
