"""`hotspot render`: what an access point would be sent, secrets masked."""

from pathlib import Path
from typing import Any

import click

from controller.desired import Desired, File
from controller.diff import masked
from controller.kinds import render as render_one
from controller.kinds import secrets_of
from controller.payload import digest, manifest
from controller.push import Contact
from controller.readers import Readers, Refusal
from hotspot.city.inventory import load
from hotspot.city.sites import Inventory
from hotspot.node.terminal import FAILED, Command, Node, pass_node
from hotspot.store import audit

from .inventory import read_text
from .jobs import ap_argument, jobs_of, one_of, private_key
from .plan import show_plan


@click.command(cls=Command)
@ap_argument
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--sites",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Render from this file, not from the active revision.",
)
@click.option("--diff", "diffs", is_flag=True, help="Show what would change on the access point; asks it over SSH.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files below this folder, secrets in clear, readable by their owner alone.",
)
@pass_node
def render(node: Node, ap: str, paths: tuple[str, ...], file: Path | None, diffs: bool, out: Path | None) -> None:
    """Show exactly what an access point would be sent, secrets masked, and what this machine's programs say of it.

    With a PATH the text of that file alone. Exit code 1 when a program refuses a file or, with --diff, the access
    point cannot be asked.

    \b
    hotspot render tk2-ap1
    hotspot render tk2-ap1 /etc/nirkabel/nftables.nft
    hotspot render tk2-ap1 --sites draft.toml
    hotspot render tk2-ap1 --diff
    hotspot render tk3-ap1 --out /root/tk3-ap1      a RouterOS access point's scripts and pages
    """
    if diffs:
        if paths or file or out:
            raise click.UsageError(
                "--diff compares all files of the active revision; it goes with no PATH, no --sites and no --out"
            )
        _diff(node, ap)
        return
    inventory = load(read_text(file)) if file else node.revision().inventory
    ap = one_of(inventory, ap, node.now)
    secrets = {reference: node.settings.secret(reference) for reference in secrets_of(inventory, ap)}
    desired = render_one(inventory, ap, secrets)
    unknown = [path for path in paths if path not in desired.paths]
    if unknown:
        raise click.UsageError(f"{ap} has no managed file {unknown[0]}; it has {', '.join(desired.paths)}")
    if out is not None:
        _write(node, ap, desired, paths, out)
        return
    refused = Readers().refusals(desired)
    node.answer(_as_json(inventory, ap, desired, refused, paths))
    _show(node, desired, paths)
    for refusal in refused:
        node.complain(f"warning: {refusal}")
    if refused:
        node.fail(FAILED)


def _write(node: Node, ap: str, desired: Desired, paths: tuple[str, ...], out: Path) -> None:
    """Writes files as they are; the trail keeps that somebody has their secrets now."""
    wanted = [one for one in desired.files if not paths or one.path in paths]
    for one in wanted:
        path = out / one.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
        path.chmod(0o600)
        path.write_bytes(one.data)
    with node.store.core.write() as connection:
        audit.record(connection, node.who, "render.out", ap, node.now, files=len(wanted))
    node.answer({"ap": ap, "written": [str(out / one.path[1:]) for one in wanted]})
    for one in wanted:
        node.say(str(out / one.path[1:]))


def _text(file: File) -> str:
    return masked(file.data.decode("utf-8", "replace"), file.masks)


def _show(node: Node, desired: Desired, paths: tuple[str, ...]) -> None:
    if paths:
        for file in desired.files:
            if file.path in paths:
                node.say(_text(file).removesuffix("\n"))
        return
    for file in desired.files:
        node.say(f"==> {file.path} ({file.mode:04o}, {len(file.data)} bytes)")
        node.say(_text(file))
    node.say(f"==> commands of configuration {digest(manifest(desired))[:12]}")
    for line in manifest(desired).splitlines():
        if line.startswith(("check ", "reload ", "undo ", "restored ")):
            node.say(line)


def _as_json(
    inventory: Inventory, ap: str, desired: Desired, refused: list[Refusal], paths: tuple[str, ...]
) -> dict[str, Any]:
    found = inventory.find_ap(ap)
    return {
        "ap": ap,
        "kind": found[1].kind if found else "",
        "digest": digest(manifest(desired)),
        "files": [
            {
                "path": file.path,
                "mode": f"{file.mode:04o}",
                "bytes": len(file.data),
                "sha256": file.sha256,
                "text": _text(file),
            }
            for file in desired.files
            if not paths or file.path in paths
        ],
        "checks": desired.checks,
        "reloads": [{"command": one.command, "paths": one.paths} for one in desired.reloads],
        "undo": desired.undo,
        "restored": desired.restored,
        "refused": [{"path": one.path, "program": one.program, "said": one.said} for one in refused],
    }


def _diff(node: Node, ap: str) -> None:
    """What `hotspot plan --diff` says of this access point."""
    revision = node.revision()
    ap = one_of(revision.inventory, ap, node.now)
    [job] = jobs_of(node, revision, (ap,))
    contact = Contact(private_key(node, revision.inventory), revision.inventory.controller.confirm)
    result = contact.plan(job, contents=True)
    show_plan(node, revision, [result], {ap: job})
    if not result.outcome.good:
        node.fail(FAILED)
