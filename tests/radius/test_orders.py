"""Orders carried to gateways: doubles that answer as gateways do, and FreeRADIUS as a real one. On both engines."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from hotspot.city.inventory import load
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store, schema
from hotspot.store.stays import orders
from hotspot.store.stays.orders import Channel, Kind
from radius.orders import Sender
from tests.bed.net import wait_until
from tests.conftest import settings_in
from tests.doubles.freeradius import FreeRadius
from tests.doubles.nas import CHANGE, DISCONNECT, NasDouble, forge, later, refuse, stay_silent
from tests.node import EXAMPLE, free_port
from tests.store.test_orders import a_session

SECRET = "a-secret-of-the-park"
ENVIRONMENT = {"TK1_RADIUS": SECRET, "PAMULANG_RADIUS": SECRET, "SMPN11_RADIUS": SECRET}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, environment={**settings.environment, **ENVIRONMENT})


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def city(park: str, clinic: str | None = None, *changes: tuple[str, str]) -> Inventory:
    """The example city with its gateways' addresses for orders."""
    text = EXAMPLE.read_text().replace("10.20.1.2:3799", park).replace("10.20.6.2:3799", clinic or "127.0.0.1:9")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load(text)


@contextmanager
def carrying(settings: Settings, store: Store, keys: Keys, inventory: Inventory) -> Iterator[Sender]:
    sender, stop = Sender(settings, store, keys, lambda: inventory), threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        yield sender
    finally:
        stop.set()
        thread.join()


def order(store: Store, keys: Keys, gateway: str = "tk1-gw", kind: Kind = Kind.DISCONNECT, name: str = "1") -> str:
    row = a_session(store, keys, name, gateway=gateway, mac=f"02:00:00:00:00:{int(name):02x}")
    with store.core.write() as connection:
        return orders.add(connection, row, Channel.COA, "admin", int(time.time()), kind)


def ask(store: Store, order_id: str) -> Any:
    with store.core.read() as connection:
        return orders.get(connection, order_id)


def settled(store: Store, order_id: str, met: Callable[[Any], bool], timeout: float = 60) -> tuple[str, str | None]:
    deadline = time.monotonic() + timeout
    while not met(row := ask(store, order_id)):
        assert time.monotonic() < deadline, (row.state, row.outcome, row.attempts)
        time.sleep(0.02)
    return row.state, row.outcome


def ended(row: Any) -> bool:
    return bool(row.state != "pending")


def tried(row: Any) -> bool:
    return bool(row.attempts)


@pytest.mark.parametrize(
    ("kind", "answer", "outcome"),
    [
        (Kind.DISCONNECT, None, ("done", "acknowledged")),
        (Kind.CHANGE, None, ("done", "acknowledged")),
        (Kind.DISCONNECT, refuse(503), ("done", "Session-Context-Not-Found")),
        (Kind.CHANGE, refuse(401), ("refused", "Unsupported-Attribute")),
        (Kind.CHANGE, refuse(), ("refused", "refused without Error-Cause")),
        (Kind.DISCONNECT, later(0.7), ("done", "acknowledged")),
    ],
)
def test_what_a_gateway_answers_is_the_outcome(
    settings: Settings, store: Store, keys: Keys, kind: Kind, answer: Any, outcome: tuple[str, str]
) -> None:
    with NasDouble(SECRET.encode(), *([answer] if answer else [])) as nas:
        with carrying(settings, store, keys, city(nas.address)):
            order_id = order(store, keys, kind=kind)
            assert settled(store, order_id, ended) == outcome
        assert nas.heard[0].code == (DISCONNECT if kind is Kind.DISCONNECT else CHANGE)
        assert ("Session-Timeout" in nas.heard[0].attributes) == (kind is Kind.CHANGE)


def test_an_order_is_carried_at_once(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode()) as nas, carrying(settings, store, keys, city(nas.address)):
        row = a_session(store, keys, gateway="tk1-gw")
        time.sleep(0.5)
        with store.core.write() as connection:
            order_id = orders.add(connection, row, Channel.COA, "admin", int(time.time()))
        made = time.monotonic()
        settled(store, order_id, ended)
        assert nas.heard[0].at - made < 20  # polled five times a second; a busy machine gets its time


