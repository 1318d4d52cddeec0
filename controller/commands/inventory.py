"""`hotspot check`, `activate` and `secrets create`: sites.toml, and the secrets that it names."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from hotspot.city.change import Change, change
from hotspot.city.inventory import Checked
from hotspot.city.inventory import check as check_text
from hotspot.city.sites import Inventory
from hotspot.cores import keeping
from hotspot.errors import ConfigError, Fault
from hotspot.node.terminal import WRONG, Command, Group, Node, pass_node
from hotspot.settings import create_secrets, missing_secrets, secret_faults, secret_references
from hotspot.store import audit
from hotspot.store.city import revisions
from hotspot.store.city.revisions import Revision

_FILE = click.Path(path_type=Path, dir_okay=False)
_DEFAULT = Path("sites.toml")
_NOT_OURS = ("controller", "codes", "oidc")
"""Tables whose secrets are no text that we could choose."""


def read_text(file: Path) -> str:
    """The text of a configuration file; ConfigError where there is none."""
    try:
        return file.read_text(encoding="utf-8-sig")  # as Windows editors save it
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text (byte {error.start})") from error


def located(file: Path, fault: Fault) -> str:
    """`sites.toml:12: site[0].name: what is wrong`, as editors understand it."""
    where = f"{file}:{fault.line}" if fault.line else str(file)
    return f"{where}: {fault.path}: {fault.message}" if fault.path else f"{where}: {fault.message}"


def summary(inventory: Inventory) -> dict[str, int | str]:
    """What a city has, counted."""
    return {
        "city": inventory.city.name,
        "sites": len(inventory.site),
        "access_points": len(inventory.access_points()),
        "gateways": len(inventory.gateway),
        "plans": len(inventory.plans),
    }


def _as_json(faults: tuple[Fault, ...]) -> list[dict[str, object]]:
    return [{"line": fault.line, "path": fault.path, "message": fault.message} for fault in faults]


def _checked(node: Node, file: Path) -> tuple[str, Checked]:
    """A file's text and what its check found, with this node's secrets among the warnings."""
    text = read_text(file)
    with keeping():
        checked = check_text(text, datetime.fromtimestamp(node.now, UTC).date())
    if checked.inventory is None:
        return text, checked
    secret = secret_faults(text, checked.inventory, node.settings)
    return text, Checked(checked.inventory, (), tuple(sorted([*checked.warnings, *secret])))


def _report(node: Node, file: Path, checked: Checked) -> Inventory:
    """Prints faults and warnings; ends the command where there are faults."""
    for fault in checked.faults:
        node.complain(located(file, fault))
    for warning in checked.warnings:
        node.complain(f"warning: {located(file, warning)}")
    if checked.inventory is None:
        node.answer({"ok": False, "faults": _as_json(checked.faults), "warnings": []})
        count = len(checked.faults)
        node.say(f"{count} fault{'' if count == 1 else 's'} in {file}")
        node.fail(WRONG)
    return checked.inventory


def activated(node: Node, file: Path, text: str, inventory: Inventory) -> tuple[Revision, bool]:
    """The revision that a checked text is now, and whether it is a new one."""
    with node.new_store.core.write() as connection:
        before = revisions.active(connection)
        revision = revisions.activate(connection, text, node.who, node.now, checked=inventory)
        fresh = before is None or before.number != revision.number
        if fresh:
            audit.record(connection, node.who, "activate", f"revision {revision.number}", node.now, file=file.name)
    return revision, fresh


@click.command(cls=Command)
@click.argument("file", type=_FILE, default=_DEFAULT)
@pass_node
def check(node: Node, file: Path) -> None:
    """Check a sites.toml and report every fault at once."""
    _, checked = _checked(node, file)
    inventory = _report(node, file, checked)
    counts = summary(inventory)
    node.answer({"ok": True, "faults": [], "warnings": _as_json(checked.warnings), "summary": counts})
    node.say(
        f"{file} is right: {counts['city']}, {counts['sites']} sites, {counts['access_points']} access points, "
        f"{counts['gateways']} gateways, {counts['plans']} plans"
    )


@click.command(cls=Command)
@click.argument("file", type=_FILE, default=_DEFAULT)
@click.option("--dry-run", is_flag=True, help="Check it, and say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask, even where sites vanish or the city is another one.")
@pass_node
def activate(node: Node, file: Path, dry_run: bool, yes: bool) -> None:
    """Check a sites.toml, say what it changes, and make it the city's next revision.

    Where sites vanish, or city or region are others, it asks first; without a terminal it wants --yes.

    \b
    hotspot activate
    hotspot activate draft.toml --dry-run
    """
    text, checked = _checked(node, file)
    inventory = _report(node, file, checked)
    before = None
    if not dry_run or node.has_city:  # trying makes nothing
        with node.new_store.core.read() as connection:
            before = revisions.active(connection)
    found = change(before.inventory, inventory) if before else Change((), ())
    for line in found.lines:
        node.say(line)
    told = {"changes": list(found.lines), "grave": list(found.grave), "warnings": _as_json(checked.warnings)}
    if dry_run:
        same = before is not None and before.text == text
        number = before.number + (not same) if before else 1
        node.answer({"revision": number, "changed": not same, **told})
        node.say(f"revision {number} is active already" if same else f"it would become revision {number}")
        return
    if found.grave and not yes:
        if node.json or not sys.stdin.isatty():
            raise ConfigError([Fault(0, str(file), f"{line}; give --yes if that is meant") for line in found.grave])
        click.confirm("Is that meant?", abort=True, err=True)
    revision, fresh = activated(node, file, text, inventory)
    node.answer({"revision": revision.number, "changed": fresh, **told})
    node.say(f"revision {revision.number} is active" if fresh else f"revision {revision.number} is active already")


@click.group(cls=Group)
def secrets() -> None:
    """The secrets that this node keeps."""


@secrets.command()
@click.option("--sites", "file", type=_FILE, default=_DEFAULT, help="The inventory that names the secrets.")
@click.option("--dry-run", is_flag=True, help="Name what is missing, and make nothing.")
@pass_node
def create(node: Node, file: Path, dry_run: bool) -> None:
    """Choose a master key and every secret that the inventory names and this node lacks.

    An SSH key is no text to choose: `hotspot keys create` makes one. What a message gateway gave you, you write into
    hotspot.env yourself.
    """
    checked = check_text(read_text(file))
    inventory = _report(node, file, checked)
    chosen = [
        reference
        for path, reference in secret_references(inventory)
        if path[0] not in _NOT_OURS and path[-1] != "password"  # a controller's login is chosen there
    ]
    names = [reference.removeprefix("env:") for reference in chosen if reference.startswith("env:")]
    if dry_run:
        missing = missing_secrets(node.settings.state, node.settings.environment, names)
        node.answer({"missing": missing})
        node.say(f"would be created: {', '.join(missing)}" if missing else "nothing is missing")
        return
    added = create_secrets(node.settings.state, node.settings.environment, names)
    node.answer({"created": added})
    node.say(f"created: {', '.join(added)}" if added else "nothing was missing")
