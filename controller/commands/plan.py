"""`hotspot plan`: access points compared with what the active revision wants."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from controller.diff import diff
from controller.job import Job, Result
from controller.plan import State
from controller.push import Contact
from controller.waves import WORKERS, Waves
from hotspot.node.terminal import FAILED, Command, Node, pass_node
from hotspot.store.city.revisions import Revision

from .jobs import jobs_of, private_key, selectors_argument


def as_json(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = {"ap": result.ap, "outcome": result.outcome, "detail": result.detail}
    value["seconds"] = round(result.seconds, 2)
    if result.plan is not None:
        value["state"] = result.plan.state
        value["changes"] = [{"action": change.action, "path": change.path} for change in result.plan.changes]
        value["drifted"] = list(result.plan.drifted)
    return value


@contextmanager
def progress(node: Node, title: str, total: int) -> Iterator[Any]:
    """A bar on stderr where that is a terminal; its `advance` takes one result."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=node.errors, transient=True, disable=node.quiet or not node.errors.is_terminal
    ) as bar:
        task = bar.add_task("", total=total)

        def advance(result: Result) -> None:
            bar.update(task, advance=1, description=f"{result.ap}: {result.outcome}")

        yield advance


@contextmanager
def stops(waves: Waves[Any, Any]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM stops between access points; a second one does what it did before."""

    def handler(number: int, _frame: FrameType | None) -> None:
        waves.stop()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)


# -- plan --------------------------------------------------------------------------------------------------------


@click.command("plan", cls=Command)
@selectors_argument
@click.option("--diff", "diffs", is_flag=True, help="Show what would change in each file, secrets masked.")
@pass_node
def plan(node: Node, aps: tuple[str, ...], diffs: bool) -> None:
    """Compare access points with what the active revision wants.

    \b
    hotspot plan                        every access point in life
    hotspot plan --diff tk2-ap1         what would change in each file
    hotspot plan kind:openwrt site:taman-kota-1      those of either
    hotspot plan kind:school,not:tag:canary          schools without the tag
    """
    revision = node.revision()
    jobs = jobs_of(node, revision, aps)
    contact = Contact(private_key(node, revision.inventory), revision.inventory.controller.confirm)
    planned(node, revision, jobs, contact, diffs=diffs)


def planned(node: Node, revision: Revision, jobs: list[Job], contact: Contact, *, diffs: bool = False) -> None:
    """Shows what pushing these jobs would do. Ends the command with exit code 1 where one cannot be asked."""
    waves = Waves(jobs, lambda job: contact.plan(job, contents=diffs), lambda: WORKERS)
    found: dict[str, Result] = {}
    with stops(waves), progress(node, "asking", len(jobs)) as advance:
        for job, result in waves.run():
            found[job.ap] = result
            advance(result)
    results = [found[job.ap] for job in jobs if job.ap in found]
    show_plan(node, revision, results, {job.ap: job for job in jobs} if diffs else {})
    if waves.left:
        node.complain(f"interrupted; not asked: {', '.join(job.ap for job in waves.left)}")
    if waves.left or not all(result.outcome.good for result in results):
        node.fail(FAILED)


def show_plan(node: Node, revision: Revision, results: list[Result], jobs: dict[str, Job]) -> None:
    """One line an access point, below it what would change; `jobs` only where diffs are wanted."""
    answer: list[dict[str, Any]] = []
    for result in results:
        value = as_json(result)
        node.say(f"{result.ap}: {result.plan.summary if result.plan else f'{result.outcome}: {result.detail}'}")
        if result.plan is not None:
            for path in result.plan.drifted:
                node.say(f"  changed there: {path}")
            for change in result.plan.changes:
                node.say(f"  {change.action} {change.path}")
            desired = jobs[result.ap].desired if result.ap in jobs else None
            if desired is not None:
                value["diff"] = diff(desired, result.plan.changes, result.before)
                for line in value["diff"]:
                    node.say(f"    {line}")
        answer.append(value)
    node.answer({"revision": revision.number, "access_points": answer})
    ready = sum(result.plan is not None and result.plan.state is State.IN_SYNC for result in results)
    node.say(f"revision {revision.number}: {ready} of {len(results)} in sync")
