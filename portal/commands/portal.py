"""`hotspot portal`: what the portal's login forms come to."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime

import click

from hotspot.admission.conversion import conversions
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.store.telemetry import counts, visits
from hotspot.store.telemetry_schema import portal_count

_BEFORE = "admitted"
"""What `handed` was called by versions that did not ask whether the gateway let anybody in."""


@click.group(cls=Group)
def portal() -> None:
    """Watch the portal."""


@portal.command()
@pass_node
def status(node: Node) -> None:
    """Show, for each gateway, how many login forms led on to it, were refused, and were held back by a limit.

    Counted over all nodes and all time, and up to five seconds old.
    """
    with node.store.telemetry.read() as connection:
        found = counts.listed(connection, portal_count)
    gateways: dict[str, dict[str, Counter[str]]] = {}
    last: dict[str, int] = {}
    for count in found:
        what, _, detail = count.outcome.partition(":")
        kinds = gateways.setdefault(count.gateway, {kind: Counter() for kind in ("handed", "refused", "limited")})
        kinds["handed" if what == _BEFORE else what][detail] += count.value
        last[count.gateway] = max(last.get(count.gateway, 0), count.at)
    rows = [
        (gateway, *(_told(counter) for counter in kinds.values()), _when(last[gateway]))
        for gateway, kinds in gateways.items()
    ]
    value = [
        {"gateway": gateway, **{kind: dict(counter) for kind, counter in kinds.items()}, "last_at": last[gateway]}
        for gateway, kinds in gateways.items()
    ]
    node.table(("GATEWAY", "HANDED ON", "REFUSED", "LIMITED", "LAST (UTC)"), rows, value)


@portal.command()
@pass_node
def logins(node: Node) -> None:
    """Show, for each site, how many login pages it showed in the last hour or two, and how many people got in.

    In is whom RADIUS has accepted, or whom the gateway itself tells to be in. Who was handed to a gateway and not heard
    of stands apart: where they are many, see `hotspot nas test` of that gateway.

    Beside it what is usual there, and since when far fewer get in than that. Exit code 1 when that is so anywhere.
    """
    with node.store.telemetry.read() as connection:
        found = conversions(visits.hours(connection, node.now), node.now)
        alarms = visits.alarms(connection)
    value = [
        {**asdict(one), "unheard": one.unheard, "share": one.share, "alarm_since": alarms.get(one.site)}
        for one in found.values()
    ]
    rows = [
        (
            one["site"], one["shown"], one["admitted"], one["unheard"], _percent(one["share"]), _percent(one["usual"]),
            _when(one["alarm_since"]) if one["alarm_since"] else "-",
        )
        for one in value
    ]  # fmt: skip
    node.table(("SITE", "PAGES", "ADMITTED", "NOT HEARD OF", "SHARE", "USUAL", "TOO FEW SINCE (UTC)"), rows, value)
    if alarms.keys() & found.keys():
        node.fail()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _told(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())


def _when(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