def test_one_that_was_not_heard_is_sent_again_with_the_same_bytes(settings: Settings, store: Store, keys: Keys) -> None:
    """RFC 5176 section 2.3: so that the gateway can tell a retransmission, and answers it as it answered the first."""
    with NasDouble(SECRET.encode(), stay_silent, stay_silent) as nas:
        with carrying(settings, store, keys, city(nas.address)):
            assert settled(store, order(store, keys), ended) == ("done", "acknowledged")
        assert len({heard.data for heard in nas.heard}) == 1
        assert len(nas.heard) >= 3


def test_a_forged_answer_is_none(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode(), forge, forge, forge) as nas:
        with carrying(settings, store, keys, city(nas.address)):
            order_id = order(store, keys)
            assert settled(store, order_id, tried) == ("pending", "no answer from the gateway")
        assert len(nas.heard) == 3


def test_a_gateway_that_is_away_holds_up_no_other(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode()) as nas, NasDouble(SECRET.encode(), *[stay_silent] * 99) as away:
        inventory = city(nas.address, away.address)
        with carrying(settings, store, keys, inventory):
            silent = [order(store, keys, "pamulang-gw", name=str(i)) for i in range(10, 20)]
            wait_until(lambda: len(away.heard) >= 10, "all of them are under way")
            began = time.monotonic()
            assert settled(store, order(store, keys), ended)[0] == "done"
            assert time.monotonic() - began < 15, "half of what the ten take one after the other"
            assert settled(store, silent[0], tried) == ("pending", "no answer from the gateway")


def test_a_gateway_that_comes_back_gets_what_still_matters(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode(), *[stay_silent] * 6) as nas:
        inventory = city(nas.address)
        with carrying(settings, store, keys, inventory):
            matters, gone = order(store, keys, name="1"), order(store, keys, name="2")
            for name in (matters, gone):
                settled(store, name, tried)
            with store.core.write() as connection:
                ended_session = schema.session.c.id == ask(store, gone).session_id
                connection.execute(update(schema.session).where(ended_session).values(ended_at=int(time.time())))
                orders.settle(connection, int(time.time()))
            assert settled(store, matters, ended) == ("done", "acknowledged")
            assert settled(store, gone, ended) == ("obsolete", "the session had ended")
        assert len(nas.heard) >= 7


def test_an_answer_after_the_last_try_still_counts(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode(), later(3.5)) as nas, carrying(settings, store, keys, city(nas.address)):
        order_id = order(store, keys)
        settled(store, order_id, tried)
        assert settled(store, order_id, ended) == ("done", "acknowledged")


def test_a_node_claims_only_orders_of_gateways_that_listen_to_it(settings: Settings, store: Store, keys: Keys) -> None:
    """CoovaChilli is silent to everybody but its RADIUS servers."""
    with NasDouble(SECRET.encode()) as nas:
        inventory = city(
            nas.address, None, (f'coa = "{nas.address}"', f'coa = "{nas.address}", coa_from = ["127.0.0.5"]')
        )
        order_id = order(store, keys)
        with carrying(settings, store, keys, inventory):
            time.sleep(1)
            assert ask(store, order_id).claimed_by is None
        with carrying(replace(settings, radius_coa_source=("127.0.0.5",)), store, keys, inventory):
            assert settled(store, order_id, ended) == ("done", "acknowledged")
        assert {heard.source[0] for heard in nas.heard} == {"127.0.0.5"}


def test_what_a_node_had_in_hand_when_it_stopped_another_takes_up_at_once(
    settings: Settings, store: Store, keys: Keys
) -> None:
    with NasDouble(SECRET.encode(), stay_silent) as nas:
        inventory = city(nas.address)
        order_id = order(store, keys)
        with carrying(settings, store, keys, inventory):
            settled(store, order_id, lambda row: row.claimed_until is not None)
        with carrying(settings, store, keys, inventory):
            assert settled(store, order_id, ended, timeout=20) == ("done", "acknowledged"), "a claim lasts 30 s"


