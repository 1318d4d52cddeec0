"""`hotspot backup` and `restore`: the managed files of access points, sealed in a folder, and given back."""

import hashlib
import secrets
import time
from dataclasses import replace
from pathlib import Path

import click

from controller import backup as form
from controller.desired import Desired
from controller.job import Job, Outcome, Ran
from controller.mikrotik import router_backup
from controller.plan import Observed
from controller.push import Contact
from controller.waves import Pace
from hotspot.errors import ConfigError
from hotspot.files import keep, private
from hotspot.node.terminal import Command, Node, pass_node, quiet_option
from hotspot.people.identity import Keys
from hotspot.store import audit
from hotspot.store.city import pushes
from hotspot.store.city.pushes import Run

from .jobs import SELECTOR, ap_argument, confirm_option, contact_of, dry_run_option, job_of, jobs_of, one_of
from .life import on_each, show_ends, would
from .plan import planned
from .runs import carry_out, show

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(cls=Command)
@click.argument("aps", nargs=-1, metavar="SELECTOR...", type=SELECTOR, required=True)
@click.option("--to", "folder", type=_FOLDER, required=True, help="The folder; a file for each access point.")
@dry_run_option
@quiet_option
@pass_node
def backup(node: Node, aps: tuple[str, ...], folder: Path, dry_run: bool) -> None:
    """Keep what access points carry, as it stands there now: their managed files with modes and commands.

    Each backup is encrypted under a key of this installation's master key, and its SHA-256 goes into the audit trail.
    Without the master key it is lost: keep both, apart from each other.

    \b
    hotspot backup tk2-ap1 --to /srv/backup
    hotspot backup kind:school --to /srv/backup
    """
    jobs = jobs_of(node, node.revision(), aps, files=False)
    if dry_run:
        would(node, f"would be kept in {folder}", jobs)
        return
    contact, keys = contact_of(node), node.keys
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: dict[str, dict[str, str]] = {}

    def work(job: Job) -> Ran:
        ran, detail = _kept(node, contact, job, folder, keys)
        written[job.ap] = detail
        return ran

    ends, why = on_each(node, jobs, work)
    with node.store.core.write() as connection:
        for ran in ends:
            detail = {"outcome": str(ran.outcome), **written.get(ran.ap, {})}
            audit.record(connection, node.who, "backup", ran.ap, node.now, **detail)
    show_ends(node, ends, why)


def _kept(node: Node, contact: Contact, job: Job, folder: Path, keys: Keys) -> tuple[Ran, dict[str, str]]:
    """Writes one backup; what became of it, and what the trail keeps."""
    result, observed = contact.observe(job)
    if observed is None:
        return Ran(job.ap, result.outcome, result.detail), {}
    if not observed.current or observed.pending:
        why = "a push waits there for its confirmation" if observed.pending else "it carries nothing of ours"
        return Ran(job.ap, Outcome.BUSY if observed.pending else Outcome.FAILED, why), {}
    try:
        result, carried = contact.kept(job, observed, form.password(job.ap, keys))
        if carried is None:
            return Ran(job.ap, result.outcome, result.detail), {}
        data = form.sealed(_head(node, job.ap, observed), carried, keys)
        path = folder / f"{job.ap}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(node.now))}.nirkabel"
        keep(private(path, new=True), data)
    except (ConfigError, OSError) as error:
        return Ran(job.ap, Outcome.FAILED, str(error)), {}
    return Ran(job.ap, Outcome.DONE, path.name), {"sha256": hashlib.sha256(data).hexdigest(), "file": path.name}


def _head(node: Node, ap: str, observed: Observed) -> form.Head:
    _, found = node.revision().inventory.ap_by_id[ap]
    digest = observed.current or ""
    with node.store.core.read() as connection:
        push = pushes.carrying(connection, ap, digest)
    return form.Head(ap, found.kind, node.now, digest, push.revision if push else None)


@click.command(cls=Command)
@ap_argument
@click.argument("file", metavar="BACKUP", type=_FILE)
@confirm_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run_option
@quiet_option
@pass_node
def restore(node: Node, ap: str, file: Path, confirm: int | None, yes: bool, dry_run: bool) -> None:
    """Give an access point back what a backup of it holds, pushed and confirmed like any other configuration.

    Until the active revision is what the backup came from, `hotspot plan` says `changed`, and `apply` pushes it again.

    \b
    hotspot restore tk2-ap1 /srv/backup/tk2-ap1-20261122T050000Z.nirkabel --dry-run
    hotspot restore tk2-ap1 /srv/backup/tk2-ap1-20261122T050000Z.nirkabel
    """
    revision = node.revision()
    ap = one_of(revision.inventory, ap, node.now)
    head, desired, data = _opened(node, ap, file)
    with node.store.core.read() as connection:
        keys = pushes.pinned(connection)
        known = [entry.values.get("sha256") for entry in audit.of(connection, ap, "backup")]
    if hashlib.sha256(data).hexdigest() not in known:
        node.complain(f"warning: the audit trail knows no such backup of {ap}")
    usual = job_of(node, revision.inventory, ap, keys)
    job = replace(usual, problem=usual.problem if usual.target is None else None)
    if job.target is None:
        job = job_of(node, revision.inventory, ap, keys, files=False)
    known_masks = form.masked_as(desired, usual.desired)
    job = replace(job, desired=known_masks if job.target else None, password=form.password(ap, node.keys))
    if router_backup.is_one(desired):  # which is loaded whole, with the mark of what was kept then
        job = replace(job, commits=head.digest)
    contact = contact_of(node, confirm)
    if dry_run:
        planned(node, revision, [job], contact, diffs=True)
        return
    if not yes:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(head.at))
        click.confirm(f"Give {ap} back what it carried on {moment} UTC?", abort=True, err=True)
    run = Run(secrets.token_hex(16), "restore", node.who, node.now, {"file": file.name})
    with node.store.core.write() as connection:
        pushes.begin_run(connection, run)
    number = head.revision or revision.number
    results, why = carry_out(node, run, [job], {ap: number}, contact, Pace(1))
    show(node, run, head.revision, results, why)


def _opened(node: Node, ap: str, file: Path) -> tuple[form.Head, Desired, bytes]:
    data = file.read_bytes()
    try:
        head, desired = form.opened(data, node.keys)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    if head.ap != ap:
        raise ConfigError(f"{file} is a backup of {head.ap}, not of {ap}")
    found = node.revision().inventory.ap_by_id[ap][1]
    if found.kind != head.kind:
        raise ConfigError(f"{file} is of an access point of kind {head.kind}, and {ap} is {found.kind} now")
    return head, desired, data
