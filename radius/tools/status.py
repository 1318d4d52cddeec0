"""`hotspot radius status`: what was answered and dropped, by gateway."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from hotspot.nas.entries import RadiusGateway
from hotspot.node.terminal import Command, Node, pass_node
from hotspot.rules.shared_secret import Unheard, unheard
from hotspot.store.telemetry import counts
from hotspot.store.telemetry.counts import Count
from radius.accounting import AGREES
from radius.counting import DROPPED
from radius.endpoint import UNPLACED

_UNKNOWN = "(unknown)"


@dataclass
class Line:
    """One gateway over all nodes; `at` is when any of its counts last grew."""

    gateway: str
    answered: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    at: int = 0


def by_gateway(gateways: Iterable[str], found: Iterable[Count]) -> list[Line]:
    """A line for each gateway, also for those never heard of; unknown sources at the end, where there were any."""
    lines = {gateway: Line(gateway) for gateway in gateways}
    for count in found:
        line = lines.setdefault(count.gateway, Line(count.gateway))
        kind = line.dropped if count.outcome.startswith(DROPPED) else line.answered
        kind[count.outcome.removeprefix(DROPPED)] += count.value
        line.at = max(line.at, count.at)
    return sorted(lines.values(), key=lambda line: (not line.gateway, line.gateway))


@click.command(cls=Command)
@pass_node
def status(node: Node) -> None:
    """Show what each gateway was answered, what of it was dropped and why, and when it was last heard.

    "Not placed" are records at a gateway of several sites whose Called-Station-Id names no access point of ours.
    "Heard" is NO where everything is dropped: the gateway's secret is another than ours, or it does not sign
    (`hotspot nas test GATEWAY` tells what to do).
    "Clock" is by how much the gateway's is ahead of ours, where it is wrong: its records count from when they arrive.

    Counted over all nodes and all time, and up to ten seconds old.
    """
    inventory = node.revision().inventory
    with node.store.telemetry.read() as connection:
        found = counts.listed(connection)
        clocks = counts.clocks(connection)
    wrong = unheard(found)
    lines = by_gateway([g.id for g in inventory.gateway if isinstance(g, RadiusGateway)], found)
    node.table(
        ("GATEWAY", "ACCEPTED", "REJECTED", "ACCOUNTED", "DROPPED", "HEARD", "NOT PLACED", "CLOCK", "LAST (UTC)"),
        (
            (
                line.gateway or _UNKNOWN,
                line.answered["access-accept"],
                line.answered["access-reject"],
                line.answered["accounting-response"],
                ", ".join(f"{count} {reason}" for reason, count in line.dropped.most_common()),
                _heard(line, wrong.get(line.gateway)),
                line.answered[UNPLACED] or "",
                _told(clocks.get(line.gateway)),
                datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%d %H:%M:%S") if line.at else "never",
            )
            for line in lines
        ),
        [
            {
                "gateway": line.gateway or None,
                "answered": dict(line.answered),
                "dropped": dict(line.dropped),
                "unheard": _why(wrong[line.gateway]) if line.gateway in wrong else None,
                "clock_ahead": clocks.get(line.gateway),
                "last_at": line.at or None,
            }
            for line in lines
        ],
    )


def _told(ahead: int | None) -> str:
    return "" if ahead is None else f"{ahead:+} s" if abs(ahead) > AGREES else "right"


def _why(wrong: Unheard) -> str:
    return "secret" if wrong.signs else "unsigned"


def _heard(line: Line, wrong: Unheard | None) -> str:
    if wrong is not None:
        return f"NO ({_why(wrong)})"
    return "yes" if line.gateway and line.at else ""