def test_a_node_without_the_secret_leaves_the_order_to_others(settings: Settings, store: Store, keys: Keys) -> None:
    bare = replace(
        settings, environment={name: value for name, value in settings.environment.items() if "TK1" not in name}
    )
    with NasDouble(SECRET.encode()) as nas, carrying(bare, store, keys, city(nas.address)):
        state, outcome = settled(store, order(store, keys), tried)
        assert (state, nas.heard) == ("pending", [])
        assert "env:TK1_RADIUS is not set" in (outcome or "")


def test_gateways_on_ipv6(settings: Settings, store: Store, keys: Keys) -> None:
    with NasDouble(SECRET.encode(), address="::1") as nas, carrying(settings, store, keys, city(nas.address)):
        assert settled(store, order(store, keys), ended) == ("done", "acknowledged")


def test_a_source_that_is_not_this_nodes_is_named(settings: Settings, store: Store, keys: Keys) -> None:
    with pytest.raises(ConfigError, match=r"HOTSPOT_RADIUS_COA_SOURCE 192\.0\.2\.77: .*address of this node"):
        Sender(replace(settings, radius_coa_source=("192.0.2.77",)), store, keys, lambda: city("127.0.0.1:9"))


@pytest.mark.parametrize(
    ("environment", "sources"),
    [
        ({}, ()),
        ({"HOTSPOT_RADIUS_AUTH_LISTEN": "192.0.2.1:1812"}, ("192.0.2.1",)),
        ({"HOTSPOT_RADIUS_AUTH_LISTEN": "127.0.0.1:1812"}, ()),
        ({"HOTSPOT_RADIUS_COA_SOURCE": "192.0.2.2, 2001:DB8::2"}, ("192.0.2.2", "2001:db8::2")),
    ],
)
def test_where_orders_are_sent_from(tmp_path: Path, environment: dict[str, str], sources: tuple[str, ...]) -> None:
    assert settings_in(tmp_path, **environment).radius_coa_source == sources


@pytest.mark.parametrize("text", ["park", "192.0.2.1,192.0.2.2"])
def test_a_source_that_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="HOTSPOT_RADIUS_COA_SOURCE"):
        settings_in(tmp_path, HOTSPOT_RADIUS_COA_SOURCE=text)


def test_freeradius_understands_every_order(settings: Settings, store: Store, keys: Keys, tmp_path: Path) -> None:
    """It checks both authenticators, reads the attributes by its own dictionary, and answers as it is configured."""
    port = free_port()
    with FreeRadius(tmp_path, port, SECRET) as peer:
        inventory = city(f"127.0.0.1:{port}")
        with carrying(settings, store, keys, inventory):
            for i, (user, kind, outcome) in enumerate(
                [
                    ("f", Kind.DISCONNECT, ("done", "acknowledged")),
                    ("f", Kind.CHANGE, ("done", "acknowledged")),
                    ("e", Kind.DISCONNECT, ("done", "Session-Context-Not-Found")),
                    ("e", Kind.CHANGE, ("refused", "Session-Context-Not-Found")),
                    ("d", Kind.DISCONNECT, ("refused", "Administratively-Prohibited")),
                ]
            ):
                row = a_session(store, keys, str(i), gateway="tk1-gw", mac=f"02:00:00:00:00:{i:02x}")
                with store.core.write() as connection:
                    named = update(schema.session).where(schema.session.c.id == row.id).values(ticket_id=user * 32)
                    connection.execute(named)
                    order_id = orders.add(connection, row, Channel.COA, "admin", int(time.time()), kind)
                assert settled(store, order_id, ended) == outcome
    assert "Received CoA-Request" in peer.text
    heard = dict(re.findall(r"^\(1\)   ([\w.-]+) = (.*)$", peer.text, re.M))
    assert heard["Calling-Station-Id"] == '"02-00-00-00-00-01"'
    assert heard["WISPr-Bandwidth-Max-Down"] == "1000"
    assert heard["ChilliSpot-Max-Total-Octets"] == str((10**12) % 2**32)
    assert heard["Attr-26.14559.23"] == f"0x{10**12 // 2**32:08x}"  # its dictionary has no name for the gigawords
    assert {"Session-Timeout", "Idle-Timeout", "Acct-Interim-Interval", "Message-Authenticator"} <= heard.keys()
