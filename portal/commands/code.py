"""`hotspot code`: what one-time codes cost, and whether they arrive."""

import click

from hotspot.errors import PeerError, RequestError
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.people.one_time import DIGITS
from hotspot.store.persons import challenges
from portal.methods.codes import parse_number
from portal.methods.senders import Message, port


@click.group(cls=Group)
def code() -> None:
    """Watch one-time codes."""


@code.command()
@pass_node
def status(node: Node) -> None:
    """Show what was sent in the last hour and the last 24 hours, beside the limits of sites.toml."""
    section = node.revision().inventory.codes
    with node.store.core.read() as connection:
        spent = challenges.spending(connection, node.now)
    rows = [
        ("messages in the last hour", spent.hour, section.per_hour),
        ("messages in 24 hours", spent.day, section.per_day),
        ("not taken by the gateway", spent.failed, None),
        ("codes entered", spent.proven, None),
        ("rupiah in 24 hours", spent.cost, section.cost_per_day),
    ]
    value = {
        "hour": spent.hour, "day": spent.day, "failed": spent.failed, "proven": spent.proven, "cost": spent.cost,
        "limits": {"hour": section.per_hour, "day": section.per_day, "cost": section.cost_per_day},
    }  # fmt: skip
    node.table(("", "now", "at most"), rows, value)


@code.command()
@click.argument("number")
@pass_node
def test(node: Node, number: str) -> None:
    """Send a message to a number of yours, to see whether the gateway in sites.toml takes it.

    \b
    hotspot code test 081234567890
    """
    section = node.revision().inventory.codes
    try:
        to = parse_number(number, section.prefixes)
    except RequestError as error:
        raise click.BadParameter("no mobile number that the prefixes in sites.toml allow") from error
    text = f"{'0' * DIGITS} Nirkabel: uji coba"
    try:
        port(section.sender, node.settings).send(Message("test", to, text, "0" * DIGITS))
    except PeerError as error:
        raise PeerError(f"not sent: {error}") from error
    node.answer({"sent": True})
    node.say("the gateway took the message")
