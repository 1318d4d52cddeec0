"""`hotspot exec`, `reboot`, `locate` and `retire`: what is done to an access point beside its configuration.

Everything that changes something is in the audit trail twice: that it is about to be done, before the first contact,
and how it ended.
"""

from collections.abc import Callable
from typing import Any, Final

import click

from controller.hands import Hands, until_restarted
from controller.job import Job, Outcome, Ran, Result
from controller.push import Contact
from controller.waves import WORKERS, Pace, Waves
from hotspot.node.terminal import DURATION, FAILED, Command, Node, pass_node, quiet_option
from hotspot.store import audit
from hotspot.store.audit import Happening
from hotspot.store.city import catch_up, pushes

from .jobs import contact_of, dry_run_option, jobs_of, private_key, selectors_argument
from .plan import progress, stops

_MANY: Final = 1
"""Access points above which a command that changes something asks."""


def asked(what: str, jobs: list[Job], *, yes: bool, always: bool = False) -> None:
    if yes or (len(jobs) <= _MANY and not always):
        return
    names = ", ".join(job.ap for job in jobs[:10]) + (" …" if len(jobs) > 10 else "")
    click.confirm(f"{what} on {len(jobs)} access points ({names})?", abort=True, err=True)


def on_each(node: Node, jobs: list[Job], work: Callable[[Job], Ran], pace: Pace | None = None) -> tuple[list[Ran], str]:
    """Does it everywhere; a result for each, and why it ended early, if it did."""
    waves = Waves(jobs, work, pace.width if pace else lambda: WORKERS)
    found: list[Ran] = []
    with stops(waves), progress(node, "working", len(jobs)) as advance:
        for job, ran in waves.run(lambda _job: pace.began() if pace else None):
            found.append(ran)
            result = Result(job.ap, ran.outcome, ran.detail)
            if pace:
                pace.saw(result)
            advance(result)
    why = "interrupted" if waves.interrupted else pace.halted if pace else ""
    return found + [Ran(job.ap, Outcome.SKIPPED, f"not touched: {why}") for job in waves.left], why


def record_begin(node: Node, action: str, jobs: list[Job], **detail: Any) -> None:
    """That it is about to be done."""
    with node.store.core.write() as connection:
        audit.record_all(connection, node.who, node.now, [Happening(action, job.ap, detail) for job in jobs])


def record_ends(node: Node, action: str, ends: list[Ran]) -> None:
    happenings = [
        Happening(
            f"{action}.end",
            ran.ap,
            {"outcome": str(ran.outcome)}
            | ({"detail": ran.detail} if ran.detail else {})
            | ({"code": ran.code} if ran.code is not None else {}),
        )
        for ran in ends
    ]
    with node.store.core.write() as connection:
        audit.record_all(connection, node.who, node.now, happenings)


def show_ends(node: Node, ends: list[Ran], why: str = "") -> None:
    for ran in ends:
        node.say(f"{ran.ap}: {ran.outcome}{f': {ran.detail}' if ran.detail else ''}", failed=not ran.outcome.good)
        for line in ran.output.decode("utf-8", "replace").splitlines():
            node.say(f"  {line}")
    good = sum(ran.outcome.good for ran in ends)
    if len(ends) > 1:
        node.say(f"{good} of {len(ends)} done{f'; stopped: {why}' if why else ''}")
    node.answer(
        [
            {
                "ap": ran.ap,
                "outcome": ran.outcome,
                "detail": ran.detail,
                "code": ran.code,
                "output": ran.output.decode("utf-8", "replace"),
            }
            for ran in ends
        ]
    )
    if good < len(ends):
        node.fail(FAILED)


def would(node: Node, what: str, jobs: list[Job]) -> None:
    """Says on which access points something would be done; those that cannot be contacted fail it."""
    ends = [Ran(job.ap, *(job.problem or (Outcome.PLANNED, what))) for job in jobs]
    show_ends(node, ends)


def _jobs(node: Node, aps: tuple[str, ...], everywhere: bool) -> list[Job]:
    if bool(aps) == everywhere:
        raise click.UsageError("name access points by selectors, or give --all")
    return jobs_of(node, node.revision(), aps, files=False)


@click.command("exec", cls=Command)
@click.argument("command")
@selectors_argument
@click.option("--all", "everywhere", is_flag=True, help="On every access point in life.")
@click.option("--timeout", type=DURATION, default="60s", show_default=True, help="For each access point.")
@click.option("--yes", is_flag=True, help="Do not ask, even for many.")
@dry_run_option
@pass_node
def exec_(
    node: Node, command: str, aps: tuple[str, ...], everywhere: bool, timeout: int, yes: bool, dry_run: bool
) -> None:
    """Run a command on access points and print what it says: of a shell, or of RouterOS' console.

    The command is kept in the audit trail as it is typed: put no secret in it. What it prints is not kept. Exit code 1
    when it failed anywhere.

    \b
    hotspot exec uptime tk2-ap1
    hotspot exec 'logread | tail -n 20' tk2-ap1 sman2-ap1
    hotspot exec 'df -h /' --all
    hotspot exec 'wifi reload' kind:openwrt,district:serpong
    hotspot exec '/log/print' kind:routeros
    """
    jobs = _jobs(node, aps, everywhere)
    if dry_run:
        would(node, f"would run {command!r}", jobs)
        return
    contact = contact_of(node)
    asked(f"Run {command!r}", jobs, yes=yes)
    record_begin(node, "exec", jobs, command=command)
    ends, why = on_each(node, jobs, lambda job: contact.does(job, lambda hands: hands.run(command, timeout)))
    record_ends(node, "exec", ends)
    show_ends(node, ends, why)


