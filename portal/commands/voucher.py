"""`hotspot voucher`: printed codes."""

from datetime import datetime, time, timedelta

import click

from hotspot.errors import ConfigError, Fault
from hotspot.store import vouchers
from hotspot.store.audit import record
from hotspot.terminal import DURATION, Group, Node, pass_node
from hotspot.units import format_duration
from hotspot.voucher import format_code

_SHORTEST_PASSWORD = 8
_LAST_YEAR = 2999
_DEFAULT_EXPIRY = timedelta(days=90)


@click.group(cls=Group)
def voucher() -> None:
    """Make voucher codes."""


@voucher.command()
@click.option("--site", required=True, help="The site where they are valid.")
@click.option("--plan", required=True, help="The plan they give.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 10_000), help="How many codes.")
@click.option("--valid", default="1d", show_default=True, type=DURATION, help="How long one lasts from its first use.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day for the first use, in the site's time zone (default: 90 days from now).",
)
@pass_node
def create(node: Node, site: str, plan: str, count: int, valid: int, expires: datetime | None) -> None:
    """Make a batch of codes and print them: this once, for the store keeps only their hashes.

    \b
    hotspot voucher create --site taman-kota-1 --plan umum --count 20
    hotspot voucher create --site sman-2 --plan sekolah --count 40 --valid 180d --json
    """
    inventory = node.revision().inventory
    place = inventory.find_site(site)
    faults = []
    if place is None:
        faults.append(Fault(0, "--site", f"{site!r} is no site; there are {', '.join(s.id for s in inventory.site)}"))
    elif "voucher" not in place.admit:
        faults.append(Fault(0, "--site", f"{site!r} admits nobody by voucher; add it to its admit list in sites.toml"))
    if plan not in inventory.plans:
        faults.append(Fault(0, "--plan", f"{plan!r} is no plan; there are {', '.join(inventory.plans)}"))
    if faults or place is None:
        raise ConfigError(faults)
    zone = inventory.zone(place)
    last_day = expires.date() if expires else (datetime.fromtimestamp(node.now, zone) + _DEFAULT_EXPIRY).date()
    if last_day.year > _LAST_YEAR:
        raise ConfigError([Fault(0, "--expires", f"{last_day} is after {_LAST_YEAR}")])
    expires_at = int(datetime.combine(last_day + timedelta(days=1), time(), zone).timestamp())
    if expires_at <= node.now:
        raise ConfigError([Fault(0, "--expires", f"{last_day} is past")])
    keys = node.keys
    with node.store.core.write() as connection:
        batch, codes = vouchers.create(
            connection,
            keys,
            site=site,
            plan=plan,
            count=count,
            valid=valid,
            expires_at=expires_at,
            now=node.now,
        )
        record(connection, node.who, "voucher.create", batch, node.now, site=site, plan=plan, count=count)
    shown = [format_code(code) for code in codes]
    node.answer({"batch": batch, "site": site, "plan": plan, "valid": valid, "expires_at": expires_at, "codes": shown})
    node.say("\n".join(shown))
    if not node.json:
        lasts = f"{format_duration(valid)} from the first use, which must be by {last_day}"
        node.complain(f"{count} codes, batch {batch[:12]}: {plan} at {site}, {lasts}")
