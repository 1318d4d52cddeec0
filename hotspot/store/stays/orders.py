"""Orders: what a gateway must still be told about a session. Claimed by one node at a time; claims expire.

A session has at most one pending order (the schema keeps that): a newer change takes the place of an older one, a
disconnect that of any change. What a change says is not written down with it but read from the grant when it is sent,
so the gateway is always told what holds then. An order that no longer matters ends as obsolete: its session has ended.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, or_, select, update

from hotspot.admission.grant import Limits
from hotspot.admission.ticket import PASS_LIFETIME
from hotspot.errors import StoreError
from hotspot.people.identity import Keys, new_id
from hotspot.store.persons.people import member_name, open_mac
from hotspot.store.portable import upsert
from hotspot.store.schema import PENDING, device, grant, order, session, ticket

LIFETIME: Final = 86400
"""Seconds after which an order no longer matters where nothing better is known."""
_CLAIM: Final = 30


class Channel(StrEnum):
    """How an order travels: RADIUS CoA (radius/coa.py), the agent's next post (portal/channels/agents.py), or a
    controller's HTTP (portal/channels/unifi.py)."""

    COA = "coa"
    AGENT = "agent"
    HTTP = "http"


class Kind(StrEnum):
    DISCONNECT = "disconnect"
    CHANGE = "change"
    """The limits of its grant hold from now on. Only gateways with RADIUS know how to."""
    REAUTHENTICATE = "reauthenticate"
    """A device that has no session yet has logged in at the portal: ask about it again (Cisco)."""


class OrderState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    """The gateway understood and would not."""
    UNANSWERED = "unanswered"
    """It was tried for as long as it mattered."""
    OBSOLETE = "obsolete"
    """It no longer mattered: the session had ended, or a newer order took its place."""
    FAILED = "failed"
    """We could not carry it."""


@dataclass(frozen=True)
class Wanted:
    """An order to be made. `expires_at` is when it no longer matters."""

    session: str
    gateway: str
    channel: Channel
    reason: str
    kind: Kind = Kind.DISCONNECT
    expires_at: int | None = None


@dataclass(frozen=True)
class Order:
    """An order with all that a gateway may want to know its session by."""

    id: str
    kind: Kind
    gateway: str
    attempts: int
    session_id: str
    acct_session_id: str
    """Of a reauthentication what the gateway calls the device's stay (audit-session-id)."""
    ticket: str
    """What the session was admitted with: a ticket's id; a grant's where there was no ticket; or nothing we know."""
    user_name: str
    """What the gateway knows its user by: the ticket's id, a member's name; empty after MAC authentication."""
    mac: str
    limits: Limits | None = None
    """What holds for the session, counted from its start; of a change."""
    plan: str | None = None


def add(
    connection: Connection,
    session_row: Row[Any],
    channel: Channel,
    reason: str,
    now: int,
    kind: Kind = Kind.DISCONNECT,
    expires_at: int | None = None,
) -> str:
    """The id of a new order for a running session, or of the pending one that says as much already."""
    wanted = Wanted(session_row.id, session_row.gateway, channel, reason, kind, expires_at)
    return add_all(connection, [wanted], now)[session_row.id]


def add_all(connection: Connection, wanted: Iterable[Wanted], now: int) -> dict[str, str]:
    """Makes orders. Returns the id of each session's pending one."""
    by_session = {one.session: one for one in wanted}
    if not by_session:
        return {}
    names = sorted(by_session)  # every node locks rows in the same order
    pending = and_(order.c.session_id.in_(names), order.c.state == OrderState.PENDING)
    connection.execute(
        update(order)
        .where(pending, order.c.kind == Kind.CHANGE)
        .values(state=OrderState.OBSOLETE, outcome="a newer order took its place", finished_at=now)
    )
    rows = [
        {
            "id": new_id(),
            "kind": one.kind,
            "session_id": one.session,
            "gateway": one.gateway,
            "channel": one.channel,
            "reason": one.reason,
            "created_at": now,
            "expires_at": now + LIFETIME if one.expires_at is None else max(one.expires_at, now + 1),
            "due_at": now,
            "attempts": 0,
            "state": OrderState.PENDING,
        }
        for one in (by_session[name] for name in names)
    ]
    statement = upsert(connection, order).on_conflict_do_nothing(index_elements=["session_id"], index_where=PENDING)
    connection.execute(statement, rows)
    return {row.session_id: row.id for row in connection.execute(select(order.c.session_id, order.c.id).where(pending))}


