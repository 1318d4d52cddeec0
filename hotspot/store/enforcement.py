"""Ending sessions that are over before their gateway knows: used-up time or data of a person, a closing hour."""

from sqlalchemy import Connection, select

from ..grant import exhausted
from ..sites import CoovaChilliGateway, Inventory, MikrotikGateway, OpenndsGateway
from . import orders
from .admission import usage
from .orders import Channel
from .schema import grant, session


def channel_of(inventory: Inventory, gateway_id: str) -> Channel | None:
    """How orders reach a gateway; None where its inventory entry names no way."""
    gateway = inventory.find_gateway(gateway_id)
    if isinstance(gateway, OpenndsGateway):
        return Channel.AGENT
    if isinstance(gateway, CoovaChilliGateway | MikrotikGateway) and gateway.radius.coa:
        return Channel.COA
    return None


def enforce(connection: Connection, inventory: Inventory, touched: set[str], now: int) -> int:
    """Orders every running session of the persons behind `touched` sessions to end whose plan is used up. How many."""
    of_touched = select(session.c.person_id).where(session.c.id.in_(touched), session.c.person_id.is_not(None))
    rows = connection.execute(
        select(session, grant.c.plan)
        .join(grant, grant.c.id == session.c.grant_id)
        .where(session.c.person_id.in_(of_touched), session.c.ended_at.is_(None))
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
