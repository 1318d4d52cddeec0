"""`hotspot adopt`, `plan`, `apply` and `keys`: the access points of the active revision, over SSH."""

import hmac
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from hotspot.errors import ConfigError, HotspotError, PeerError
from hotspot.identity import new_id
from hotspot.store import audit, pushes
from hotspot.store.pushes import HostKey
from hotspot.store.revisions import Revision
from hotspot.terminal import FAILED, Command, Group, Node, pass_node
from hotspot.units import parse_duration

from ..diff import diff
from ..payload import digest, manifest
from ..plan import State
from ..push import WORKERS, Canary, Contact, Job, Outcome, Result, Waves
from ..ssh import create_key, fingerprint, load_key, public_line, read_host_key
from .jobs import chosen, jobs_of, key_path, prechecked, private_key

_SHORTEST_CONFIRM: Final = 3
"""Seconds; below it an access point would revert before it could be asked."""


def _as_json(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = {"ap": result.ap, "outcome": result.outcome, "detail": result.detail}
    value["seconds"] = round(result.seconds, 2)
    if result.plan is not None:
        value["state"] = result.plan.state
        value["changes"] = [{"action": change.action, "path": change.path} for change in result.plan.changes]
        value["drifted"] = list(result.plan.drifted)
    return value


@contextmanager
def _progress(node: Node, title: str, total: int) -> Iterator[Any]:
    """A bar on stderr where that is a terminal; its `advance` takes one result."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=node.errors, transient=True, disable=not node.errors.is_terminal) as progress:
        task = progress.add_task("", total=total)

        def advance(result: Result) -> None:
            progress.update(task, advance=1, description=f"{result.ap}: {result.outcome}")

        yield advance


@contextmanager
def _stops(waves: Waves[Job, Result]) -> Iterator[None]:
    """The first Ctrl-C stops between access points; a second one ends the program."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        waves.stop()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# -- plan --------------------------------------------------------------------------------------------------------


@click.command("plan", cls=Command)
@click.argument("aps", nargs=-1, metavar="[AP]...")
@click.option("--diff", "diffs", is_flag=True, help="Show what would change in each file, secrets masked.")
@pass_node
def plan(node: Node, aps: tuple[str, ...], diffs: bool) -> None:
    """Compare access points with what the active revision wants."""
    revision = node.revision()
    jobs = jobs_of(node, revision, aps)
    contact = Contact(private_key(node, revision.inventory), revision.inventory.controller.confirm)
    waves = Waves(jobs, lambda job: contact.plan(job, contents=diffs), lambda: WORKERS)
    found: dict[str, Result] = {}
    with _stops(waves), _progress(node, "asking", len(jobs)) as advance:
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
        value = _as_json(result)
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


# -- apply -------------------------------------------------------------------------------------------------------


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not _SHORTEST_CONFIRM <= seconds <= 3600:
        raise click.BadParameter(f"must lie between {_SHORTEST_CONFIRM}s and 1h")
    return seconds


@click.command(cls=Command)
@click.argument("aps", nargs=-1, metavar="[AP]...")
@click.option("--confirm", callback=_seconds, metavar="180s", help="How long an AP waits before it reverts by itself.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--halt-after", type=click.IntRange(1), default=2, show_default=True, help="Failures that end the run.")
@click.option(
    "--precheck/--no-precheck",
    default=True,
    help="Ask this machine's nft, dnsmasq, hostapd and sh first (the default).",
)
@pass_node
def apply(node: Node, aps: tuple[str, ...], confirm: int | None, yes: bool, halt_after: int, precheck: bool) -> None:
    """Push the active revision to access points: one canary, then the rest."""
    revision = node.revision()
    jobs = jobs_of(node, revision, aps)
    if precheck:
        jobs = prechecked(jobs)
    key = private_key(node, revision.inventory)
    if not yes:
        click.confirm(f"Push revision {revision.number} to {len(jobs)} access points?", abort=True, err=True)
    contact = Contact(key, confirm or revision.inventory.controller.confirm)
    canary = Canary(halt_after)
    waves = Waves(jobs, contact.apply, canary.width)
    ledger = _Ledger(node, revision)
    results: list[Result] = []
    with _stops(waves), _progress(node, "pushing", len(jobs)) as advance:
        for _, result in waves.run(ledger.begin):
            ledger.finish(result)
            canary.saw(result)
            results.append(result)
            advance(result)
    why = "interrupted" if waves.interrupted else canary.halted
    results += [Result(job.ap, Outcome.SKIPPED, f"not touched: {why}") for job in waves.left]
    _show_pushes(node, revision, results, why)


def _show_pushes(node: Node, revision: Revision, results: list[Result], why: str) -> None:
    for result in results:
        node.say(f"{result.ap}: {result.outcome}{f': {result.detail}' if result.detail else ''}")
    good = sum(result.outcome.good for result in results)
    node.say(f"revision {revision.number}: {good} of {len(results)} as wanted{f'; stopped: {why}' if why else ''}")
    node.answer({"revision": revision.number, "halted": why, "access_points": [_as_json(one) for one in results]})
    if good < len(results):
        node.fail(FAILED)


class _Ledger:
    """Every push in the store, with its audit entry. Used from one thread."""

    def __init__(self, node: Node, revision: Revision):
        self._node = node
        self._revision = revision.number
        self._run = new_id()
        self._open: dict[str, str] = {}

    def begin(self, job: Job) -> None:
        if job.desired is None:
            return
        name = digest(manifest(job.desired))
        with self._node.store.core.write() as connection:
            self._open[job.ap] = pushes.begin(
                connection, self._run, job.ap, self._revision, name, self._node.who, self._node.now
            )

    def finish(self, result: Result) -> None:
        now = self._node.now
        with self._node.store.core.write() as connection:
            if result.ap in self._open:
                pushes.finish(connection, self._open.pop(result.ap), result.outcome, result.detail, now)
            detail: dict[str, Any] = {"run": self._run, "revision": self._revision, "outcome": str(result.outcome)}
            if result.detail:
                detail["detail"] = result.detail
            if result.diff:
                detail["diff"] = result.diff
            audit.record(connection, self._node.who, "apply", result.ap, now, **detail)


# -- adopt, keys -------------------------------------------------------------------------------------------------


@click.command(cls=Command)
@click.argument("ap")
@click.option("--fingerprint", "expected", metavar="SHA256:…", help="Pin only a key with this fingerprint.")
@click.option("--yes", is_flag=True, help="Do not ask; trust the network at this moment.")
@click.option("--replace", is_flag=True, help="Pin it in the place of another key, after an AP was set up anew.")
@pass_node
def adopt(node: Node, ap: str, expected: str | None, yes: bool, replace: bool) -> None:
    """Pin an access point's SSH host key, so that it can be planned and pushed."""
    inventory = node.revision().inventory
    found = inventory.find_ap(ap)
    if found is None:
        chosen(inventory, (ap,), node.now)
        return
    shown = read_host_key(*found[1].endpoint)
    print_of = fingerprint(shown)
    if expected is not None and not hmac.compare_digest(expected.encode(), print_of.encode()):
        raise HotspotError(f"{ap} shows the host key {print_of}, not {expected}; nothing was pinned")
    with node.store.core.read() as connection:
        before = pushes.pinned(connection).get(ap)
    if before is not None and before.key != shown and not replace:
        raise HotspotError(
            f"{ap} shows the host key {print_of}, pinned is {before.fingerprint}; if it was set up anew, "
            "compare the fingerprint on its console and use --replace"
        )
    fresh = before is None or before.key != shown
    if fresh:
        if expected is None and not yes:
            node.complain(f"{ap} shows {shown.split()[0]} {print_of}")
            click.confirm("Is this the fingerprint on its console?", abort=True, err=True)
        with node.store.core.write() as connection:
            pushes.pin(connection, HostKey(ap, shown, print_of), node.who, node.now)
            audit.record(connection, node.who, "adopt", ap, node.now, fingerprint=print_of)
    node.answer({"ap": ap, "fingerprint": print_of, "pinned": fresh})
    node.say(f"{ap}: {print_of} {'is pinned' if fresh else 'was pinned already'}")


@click.group(cls=Group)
def keys() -> None:
    """The controller's SSH key."""


@keys.command()
@pass_node
def show(node: Node) -> None:
    """Print the public key for the access points' authorized_keys; makes the key where there is none."""
    path = key_path(node)
    named = _named_key(node)
    if named is None and not path.exists():
        create_key(path)
        node.complain(f"made a new key in {path}")
    key = load_key(node.settings.secret(named) if named is not None else path.read_bytes())
    line = public_line(key, "nirkabel")
    node.answer({"public_key": line})
    node.say(line)


def _named_key(node: Node) -> str | None:
    """The reference in the active inventory; a key can be made before there is one."""
    try:
        return node.revision().inventory.controller.key
    except ConfigError:
        return None
    except PeerError as error:
        raise HotspotError(f"the store cannot tell which key is used: {error}") from error