def reauthenticate(connection: Connection, gateway: str, device_id: str, stay: str, now: int) -> str:
    """The id of a new order for a device that a gateway holds back, and calls `stay`."""
    id_ = new_id()
    connection.execute(
        insert(order).values(
            id=id_, kind=Kind.REAUTHENTICATE, gateway=gateway, channel=Channel.COA, reason="logged-in",
            device_id=device_id, stay=stay, created_at=now, expires_at=now + PASS_LIFETIME, due_at=now, attempts=0,
            state=OrderState.PENDING,
        )
    )  # fmt: skip
    return id_


def _claimable(channel: Channel, now: int, again: str = "") -> ColumnElement[bool]:
    """Due, and neither it nor another order of its session is in the hands of somebody else than `again`."""
    other = order.alias()
    in_flight = exists().where(
        other.c.session_id == order.c.session_id, other.c.id != order.c.id, other.c.claimed_until > now
    )
    running = exists().where(session.c.id == order.c.session_id, session.c.ended_at.is_(None))
    return and_(
        order.c.state == OrderState.PENDING,
        order.c.channel == channel,
        order.c.due_at <= now,
        order.c.expires_at > now,
        or_(order.c.claimed_until.is_(None), order.c.claimed_until <= now, order.c.claimed_by == again),
        or_(order.c.session_id.is_(None), running),
        ~in_flight,
    )


def waiting(connection: Connection, channel: Channel, now: int) -> set[str]:
    """The gateways for which there is something to claim. Cheap to ask often."""
    return set(connection.execute(select(order.c.gateway).where(_claimable(channel, now)).distinct()).scalars())


def claim(
    connection: Connection,
    keys: Keys,
    channel: Channel,
    who: str,
    now: int,
    *,
    gateways: Collection[str],
    limit: int = 64,
    again: bool = False,
) -> list[Order]:
    """The due orders of a channel for these gateways, claimed for `who` for half a minute; new ones first.

    `again` also gives those that `who` has claimed already: an agent that asks once more has not heard the answer.
    """
    statement = select(order.c.id).where(_claimable(channel, now, who if again else ""), order.c.gateway.in_(gateways))
    statement = statement.order_by(order.c.attempts, order.c.due_at, order.c.id).limit(limit)
    chosen = connection.execute(statement.with_for_update(skip_locked=True, of=order)).scalars().all()
    if not chosen:
        return []
    connection.execute(update(order).where(order.c.id.in_(chosen)).values(claimed_by=who, claimed_until=now + _CLAIM))
    rows = connection.execute(
        select(
            *(order.c[name] for name in ("id", "kind", "attempts", "session_id", "gateway", "stay")),
            *(session.c[name] for name in ("acct_session_id", "ticket_id", "grant_id", "person_id", "started_at")),
            device.c.sealed,
        )
        .outerjoin(session, session.c.id == order.c.session_id)
        .outerjoin(device, device.c.id == func.coalesce(order.c.device_id, session.c.device_id))
        .where(order.c.id.in_(chosen))
    )
    found = [_order(connection, keys, row, now) for row in rows.all()]
    return [one for one in found if one is not None]


def _order(connection: Connection, keys: Keys, row: Any, now: int) -> Order | None:
    limits, plan = _limits(connection, row) if row.kind == Kind.CHANGE else (None, None)
    if row.kind == Kind.CHANGE and limits is None:
        finish(connection, row.id, OrderState.OBSOLETE, "the session has no grant", now)
        return None
    try:
        mac = open_mac(keys, row.sealed or b"")
        if row.kind == Kind.REAUTHENTICATE:
            return Order(row.id, Kind.REAUTHENTICATE, row.gateway, row.attempts, "", row.stay, "", "", mac)
        user_name = _user_name(connection, keys, row)
    except StoreError as error:
        finish(connection, row.id, OrderState.FAILED, str(error), now)
        return None
    return Order(
        id=row.id,
        kind=Kind(row.kind),
        gateway=row.gateway,
        attempts=row.attempts,
        session_id=row.session_id,
        acct_session_id=row.acct_session_id,
        ticket=row.ticket_id,
        user_name=user_name,
        mac=mac,
        limits=limits,
        plan=plan,
    )


