"""The commands of telemetry: `hotspot report`, `hotspot maintenance`, `hotspot site`."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from hotspot.city.sites import Inventory, Site
from hotspot.errors import ConfigError, Fault
from hotspot.letters import PACKAGES
from hotspot.node.terminal import FAILED, WRONG, Group, Node, pass_node
from hotspot.people.identity import new_id
from hotspot.store import audit
from hotspot.store.telemetry import observed

from .report.check import Checked, State, verify
from .report.numerals import Numerals
from .report.pack import fingerprint, pack, public_pem, signing_key, unprintable, write
from .report.words import report_texts
from .uptime.coverage import Language, cover
from .uptime.freeze import freeze
from .uptime.overview import SiteNow, overview
from .uptime.period import Period

_FOREVER = (0, 2**53)


def _site(inventory: Inventory, site_id: str) -> Site:
    site = inventory.find_site(site_id)
    if site is None:
        raise ConfigError(f"there is no site {site_id!r}; `hotspot site list` shows them")
    return site


def _iso(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


# -- report ----------------------------------------------------------------------------------------------------------


@click.group(cls=Group)
def report() -> None:
    """Coverage reports that can be checked."""


@report.command()
@click.option("--period", "period_name", required=True, help="A month 2026-11, a quarter 2026-Q4 or a year 2026.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@click.option("--lang", type=click.Choice(["id", "en"]), default="id", show_default=True)
@pass_node
def coverage(node: Node, period_name: str, out: Path, lang: Language) -> None:
    """Makes the report pack of a period: laporan.pdf, titik.csv, titik.geojson, its inputs, a signed manifest."""
    period = Period.parse(period_name)
    key = signing_key(node.settings.keys())
    inputs = freeze(node.store, node.revision(), period, lang, node.now)
    files = pack(inputs, report_texts(), key)
    write(out, files)
    figures = cover(inputs)
    mark = fingerprint(public_pem(key.public_key()))
    lost = unprintable(inputs)
    node.answer(
        {
            "out": str(out),
            "files": sorted(files),
            "period": period.name,
            "provisional": figures.provisional,
            "sites": len(figures.sites),
            "strict_percent": _percent(figures.whole.states.strict.hundredths),
            "key_fingerprint": mark,
            "unprintable": lost,
        }
    )
    if lost:
        node.complain(f"No font here has {lost}: laporan.pdf is without them. Install {PACKAGES} and make it again.")
    for name, content in files.items():
        node.say(f"{out / name}  {len(content):,} bytes")
    if figures.provisional:
        node.say(f"The period {period.name} is not over: the report is marked SEMENTARA (provisional).")
    node.say(f"Signed by the key {mark}")


def _percent(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


@report.command("verify")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--key", "named", metavar="FINGERPRINT", help="Of the sender's key: 64 hex digits, as the sender says.")
@pass_node
def verify_(node: Node, folder: Path, named: str | None) -> None:
    """Checks a pack: who signed it, its hashes, and that its inputs still give the same figures.

    The sender's key must be known: on the installation that made the report it is; elsewhere give --key, from a letter
    or a call, not from where the pack came from. Exit code 0 if the pack holds, 1 if not, 2 if no key was named.
    """
    trusted = _fingerprint(named) if named else _own_key(node)
    checked = verify(folder, report_texts(), trusted)
    if trusted is None and checked.verdict is State.OPEN and not node.json and sys.stdin.isatty():
        node.say(f"signed by the key {checked.signer}")
        told = click.prompt("The fingerprint that the sender told you (empty: none)", default="", show_default=False)
        if told.strip():
            checked = verify(folder, report_texts(), _fingerprint(told))
    _show(node, checked)


_VERDICTS: Final = {
    State.HOLDS: "The report is unchanged.",
    State.BROKEN: "The report does NOT hold.",
    State.OPEN: "Nothing was changed since that key signed it. Whose key it is nobody has said: ask the sender for its "
    "fingerprint, by letter or by phone, and give it with --key.",
}
_EXIT: Final = {State.HOLDS: 0, State.BROKEN: FAILED, State.OPEN: WRONG}
_MARKS: Final = {State.HOLDS: "ok  ", State.BROKEN: "BAD ", State.OPEN: "?   "}


def _show(node: Node, checked: Checked) -> None:
    verdict = checked.verdict
    findings = [{**vars(finding), "good": finding.good} for finding in checked.findings]
    node.answer({"good": verdict is State.HOLDS, "verdict": verdict, "signer": checked.signer, "findings": findings})
    node.say(f"signed by the key {checked.signer}" if checked.signer else "signed by nobody")
    for finding in checked.findings:
        node.say(f"{_MARKS[finding.state]} {finding.subject}{f': {finding.detail}' if finding.detail else ''}")
    node.say(_VERDICTS[verdict])
    if verdict is not State.HOLDS:
        node.fail(_EXIT[verdict])


def _fingerprint(text: str) -> str:
    """64 hex digits in lower case, however they were grouped. ConfigError for anything else."""
    digits = re.sub(r"[\s:.-]", "", text).lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise ConfigError(
            [Fault(0, "--key", "a fingerprint has 64 hex digits: the SHA-256 of the sender's public key")]
        )
    return digits


def _own_key(node: Node) -> str | None:
    """The fingerprint of this installation's key; None where there is none, as at whoever received a report."""
    try:
        keys = node.settings.keys()
    except ConfigError:
        return None
    return fingerprint(public_pem(signing_key(keys).public_key()))


# -- maintenance -----------------------------------------------------------------------------------------------------


@click.group(cls=Group)
def maintenance() -> None:
    """Work announced before it begins, which leaves the uptime's denominator."""


