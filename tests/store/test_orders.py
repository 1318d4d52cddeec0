"""Orders: made once, claimed by one node that may carry them, ended when they no longer matter. On both engines."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store, schema
from hotspot.store.persons import people
from hotspot.store.stays import orders, sessions
from hotspot.store.stays.orders import Channel, Kind, Order, OrderState

from .test_admission import NOW, a_grant, a_ticket, at_once, record
from .test_ledger import apply


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def a_session(store: Store, keys: Keys, name: str = "1", **changes: Any) -> Any:
    """The row of a running session under a grant of its own."""
    grant = a_grant(store, keys, **changes)
    [session_id] = apply(store, record(grant, name, ticket=grant.id, gateway=grant.gateway))
    with store.core.read() as connection:
        [row] = sessions.find(connection, session_id)
    return row


def add(store: Store, row: Any, kind: Kind = Kind.DISCONNECT, now: int = NOW, expires_at: int | None = None) -> str:
    with store.core.write() as connection:
        return orders.add(connection, row, Channel.COA, "admin", now, kind, expires_at)


def claim(
    store: Store, keys: Keys, who: str = "n", now: int = NOW, gateways: tuple[str, ...] = ("gw",), **options: Any
) -> list[Order]:
    with store.core.write() as connection:
        return orders.claim(connection, keys, Channel.COA, who, now, gateways=gateways, **options)


def finish(store: Store, order_id: str, state: OrderState = OrderState.DONE, now: int = NOW) -> None:
    with store.core.write() as connection:
        orders.finish(connection, order_id, state, "acknowledged", now)


def state(store: Store, order_id: str) -> tuple[str, str | None]:
    with store.core.read() as connection:
        row = orders.get(connection, order_id)
    return row.state, row.outcome


def test_many_who_want_the_same_make_one_order(store: Store, keys: Keys) -> None:
    row = a_session(store, keys)
    assert len(set(at_once(8, lambda _: add(store, row)))) == 1


def test_a_disconnect_takes_the_place_of_a_change_and_not_the_other_way(store: Store, keys: Keys) -> None:
    row = a_session(store, keys)
    first, second = add(store, row, Kind.CHANGE), add(store, row, Kind.CHANGE)
    assert state(store, first) == ("obsolete", "a newer order took its place")
    last = add(store, row)
    assert state(store, second)[0] == "obsolete"
    assert add(store, row, Kind.CHANGE) == last
    assert [(one.id, one.kind) for one in claim(store, keys)] == [(last, Kind.DISCONNECT)]


def test_a_newer_order_waits_until_the_older_ones_request_is_no_longer_under_way(store: Store, keys: Keys) -> None:
    """Otherwise a late retransmission of old limits could undo the new ones."""
    row = a_session(store, keys)
    [older] = [add(store, row, Kind.CHANGE)]
    assert [one.id for one in claim(store, keys, "a")] == [older]
    newer = add(store, row)
    assert claim(store, keys, "b") == []
    finish(store, older)
    assert [one.id for one in claim(store, keys, "b")] == [newer]
    assert state(store, older)[0] == "obsolete"


def test_a_change_tells_what_the_grant_says_when_it_is_claimed(store: Store, keys: Keys) -> None:
    row = a_session(store, keys, starts_at=NOW - 100, ends_at=NOW + 3600)
    add(store, row, Kind.CHANGE)
    with store.core.write() as connection:
        values = {"down": 7000, "up": 8000, "ends_at": NOW + 500, "total": 10**6}
        connection.execute(update(schema.grant).where(schema.grant.c.id == row.grant_id).values(**values))
    [order] = claim(store, keys)
    assert order.limits is not None
    assert (order.limits.down, order.limits.up, order.limits.total) == (7000, 8000, 10**6)
    assert order.limits.session == NOW + 500 - row.started_at
    assert order.plan == "umum"


def test_what_a_gateway_knows_its_user_by(store: Store, keys: Keys) -> None:
    """The ticket; a member's name where there was none; nothing after MAC authentication."""
    by_ticket, member, resumed = (a_grant(store, keys, f"02:00:00:00:00:0{i}") for i in range(3))
    with store.core.write() as connection:
        sari = people.add_member(connection, keys, "Sari", "hash", NOW)
        of_member = update(schema.grant).where(schema.grant.c.id == member.id).values(person_id=sari)
        connection.execute(of_member)
    tickets = {grant.id: a_ticket(store, grant) for grant in (by_ticket, resumed)}
    named = {}
    for grant, shown in ((by_ticket, tickets[by_ticket.id]), (member, member.id), (resumed, resumed.id)):
        [session_id] = apply(store, record(grant, ticket=shown))
        with store.core.read() as connection:
            [row] = sessions.find(connection, session_id)
        add(store, row)
        [order] = claim(store, keys)
        named[grant.id] = order.user_name
        assert order.ticket == shown
    assert named == {by_ticket.id: tickets[by_ticket.id], member.id: "sari", resumed.id: ""}