def _user_name(connection: Connection, keys: Keys, row: Row[Any]) -> str:
    if row.ticket_id != row.grant_id:
        return str(row.ticket_id)
    had_ticket = exists().where(ticket.c.grant_id == row.grant_id)  # then it was MAC authentication that resumed it
    if row.person_id is None or connection.execute(select(had_ticket)).scalar_one():
        return ""
    return member_name(connection, keys, row.person_id) or ""


def _limits(connection: Connection, row: Row[Any]) -> tuple[Limits | None, str | None]:
    """What the grant leaves to a session, from the session's start; and the grant's plan."""
    held = connection.execute(select(grant).where(grant.c.id == row.grant_id)).one_or_none()
    if held is None:
        return None, None
    total = held.total
    if total is not None:
        others = select(func.coalesce(func.sum(session.c.down + session.c.up), 0)).where(
            session.c.person_id == held.person_id, session.c.grant_id == held.id, session.c.id != row.session_id
        )
        total = max(1, total - int(connection.execute(others).scalar_one()))
    left = max(1, held.ends_at - row.started_at)
    limits = Limits(session=left, idle=held.idle, down=held.down, up=held.up, total=total, interim=held.interim)
    return limits, held.plan


def finish(connection: Connection, order_id: str, state: OrderState, outcome: str, now: int) -> None:
    """Records how an order ended; one that has ended already stays as it is. Its claim is over either way."""
    connection.execute(
        update(order)
        .where(order.c.id == order_id, order.c.state == OrderState.PENDING)
        .values(state=state, outcome=outcome[:200], finished_at=now)
    )
    release(connection, [order_id])


def postpone(connection: Connection, order_id: str, due_at: int, outcome: str) -> None:
    """Tries again later."""
    connection.execute(
        update(order)
        .where(order.c.id == order_id, order.c.state == OrderState.PENDING)
        .values(due_at=due_at, attempts=order.c.attempts + 1, outcome=outcome[:200])
    )
    release(connection, [order_id])


def release(connection: Connection, ids: Sequence[str]) -> None:
    """Gives claims back."""
    connection.execute(update(order).where(order.c.id.in_(ids)).values(claimed_until=None))


def settle(connection: Connection, now: int) -> int:
    """Ends the pending orders that no longer matter. How many."""
    pending = order.c.state == OrderState.PENDING
    gone = ~exists().where(session.c.id == order.c.session_id, session.c.ended_at.is_(None))
    obsolete = connection.execute(
        update(order)
        .where(pending, order.c.session_id.is_not(None), gone)
        .values(state=OrderState.OBSOLETE, outcome="the session had ended", finished_at=now)
    )
    tried = order.c.attempts > 0
    overdue = and_(pending, order.c.expires_at <= now)
    unanswered = connection.execute(
        update(order).where(overdue, tried).values(state=OrderState.UNANSWERED, finished_at=now)
    )
    untried = connection.execute(
        update(order)
        .where(overdue, ~tried)
        .values(state=OrderState.UNANSWERED, outcome="no node could carry it", finished_at=now)
    )
    return obsolete.rowcount + unanswered.rowcount + untried.rowcount


def get(connection: Connection, order_id: str) -> Row[Any]:
    return connection.execute(select(order).where(order.c.id == order_id)).one()


def listed(
    connection: Connection,
    *,
    pending: bool = False,
    gateway: str | None = None,
    session_id: str = "",
    limit: int = 1000,
) -> list[Row[Any]]:
    """Orders with their session's site, newest first."""
    statement = select(order, session.c.site).outerjoin(session, session.c.id == order.c.session_id)
    if pending:
        statement = statement.where(order.c.state == OrderState.PENDING)
    if gateway is not None:
        statement = statement.where(order.c.gateway == gateway)
    if session_id:
        statement = statement.where(order.c.session_id.startswith(session_id, autoescape=True))
    return list(connection.execute(statement.order_by(order.c.created_at.desc(), order.c.id).limit(limit)))


def newest(connection: Connection, session_ids: Collection[str]) -> dict[str, Row[Any]]:
    """The newest order of each of these sessions that has one."""
    rows = connection.execute(
        select(order).where(order.c.session_id.in_(session_ids)).order_by(order.c.created_at, order.c.id)
    )
    return {row.session_id: row for row in rows}
