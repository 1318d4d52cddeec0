"""The portal's limits: who is held back, when, for how long, and who is not."""

import secrets as random
import threading
import time
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from flask import Flask

from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.people.voucher import new_code
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.limits import attempts, exits
from hotspot.store.limits.attempts import Limit
from portal import limits
from portal.limits import Caller
from portal.pages import render
from tests.browser import Browser, Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

NOW = 1_760_000_000


def take(store: Store, keys: Keys, caller: Caller, now: int = NOW, what: str = "guess") -> RequestError | None:
    known = {"guess": limits.GUESSES, "login": limits.LOGINS}[what]
    try:
        with store.core.write() as connection:
            limits.take(connection, keys, what, known, caller, now)
    except RequestError as error:
        return error
    return None


def learn(store: Store, keys: Keys, gateway: str, *senders: str) -> None:
    """The gateway has let people in from there."""
    with store.core.write() as connection:
        exits.learn(connection, [exits.mark(keys, gateway, one) for one in senders], NOW)


def spend(store: Store, keys: Keys, what: str, whose: str, value: str, count: int) -> None:
    subject = limits.subject(keys, what, whose, value)
    with store.core.write() as connection:
        for _ in range(count):
            attempts.take(connection, subject, NOW, Limit(10**6, 600))


@pytest.mark.parametrize("what", ["guess", "login"])
def test_each_limit_and_what_is_refused_counts_against_nobody(settings: Settings, store: Store, what: str) -> None:
    keys, known = settings.keys(), {"guess": limits.GUESSES, "login": limits.LOGINS}[what]
    learn(store, keys, "g1", "a1", "a2")
    for _ in range(known["device"].count):
        assert take(store, keys, Caller("d1", "a1", "g1"), what=what) is None
    for later in range(5):
        error = take(store, keys, Caller("d1", "a1", "g1"), NOW + later, what=what)
        assert error is not None
        assert (error.code, error.detail, error.wait) == ("too-many-attempts", "device", 600 - later)
    for whose, value in (("address", "a1"), ("gateway", "g1")):
        with store.core.read() as connection:
            spent = attempts.spent(connection, limits.subject(keys, what, whose, value), NOW)
        assert spent == known["device"].count, "the refused ones are not among them"
        share = known[whose].count // 10 if whose == "gateway" else 0
        spend(store, keys, what, whose, value, known[whose].count - share - spent)
        error = take(store, keys, Caller("d2", "a1" if whose == "address" else "a2", "g1"), what=what)
        assert error is not None
        assert (error.code, error.detail) == ("too-many-here", whose)
    assert take(store, keys, Caller("d2", "a2", "g2"), what=what) is None
    assert take(store, keys, Caller("d1", "a1", "g1"), NOW + 600, what=what) is None
    assert take(store, keys, Caller("d3", "", "g2"), what=what) is None, "an unknown address is nobody's"


def test_addresses_from_which_nobody_got_in_share_a_tenth_of_a_gateway(settings: Settings, store: Store) -> None:
    keys, whole = settings.keys(), limits.LOGINS["gateway"].count
    learn(store, keys, "g1", "park")

    def until_refused(senders: int, name: str) -> int:
        for done in range(whole):
            if take(store, keys, Caller(f"{name}{done}", f"{name}{done % senders}", "g1"), what="login"):
                return done
        return whole

    assert until_refused(1, "far") == whole // 20, "one sender has half of it"
    assert until_refused(50, "bot") == whole // 10 - whole // 20, "all of them together have the tenth"
    assert take(store, keys, Caller("phone", "park", "g1"), what="login") is None, "and the park goes on"
    spend(store, keys, "login", "gateway", "g1", whole - whole // 10 - 1)
    error = take(store, keys, Caller("phone 2", "park", "g1"), what="login")
    assert (error and error.detail) == "gateway"


def test_a_right_password_gives_back_what_it_took(settings: Settings, store: Store) -> None:
    keys = settings.keys()
    for turn in range(limits.GUESSES["address"].count + 5):
        with store.core.write() as connection:
            caller = Caller(f"d{turn}", "school", "g1")
            taken = limits.take(connection, keys, "guess", limits.BESIDE_THE_DEVICE, caller, NOW)
            attempts.give_back(connection, taken)
    with store.core.read() as connection:
        assert attempts.spent(connection, limits.subject(keys, "guess", "address", "school"), NOW) == 0


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::5", "2001:db8:1:3::/64"),
    ],
)
def test_a_64_of_ipv6_is_one_sender(address: str, stands_for: str) -> None:
    with Flask("a request").test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert render.sender() == stands_for
    with Flask("a request").test_request_context(
        environ_base={"REMOTE_ADDR": "127.0.0.1"}, headers={"X-Forwarded-For": address}
    ):
        assert render.sender() == stands_for


