"""A gateway whose RADIUS secret is another than ours: who is told what, from the phone to the admin."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from structlog.testing import capture_logs

import portal
from hotspot.catalogue import load
from hotspot.city.look import LANGUAGES
from hotspot.nas.arrival import tells_silence
from hotspot.rules.shared_secret import Unheard, unheard
from hotspot.store.telemetry.counts import Count
from radius.jobs import watch_gateways
from tests.browser import Browser, Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

WRONG = b"somebody-elses-secret"
UNANSWERED = {
    "id": "Ini bukan kesalahan Anda", "en": "It is not your fault",
    "jv": "sanès kalepatan panjenengan", "su": "sanés kalepatan anjeun",
}  # fmt: skip


@pytest.fixture
def stranger(node: Node, gateway: CoovaChilliDouble) -> Iterator[CoovaChilliDouble]:
    """The park's gateway with a wrong secret; it does not wait as long as a real one."""
    right = gateway.client.secret
    gateway.client.secret, gateway.client.timeout, gateway.client.retries = WRONG, 1, 3
    yield gateway
    gateway.client.secret = right


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def log_in(gateway: CoovaChilliDouble, code: str) -> Page:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    return browser.submit(page, page.form(method="voucher"), code=code)


def looked(node: Node) -> str:
    return next(line for line in node.call("nas", "test", "tk1-gw").stdout.splitlines() if "RADIUS:" in line)


def line(node: Node) -> dict[str, Any]:
    found: list[dict[str, Any]] = node.json("radius", "status")
    return next(one for one in found if one["gateway"] == "tk1-gw")


def told(node: Node) -> list[tuple[str, str]]:
    """What the job says in the log."""
    store = node.store()
    with capture_logs() as logs:
        watch_gateways(store, node.settings, int(time.time()))
    store.close()
    return [(one["log_level"], one["event"]) for one in logs]


def logins(node: Node) -> tuple[int, int, int]:
    """How many the park has handed to its gateway, how many were let in, and how many were not heard of."""
    park = next((one for one in node.json("portal", "logins") if one["site"] == "taman-kota-1"), None)
    return (0, 0, 0) if park is None else (park["handed"], park["admitted"], park["unheard"])


def metrics(node: Node) -> str:
    with urlopen(f"http://127.0.0.1:{node.telemetry_port}/metrics") as answer:
        return str(answer.read().decode())


def test_from_the_phone_to_the_admin_and_back(node: Node, stranger: CoovaChilliDouble) -> None:
    code = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "puskesmas", "--count", "1")["codes"][0]
    page = log_in(stranger, code)
    assert "reason=timeout" in page.url
    assert "Ini bukan kesalahan Anda" in page.text
    assert "ditolak" not in page.text
    secret, stranger.client.secret = stranger.client.secret, node.secret("TK1_RADIUS")
    mac, stranger.phone.mac = stranger.phone.mac, "02-AA-00-00-00-0E"
    page = log_in(stranger, code)
    assert "Anda tersambung" in page.text, "the voucher's one device is not the one that did not get in"
    stranger.stop("User-Request")
    until(lambda: logins(node) == (2, 1, 1))
    stranger.client.secret, stranger.phone.mac = secret, mac
    assert "Ini bukan kesalahan Anda" in log_in(stranger, code).text
    until(lambda: line(node)["unheard"] == "secret")
    found = looked(node)
    assert found.startswith("WRONG")
    assert "radiussecret" in found
    assert "env:TK1_RADIUS" in found
    assert node.secret("TK1_RADIUS").decode() not in found
    assert node.call("nas", "test", "tk1-gw").returncode == 1
    until(lambda: logins(node) == (3, 1, 2))
    assert told(node) == [("warning", "everything from a gateway is dropped")]
    assert told(node) == [], "once"
    with node.service("telemetry"):
        assert 'hotspot_radius_gateway_unheard{gateway="tk1-gw"} 1.0' in metrics(node)

    stranger.client.secret = node.secret("TK1_RADIUS")
    stranger.phone.mac = "02-AA-00-00-00-0F"
    page = log_in(stranger, code)
    assert "Anda tersambung" in page.text
    until(lambda: line(node)["unheard"] is None)
    assert looked(node).startswith("ok")
    assert told(node) == [("info", "gateway is heard again")]
    until(lambda: logins(node) == (4, 2, 2))


def test_every_language_says_whose_fault_it_is_not() -> None:
    texts = load(Path(portal.__file__).parent, "portal", LANGUAGES)
    for language, words in UNANSWERED.items():
        assert words in texts.text(language, "error.unanswered")
    assert UNANSWERED.keys() == set(LANGUAGES)


def test_radclient_with_another_secret(node: Node) -> None:
    def ask(kind: str, secret: str, attributes: str) -> None:
        port = node.auth_port if kind == "auth" else node.acct_port
        subprocess.run(
            ["radclient", "-r", "3", "-t", "1", f"127.0.0.1:{port}", kind, secret],
            input=attributes, capture_output=True, text=True, check=False,
        )  # fmt: skip

    ask("acct", "no-secret-of-ours", 'Acct-Status-Type = Accounting-On\nAcct-Session-Id = "x"')
    until(lambda: line(node)["unheard"] == "secret")
    until(lambda: line(node)["dropped"].get("bad-authenticator", 0) >= 3)
    ask("acct", node.secret("TK1_RADIUS").decode(), 'Acct-Status-Type = Accounting-On\nAcct-Session-Id = "y"')
    until(lambda: line(node)["unheard"] is None)


def counts(**at: int) -> list[Count]:
    return [Count("n", "g", name.replace("__", ":").replace("_", "-"), 5, when) for name, when in at.items()]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (counts(dropped__bad_authenticator=20, access_accept=10), True),
        (counts(dropped__bad_message_authenticator=20, accounting_response=20), None),
        (counts(dropped__bad_message_authenticator=20, access_reject=30), None),
        (counts(dropped__no_message_authenticator=20), False),
        (counts(garbled_password=20, access_reject=20), True),
        (counts(garbled_password=20, access_reject=20, access_accept=20), None),
        (counts(dropped__rate=20), None),
        ([Count("n", "g", "dropped:bad-authenticator", 1, 20)], None),
        ([Count("n", "", "dropped:unknown-source", 9, 20)], None),
        ([*counts(dropped__bad_authenticator=20), Count("m", "g", "access-accept", 1, 25)], None),
    ],
)
def test_when_everything_is_dropped(found: list[Count], expected: bool | None) -> None:
    assert {name: one.signs for name, one in unheard(found).items()} == ({} if expected is None else {"g": expected})
    assert all(isinstance(one, Unheard) and one.at == 20 for one in unheard(found).values())


@pytest.mark.parametrize(
    ("text", "silent"),
    [
        ("RADIUS server is not responding", True),
        ("Authentication server timed out", True),
        ("server timeout", True),
        ("invalid username or password", False),
        ("session timeout", False),
        ("", False),
    ],
)
def test_gateways_words_for_silence(text: str, silent: bool) -> None:
    assert tells_silence(text) is silent
