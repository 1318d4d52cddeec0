"""`hotspot complaint`: faults that people reported."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from hotspot.errors import ConfigError, Fault
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.store.audit import record
from hotspot.store.persons import complaints, deliveries
from hotspot.store.persons.complaints import Complaint
from portal.hooks import CHANGED, tell

_LONGEST_ANSWER = 500


@click.group(cls=Group)
def complaint() -> None:
    """Answer the faults that people report on the portal."""


@complaint.command("list")
@click.option("--site", help="Of one site.")
@click.option("--all", "everything", is_flag=True, help="Those that are resolved too.")
@pass_node
def list_(node: Node, site: str | None, everything: bool) -> None:
    """List the faults that are not resolved, oldest first, and for how many days.

    The audit trail keeps that you looked.
    """
    with node.store.core.write() as connection:
        found = complaints.listed(connection, node.keys, site=site, everything=everything)
        if found:
            record(connection, node.who, "complaint.list", "complaints", node.now, count=len(found), site=site or "all")
    rows = [
        (one.number, one.site, one.category, one.state, one.assigned_to, f"{one.days(node.now):.1f}", _short(one.text))
        for one in found
    ]
    value = [_value(node, one) for one in found]
    node.table(("NUMBER", "SITE", "CATEGORY", "STATE", "WHO", "DAYS", "TEXT"), rows, value)


def _short(text: str | None) -> str:
    plain = " ".join((text or "").split())
    return plain if len(plain) <= 60 else f"{plain[:59]}…"


def _value(node: Node, one: Complaint) -> dict[str, Any]:
    return {**asdict(one), "state": one.state, "days": one.days(node.now)}


@complaint.command()
@click.argument("number")
@pass_node
def show(node: Node, number: str) -> None:
    """Show one fault whole, with how to reach whoever reported it. The audit trail keeps that you looked."""
    one = _find(node, number)
    with node.store.core.write() as connection:
        record(connection, node.who, "complaint.show", one.number, node.now)
    node.answer(_value(node, one))
    when = datetime.fromtimestamp(one.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    node.say(f"{one.number}  {one.state}  {one.site}  {one.category}  {when}  in {one.language}")
    node.say(f"contact: {one.contact or 'none'}")
    node.say(one.text or "(erased)")
    if one.answer:
        node.say(f"answer: {one.answer}")


@complaint.command()
@click.argument("number")
@click.option("--to", required=True, help="Who looks after it.")
@pass_node
def assign(node: Node, number: str, to: str) -> None:
    """Say who looks after a fault; one that was resolved is open again."""
    one = _find(node, number)
    if not 1 <= len(to) <= 64:
        raise ConfigError([Fault(0, "--to", "a name has 1 to 64 characters")])
    section = node.revision().inventory.complaints
    with node.store.core.write() as connection:
        complaints.assign(connection, one.id, to, node.now)
        record(connection, node.who, "complaint.assign", one.number, node.now, to=to)
        tell(connection, section, one.number, CHANGED, node.now)
    node.answer({"number": one.number, "assigned_to": to})
    node.say(f"{one.number} is {to}'s")


@complaint.command()
@click.argument("number")
@click.option("--answer", required=True, help="What the person reads on the fault's page. Name nobody in it.")
@pass_node
def resolve(node: Node, number: str, answer: str) -> None:
    """Resolve a fault.

    \b
    hotspot complaint resolve 7K3M-9Q2X --answer "Kabel sudah diperbaiki, terima kasih."
    """
    one = _find(node, number)
    if not 1 <= len(answer) <= _LONGEST_ANSWER:
        raise ConfigError([Fault(0, "--answer", f"an answer has 1 to {_LONGEST_ANSWER} characters")])
    section = node.revision().inventory.complaints
    with node.store.core.write() as connection:
        complaints.resolve(connection, one.id, answer, node.now)
        record(connection, node.who, "complaint.resolve", one.number, node.now)
        tell(connection, section, one.number, CHANGED, node.now)
    days = round((node.now - one.created_at) / 86400, 1)
    node.answer({"number": one.number, "days": days})
    node.say(f"{one.number} resolved after {days} days")


@complaint.command("deliveries")
@click.option("--pending", is_flag=True, help="Those that were not taken yet.")
@pass_node
def deliveries_(node: Node, pending: bool) -> None:
    """List what the city's complaint system was told ([complaints] in sites.toml), newest first."""
    with node.store.core.read() as connection:
        rows = deliveries.sent(connection, pending=pending)
    node.table(
        ("NUMBER", "EVENT", "STATE", "TRIES", "OUTCOME"),
        (
            (row.number, row.event, "waiting" if row.finished_at is None else "taken", row.attempts, row.outcome)
            for row in rows
        ),
        [dict(row._mapping) for row in rows],
    )


@complaint.command()
@click.argument("number", required=False)
@pass_node
def retry(node: Node, number: str | None) -> None:
    """Tell the city's complaint system at once what it has not taken yet: of one fault, or of all."""
    one = None if number is None else _find(node, number).number
    with node.store.core.write() as connection:
        count = deliveries.again(connection, one, node.now)
    node.answer({"deliveries": count})
    node.say(f"{count} deliveries are due now")


def _find(node: Node, number: str) -> Complaint:
    with node.store.core.read() as connection:
        found = complaints.find(connection, node.keys, number)
    if found is None:
        raise ConfigError([Fault(0, "NUMBER", f"{number!r} is no fault's; `hotspot complaint list --all`")])
    return found