@click.command(cls=Command)
@selectors_argument
@click.option("--all", "everywhere", is_flag=True, help="Every access point in life.")
@click.option("--wait", type=DURATION, default="5m", show_default=True, help="How long each may take to come back.")
@click.option("--halt-after", type=click.IntRange(1), default=2, show_default=True, help="Failures that end the run.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def reboot(
    node: Node, aps: tuple[str, ...], everywhere: bool, wait: int, halt_after: int, yes: bool, dry_run: bool
) -> None:
    """Restart access points: one until it is back, then waves of a tenth of them.

    One where a push waits for its confirmation is left alone: a restart would revert it.

    \b
    hotspot reboot tk2-ap1
    hotspot reboot site:taman-kota-1 --wait 10m
    """
    jobs = _jobs(node, aps, everywhere)
    if dry_run:
        would(node, "would be restarted", jobs)
        return
    contact = contact_of(node)
    asked("Restart", jobs, yes=yes, always=True)
    record_begin(node, "reboot", jobs)
    pace = Pace(len(jobs), wave=10, halt_after=halt_after)
    ends, why = on_each(node, jobs, lambda job: _rebooted(contact, job, wait), pace)
    record_ends(node, "reboot", ends)
    show_ends(node, ends, why)


def _rebooted(contact: Contact, job: Job, wait: int) -> Ran:
    result, observed = contact.observe(job)
    if observed is None:
        return Ran(job.ap, result.outcome, result.detail)
    if observed.pending is not None:
        return Ran(job.ap, Outcome.BUSY, f"push {observed.pending.tx} waits for its confirmation")

    def work(hands: Hands) -> Ran:
        before = hands.start()
        hands.reboot()
        last = until_restarted(hands, before, wait)
        return Ran(job.ap, Outcome.FAILED, f"not back after {wait} s: {last}") if last else Ran(job.ap, Outcome.APPLIED)

    return contact.does(job, work)


@click.command(cls=Command)
@selectors_argument
@click.option("--all", "everywhere", is_flag=True, help="Every access point in life.")
@click.option("--for", "seconds", type=DURATION, default="60s", show_default=True, help="How long.")
@dry_run_option
@quiet_option
@pass_node
def locate(node: Node, aps: tuple[str, ...], everywhere: bool, seconds: int, dry_run: bool) -> None:
    """Have an access point's LEDs blink, to find it on its pole; on RouterOS those of its Ethernet ports.

    \b
    hotspot locate tk2-ap1 --for 5m
    """
    jobs = _jobs(node, aps, everywhere)
    if dry_run:
        would(node, f"would blink for {seconds} s", jobs)
        return
    contact = contact_of(node)
    record_begin(node, "locate", jobs, seconds=seconds)
    ends, why = on_each(node, jobs, lambda job: contact.does(job, lambda hands: hands.locate(seconds)))
    record_ends(node, "locate", ends)
    show_ends(node, ends, why)


# -- retire ------------------------------------------------------------------------------------------------------


@click.command(cls=Command)
@selectors_argument
@click.option("--gone", is_flag=True, help="It is dead or stolen: forget it here without asking it anything.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def retire(node: Node, aps: tuple[str, ...], gone: bool, yes: bool, dry_run: bool) -> None:
    """Give an access point up: the controller's key goes from there, its pinned host key from here.

    Its configuration stays as it is. End its life in sites.toml (`until`), and change the secrets that it knew.

    \b
    hotspot retire tk2-ap1
    hotspot retire tk2-ap1 --gone       dead or stolen
    """
    revision = node.revision()
    jobs = _jobs(node, aps, everywhere=False)
    if dry_run:
        would(node, "would be given up", jobs)
        return
    asked("Give up the control", jobs, yes=yes, always=True)
    record_begin(node, "retire", jobs, gone=gone)
    asks = None if gone else (contact_of(node), private_key(node, revision.inventory))

    def work(job: Job) -> Ran:
        if asks is None:
            return Ran(job.ap, Outcome.DONE, "it was not asked")
        contact, key = asks
        return contact.does(job, lambda hands: hands.shut_out(key))

    ends, why = on_each(node, jobs, work)
    with node.store.core.write() as connection:
        for ran in ends:
            if ran.outcome.good:
                pushes.unpin(connection, ran.ap)
                catch_up.drop(connection, [ran.ap])
    record_ends(node, "retire", ends)
    show_ends(node, ends, why)