def test_a_change_leaves_to_a_session_what_earlier_ones_of_its_grant_left(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    apply(store, record(grant, "before", ticket=grant.id, down=10**9, up=1))
    [session_id] = apply(store, record(grant, "now", ticket=grant.id))
    with store.core.read() as connection:
        [row] = sessions.find(connection, session_id)
    add(store, row, Kind.CHANGE)
    [order] = claim(store, keys)
    assert order.limits is not None
    assert order.limits.total == 10**12 - 10**9 - 1


def test_a_session_without_a_grant_cannot_be_changed(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    [session_id] = apply(store, record(grant, ticket=None))
    with store.core.read() as connection:
        [row] = sessions.find(connection, session_id)
    order_id = add(store, row, Kind.CHANGE)
    assert claim(store, keys) == []
    assert state(store, order_id) == ("obsolete", "the session has no grant")


def test_orders_of_ended_sessions_are_obsolete_and_return_to_nobody(store: Store, keys: Keys) -> None:
    row = a_session(store, keys)
    order_id = add(store, row)
    with store.core.write() as connection:
        sessions.presume(connection, "gw", NOW + 1, "NAS-Reboot")
    assert claim(store, keys) == []
    with store.core.read() as connection:
        assert orders.waiting(connection, Channel.COA, NOW) == set()
    with store.core.write() as connection:
        assert orders.settle(connection, NOW) == 1
        assert orders.settle(connection, NOW) == 0
    assert state(store, order_id) == ("obsolete", "the session had ended")


def test_an_order_matters_until_its_grants_end(store: Store, keys: Keys) -> None:
    row = a_session(store, keys)
    order_id = add(store, row, expires_at=NOW + 100)
    claim(store, keys)
    with store.core.write() as connection:
        orders.postpone(connection, order_id, NOW + 5, "no answer from the gateway")
    assert [one.attempts for one in claim(store, keys, now=NOW + 99)] == [1]
    with store.core.write() as connection:
        orders.release(connection, [order_id])
        assert orders.settle(connection, NOW + 99) == 0
    assert claim(store, keys, now=NOW + 100) == []
    with store.core.write() as connection:
        assert orders.settle(connection, NOW + 100) == 1
    assert state(store, order_id) == ("unanswered", "no answer from the gateway")


def test_new_orders_go_before_those_that_were_tried(store: Store, keys: Keys) -> None:
    old = add(store, a_session(store, keys, "1", mac="02:00:00:00:00:01"))
    claim(store, keys)
    with store.core.write() as connection:
        orders.postpone(connection, old, NOW + 5, "no answer")
    new = add(store, a_session(store, keys, "2", mac="02:00:00:00:00:02"), now=NOW + 20)
    assert [one.id for one in claim(store, keys, now=NOW + 20, limit=1)] == [new]


def test_an_agent_that_asks_again_is_told_again(store: Store, keys: Keys) -> None:
    add(store, a_session(store, keys))
    assert len(claim(store, keys, "agent", again=True)) == 1
    assert len(claim(store, keys, "agent", again=True)) == 1
    assert claim(store, keys, "agent") == []


def test_lists(store: Store, keys: Keys) -> None:
    row = a_session(store, keys)
    first = add(store, row)
    finish(store, first, OrderState.REFUSED)
    second = add(store, row, now=NOW + 9)
    with store.core.read() as connection:
        assert [one.id for one in orders.listed(connection)] == [second, first]
        assert [one.id for one in orders.listed(connection, pending=True, gateway="gw")] == [second]
        assert orders.listed(connection, gateway="other") == []
        assert len(orders.listed(connection, session_id=row.id[:6])) == 2
        assert orders.newest(connection, [row.id])[row.id].id == second


GATEWAYS = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(GATEWAYS), st.sampled_from(Kind)),
        st.tuples(st.just("claim"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("finish"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("postpone"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 20), st.just(0)),
        st.tuples(st.just("end"), st.sampled_from(GATEWAYS), st.just(0)),
    ),
    max_size=25,
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
def test_whatever_happens_nobody_has_an_order_that_another_has(store: Store, keys: Keys, steps: list[Any]) -> None:
    """Two nodes of different reach: the first speaks to gateways a and b, the second to b and c."""
    reach = [("a", "b"), ("b", "c")]
    with store.core.write() as connection:
        connection.execute(delete(schema.order))
        connection.execute(delete(schema.session))
    rows = {name: a_session(store, keys, name, gateway=name, mac=f"02:00:00:00:00:0{name}") for name in GATEWAYS}
    held: list[dict[str, tuple[Order, int]]] = [{}, {}]
    now = NOW
    for what, one, two in steps:
        if what == "add":
            add(store, rows[one], two, now)
        elif what == "claim":
            for order in claim(store, keys, f"node{one}", now, reach[one], limit=two):
                assert order.gateway in reach[one]
                assert order.id not in held[one]
                others = [taken for taken, until in held[1 - one].values() if until > now]
                assert order.session_id not in {taken.session_id for taken in others}
                held[one][order.id] = (order, now + 30)
        elif what == "wait":
            now += one
            held = [{name: kept for name, kept in mine.items() if kept[1] > now} for mine in held]
        elif what == "end":
            with store.core.write() as connection:
                sessions.presume(connection, one, now, "NAS-Reboot")
        elif held[one]:
            order_id = next(iter(held[one]))
            del held[one][order_id]
            if what == "finish":
                finish(store, order_id, now=now)
            else:
                with store.core.write() as connection:
                    orders.postpone(connection, order_id, now + 5, "no answer")
    with store.core.write() as connection:
        orders.settle(connection, now)
        pending = connection.execute(select(schema.order).where(schema.order.c.state == OrderState.PENDING)).all()
    assert len({row.session_id for row in pending}) == len(pending)
    assert all(row.expires_at > now for row in pending)


def test_nodes_at_once_share_the_orders_out(store: Store, keys: Keys) -> None:
    wanted = {add(store, a_session(store, keys, str(i), mac=f"02:00:00:00:01:{i:02x}")) for i in range(24)}
    got: list[list[str]] = [[] for _ in range(4)]

    def work(node: int) -> None:
        for _ in range(30):
            mine = claim(store, keys, f"node{node}", limit=3)
            got[node] += [order.id for order in mine]

    at_once(4, work)
    flat = [name for names in got for name in names]
    assert sorted(flat) == sorted(wanted)
