"""Which sessions may not go on: used-up time or data of a person, a closing hour, too many devices, an ended grant.

`enforce` looks with every accounting record, `rules.watch` at what needs a clock.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select

from hotspot.admission.grant import Reason, Usage, exhausted, local_day
from hotspot.city.sites import Inventory
from hotspot.nas.entries import OpenndsGateway, RadiusGateway, UnifiGateway
from hotspot.store.portable import Statement, cursor, listed
from hotspot.store.schema import grant, session
from hotspot.store.stays import orders
from hotspot.store.stays.grants import OVERDUE, usage
from hotspot.store.stays.ledger import Origin
from hotspot.store.stays.orders import Channel, Wanted

ENDED: Final = "grant-ended"
"""The reason of an order for a session that outlives its grant: its gateway should have ended it."""


def channel_of(inventory: Inventory, gateway_id: str) -> Channel | None:
    """How orders reach a gateway; None where its inventory entry names no way."""
    gateway = inventory.find_gateway(gateway_id)
    if isinstance(gateway, OpenndsGateway):
        return Channel.AGENT
    if isinstance(gateway, UnifiGateway):
        return Channel.HTTP
    if isinstance(gateway, RadiusGateway) and gateway.radius.coa:
        return Channel.COA
    return None


_SUMS: Final = Statement(
    "SELECT person_id, SUM(down * 1.0 + up), SUM(seconds * 1.0),"
    " COUNT(DISTINCT CASE WHEN ended_at IS NULL THEN device_id END) FROM session"
    " WHERE person_id {among} AND last_at >= ? GROUP BY person_id"
)
"""Not in whole numbers: what a hostile gateway reports must not overflow them."""


def enforce(connection: Connection, inventory: Inventory, touched: Iterable[Origin | None], now: int) -> int:
    """Orders the running sessions of these sessions' persons to end that may not go on. How many.

    The sums of a day, by one statement for all, say whose; only those are looked at closely.
    """
    origins = [origin for origin in touched if origin is not None]
    suspects = _suspects(connection, inventory, origins, now) if origins else {}
    if not suspects:
        return 0
    rows = running(connection, suspects)
    close = {row.person_id for row in rows if _may_be_over(inventory, row, suspects[row.person_id])}
    mine = [row for row in rows if row.person_id in close]
    return put_out(connection, inventory, judged(connection, inventory, mine, now), now)


def running(connection: Connection, persons: Collection[str]) -> list[Row[Any]]:
    """The running sessions of persons with what their grants say, oldest first."""
    statement = (
        select(session, grant.c.plan, grant.c.ends_at, grant.c.total, grant.c.interim, grant.c.confirmed_at)
        .join(grant, grant.c.id == session.c.grant_id)
        .where(session.c.person_id.in_(persons), session.c.ended_at.is_(None))
    )
    return list(connection.execute(statement.order_by(session.c.started_at, session.c.id)))


def judged(
    connection: Connection, inventory: Inventory, rows: Iterable[Row[Any]], now: int, *, live: bool = False
) -> Iterator[tuple[Row[Any], str]]:
    """Those of `running` sessions, all of their persons, that must end, and why.

    `live` counts the time since a session's last report as used too.
    """
    of_person: dict[str, list[Row[Any]]] = {}
    for row in rows:
        of_person.setdefault(row.person_id, []).append(row)
    for person, mine in of_person.items():
        devices = list(dict.fromkeys(row.device_id for row in mine if _counts(inventory, row, now)))
        used: dict[ZoneInfo, Usage] = {}
        for row in mine:
            site, plan = inventory.find_site(row.site), inventory.plans.get(row.plan)
            if row.ends_at + OVERDUE <= now:
                yield row, ENDED
            elif row.total is not None and row.down + row.up >= row.total:
                yield row, Reason.DATA_USED_UP
            elif site is not None and plan is not None:
                zone = inventory.zone(site)
                if zone not in used:
                    known = usage(connection, person, now, zone)
                    used[zone] = replace(known, seconds=known.seconds + (unreported(mine, now) if live else 0))
                reason = exhausted(plan, used[zone], now, zone)
                if reason is not None:
                    yield row, reason
                elif row.device_id in devices[plan.devices :]:
                    yield row, Reason.TOO_MANY_DEVICES


def _counts(inventory: Inventory, row: Row[Any], now: int) -> bool:
    """Whether a session's device is one of its person's. Not where a dead pass let it in at openNDS: the answer to the
    agent puts that one out by itself, and it must not push out who is rightly in."""
    proven = row.confirmed_at is not None or channel_of(inventory, row.gateway) is not Channel.AGENT
    return row.ends_at > now and proven


def unreported(rows: Iterable[Row[Any]], now: int) -> int:
    """Seconds that running sessions have probably lasted since their last reports; no more than two are missing."""
    return sum(min(max(0, now - row.last_at), 2 * row.interim) for row in rows)


def put_out(connection: Connection, inventory: Inventory, sessions: Iterable[tuple[Row[Any], str]], now: int) -> int:
    """Orders sessions to end, each for its reason, where their gateways can be told. How many."""
    wanted: list[Wanted] = []
    for row, reason in sessions:
        channel = channel_of(inventory, row.gateway)
        if channel is not None:
            expires_at = row.ends_at if row.ends_at > now else None
            wanted.append(Wanted(row.id, row.gateway, channel, reason, expires_at=expires_at))
    orders.add_all(connection, wanted, now)
    return len(wanted)


Sums = tuple[float, float, int]
"""Bytes and seconds of the day, sessions counted whole, and the devices with a running session."""


def _suspects(connection: Connection, inventory: Inventory, origins: list[Origin], now: int) -> dict[str, Sums | None]:
    """Who must be looked at: None for those whose plan is closed now or whose grant has ended, else the sums of those
    who reach what any plan of the city allows."""
    plans = inventory.plans.values()
    zones = {inventory.zone(site) for site in inventory.site}
    closed = {
        name for name, plan in inventory.plans.items() if any(exhausted(plan, Usage(), now, zone) for zone in zones)
    }
    midnight = min((local_day(now, zone)[0] for zone in zones), default=now)
    octets = min((plan.data_per_day for plan in plans if plan.data_per_day is not None), default=inf)
    seconds = min((plan.time_per_day for plan in plans if plan.time_per_day is not None), default=inf)
    devices = min((plan.devices for plan in plans), default=inf)
    on = cursor(connection)
    on.execute(_SUMS.of(connection), (listed(connection, {origin.person for origin in origins}), midnight))
    found: dict[str, Sums | None] = {
        row[0]: row[1:] for row in on.fetchall() if row[1] >= octets or row[2] >= seconds or row[3] > devices
    }
    for origin in origins:
        if origin.plan in closed or origin.ends_at + OVERDUE <= now:
            found[origin.person] = None
    return found


def _may_be_over(inventory: Inventory, row: Row[Any], sums: Sums | None) -> bool:
    """Whether it is worth counting exactly what a session's person has used of its plan."""
    plan = inventory.plans.get(row.plan)
    if plan is None or sums is None:
        return sums is None
    octets, seconds, devices = sums
    return (
        devices > plan.devices
        or (plan.data_per_day is not None and octets >= plan.data_per_day)
        or (plan.time_per_day is not None and seconds >= plan.time_per_day)
    )
