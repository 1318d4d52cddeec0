"""`hotspot retention`: how long people are known."""

from dataclasses import asdict

import click

from hotspot.entry.units import format_duration
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.rules import retention as store_retention
from hotspot.store.audit import record
from hotspot.store.persons import complaints, holds
from portal.jobs import forget_all


@click.group(cls=Group)
def retention() -> None:
    """Forget people after the terms of sites.toml."""


@retention.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be forgotten.")
@pass_node
def run(node: Node, dry_run: bool) -> None:
    """Erase what names people and devices that nobody has needed for a term; the services do so every hour.

    Phone numbers, device addresses, used vouchers and old grants go. Sessions stay for the reports, as nobody's;
    so do consents. Members, whoever is blocked, and whoever a legal hold names are kept.
    """
    inventory = node.revision().inventory
    terms = store_retention.terms_of(inventory, node.now)
    if dry_run:
        with node.store.core.read() as connection:
            found = store_retention.count(connection, terms)
            told = complaints.to_erase(connection, terms.before)
    else:
        found = forget_all(node.store, terms)
        with node.store.core.write() as connection:
            told = complaints.erase(connection, terms.before)
            if found or told:
                counts = {**asdict(found), "complaints": told}
                record(connection, node.who, "retention.run", "retention", node.now, **counts)
    with node.store.core.read() as connection:
        held = holds.count(connection, node.now)
    section = inventory.retention
    node.answer(
        {
            "dry_run": dry_run,
            **asdict(found),
            "complaints": told,
            "held": held,
            "personal": section.personal,
            "school": section.school,
        }
    )
    what = f"{found.grants} grants, {found.devices} devices, {found.persons} persons, {told} complaints' texts"
    node.say(f"{'would forget' if dry_run else 'forgot'} {what}")
    if held:
        node.say(f"kept by legal holds: what is known of {held} persons")
    if not node.json:
        node.complain(f"terms: {format_duration(section.personal)}, at schools {format_duration(section.school)}")
