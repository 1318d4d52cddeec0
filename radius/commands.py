"""`hotspot session`: who is online, and putting somebody out."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from hotspot.errors import ConfigError, HotspotError
from hotspot.store import orders, sessions
from hotspot.store.audit import record
from hotspot.store.enforcement import channel_of
from hotspot.store.orders import OrderState
from hotspot.terminal import Group, Node, pass_node
from hotspot.units import format_duration, format_size


@click.group(cls=Group)
def session() -> None:
    """Show sessions and end them."""


def _shown(row: Any) -> dict[str, Any]:
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
        "seconds": row.seconds,
        "down": row.down,
        "up": row.up,
    }


@session.command("list")
@click.option("--all", "everything", is_flag=True, help="Ended sessions too.")
@click.option("--site", help="Only this site's.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="The newest so many.")
@pass_node
def list_(node: Node, everything: bool, site: str | None, limit: int) -> None:
    """List running sessions, newest first.

    \b
    hotspot session list
    hotspot session list --all --site taman-kota-1 --json
    """
    with node.store.core.read() as connection:
        rows = sessions.listed(connection, running=not everything, site=site, limit=limit)
    shown = [_shown(row) for row in rows]
    node.table(
        ("ID", "SITE", "GATEWAY", "PLAN", "METHOD", "STARTED (UTC)", "TIME", "DOWN", "UP", "STATE"),
        (
            (
                s["id"][:12],
                s["site"],
                s["gateway"],
                s["plan"],
                s["method"],
                datetime.fromtimestamp(s["started_at"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
                format_duration(s["seconds"]),
                format_size(s["down"]),
                format_size(s["up"]),
                "running" if s["ended_at"] is None else s["cause"],
            )
            for s in shown
        ),
        shown,
    )


@session.command()
@click.argument("session_id", metavar="ID")
@click.option(
    "--wait", default=30, show_default=True, type=click.IntRange(0, 3600), help="Seconds to wait for the outcome."
)
@pass_node
def disconnect(node: Node, session_id: str, wait: int) -> None:
    """End a running session; ID may be the beginning of its id.

    The order is stored first: a gateway that is away gets it when it comes back. Exit code 1 where the gateway refused,
    or has not answered when the waiting ends.
    """
    with node.store.core.read() as connection:
        found = sessions.find(connection, session_id.lower())
    if len(found) != 1:
        known = "no session" if not found else "more than one session"
        raise ConfigError(f"{known} has an id that begins with {session_id!r}; see `hotspot session list`")
    row = found[0]
    if row.ended_at is not None:
        raise HotspotError(f"session {row.id} has ended already")
    channel = channel_of(node.revision().inventory, row.gateway)
    if channel is None:
        raise ConfigError(f"gateway {row.gateway} cannot be told: give it radius.coa in sites.toml")
    with node.store.core.write() as connection:
        order_id = orders.add(connection, row, channel, "admin", node.now)
        record(connection, node.who, "session.disconnect", row.id, node.now, order=order_id, gateway=row.gateway)
    outcome = _awaited(node, order_id, wait)
    node.answer({"order": order_id, "state": outcome.state, "outcome": outcome.outcome})
    node.say(f"order {order_id[:12]}: {outcome.state}{': ' + outcome.outcome if outcome.outcome else ''}")
    if outcome.state != OrderState.DONE:
        node.fail()


def _awaited(node: Node, order_id: str, wait: int) -> Any:
    deadline = time.monotonic() + wait
    while True:
        with node.store.core.read() as connection:
            order = orders.get(connection, order_id)
        if order.state != OrderState.PENDING or time.monotonic() >= deadline:
            return order
        time.sleep(0.2)
