"""`hotspot audit`: who did what, when, and whether the trail is whole."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hotspot.errors import ConfigError, Fault
from hotspot.node.terminal import FAILED, Command, Group, Node, pass_node
from hotspot.store import audit as trail
from hotspot.store.audit import Entry, Head


@click.group("audit", cls=Group)
def audit() -> None:
    """Who did what to which access point, site or session, when, and with what result."""


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _told(entry: Entry) -> str:
    """What an entry holds beside its diff, on one line."""
    values = {name: value for name, value in entry.values.items() if name != "diff"}
    first = values.pop("outcome", None)
    rest = [f"{name}={value}" for name, value in values.items()]
    return " ".join([str(first), *rest] if first is not None else rest)


def _as_json(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "detail": entry.values}


@audit.command("list", cls=Command)
@click.argument("subject", required=False, default="")
@click.option("--last", "count", type=click.IntRange(1), default=50, show_default=True, help="How many entries.")
@click.option("--diff", "diffs", is_flag=True, help="What each push wrote over, too, secrets masked.")
@pass_node
def list_(node: Node, subject: str, count: int, diffs: bool) -> None:
    """Print the last entries, the newest at the end; times are UTC.

    \b
    hotspot audit list
    hotspot audit list tk2-ap1 --diff
    """
    with node.store.core.read() as connection:
        entries = trail.latest(connection, count, subject)
    node.answer([_as_json(entry) for entry in entries])
    for entry in entries:
        node.say(f"{_moment(entry.at)}  {entry.subject} #{entry.number}  {entry.who}  {entry.action}  {_told(entry)}")
        if diffs:
            for line in entry.values.get("diff", []):
                node.say(f"    {line}")


@audit.command("verify", cls=Command)
@click.argument("subject", required=False, default="")
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What `hotspot audit verify --json` printed earlier; its entries must still stand.",
)
@click.option("--anchor", metavar="NUMBER:DIGEST", help="An anchor that was noted; what it covers must still stand.")
@pass_node
def verify_(node: Node, subject: str, against: Path | None, anchor: str | None) -> None:
    """Check that no entry was changed or taken out. Exit code 1 when one was.

    Entries that were cut off at the end show only against what was noted where this node cannot write: an earlier
    result, or an anchor (`hotspot audit anchor`; the log has one each day).

    \b
    hotspot audit verify --json > /mnt/elsewhere/heads.json
    hotspot audit verify --against /mnt/elsewhere/heads.json
    hotspot audit verify --anchor 41:9f3c…
    """
    noted = _noted(against) if against else []
    number, digest = _anchor(anchor) if anchor else (0, "")
    with node.store.core.read() as connection:
        verdicts = list(trail.verify(connection, noted, subject))
        fault = trail.anchor_fault(connection, number, digest) if anchor else ""
    bad = [verdict for verdict in verdicts if verdict.fault]
    good = not bad and not fault
    node.answer({"good": good, "anchor": fault, "chains": [vars(verdict) for verdict in verdicts]})
    for verdict in bad:
        node.say(f"{verdict.subject}: {verdict.fault}")
    if fault:
        node.say(fault)
    entries, unkeyed = (sum(getattr(verdict, what) for verdict in verdicts) for what in ("entries", "unkeyed"))
    node.say(f"{len(verdicts) - len(bad)} of {len(verdicts)} chains are whole, {entries} entries")
    if unkeyed and node.settings.has_keys:
        node.say(
            f"{unkeyed} of the entries are from before the trail had a key: whoever had the database could make them"
        )
    if not good:
        node.fail(FAILED)


@audit.command("anchor", cls=Command)
@pass_node
def anchor_(node: Node) -> None:
    """Print the newest anchor: one line to keep on paper or elsewhere, which stands for the whole trail up to then.

    `hotspot up` makes one a day and writes it to the log, and to the file that HOTSPOT_AUDIT_ANCHORS names.
    """
    with node.store.core.read() as connection:
        found = trail.newest_anchor(connection)
    if found is None:
        raise ConfigError("no anchor was made yet: a job makes one each day while `hotspot up` runs")
    node.answer(vars(found))
    node.say(f"{found.number}:{found.digest}  {_moment(found.at)}")


def _anchor(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or not re.fullmatch("[0-9a-fA-F]{64}", digest):
        raise ConfigError([Fault(0, "--anchor", "write it as `hotspot audit anchor` prints it: NUMBER:64 hex digits")])
    return int(number), digest


def _noted(file: Path) -> list[Head]:
    try:
        chains = json.loads(file.read_text(encoding="utf-8"))["chains"]
        return [Head(str(one["subject"]), int(one["entries"]), str(one["hash"])) for one in chains if one["entries"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{file} is not what `hotspot audit verify --json` prints: {error}") from error
