"""`hotspot voucher`: printed codes."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from hotspot.admission.grant import Reason
from hotspot.catalogue import load
from hotspot.city.look import LANGUAGES
from hotspot.city.sites import Inventory, Site
from hotspot.entry.units import format_duration
from hotspot.errors import ConfigError, Fault, HotspotError
from hotspot.files import keep, private
from hotspot.letters import PACKAGES
from hotspot.node.terminal import DURATION, Group, Node, pass_node
from hotspot.people.voucher import VoucherState, format_code
from hotspot.rules import watch
from hotspot.store.audit import record
from hotspot.store.persons import vouchers
from portal.pages.printing import Sheet, csv_of, pdf_of, serial, table, unprintable
from portal.pages.render import spoken_duration

_SHORT = 12
"""Digits of a batch's id that people are shown."""
_FILE = click.Path(path_type=Path, dir_okay=False)

_LAST_YEAR = 2999
_DEFAULT_EXPIRY = timedelta(days=90)


@click.group(cls=Group)
def voucher() -> None:
    """Make voucher codes, see what became of them, take them back."""


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
@click.option("--pdf", type=_FILE, help="Also write cards to print and cut out, with QR codes.")
@click.option("--csv", "csv_file", type=_FILE, help="Also write a table: serial, code, link.")
@pass_node
def create(
    node: Node,
    site: str,
    plan: str,
    count: int,
    valid: int,
    expires: datetime | None,
    pdf: Path | None,
    csv_file: Path | None,
) -> None:
    """Make a batch of codes and print them: this once, for the store keeps only their hashes.

    \b
    hotspot voucher create --site taman-kota-1 --plan umum --count 20 --pdf cards.pdf
    hotspot voucher create --site sman-2 --plan sekolah --count 40 --valid 180d --json
    """
    inventory = node.revision().inventory
    place = _place(inventory, site, plan)
    last_day, expires_at = _last_day(inventory.zone(place), expires, node.now)
    keys = node.keys
    batch = vouchers.drawn(count)
    sheet = _sheet(inventory, place, batch.id, valid, last_day.strftime("%d-%m-%Y"))
    # Written down first: codes are money, and one that is nowhere written must not be valid.
    if pdf is not None:
        keep(private(pdf), pdf_of(sheet, batch.codes))
        if lost := unprintable(sheet):
            node.complain(f"No font here has {lost}: the cards are without them. Install {PACKAGES} for the next ones.")
    if csv_file is not None:
        keep(private(csv_file), csv_of(sheet, batch.codes).encode())
    shown = [format_code(code) for code in batch.codes]
    told = {"batch": batch.id, "site": site, "plan": plan, "valid": valid, "expires_at": expires_at, "codes": shown}
    node.answer(told)
    node.say("\n".join(shown))
    try:
        with node.store.core.write() as connection:
            times = {"valid": valid, "expires_at": expires_at, "now": node.now}
            vouchers.enter(connection, keys, batch, site=site, plan=plan, **times)
            record(connection, node.who, "voucher.create", batch.id, node.now, site=site, plan=plan, count=count)
    except HotspotError as error:
        raise HotspotError(f"{error}. None of the codes that were written is valid: throw them away") from error
    if not node.json:
        lasts = f"{format_duration(valid)} from the first use, which must be by {last_day}"
        node.complain(f"{count} codes, batch {batch.id[:_SHORT]}: {plan} at {site}, {lasts}")


def _place(inventory: Inventory, site: str, plan: str) -> Site:
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
    return place


def _last_day(zone: ZoneInfo, expires: datetime | None, now: int) -> tuple[date, int]:
    """The last day for the first use, and the UTC seconds at which it is over."""
    last_day = expires.date() if expires else (datetime.fromtimestamp(now, zone) + _DEFAULT_EXPIRY).date()
    if last_day.year > _LAST_YEAR:
        raise ConfigError([Fault(0, "--expires", f"{last_day} is after {_LAST_YEAR}")])
    expires_at = int(datetime.combine(last_day + timedelta(days=1), time(), zone).timestamp())
    if expires_at <= now:
        raise ConfigError([Fault(0, "--expires", f"{last_day} is past")])
    return last_day, expires_at


def _sheet(inventory: Inventory, place: Site, batch: str, valid: int, until: str) -> Sheet:
    """What the cards say, in the portal's first language."""
    language = inventory.portal.languages[0]
    catalogue = load(Path(__file__).parents[1], "portal", LANGUAGES)
    announced = [network for ap in place.ap for network in inventory.networks_of(place, ap)] or inventory.ssid
    open_networks = [network.name for network in announced if network.security in ("open", "owe")]
    return Sheet(
        portal=inventory.portal.url,
        title=catalogue.text(language, "voucher.title", city=inventory.city.name),
        network=catalogue.text(language, "voucher.network", name=open_networks[0]) if open_networks else "",
        place=place.name,
        lasts=catalogue.text(language, "voucher.lasts", time=spoken_duration(catalogue, language, valid)),
        until=catalogue.text(language, "voucher.until", day=until),
        batch=batch[:_SHORT],
    )


