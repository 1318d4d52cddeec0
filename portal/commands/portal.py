"""`hotspot portal`: what the portal's login forms come to."""

from collections import Counter
from datetime import UTC, datetime

import click

from hotspot.store import counts
from hotspot.store.schema import portal_count
from hotspot.terminal import Group, Node, pass_node


@click.group(cls=Group)
def portal() -> None:
    """Watch the portal."""


@portal.command()
@pass_node
def status(node: Node) -> None:
    """Show, for each gateway, how many login forms let somebody in, were refused, and were held back by a limit.

    Counted over all nodes and all time, and up to five seconds old.
    """
    with node.store.telemetry.read() as connection:
        found = counts.listed(connection, portal_count)
    gateways: dict[str, dict[str, Counter[str]]] = {}
    last: dict[str, int] = {}
    for count in found:
        what, _, detail = count.outcome.partition(":")
        kinds = gateways.setdefault(count.gateway, {kind: Counter() for kind in ("admitted", "refused", "limited")})
        kinds[what][detail] += count.value
        last[count.gateway] = max(last.get(count.gateway, 0), count.at)
    rows = [
        (gateway, *(_told(counter) for counter in kinds.values()), _when(last[gateway]))
        for gateway, kinds in gateways.items()
    ]
    value = [
        {"gateway": gateway, **{kind: dict(counter) for kind, counter in kinds.items()}, "last_at": last[gateway]}
        for gateway, kinds in gateways.items()
    ]
    node.table(("GATEWAY", "ADMITTED", "REFUSED", "LIMITED", "LAST (UTC)"), rows, value)


def _told(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())


def _when(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
