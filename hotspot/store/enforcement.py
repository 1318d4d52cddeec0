"""Ending sessions that are over before their gateway knows: used-up time or data of a person, a closing hour."""

from typing import Any, Final

from sqlalchemy import Connection, select

from ..grant import Usage, exhausted, local_day
from ..sites import Inventory, OpenndsGateway, Plan, RadiusGateway
from . import orders
from .admission import usage
from .orders import Channel
from .portable import Statement, cursor, listed
from .schema import grant, session


def channel_of(inventory: Inventory, gateway_id: str) -> Channel | None:
    """How orders reach a gateway; None where its inventory entry names no way."""
    gateway = inventory.find_gateway(gateway_id)
    if isinstance(gateway, OpenndsGateway):
        return Channel.AGENT
    if isinstance(gateway, RadiusGateway) and gateway.radius.coa:
        return Channel.COA
    return None


_SUMS: Final = Statement(
    "SELECT s.person_id, g.plan, SUM(s.down + s.up), SUM(s.seconds)"
    " FROM {pairs} CROSS JOIN session s JOIN access_grant g ON g.id = s.grant_id"
    " WHERE s.person_id = a.value AND s.last_at >= ? GROUP BY s.person_id, g.plan"
)


def enforce(connection: Connection, inventory: Inventory, persons: set[str], now: int) -> int:
    """Orders every running session of these persons to end whose plan is used up. How many.

    The sums of a day, by one statement for all, say who may have used a plan up; only those are looked at closely.
    """
    suspects = _suspects(connection, inventory, persons, now) if persons else set()
    if not suspects:
        return 0
    rows = connection.execute(
        select(session, grant.c.plan)
        .join(grant, grant.c.id == session.c.grant_id)
        .where(session.c.person_id.in_(suspects), session.c.ended_at.is_(None))
    ).all()
    ordered = 0
    for row in rows:
        site, plan = inventory.find_site(row.site), inventory.plans.get(row.plan)
        channel = channel_of(inventory, row.gateway)
        if site is None or plan is None or channel is None:
            continue
        zone = inventory.zone(site)
        reason = exhausted(plan, usage(connection, row.person_id, now, zone), now, zone)
        if reason is not None:
            orders.add(connection, row, channel, reason, now)
            ordered += 1
    return ordered


def _suspects(connection: Connection, inventory: Inventory, persons: set[str], now: int) -> set[str]:
    """Those whose sessions of the day, counted whole, reach what one of their plans allows, or whose plan is closed."""
    zones = {inventory.zone(site) for site in inventory.site}
    limited = {name: plan for name, plan in inventory.plans.items() if _is_limited(plan)}
    closed = {name for name, plan in limited.items() if any(exhausted(plan, Usage(), now, zone) for zone in zones)}
    if not limited:
        return set()
    midnight = min((local_day(now, zone)[0] for zone in zones), default=now)
    on = cursor(connection)
    on.execute(_SUMS.of(connection), (listed(connection, persons), midnight))
    of_person: dict[str, list[Any]] = {}
    for person, plan, octets, seconds in on.fetchall():
        known = of_person.setdefault(person, [0, 0, []])
        known[0] += octets
        known[1] += seconds
        known[2].append(plan)
    return {
        person
        for person, (octets, seconds, plans) in of_person.items()
        if any(plan in closed or _may_be_over(limited[plan], octets, seconds) for plan in plans if plan in limited)
    }


def _is_limited(plan: Plan) -> bool:
    return plan.hours is not None or plan.time_per_day is not None or plan.data_per_day is not None


def _may_be_over(plan: Plan, octets: int, seconds: int) -> bool:
    return (plan.data_per_day is not None and octets >= plan.data_per_day) or (
        plan.time_per_day is not None and seconds >= plan.time_per_day
    )
