"""Logging in at an OpenID provider by way of a short grant: in for minutes, proven, put out, in as oneself."""

import re
import time
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser as Chromium

from portal.dialects import OPEN_WEB
from portal.peers import web
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.doubles.oidc import SECRET, OidcProviderDouble
from tests.node import Node

from .test_block import gone
from .test_oidc import TABLE


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProviderDouble]:
    with OidcProviderDouble(claims={"sub": "u-boot", "groups": ["pegawai"]}) as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, provider: OidcProviderDouble) -> Iterator[Node]:
    table = TABLE.replace("ISSUER", provider.issuer).replace('"email"]\n', '"email"]\nbootstrap = "10m"\n')
    node = Node(tmp_path_factory.mktemp("boot"), {"[portal]": table, '"code", ': '"code", "oidc", '})
    node.environment["OIDC_SECRET"] = SECRET
    provider.redirect_uris.append(f"{node.portal}/oidc/callback")
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


def begun(gateway: CoovaChilliDouble) -> tuple[Browser, Page, str]:
    """In for some minutes: the status page, and where it leads on."""
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    page = browser.submit(page, page.form(method="oidc"))
    [link] = [str(found["href"]) for tag, found in page.tags if tag == "a" and "/oidc/go/" in str(found["href"])]
    return browser, page, urljoin(page.url, link)


def proven(gateway: CoovaChilliDouble) -> tuple[str, str]:
    """Logged in at the provider: the page that waits for the gateway, and the cookie of that browser."""
    browser, _, link = begun(gateway)
    page = browser.open(link)
    form = page.form_to("/oidc/confirm?lang=id")
    text = f"form={form.fields['form']}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.send(web.Request("POST", urljoin(page.url, form.action), headers, text))
    assert answer.status == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    return urljoin(page.url, answer.headers["location"]), cookie.partition(";")[0]


def arriving(gateway: CoovaChilliDouble, cookie: str) -> Page:
    """The phone at its gateway's door, in the browser with this cookie."""
    door = gateway.redirect("notyet")
    answer = web.send(web.Request("GET", door, {"Cookie": cookie, "Accept-Language": "id"}))
    if answer.status != 303:
        return Browser().open(door)
    return Browser().open(answer.headers["location"])


def test_in_for_minutes_then_as_oneself(node: Node, gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    _, page, _ = begun(gateway)
    assert gateway.phone.online
    assert 590 <= int(str(gateway.phone.accept["Session-Timeout"])) <= 600
    assert re.search("Anda tersambung sementara, (10|9) menit", page.text)
    [row] = [one for one in node.json("session", "list") if one["acct_session_id"] == gateway.phone.session_id]
    assert row["method"] == "oidc-start"
    gateway.stop("User-Request")
    gateway.phone.challenge = ""

    waiting, cookie = proven(gateway)
    assert waiting.startswith(f"{node.portal}/oidc/on/")
    assert gone(gateway), "the gateway was told"
    deadline = time.monotonic() + 60
    while (answer := web.send(web.Request("GET", waiting))).status == 200:
        assert answer.headers["refresh"] == "2"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (answer.status, answer.headers["location"]) == (303, OPEN_WEB)

    gateway.phone.user, gateway.phone.challenge = "", ""
    assert Browser().open(gateway.redirect("notyet")).form(method="oidc"), "the phone's address alone proves nobody"
    page = arriving(gateway, cookie)  # where the open web leads from behind a gateway
    assert "Anda tersambung" in page.text
    assert gateway.phone.online
    assert "500 MB" in page.text, "the plan of the group"
    [row] = [one for one in node.json("session", "list") if one["acct_session_id"] == gateway.phone.session_id]
    assert (row["method"], row["person"]) == ("oidc", node.json("person", "show", "u-boot")["person"])
    gateway.stop("User-Request")
    gateway.phone.user, gateway.phone.challenge = "", ""
    assert arriving(gateway, cookie).form(method="oidc"), "what was proven is good once"


def test_what_was_proven_is_of_one_phone_for_a_while(node: Node, gateway: CoovaChilliDouble) -> None:
    _, cookie = proven(gateway)
    assert gone(gateway)
    mine = gateway.phone.mac
    gateway.phone.mac, gateway.phone.user, gateway.phone.challenge = "02-AA-02-00-00-01", "", ""
    assert arriving(gateway, cookie).form(method="oidc"), "not of another's"
    gateway.phone.mac, gateway.phone.challenge = mine, ""
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE oidc_login SET proven_at = proven_at - 661")
    assert arriving(gateway, cookie).form(method="oidc"), "nor for ever"


def test_nobody_lives_on_it(gateway: CoovaChilliDouble) -> None:
    for turn in range(5):
        gateway.phone.user, gateway.phone.challenge = "", ""
        browser = Browser()
        page = browser.open(gateway.redirect("notyet"))
        page = browser.submit(page, page.form(method="oidc"))
        assert page.status == (200 if turn < 4 else 429)
        if turn < 4:
            gateway.stop("User-Request")
    assert "Terlalu banyak percobaan" in page.alert


def test_the_way_on_is_of_a_short_grant_alone(node: Node, gateway: CoovaChilliDouble) -> None:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    page = browser.submit(page, page.form(method="click-through"))
    token = page.url.rpartition("/")[2]
    for path in (f"/oidc/go/{token}", f"/oidc/on/{token}"):
        assert browser.open(f"{node.portal}{path}").status == 400
    assert browser.open(f"{node.portal}/oidc/go/{'0' * 48}").status == 404


def test_in_chromium(node: Node, gateway: CoovaChilliDouble, chromium: Chromium) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="id")
    page = context.new_page()
    page.goto(gateway.redirect("notyet"))
    page.locator("button[value=oidc]").click()
    page.wait_for_url("**/s/*")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    keep(page, "status-oidc-start")
    with page.expect_request(f"{OPEN_WEB}**", timeout=60_000):  # which a gateway would redirect
        page.locator("a[href*='/oidc/go/']").click()
    assert gone(gateway)
    context.close()
