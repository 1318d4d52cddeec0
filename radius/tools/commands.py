"""`hotspot session` and `hotspot order`: who is online, ending and changing sessions, what is missing of them."""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import click
from sqlalchemy import Connection

from hotspot.admission.gaps import Gap, GapKind, ambiguous, gaps
from hotspot.admission.grant import SHORTEST_SESSION, Grant, Limits
from hotspot.city.sites import Inventory
from hotspot.entry.units import format_duration, format_rate, format_size
from hotspot.errors import ConfigError, Fault, HotspotError
from hotspot.nas import RADIUS_DIALECTS
from hotspot.nas.entries import RadiusGateway
from hotspot.node.terminal import DURATION, RATE, SIZE, Group, Node, pass_node
from hotspot.rules import watch
from hotspot.rules.enforcement import channel_of
from hotspot.store.audit import record
from hotspot.store.stays import grants, orders, sessions
from hotspot.store.stays.ledger import session_of
from hotspot.store.stays.orders import Channel, OrderState

_INTERIM: Final = 300
"""Seconds between two reports of a session without a grant of ours."""

_wait = click.option(
    "--wait", default=30, show_default=True, type=click.IntRange(0, 3600), help="Seconds to wait for the outcome."
)


@click.group(cls=Group)
def session() -> None:
    """Show sessions, change and end them."""


@click.group(cls=Group)
def order() -> None:
    """See what gateways were told, or must still be told."""