def _batch(node: Node, prefix: str) -> str:
    """The id of the one batch that begins so. ConfigError otherwise."""
    with node.store.core.read() as connection:
        found = vouchers.batches(connection, prefix)
    if len(found) != 1 or not prefix:
        raise ConfigError([Fault(0, "BATCH", f"{len(found)} batches begin with {prefix!r}; `hotspot voucher list`")])
    return found[0]


@voucher.command("list")
@click.option("--site", help="Of one site.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="The newest so many batches.")
@click.option("--after", metavar="BATCH", help="Those that follow this one.")
@pass_node
def list_(node: Node, site: str | None, limit: int, after: str | None) -> None:
    """List the batches, newest first, and how many of their vouchers are in which state."""
    last = _batch(node, after) if after else None
    with node.store.core.read() as connection:
        rows = vouchers.counted(connection, node.now, site=site, limit=limit + 1, after=last)
        total = vouchers.count_batches(connection, site)
    value = []
    for row in rows[:limit]:
        counted = {str(state): getattr(row, state.name.lower()) for state in VoucherState}
        value.append(
            {"batch": row.batch, "site": row.site, "plan": row.plan, "count": row.count, "valid": row.valid,
             "created_at": row.created_at, "expires_at": row.expires_at, "states": counted}
        )  # fmt: skip
    shown = [
        (one["batch"][:_SHORT], one["site"], one["plan"], format_duration(one["valid"]), *one["states"].values())
        for one in value
    ]
    node.table(["batch", "site", "plan", "valid", *VoucherState], shown, value)
    if len(rows) > limit:
        node.complain(f"{limit} of {total} batches; the next ones: --after {value[-1]['batch'][:_SHORT]}")


@voucher.command()
@click.argument("name", metavar="BATCH[-SERIAL]")
@pass_node
def revoke(node: Node, name: str) -> None:
    """Take a batch back, or one voucher of it; whoever is in by it is put out.

    \b
    hotspot voucher revoke 3f9a12bc77de
    hotspot voucher revoke 3f9a12bc77de-0017
    """
    prefix, dash, number = name.partition("-")
    if dash and not number.isdigit():
        raise ConfigError([Fault(0, "SERIAL", f"{number!r} is no serial; it is the last number on the card")])
    batch, inventory = _batch(node, prefix), node.revision().inventory
    with node.store.core.write() as connection:
        count, persons = vouchers.revoke(connection, batch, int(number) if dash else None, node.now)
        out = sum(
            watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, node.now, person=person) for person in persons
        )
        record(connection, node.who, "voucher.revoke", batch, node.now, serial=number or "all", count=count)
    node.answer({"batch": batch, "revoked": count, "sessions": out})
    node.say(f"{count} vouchers revoked, {out} sessions ordered to end")


@voucher.command()
@click.argument("batch")
@click.option("--csv", "csv_file", type=_FILE, help="The file to write; without it the table is printed.")
@pass_node
def export(node: Node, batch: str, csv_file: Path | None) -> None:
    """Write what became of a batch's vouchers as CSV. Their codes are not in it: the store does not have them."""
    found, inventory = _batch(node, batch), node.revision().inventory
    with node.store.core.read() as connection:
        rows = vouchers.listed(connection, batch=found)
    place = inventory.find_site(rows[0].site)
    zone = inventory.zone(place) if place else inventory.city.zone

    def when(at: int | None) -> str:
        return "" if at is None else datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")

    def lines() -> Iterator[list[object]]:
        for row in rows:
            ends = None if row.used_at is None else row.used_at + row.valid
            yield [
                serial(found[:_SHORT], row.serial), row.site, row.plan, vouchers.state_of(row, node.now),
                when(row.created_at), when(row.expires_at), when(row.used_at), when(ends), when(row.revoked_at),
            ]  # fmt: skip

    head = ["serial", "site", "plan", "state", "created", "first use by", "first used", "valid until", "revoked"]
    if node.json:
        node.answer([dict(zip(head, line, strict=True)) for line in lines()])
    elif csv_file is None:
        click.echo(table(head, lines()), nl=False)
    else:
        keep(private(csv_file), table(head, lines()).encode())
        node.say(f"{len(rows)} vouchers written to {csv_file}")
