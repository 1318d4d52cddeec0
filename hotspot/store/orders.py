"""Orders: what a gateway must still be told about a session. Claimed by one node at a time; claims expire."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, or_, select, update

from ..errors import StoreError
from ..identity import Keys, new_id
from .people import device_mac
from .schema import order, session

LIFETIME: Final = 86400
"""Seconds after which an order no longer matters: the session has ended by its own limits."""
_CLAIM: Final = 30


class Channel(StrEnum):
    """How an order travels: RADIUS CoA (radius/coa.py) or the agent's next post (portal/gateways.py)."""

    COA = "coa"
    AGENT = "agent"


class OrderState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Order:
    """A disconnect with all that a gateway may want to know its session by."""

    id: str
    gateway: str
    attempts: int
    session_id: str
    acct_session_id: str
    user_name: str
    """The ticket's id, which was the User-Name; a grant's id where the gateway has no RADIUS."""
    mac: str


def add(connection: Connection, session_row: Row[Any], channel: Channel, reason: str, now: int) -> str:
    """The id of a new disconnect order for a running session, or of the one it already has."""
    pending = select(order.c.id).where(order.c.session_id == session_row.id, order.c.state == OrderState.PENDING)
    known = connection.execute(pending).scalar()
    if known is not None:
        return str(known)
    order_id = new_id()
    connection.execute(
        insert(order).values(
            id=order_id,
            kind="disconnect",
            session_id=session_row.id,
            gateway=session_row.gateway,
            channel=channel,
            reason=reason,
            created_at=now,
            expires_at=now + LIFETIME,
            due_at=now,
            attempts=0,
            state=OrderState.PENDING,
        )
    )
    return order_id


def claim(
    connection: Connection, keys: Keys, channel: Channel, who: str, now: int, *, gateway: str | None = None
) -> list[Order]:
    """The due orders of a channel, claimed for `who` for half a minute. Overdue ones fail here."""
    connection.execute(
        update(order)
        .where(order.c.state == OrderState.PENDING, order.c.expires_at <= now)
        .values(state=OrderState.FAILED, outcome="expired", finished_at=now)
    )
    due = select(order.c.id).where(
        order.c.state == OrderState.PENDING,
        order.c.channel == channel,
        order.c.due_at <= now,
        or_(order.c.claimed_until.is_(None), order.c.claimed_until <= now, order.c.claimed_by == who),
    )
    if gateway is not None:
        due = due.where(order.c.gateway == gateway)
    chosen = (
        connection.execute(due.order_by(order.c.due_at).limit(64).with_for_update(skip_locked=True)).scalars().all()
    )
    if not chosen:
        return []
    connection.execute(update(order).where(order.c.id.in_(chosen)).values(claimed_by=who, claimed_until=now + _CLAIM))
    rows = connection.execute(
        select(order.c.id, order.c.gateway, order.c.attempts, order.c.session_id, session)
        .join(session, session.c.id == order.c.session_id)
        .where(order.c.id.in_(chosen))
    )
    found: list[Order] = []
    for row in rows.all():
        try:
            mac = device_mac(connection, keys, row.device_id)
        except StoreError as error:
            finish(connection, row.id, OrderState.FAILED, str(error), now)
            continue
        found.append(
            Order(
                id=row.id,
                gateway=row.gateway,
                attempts=row.attempts,
                session_id=row.session_id,
                acct_session_id=row.acct_session_id,
                user_name=row.ticket_id,
                mac=mac,
            )
        )
    return found


def finish(connection: Connection, order_id: str, state: OrderState, outcome: str, now: int) -> None:
    """Records how an order ended; an order that has ended already stays as it is."""
    connection.execute(
        update(order)
        .where(order.c.id == order_id, order.c.state == OrderState.PENDING)
        .values(state=state, outcome=outcome[:200], finished_at=now, claimed_by=None, claimed_until=None)
    )


def postpone(connection: Connection, order_id: str, due_at: int, outcome: str) -> None:
    """Tries again later."""
    connection.execute(
        update(order)
        .where(order.c.id == order_id, order.c.state == OrderState.PENDING)
        .values(
            due_at=due_at, attempts=order.c.attempts + 1, outcome=outcome[:200], claimed_by=None, claimed_until=None
        )
    )


def get(connection: Connection, order_id: str) -> Row[Any]:
    return connection.execute(select(order).where(order.c.id == order_id)).one()
