"""Sessions, orders and agents: on SQLite and PostgreSQL."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from hotspot.admission.session import Record, RecordKind
from hotspot.admission.ticket import Ticket
from hotspot.people.identity import Keys, new_id
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city import agents
from hotspot.store.schema import agent as agent_table
from hotspot.store.stays import grants, ledger, orders, sessions
from hotspot.store.stays.orders import Channel, OrderState

from .test_admission import NOW, a_grant, at_once, record


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def apply(store: Store, *records: Record) -> set[str]:
    with store.core.write() as connection:
        return set(ledger.apply(connection, records))


def _apply_one(store: Store, records: list[Record], i: int) -> set[str]:
    return apply(store, records[i])


def rows(store: Store, *, running: bool = False) -> list[Any]:
    with store.core.read() as connection:
        return sessions.listed(connection, running=running)


def test_a_session_knows_its_grant_by_ticket_or_grant(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    ticket = Ticket(new_id(), grant.id, "gw", NOW + 60)
    with store.core.write() as connection:
        grants.add_ticket(connection, ticket)
    apply(store, record(grant, "a", ticket=ticket.id), record(grant, "b", ticket=grant.id))
    assert [(row.person_id, row.grant_id, row.plan) for row in rows(store)] == [(grant.person, grant.id, "umum")] * 2


def test_a_gateway_cannot_claim_anothers_grant(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    stranger = a_grant(store, keys, "02:00:00:00:00:02")
    apply(store, record(grant, gateway="other"), record(stranger, ticket=grant.id))
    assert [row.person_id for row in rows(store)] == [None, None]


def test_nodes_that_hear_the_same_session_at_once_keep_one(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    for ticket in (grant.id, None):
        heard = [record(grant, f"s{ticket}", ticket=ticket, down=i, at=NOW + i, seconds=100 + i) for i in range(8)]
        at_once(8, partial(_apply_one, store, heard))
    found = {row.acct_session_id: row for row in rows(store)}
    assert len(rows(store)) == 2
    assert {row.down for row in found.values()} == {7}


def test_a_session_id_used_again_is_another_session(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    apply(store, record(grant, ticket=None), record(grant, ticket=None, at=NOW + 20, seconds=121))
    apply(store, record(grant, ticket=None, at=NOW + 5000, seconds=5))
    assert sorted(row.seconds for row in rows(store)) == [5, 121]


def test_a_restart_ends_what_began_before_it(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    apply(store, record(grant, "old"), record(grant, "new", at=NOW + 200, seconds=10))
    with store.core.write() as connection:
        assert sessions.presume(connection, "gw", NOW + 150, "NAS-Reboot") == 1
        assert sessions.presume(connection, "other", NOW + 150, "NAS-Reboot") == 0
    assert [row.acct_session_id for row in rows(store, running=True)] == ["new"]
    apply(store, record(grant, "old", at=NOW + 300, seconds=400))
    assert len(rows(store, running=True)) == 2


def test_what_begins_in_the_second_of_a_restart_lives(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    apply(store, record(grant, "old", seconds=0))
    with store.core.write() as connection:
        assert sessions.restarted(connection, "gw", NOW + 150, "NAS-Reboot") == 1
    apply(store, record(grant, "new", at=NOW + 150, seconds=0))
    for oldest in (NOW + 150, NOW + 20):
        with store.core.write() as connection:
            sessions.presume_late(connection, {"gw": oldest})
        assert [row.acct_session_id for row in rows(store, running=True)] == ["new"]


def test_starts_that_drift_apart_stay_one_session(store: Store, keys: Keys) -> None:
    """Without Class, each start within 30 s of the last known: the first record again is no new session."""
    grant = a_grant(store, keys)
    first = record(grant, ticket=None, at=NOW + 40, seconds=0)
    apply(store, first)
    apply(store, record(grant, ticket=None, at=NOW + 312, seconds=300))
    apply(store, record(grant, ticket=None, at=NOW + 600, seconds=600, down=7))
    apply(store, first)
    assert [row.down for row in rows(store)] == [10]


def test_a_record_without_class_looks_at_no_stays_of_other_weeks(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    week = [record(grant, "a", ticket=None, at=NOW - 3600 * n, seconds=60) for n in range(150)]
    apply(store, *week)
    with store.core.read() as connection:
        looked = ledger.may_go_on(connection, [record(grant, "a", ticket=None, at=NOW + 10, seconds=70)])
        assert [row.last_at for row in looked] == [NOW]
        late = ledger.may_go_on(connection, [record(grant, "a", ticket=None, at=NOW - 3600, seconds=60)])
        assert [row.last_at for row in late] == [NOW - 3600]


def test_a_session_that_fell_silent_is_ended_at_its_last_word(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    apply(store, record(grant))
    with store.core.write() as connection:
        assert sessions.presume_silent(connection, NOW + 900) == 0
        assert sessions.presume_silent(connection, NOW + 901) == 1
    [row] = rows(store)
    assert (row.ended_at, row.presumed_cause) == (NOW, "Stale")
    apply(store, record(grant, at=NOW + 1000, seconds=1100))
    assert rows(store, running=True)


def test_a_stop_outlives_a_restart_that_comes_at_the_same_time(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    for round_ in range(10):
        name = f"s{round_}"
        apply(store, record(grant, name, at=NOW, seconds=0, down=0))
        stop = record(grant, name, at=NOW + 100, seconds=100, down=10**9, kind=RecordKind.STOP, cause="User-Request")
        at_once(2, partial(_stop_or_restart, store, stop))
    assert {(row.down, row.stopped_cause) for row in rows(store)} == {(10**9, "User-Request")}


def _stop_or_restart(store: Store, stop: Record, i: int) -> None:
    with store.core.write() as connection:
        if i:
            sessions.presume(connection, "gw", NOW + 50, "NAS-Reboot")
        else:
            ledger.apply(connection, [stop])


def test_sessions_are_found_by_the_beginning_of_their_id(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    [session_id] = apply(store, record(grant))
    with store.core.read() as connection:
        assert [row.id for row in sessions.find(connection, session_id[:8])] == [session_id]
        assert sessions.find(connection, "%") == []


def an_order(store: Store, keys: Keys, channel: Channel = Channel.COA) -> str:
    grant = a_grant(store, keys)
    [session_id] = apply(store, record(grant))
    with store.core.write() as connection:
        [row] = sessions.find(connection, session_id)
        first = orders.add(connection, row, channel, "admin", NOW)
        assert orders.add(connection, row, channel, "admin", NOW) == first
    return first


def claim(store: Store, keys: Keys, who: str, now: int = NOW, **options: Any) -> list[orders.Order]:
    channel, gateways = options.pop("channel", Channel.COA), options.pop("gateways", ["gw"])
    with store.core.write() as connection:
        return orders.claim(connection, keys, channel, who, now, gateways=gateways, **options)


def test_an_order_is_claimed_by_one_node_at_a_time(store: Store, keys: Keys) -> None:
    order_id = an_order(store, keys)
    claims = at_once(6, lambda i: claim(store, keys, f"node{i}"))
    [order] = [order for found in claims for order in found]
    assert (order.id, order.mac, order.acct_session_id) == (order_id, "02:00:00:00:00:01", "1")
    assert claim(store, keys, "late", NOW + 29) == []
    assert len(claim(store, keys, "late", NOW + 31)) == 1


def test_channels_and_gateways_are_apart(store: Store, keys: Keys) -> None:
    an_order(store, keys, Channel.AGENT)
    assert claim(store, keys, "n") == []
    assert claim(store, keys, "n", channel=Channel.AGENT, gateways=["other"]) == []
    assert len(claim(store, keys, "n", channel=Channel.AGENT, gateways=["gw"])) == 1


def state(store: Store, order_id: str) -> tuple[str, str | None]:
    with store.core.read() as connection:
        row = orders.get(connection, order_id)
    return row.state, row.outcome


def test_outcomes(store: Store, keys: Keys) -> None:
    order_id = an_order(store, keys)
    claim(store, keys, "n")
    with store.core.write() as connection:
        orders.postpone(connection, order_id, NOW + 5, "no answer")
    assert claim(store, keys, "m", NOW + 4) == []
    assert claim(store, keys, "m", NOW + 5)[0].attempts == 1
    with store.core.write() as connection:
        orders.finish(connection, order_id, OrderState.DONE, "acknowledged", NOW + 6)
        orders.finish(connection, order_id, OrderState.FAILED, "too late", NOW + 7)
    assert state(store, order_id) == ("done", "acknowledged")


def test_an_order_that_nobody_could_carry_expires(store: Store, keys: Keys) -> None:
    order_id = an_order(store, keys)
    late = NOW + orders.LIFETIME
    assert claim(store, keys, "n", late) == []
    with store.core.write() as connection:
        assert orders.settle(connection, late) == 1
    assert state(store, order_id) == ("unanswered", "no node could carry it")


def test_an_agents_posts_only_go_forward(store: Store) -> None:
    def accept(sequence: int, key: str = "k1") -> bool:
        with store.core.write() as connection:
            return agents.accept(connection, "gw", key, sequence, "boot", 1, NOW)

    assert [accept(sequence) for sequence in (5, 5, 4, 6)] == [True, False, False, True]
    assert sum(at_once(8, lambda _: accept(7))) == 1
    with store.core.read() as connection:
        assert agents.last_sequence(connection, "gw") == 7
    assert [accept(sequence) for sequence in (999_999_999_999_999_999, NOW + agents.WINDOW + 1)] == [False, False]
    assert [accept(NOW + agents.WINDOW + step) for step in (0, 1, 1, 2)] == [True, True, False, True], "it goes on"
    assert [accept(NOW, "k2"), accept(8, "k2"), accept(NOW + 1, "k2")] == [True, False, True], "a new key, anew"
    with store.core.write() as connection:
        connection.execute(update(agent_table).values(key_id=""))
    assert [accept(NOW + 1, "k2"), accept(NOW + 2, "k2")] == [False, True], "of a version without ids: the same key"
