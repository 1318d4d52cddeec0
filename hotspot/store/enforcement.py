"""Ending sessions that are over before their gateway knows: used-up time or data of a person, a closing hour."""

from collections.abc import Iterable
from math import inf
from typing import Final

from sqlalchemy import Connection, select

from ..grant import Usage, exhausted, local_day
from ..sites import Inventory, OpenndsGateway, Plan, RadiusGateway, UnifiGateway
from . import orders
from .admission import usage
from .ledger import Origin
from .orders import Channel
from .portable import Statement, cursor, listed
from .schema import grant, session


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
    "SELECT person_id, SUM(down * 1.0 + up), SUM(seconds * 1.0) FROM session"
    " WHERE person_id {among} AND last_at >= ? GROUP BY person_id"
)
"""Not in whole numbers: what a hostile gateway reports must not overflow them."""


def enforce(connection: Connection, inventory: Inventory, touched: Iterable[Origin | None], now: int) -> int:
    """Orders every running session of these sessions' persons to end whose plan is used up or closed. How many.

    The sums of a day, by one statement for all, say who may have used a plan up; only those are looked at closely.
    """
    origins = [origin for origin in touched if origin is not None]
    sums = _suspects(connection, inventory, origins, now) if origins else {}
    if not sums:
        return 0
    rows = connection.execute(
        select(session, grant.c.plan)
        .join(grant, grant.c.id == session.c.grant_id)
        .where(session.c.person_id.in_(sums), session.c.ended_at.is_(None))
    ).all()
    ordered = 0
    for row in rows:
        site, plan = inventory.find_site(row.site), inventory.plans.get(row.plan)
        channel = channel_of(inventory, row.gateway)
        if site is None or plan is None or channel is None:
            continue
        zone = inventory.zone(site)
        if not (_may_be_over(plan, *sums[row.person_id]) or exhausted(plan, Usage(), now, zone)):
            continue
        reason = exhausted(plan, usage(connection, row.person_id, now, zone), now, zone)
        if reason is not None:
            orders.add(connection, row, channel, reason, now)
            ordered += 1
    return ordered


def _suspects(
    connection: Connection, inventory: Inventory, origins: list[Origin], now: int
) -> dict[str, tuple[float, float]]:
    """Bytes and seconds of the day, sessions counted whole, of those who reach what any plan of the city allows, or
    whose plan is closed now."""
    limited = {name: plan for name, plan in inventory.plans.items() if _is_limited(plan)}
    if not limited:
        return {}
    zones = {inventory.zone(site) for site in inventory.site}
    closed = {name for name, plan in limited.items() if any(exhausted(plan, Usage(), now, zone) for zone in zones)}
    shut_out = {origin.person for origin in origins if origin.plan in closed}
    midnight = min((local_day(now, zone)[0] for zone in zones), default=now)
    octets = min((plan.data_per_day for plan in limited.values() if plan.data_per_day is not None), default=inf)
    seconds = min((plan.time_per_day for plan in limited.values() if plan.time_per_day is not None), default=inf)
    on = cursor(connection)
    on.execute(_SUMS.of(connection), (listed(connection, {origin.person for origin in origins}), midnight))
    return {
        row[0]: (row[1], row[2]) for row in on.fetchall() if row[1] >= octets or row[2] >= seconds or row[0] in shut_out
    }


def _is_limited(plan: Plan) -> bool:
    return plan.hours is not None or plan.time_per_day is not None or plan.data_per_day is not None


def _may_be_over(plan: Plan, octets: float, seconds: float) -> bool:
    return (plan.data_per_day is not None and octets >= plan.data_per_day) or (
        plan.time_per_day is not None and seconds >= plan.time_per_day
    )