def test_of_parallel_guesses_at_any_node_so_many_are_judged(settings: Settings, store: Store) -> None:
    keys, outcomes = settings.keys(), []
    barrier = threading.Barrier(25)

    def go() -> None:
        barrier.wait()
        outcomes.append(take(store, keys, Caller("d", "a", "g")) is None)

    threads = [threading.Thread(target=go) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes) == limits.GUESSES["device"].count


# -- the portal itself ---------------------------------------------------------------------------------------------


def voucher(gateway: CoovaChilliDouble, code: str, language: str = "id") -> Page:
    browser = Browser(language)
    page = browser.open(gateway.redirect("notyet"))
    return browser.submit(page, page.form(method="voucher"), code=code)


def fill(node: Node, what: str, whose: str, value: str, count: int) -> None:
    store = node.store()
    subject = limits.subject(node.settings.keys(), what, whose, value)
    with store.core.write() as connection:
        for _ in range(count):
            attempts.take(connection, subject, int(time.time()), Limit(10**6, 600))
    store.close()


def empty(node: Node, what: str, whose: str, value: str) -> None:
    store = node.store()
    with store.core.write() as connection:
        attempts.forget(connection, limits.subject(node.settings.keys(), what, whose, value))
    store.close()


def status(node: Node) -> dict[str, dict[str, int]]:
    found = [one for one in node.json("portal", "status") if one["gateway"] == "tk1-gw"]
    return dict(found[0]) if found else {"handed": {}, "refused": {}, "limited": {}}


@pytest.mark.parametrize(
    ("language", "said"), [("id", "sangat ramai"), ("en", "Too many people"), ("su", "ramé pisan")]
)
def test_a_crowded_gateway_says_so(node: Node, gateway: CoovaChilliDouble, language: str, said: str) -> None:
    try:
        for pool in ("gateway", limits.OTHERS):
            fill(node, "guess", pool, "tk1-gw", limits.GUESSES["gateway"].count)
        page = voucher(gateway, new_code(), language)
        assert (page.status, said in page.alert) == (429, True)
        assert 500 < int(page.headers["Retry-After"]) <= 600
        browser = Browser(language)
        page = browser.open(gateway.redirect("notyet"))
        assert browser.submit(page, page.form(method="click-through")).status == 200, "whoever guesses nothing gets in"
    finally:
        for pool in ("gateway", limits.OTHERS):
            empty(node, "guess", pool, "tk1-gw")


def test_clicking_through_again_and_again(node: Node, gateway: CoovaChilliDouble) -> None:
    mac = gateway.phone.mac.replace("-", ":").lower()
    fill(node, "login", "device", mac, limits.LOGINS["device"].count - 1)
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    form = page.form(method="click-through")
    assert browser.submit(page, form).status == 200
    page = browser.submit(page, form)
    assert (page.status, "10 menit" in page.alert) == (429, True)


def test_guesses_raise_an_alarm_once_and_are_counted_for_people_to_see(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    node = Node(tmp_path_factory.mktemp("alarm"))
    node.activate()
    store = node.store()
    unknown = attempts.subject(node.settings.keys(), "voucher code", "unknown")
    with store.core.write() as connection:
        for _ in range(limits.ALARM.count - 1):
            attempts.take(connection, unknown, int(time.time()), limits.ALARM)
    store.close()
    allowed = limits.GUESSES["device"].count
    with node.service("portal") as portal, node.gateway() as gateway:
        statuses = [voucher(gateway, new_code()).status for _ in range(allowed + 1)]
        assert statuses == [422] * allowed + [429]
        portal.wait_for("voucher codes are guessed")
        assert sum("voucher codes are guessed" in line for line in portal.lines) == 1
        deadline = time.monotonic() + 60
        while status(node)["limited"] != {"device": 1} and time.monotonic() < deadline:
            time.sleep(0.5)
        assert status(node)["refused"] == {"voucher-unknown": allowed}
        assert status(node)["limited"] == {"device": 1}
    assert "tk1-gw" in node.run("portal", "status")
    [park] = node.json("portal", "logins")
    assert (park["site"], park["shown"], park["admitted"], park["usual"]) == ("taman-kota-1", allowed + 1, 0, None)


@pytest.mark.parametrize(
    ("forwarded", "counted"), [("198.51.100.7", True), ("1.1.1.1, 198.51.100.7", True), ("rubbish", False), ("", False)]
)
def test_whom_a_proxy_on_this_machine_names(
    node: Node, gateway: CoovaChilliDouble, forwarded: str, counted: bool
) -> None:
    fill(node, "guess", "address", "198.51.100.7", limits.GUESSES["address"].count)
    gateway.phone.mac = "-".join(["02", *(f"{random.randbelow(256):02X}" for _ in range(5))])
    form = Browser().open(gateway.redirect("notyet")).form(method="voucher")
    connection = HTTPConnection("127.0.0.1", node.portal_port, timeout=60)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": forwarded}
    body = urlencode({**form.fields, "code": new_code()})
    connection.request("POST", "/login", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == (429 if counted else 422)