def _time(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _order(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "session": row.session_id,
        "gateway": row.gateway,
        "channel": row.channel,
        "reason": row.reason,
        "state": row.state,
        "outcome": row.outcome,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "due_at": row.due_at,
        "expires_at": row.expires_at,
        "finished_at": row.finished_at,
        "node": row.claimed_by,
    }


def _shown(row: Any, newest: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "site": row.site,
        "gateway": row.gateway,
        "plan": row.plan,
        "method": row.method,
        "device": row.device_id,
        "person": row.person_id,
        "acct_session_id": row.acct_session_id,
        "started_at": row.started_at,
        "last_at": row.last_at,
        "ended_at": row.ended_at,
        "cause": row.stopped_cause or (row.presumed_cause if row.ended_at is not None else None),
        "presumed": row.ended_at is not None and row.stopped_at is None,
        "seconds": row.seconds,
        "down": row.down,
        "up": row.up,
        "order": None if newest is None else _order(newest),
    }


def _state(shown: dict[str, Any]) -> str:
    if shown["ended_at"] is None:
        return "running"
    return f"{shown['cause']} (presumed)" if shown["presumed"] else str(shown["cause"])


@session.command("list")
@click.option("--all", "everything", is_flag=True, help="Ended sessions too.")
@click.option("--site", help="Only this site's.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="The newest so many.")
@click.option("--after", metavar="ID", help="Those that follow this session.")
@pass_node
def list_(node: Node, everything: bool, site: str | None, limit: int, after: str | None) -> None:
    """List running sessions, newest first.

    An end that no gateway reported is presumed: NAS-Reboot, Lost-Service (openNDS knows it no more), Stale (silent).

    \b
    hotspot session list
    hotspot session list --all --site taman-kota-1 --json
    """
    with node.store.core.read() as connection:
        last = sessions.named(connection, after) if after else None
        place = None if last is None else (last.started_at, last.id)
        rows = sessions.listed(connection, running=not everything, site=site, limit=limit + 1, after=place)
        more, rows = len(rows) > limit, rows[:limit]
        total = sessions.count(connection, running=True, site=site) if more and not everything else None
        told = orders.newest(connection, [row.id for row in rows])
    shown = [_shown(row, told.get(row.id)) for row in rows]
    node.table(
        ("ID", "SITE", "GATEWAY", "PLAN", "METHOD", "STARTED (UTC)", "TIME", "DOWN", "UP", "STATE", "ORDER"),
        (
            (
                s["id"][:16],
                s["site"],
                s["gateway"],
                s["plan"],
                s["method"],
                _time(s["started_at"]),
                format_duration(s["seconds"]),
                format_size(s["down"]),
                format_size(s["up"]),
                _state(s),
                f"{s['order']['kind']} {s['order']['state']}" if s["order"] else "",
            )
            for s in shown
        ),
        shown,
    )
    if more:
        of_all = "" if total is None else f" of {total}"
        node.complain(f"{limit}{of_all} sessions; the next ones: --after {rows[-1].id[:16]}")


@session.command()
@click.argument("session_id", metavar="ID")
@pass_node
def show(node: Node, session_id: str) -> None:
    """Show one session: what it may use, what its gateway was told, what is missing of it."""
    with node.store.core.read() as connection:
        row = sessions.detailed(connection, sessions.named(connection, session_id).id)
        grant = grants.find_grant(connection, row.grant_id) if row.grant_id else None
        told = orders.listed(connection, session_id=row.id)
    shown = _shown(row, told[0] if told else None)
    found = _gaps_of(row, grant.limits.interim if grant else _INTERIM, node.revision().inventory)
    value = {
        **shown,
        "orders": [_order(one) for one in told],
        "grant": None if grant is None else {**asdict(grant.limits), "id": grant.id, "ends_at": grant.ends_at},
        "gaps": [asdict(gap) for gap in found],
    }
    node.answer(value)
    lines = [(name, value[name]) for name in ("id", "site", "gateway", "plan", "method", "person", "device")]
    lines += [("state", _state(shown)), ("started (UTC)", _time(row.started_at)), ("heard (UTC)", _time(row.last_at))]
    lines += [("used", f"{format_duration(row.seconds)}, {format_size(row.down)} down, {format_size(row.up)} up")]
    if grant is not None:
        lines += [("may use", f"until {_time(grant.ends_at)} UTC, {_told(grant.limits)}")]
    lines += [("order", f"{one.kind} {one.state} ({one.reason}): {one.outcome or 'not tried yet'}") for one in told]
    lines += [("gap", f"{gap.kind} {_time(gap.from_at)} to {_time(gap.to_at)}") for gap in found]
    for name, text in lines:
        node.say(f"{name:14} {'' if text is None else text}")


def _told(limits: Limits) -> str:
    down, up = (format_rate(rate) if rate else "unlimited" for rate in (limits.down, limits.up))
    data = format_size(limits.total) if limits.total is not None else "unlimited data"
    return f"{down} down, {up} up, {data}, idle {format_duration(limits.idle)}"


@session.command()
@click.argument("session_id", metavar="ID")
@_wait
@pass_node
def disconnect(node: Node, session_id: str, wait: int) -> None:
    """End a running session; ID may be the beginning of its id.

    The order is stored first: a gateway that is away gets it when it comes back. Exit code 1 where the gateway refused,
    or has not answered when the waiting ends.
    """
    with node.store.core.read() as connection:
        row = _running(connection, session_id)
    channel = channel_of(node.revision().inventory, row.gateway)
    if channel is None:
        raise ConfigError(f"gateway {row.gateway} cannot be told: give it radius.coa in sites.toml")
    with node.store.core.write() as connection:
        order_id = orders.add(connection, row, channel, "admin", node.now)
        record(connection, node.who, "session.disconnect", row.id, node.now, order=order_id, gateway=row.gateway)
    _report(node, order_id, wait)


@session.command()
@click.argument("session_id", metavar="ID")
@click.option("--down", type=RATE, help='Rate towards the device: "2 Mbit/s".')
@click.option("--up", type=RATE, help='Rate from the device: "1 Mbit/s".')
@click.option("--data", type=SIZE, help='What it may still use from now on, both directions: "500 MB".')
@click.option("--time", "lasting", type=DURATION, help='How long it may still last from now on: "1h".')
@click.option("--idle", type=DURATION, help='Silence after which it ends: "15m".')
@click.option(
    "--unlimited", multiple=True, type=click.Choice(["down", "up", "data"]), help="Take this limit away. Repeatable."
)
@_wait
@pass_node
def change(
    node: Node,
    session_id: str,
    down: int | None,
    up: int | None,
    data: int | None,
    lasting: int | None,
    idle: int | None,
    unlimited: tuple[str, ...],
    wait: int,
) -> None:
    """Change what a running session may use; ID may be the beginning of its id. What is not named stays.

    Its gateway is told by CoA. The plan's limits for the day hold on: who has used them up is put out. Exit code 1
    where the gateway refused, or has not answered when the waiting ends.

    \b
    hotspot session change 5e679c --down "2 Mbit/s" --up "1 Mbit/s"
    hotspot session change 5e679c --time 30m --unlimited data
    """
    inventory, now = node.revision().inventory, node.now
    wanted = {"down": down, "up": up, "data": data}
    twice = [name for name in unlimited if wanted[name] is not None]
    if twice:
        raise ConfigError([Fault(0, f"--{twice[0]}", "cannot be limited and unlimited at once")])
    if lasting is not None and lasting < SHORTEST_SESSION:
        raise ConfigError([Fault(0, "--time", f"at least {SHORTEST_SESSION} s; to end it: hotspot session disconnect")])
    with node.store.core.write() as connection:
        row = _running(connection, session_id)
        held = grants.find_grant(connection, row.grant_id) if row.grant_id else None
        if held is None:
            raise HotspotError(f"session {row.id} has no grant of ours; it can only be ended")
        fresh = _changed(held, wanted, watch.spent(connection, held), lasting, idle, unlimited, now)
        _check_can_change(inventory, row.gateway, held, fresh)
        watch.keep(connection, inventory, fresh, [row], "admin", now)
        order_id = orders.newest(connection, [row.id])[row.id].id
        told = {name: value for name, value in {**wanted, "time": lasting, "idle": idle}.items() if value is not None}
        record(connection, node.who, "session.change", row.id, now, order=order_id, unlimited=unlimited, **told)
    _report(node, order_id, wait)


def _changed(
    held: Grant,
    wanted: dict[str, int | None],
    spent: int,
    lasting: int | None,
    idle: int | None,
    unlimited: tuple[str, ...],
    now: int,
) -> Grant:
    """A grant with other limits; data and time are counted from now on."""
    limits, ends_at = held.limits, held.ends_at
    if wanted["down"] is not None or "down" in unlimited:
        limits = replace(limits, down=wanted["down"])
    if wanted["up"] is not None or "up" in unlimited:
        limits = replace(limits, up=wanted["up"])
    if wanted["data"] is not None or "data" in unlimited:
        limits = replace(limits, total=None if wanted["data"] is None else spent + wanted["data"])
    if idle is not None:
        limits = replace(limits, idle=idle)
    if lasting is not None:
        ends_at = now + lasting
        limits = replace(limits, session=ends_at - held.starts_at)
    if (limits, ends_at) == (held.limits, held.ends_at):
        raise ConfigError("that changes nothing: name a limit that is to be another, as with --down")
    return replace(held, ends_at=ends_at, limits=limits)


def _check_can_change(inventory: Inventory, gateway_id: str, held: Grant, fresh: Grant) -> None:
    """ConfigError where the gateway has no way, or no words, for a change."""
    gateway = inventory.find_gateway(gateway_id)
    if channel_of(inventory, gateway_id) is not Channel.COA or not isinstance(gateway, RadiusGateway):
        raise ConfigError(f"gateway {gateway_id} cannot change a session that runs; it can only be ended")
    dialect = RADIUS_DIALECTS[gateway.nas]
    if dialect.change(fresh.limits) == dialect.change(held.limits):
        raise ConfigError(f"gateway {gateway_id} ({gateway.nas}) cannot change that while a session runs")


def _running(connection: Connection, session_id: str) -> Any:
    row = sessions.named(connection, session_id)
    if row.ended_at is not None:
        raise HotspotError(f"session {row.id} has ended already")
    return row


def _report(node: Node, order_id: str, wait: int) -> None:
    """Waits for an order's outcome and tells it; exit code 1 unless it is done."""
    deadline = time.monotonic() + wait
    while True:
        with node.store.core.read() as connection:
            outcome = orders.get(connection, order_id)
        if outcome.state != OrderState.PENDING or time.monotonic() >= deadline:
            break
        time.sleep(0.2)
    node.answer({"order": order_id, "state": outcome.state, "outcome": outcome.outcome})
    node.say(f"order {order_id[:16]}: {outcome.state}{': ' + outcome.outcome if outcome.outcome else ''}")
    if outcome.state != OrderState.DONE:
        node.fail()


@order.command("list")
@click.option("--pending", is_flag=True, help="Only those that still wait.")
@click.option("--gateway", help="Only this gateway's.")
@click.option("--session", "session_id", default="", help="Only of sessions whose id begins so.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="The newest so many.")
@pass_node
def list_orders(node: Node, pending: bool, gateway: str | None, session_id: str, limit: int) -> None:
    """List orders to gateways, newest first: what for, how far they are, what the gateway answered.

    \b
    hotspot order list --pending
    hotspot order list --gateway tk1-gw --json
    """
    with node.store.core.read() as connection:
        rows = orders.listed(connection, pending=pending, gateway=gateway, session_id=session_id.lower(), limit=limit)
    shown = [{**_order(row), "site": row.site} for row in rows]
    node.table(
        ("ID", "KIND", "SITE", "GATEWAY", "SESSION", "REASON", "MADE (UTC)", "STATE", "TRIES", "OUTCOME"),
        (
            (
                s["id"][:16],
                s["kind"],
                s["site"] or "-",
                s["gateway"],
                (s["session"] or "-")[:16],
                s["reason"],
                _time(s["created_at"]),
                s["state"],
                s["attempts"],
                s["outcome"],
            )
            for s in shown
        ),
        shown,
    )


@session.command("gaps")
@click.option(
    "--since", "lasting", default="1d", show_default=True, type=DURATION, help="Sessions that began so long ago."
)
@click.option("--site", help="Only this site's.")
@click.option("--kind", type=click.Choice([str(kind) for kind in GapKind]), help="Only gaps of this kind.")
@pass_node
def list_gaps(node: Node, lasting: int, site: str | None, kind: str | None) -> None:
    """List what is missing in the accounting of sessions that run or began lately. No total is corrected by it.

    \b
    lost-start          the first that was heard of it was no Start
    lost-stop           it fell silent; its last minutes are unknown
    restart             its gateway said Accounting-On or -Off while it ran
    outlived            it went on after that
    silence             nothing was heard for longer than three reports; its totals are whole
    time-restarted      its time did not go with the clock
    counters-backwards  its newest counters are lower than earlier ones
    ambiguous           two sessions of one id at the same time, without Class
    """
    inventory = node.revision().inventory
    with node.store.core.read() as connection:
        found = list(_all_gaps(connection, inventory, node.now - lasting, site))
    shown = [
        {"session": row.id, "site": row.site, "gateway": row.gateway, "device": row.device_id, **asdict(gap)}
        for row, gap in found
        if kind is None or gap.kind == kind
    ]
    node.table(
        ("SESSION", "SITE", "GATEWAY", "GAP", "FROM (UTC)", "TO (UTC)", "LENGTH"),
        (
            (
                s["session"][:16],
                s["site"],
                s["gateway"],
                s["kind"],
                _time(s["from_at"]),
                _time(s["to_at"]),
                format_duration(s["to_at"] - s["from_at"]),
            )
            for s in shown
        ),
        shown,
    )


def _all_gaps(connection: Connection, inventory: Inventory, since: int, site: str | None) -> Iterator[tuple[Any, Gap]]:
    rows = sessions.since(connection, since, site)
    for _, group in groupby(rows, key=lambda row: (row.gateway, row.acct_session_id, row.device_id)):
        mine = list(group)
        for row in mine:
            for gap in _gaps_of(row, row.interim or _INTERIM, inventory):
                yield row, gap
        classless = [(row, session_of(row)) for row in mine if not row.ticket_id]
        for one, two in ambiguous(value for _, value in classless):
            row = next(row for row, value in classless if value is two)
            yield row, Gap(GapKind.AMBIGUOUS, two.started_at, min(one.last_at, two.last_at))


def _gaps_of(row: Any, interim: int, inventory: Inventory) -> list[Gap]:
    announces = isinstance(inventory.find_gateway(row.gateway), RadiusGateway)
    return gaps(session_of(row), patience=3 * interim, announces=announces)
