"""What the commands that work on access points share: which ones, what each should hold, and the key to them."""

import logging
from pathlib import Path
from typing import Final

import click
import paramiko
from click.shell_completion import CompletionItem

from controller import signing
from controller.desired import Desired
from controller.job import Job, Outcome, unusable
from controller.kinds import render, secrets_of
from controller.push import Contact
from controller.readers import Readers
from controller.selectors import METAVAR, candidates, select
from controller.transport.ssh import Target, certified, load_key
from hotspot.city.sites import Inventory
from hotspot.entry.units import parse_duration
from hotspot.errors import ConfigError, HotspotError
from hotspot.host_key import trusted_of
from hotspot.node.terminal import Node
from hotspot.store.city import pushes
from hotspot.store.city.pushes import HostKey
from hotspot.store.city.revisions import Revision

KEY_FILE: Final = "ssh_ed25519"
_SHORTEST_CONFIRM: Final = 3
"""Seconds; below it an access point would revert before it could be asked."""

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # its errors reach us as exceptions and become results


def key_path(node: Node) -> Path:
    return node.settings.state / KEY_FILE


def private_key(node: Node, inventory: Inventory) -> paramiko.PKey:
    """The controller's key: the one that the inventory names, else the one in the state folder."""
    if inventory.controller.key is not None:
        return _certified(node, inventory, load_key(node.settings.secret(inventory.controller.key)))
    path = key_path(node)
    try:
        return _certified(node, inventory, load_key(path.read_bytes()))
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no SSH key in {path}: put it back from the backup, or `hotspot keys create` makes one"
        ) from error
    except OSError as error:
        raise ConfigError(f"the SSH key {path} cannot be read: {error.strerror}") from error


def _certified(node: Node, inventory: Inventory, key: paramiko.PKey) -> paramiko.PKey:
    named = inventory.controller.certificate
    return certified(key, node.settings.secret(named)) if named else key


class _Selector(click.ParamType[str]):
    """A word of `controller.selectors`, which shells complete from the active revision."""

    name = "selector"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        try:
            inventory = ctx.ensure_object(Node).revision().inventory
        except (HotspotError, OSError):
            return []  # a shell that completes has no place for an error
        return [CompletionItem(word) for word in candidates(inventory, incomplete)]


SELECTOR: Final = _Selector()
selectors_argument = click.argument("aps", nargs=-1, metavar=METAVAR, type=SELECTOR)
"""The access points that a command works on."""
ap_argument = click.argument("ap", metavar="AP", type=SELECTOR)
"""The one access point that a command works on."""


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


confirm_option = click.option(
    "--confirm", callback=_seconds, metavar="180s", help="How long an AP waits before it reverts by itself."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def one_of(inventory: Inventory, word: str, now: int) -> str:
    """The one access point that a word means; ConfigError where it means several."""
    found = select(inventory, (word,), now)
    if len(found) > 1:
        raise ConfigError(f"{word!r} means {len(found)} access points; name one of {', '.join(found)}")
    return found[0]


def trusted(inventory: Inventory, keys: dict[str, HostKey]) -> set[str]:
    """The access points whose host key is known: those that were adopted, and all where an authority signs them."""
    return set(inventory.ap_by_id) if inventory.controller.host_ca else set(keys)


def job_of(node: Node, inventory: Inventory, ap_id: str, keys: dict[str, HostKey], *, files: bool = True) -> Job:
    """An access point with what it should hold; without `files` as one that should hold nothing, for other work."""
    found = inventory.find_ap(ap_id)
    if found is None:
        raise ConfigError(f"no such access point: {ap_id}")
    kind = found[1].kind
    pinned = keys.get(ap_id)
    trusted = trusted_of(pinned.key if pinned else None, inventory.controller.host_ca)
    if not trusted:
        return Job(ap_id, problem=(Outcome.NOT_ADOPTED, f"its host key is not known: run `hotspot adopt {ap_id}`"))
    host, port = found[1].endpoint
    user = found[1].user or inventory.controller.user
    plain = kind != "debian"  # neither dropbear nor RouterOS knows certificates
    signer = b"" if user == "root" or kind == "routeros" else node.keys.derive(signing.PURPOSE)
    target = Target(host, port, user, trusted, kind == "routeros", (ap_id, host), plain=plain, signer=signer)
    if not files:
        return Job(ap_id, target, Desired(()))
    try:
        secrets = {reference: node.settings.secret(reference) for reference in secrets_of(inventory, ap_id)}
        return Job(ap_id, target, render(inventory, ap_id, secrets))
    except ConfigError as error:
        return unusable(ap_id, error)


def jobs_of(node: Node, revision: Revision, names: tuple[str, ...], *, files: bool = True) -> list[Job]:
    """The access points that selectors mean, each with what it should hold; without `files` for other work."""
    with node.store.core.read() as connection:
        keys = pushes.pinned(connection)
    inventory = revision.inventory
    return [job_of(node, inventory, name, keys, files=files) for name in select(inventory, names, node.now)]


def contact_of(node: Node, confirm: int | None = None) -> Contact:
    """What talks to the access points of the active revision; `confirm` for another time to wait than its own."""
    inventory = node.revision().inventory
    return Contact(private_key(node, inventory), confirm or inventory.controller.confirm)


def prechecked(jobs: list[Job]) -> list[Job]:
    """The same jobs; those whose files a program of this machine refuses cannot be done."""
    readable = [job for job in jobs if job.desired is not None]
    refusals = Readers().refusals_of_all([job.desired for job in readable if job.desired is not None])
    refused = {job.ap: found for job, found in zip(readable, refusals, strict=True) if found}
    return [
        Job(job.ap, problem=(Outcome.INVALID, "; ".join(map(str, refused[job.ap])))) if job.ap in refused else job
        for job in jobs
    ]