def _moment(text: str, inventory: Inventory, site: Site) -> int:
    """UTC seconds of '2026-11-22 01:00' on the site's clock."""
    try:
        value = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=inventory.zone(site))
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time; write it as '2026-11-22 01:00', on the site's clock") from error
    return int(value.timestamp())


@maintenance.command()
@click.argument("site_id", metavar="SITE")
@click.option("--from", "from_text", required=True, help="When it begins, on the site's clock: '2026-11-22 01:00'.")
@click.option("--to", "to_text", required=True, help="When it ends.")
@click.option("--ticket", required=True, help="The number of the work order.")
@click.option("--reason", required=True, help="What is done. Reports show it: no names of persons.")
@pass_node
def add(node: Node, site_id: str, from_text: str, to_text: str, ticket: str, reason: str) -> None:
    """Announces work at SITE. Only what is announced before its start is excluded."""
    inventory = node.revision().inventory
    site = _site(inventory, site_id)
    start, end = _moment(from_text, inventory, site), _moment(to_text, inventory, site)
    now = node.now
    if start <= now:
        raise ConfigError(f"--from {from_text} has passed: only work that is announced before its start is excluded")
    if end <= start:
        raise ConfigError(f"--to {to_text} is not after --from {from_text}")
    if not 0 < len(ticket) <= 100 or not 0 < len(reason) <= 200:
        raise ConfigError("--ticket takes up to 100 characters, --reason up to 200, and neither may be empty")
    row = observed.MaintenanceRow(new_id(), site.id, start, end, ticket, reason, node.who, now, None)
    with node.store.telemetry.write() as connection:
        observed.announce(connection, row)
    with node.store.core.write() as connection:
        audit.record(connection, node.who, "maintenance.add", site.id, now, id=row.id, ticket=ticket)
    node.answer(_described(row))
    node.say(f"{row.id[:16]}  {site.name}: {from_text} – {to_text} ({inventory.zone(site).key}), {ticket}: {reason}")


def _described(row: observed.MaintenanceRow) -> dict[str, Any]:
    times = {name: _iso(getattr(row, name)) for name in ("from_at", "to_at", "recorded_at", "withdrawn_at")}
    return {**vars(row), **times}


@maintenance.command("list")
@click.option("--all", "everything", is_flag=True, help="What has ended or was withdrawn, too.")
@pass_node
def list_(node: Node, everything: bool) -> None:
    """Announced work, in the order of its start."""
    inventory = node.revision().inventory
    with node.store.telemetry.read() as connection:
        rows = observed.maintenance_between(connection, _FOREVER if everything else (node.now, _FOREVER[1]))
    shown = [row for row in rows if everything or row.withdrawn_at is None]
    numerals = Numerals("en")
    lines = []
    for row in shown:
        site = inventory.find_site(row.site)
        zone = inventory.zone(site) if site else inventory.city.zone
        status = "withdrawn" if row.withdrawn_at else "announced" if row.recorded_at < row.from_at else "too late"
        moments = (numerals.moment(at, zone) for at in (row.from_at, row.to_at))
        lines.append((row.id[:16], row.site, *moments, row.ticket, row.reason, status))
    columns = ("id", "site", "from", "to", "ticket", "reason", "status")
    node.table(columns, lines, [_described(row) for row in shown])


@maintenance.command()
@click.argument("maintenance_id", metavar="ID")
@pass_node
def withdraw(node: Node, maintenance_id: str) -> None:
    """Takes announced work back, before it begins. ID may be shortened."""
    now = node.now
    with node.store.telemetry.write() as connection:
        rows = observed.find_maintenance(connection, maintenance_id)
        if len(rows) != 1:
            raise ConfigError(
                f"{'more than one' if rows else 'no'} announced work has an id that begins {maintenance_id}"
            )
        withdrawn = observed.withdraw(connection, rows[0].id, now)
    if not withdrawn:
        raise ConfigError(f"{rows[0].id[:16]} has begun or is withdrawn already; it stays on record as it is")
    with node.store.core.write() as connection:
        audit.record(connection, node.who, "maintenance.withdraw", rows[0].site, now, id=rows[0].id)
    node.answer({"withdrawn": rows[0].id})
    node.say(f"{rows[0].id[:16]} is withdrawn; its time counts like any other")


# -- site ------------------------------------------------------------------------------------------------------------


@click.group(cls=Group)
def site() -> None:
    """The sites and how they stand."""


@site.command("list")
@pass_node
def site_list(node: Node) -> None:
    """Every site: its state now and since when, this month's uptime, active sessions."""
    revision = node.revision()
    inventory, numerals = revision.inventory, Numerals("en")
    found = overview(node.store, revision, node.now).sites
    lines = [
        (
            now.site.id,
            str(now.state) if now.state else "–",
            numerals.since(now.since, inventory.zone(now.site), longer=now.longer),
            numerals.percent(now.month.strict.hundredths),
            numerals.target(now.target),
            f"{sum(up is True for up in now.access_points.values())}/{len(now.access_points)}",
            now.sessions,
        )
        for now in found
    ]
    columns = ("site", "state", "since", "uptime %", "target %", "APs up", "sessions")
    node.table(columns, lines, [_site_value(now) for now in found])


def _site_value(now: SiteNow) -> dict[str, Any]:
    return {
        "site": now.site.id,
        "name": now.site.name,
        "state": str(now.state) if now.state else None,
        "since": _iso(now.since),
        "uptime_percent": _percent(now.month.strict.hundredths),
        "completeness_percent": _percent(now.month.completeness.hundredths),
        "target_percent": now.target,
        "access_points": now.access_points,
        "sessions": now.sessions,
        "today_bytes": now.today.down + now.today.up,
    }
