"""Logging in at an OpenID provider; tests/doubles has a stand-in, which is Authlib's own server."""

import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser as Chromium

from hotspot.city.inventory import check
from hotspot.city.look import LANGUAGES
from portal.peers import web
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.doubles.oidc import CLIENT, SECRET, OidcProviderDouble
from tests.node import EXAMPLE, Node

from .test_block import gone

TABLE = """[oidc]
issuer = "ISSUER"
title = "SSO Kota"
client_id = "wifi"
secret = "env:OIDC_SECRET"
scopes = ["openid", "email"]

[oidc.groups]
pegawai = "puskesmas"
warga = "umum"

[portal]"""


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProviderDouble]:
    with OidcProviderDouble() as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, provider: OidcProviderDouble) -> Iterator[Node]:
    changes = {"[portal]": TABLE.replace("ISSUER", provider.issuer), '"code", ': '"code", "oidc", '}
    node = Node(tmp_path_factory.mktemp("oidc"), changes)
    node.environment["OIDC_SECRET"] = SECRET
    provider.redirect_uris.append(f"{node.portal}/oidc/callback")
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


@pytest.fixture(autouse=True)
def honest(provider: OidcProviderDouble) -> None:
    provider.claims = {"sub": f"u-{secrets.token_hex(4)}", "groups": ["pegawai"]}
    provider.lie, provider.foreign_key, provider.deny = None, False, False
    provider.asked.clear()
    provider.exchanged.clear()


def log_in(gateway: CoovaChilliDouble, browser: Browser | None = None) -> Page:
    """From the login page to the provider and back, without cookies."""
    browser = browser or Browser()
    page = browser.open(gateway.redirect("notyet"))
    return browser.submit(page, page.form(method="oidc"))


def confirmed(gateway: CoovaChilliDouble) -> Page:
    browser = Browser()
    page = log_in(gateway, browser)
    assert "Sambungkan perangkat ini?" in page.text
    return browser.submit(page, page.form_to("/oidc/confirm?lang=id"))


def test_to_the_provider_and_back(node: Node, gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    page = log_in(gateway)
    assert (page.status, gateway.phone.mac[-5:].lower().replace("-", ":") in page.text) == (200, True)
    assert "Taman Kota 1" in page.text
    assert not gateway.phone.online, "nothing without a yes, where the browser has no cookie"
    [asked] = provider.asked
    assert (asked["code_challenge_method"], asked["response_type"], asked["client_id"]) == ("S256", "code", CLIENT)
    assert asked["scope"] == "openid email"
    page = Browser().submit(page, page.form_to("/oidc/confirm?lang=id"))
    assert gateway.phone.online
    assert "Anda tersambung" in page.text
    assert "500 MB" in page.text, "the plan of the group"
    shown = node.json("person", "show", provider.claims["sub"])
    assert (shown["kind"], shown["known_as"]) == ("sso", f"{provider.issuer}|{provider.claims['sub']}")
    assert {one["purpose"] for one in shown["consents"]} == {"service"}
    gateway.stop("User-Request")
    gateway.phone.challenge = ""
    provider.claims["groups"] = "warga"
    assert "1 GB" in confirmed(gateway).text
    assert node.json("person", "show", provider.claims["sub"])["person"] == shown["person"]


def test_what_is_in_addresses_and_on_disk(node: Node, gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    page = log_in(gateway)
    mac = gateway.phone.mac
    bare = [mac.lower().replace("-", sign) for sign in (":", "-", "")]
    sent = page.visited[1:]
    assert [urlsplit(url).path for url in sent] == ["/authorize", "/oidc/callback"]
    for url in sent:
        assert not any(name in url.lower() for name in (*bare, "id_token", "access_token", SECRET)), url
    state = parse_qs(urlsplit(sent[0]).query)["state"][0]
    assert re.fullmatch(r"[0-9a-f]{48}", state)
    raw = b"".join(path.read_bytes() for path in (node.folder / "state").glob("core.db*"))
    assert provider.claims["sub"].encode() not in raw


def _lie(**changes: Any) -> Any:
    return lambda said: {name: value for name, value in {**said, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "lie",
    [
        _lie(nonce="another"),
        _lie(nonce=None),
        _lie(iss="https://evil.example.org"),
        _lie(aud="another"),
        _lie(aud=[CLIENT, "another"]),
        _lie(exp=1_700_000_000),
        _lie(exp=None),
        _lie(iat=1_700_000_000),
    ],
    ids=["wrong nonce", "no nonce", "foreign issuer", "audience", "audiences", "expired", "for ever", "old"],
)
def test_a_token_that_lies(gateway: CoovaChilliDouble, provider: OidcProviderDouble, lie: Any) -> None:
    provider.lie = lie
    page = log_in(gateway)
    assert (page.status, "tidak mengesahkan Anda" in page.alert) == (422, True), page.text
    assert provider.exchanged == [200]
    assert page.form(method="click-through"), "the other ways stand open"


def test_a_token_with_a_foreign_key(gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    provider.foreign_key = True
    assert "tidak mengesahkan Anda" in log_in(gateway).alert


def test_a_provider_that_says_no(gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    provider.deny = True
    assert "tidak mengesahkan Anda" in log_in(gateway).alert
    assert provider.exchanged == []


@pytest.mark.parametrize(
    "claims", [{"groups": ["tamu"]}, {"groups": None}, {"groups": 7}, {"groups": "pegawa"}, {"sub": "x" * 256}]
)
def test_who_may_not(gateway: CoovaChilliDouble, provider: OidcProviderDouble, claims: dict[str, Any]) -> None:
    provider.lie = _lie(**claims)
    page = log_in(gateway)
    assert (page.status, "tidak boleh dipakai" in page.alert) == (403, True)


def back(gateway: CoovaChilliDouble, language: str = "id") -> str:
    """The address at which the provider sends a browser back, which has not been opened."""
    page = Browser(language).open(gateway.redirect("notyet"))
    form = page.form(method="oidc")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = web.send(web.Request("POST", urljoin(page.url, form.action), headers, urlencode(form.fields)))
    found = web.send(web.Request("GET", sent.headers["location"])).headers["location"]
    assert "/oidc/callback?" in found
    return found


def test_nothing_is_used_twice(gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    url = back(gateway)
    first = Browser().open(url)
    assert first.status == 200
    again = Browser().open(url)
    assert (again.status, "sudah dipakai" in again.alert) == (400, True)
    assert provider.exchanged == [200], "nothing is asked with a code that came before"


def test_a_code_of_another_login_is_refused(gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    """PKCE binds a code to the login that asked for it: who steals one cannot put it into their own."""
    mine, theirs = back(gateway), back(gateway)
    code = parse_qs(urlsplit(theirs).query)["code"][0]
    page = Browser().open(re.sub(r"code=[^&]+", f"code={code}", mine))
    assert "tidak mengesahkan Anda" in page.alert
    assert provider.exchanged == [400]


@pytest.mark.parametrize("change", ["forged", "empty", "none"])
def test_a_wrong_state(gateway: CoovaChilliDouble, provider: OidcProviderDouble, change: str) -> None:
    url = back(gateway)
    changed = {
        "forged": re.sub(r"state=(.)", lambda found: f"state={'0' if found[1] != '0' else '1'}", url),
        "empty": re.sub(r"state=\w+", "state=", url),
        "none": re.sub(r"state=\w+", "", url),
    }[change]
    page = Browser().open(changed)
    assert (page.status, "mulai lagi" in page.alert) == (400, True)
    assert provider.exchanged == []


def test_an_answer_of_another_issuer(gateway: CoovaChilliDouble, provider: OidcProviderDouble) -> None:
    page = Browser().open(f"{back(gateway)}&iss=https%3A%2F%2Fevil.example.org")
    assert "tidak mengesahkan Anda" in page.alert
    assert provider.exchanged == []


def test_a_login_that_took_too_long(node: Node, gateway: CoovaChilliDouble) -> None:
    url = back(gateway)
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE oidc_login SET begun_at = begun_at - 901")
    assert "terlalu lama" in Browser().open(url).alert


def test_a_forged_yes(node: Node) -> None:
    for form in ("", "x.y", Browser().open(f"{node.portal}/privacy").forms[0].fields["form"]):
        assert Browser().open(f"{node.portal}/oidc/confirm", {"form": form}).status == 400


def test_a_provider_that_is_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    changes = {"[portal]": TABLE.replace("ISSUER", "http://127.0.0.1:9"), '"code", ': '"oidc", '}
    node = Node(tmp_path_factory.mktemp("away"), changes)
    node.environment["OIDC_SECRET"] = SECRET
    node.activate()
    with node.service("portal"), node.gateway() as gateway:
        page = log_in(gateway)
        assert (page.status, "tidak dapat dihubungi" in page.alert) == (503, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_chromium(node: Node, gateway: CoovaChilliDouble, chromium: Chromium, language: str) -> None:
    """With cookies nobody is asked; without, the page that asks fits and reads well."""
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=language)
    page = context.new_page()
    page.goto(gateway.redirect("notyet"))
    page.locator("button[value=oidc]").click()
    page.wait_for_url("**/s/*")
    assert gateway.phone.online
    gateway.stop("User-Request")
    gateway.phone.challenge = ""
    page.goto(gateway.redirect("notyet"))
    assert findings(page) == []
    keep(page, f"login-oidc-{language}")
    page.goto(back(gateway, language))
    assert (page.locator("form").count(), page.locator("html").get_attribute("lang")) == (1, language)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    keep(page, f"oidc-confirm-{language}")
    page.locator("form button").click()
    page.wait_for_url("**/s/*")
    assert gateway.phone.online
    page.locator("form[action$=logout] button").click()
    assert gone(gateway)
    context.close()


@pytest.mark.parametrize(
    ("table", "path", "fault"),
    [
        ("", "site[0].admit", '"oidc" needs the table [oidc]'),
        ('[oidc]\nissuer = "http://sso.example.go.id"\ntitle = "SSO"\nclient_id = "x"', "oidc.issuer", "https URL"),
        ('[oidc]\nissuer = "https://a.id"\ntitle = "S"\nclient_id = "x"\nscopes = []', "oidc.scopes", '"openid" is'),
        (
            '[oidc]\nissuer = "https://a.id"\ntitle = "S"\nclient_id = "x"\ngroups = { a = "umun" }',
            "oidc.groups.a",
            "did you mean 'umum'",
        ),
    ],
)
def test_faults_name_the_field(table: str, path: str, fault: str) -> None:
    text = EXAMPLE.read_text().replace('"code", ', '"code", "oidc", ').replace("[portal]", f"{table}\n\n[portal]", 1)
    assert [(one.path, fault in one.message) for one in check(text).faults] == [(path, True)]


def test_the_documentations_example_is_right() -> None:
    page = (EXAMPLE.parent / "docs" / "portal.md").read_text()
    [block] = re.findall(r"```toml\n(# oidc:.*?)```", page, re.DOTALL)
    assert check(EXAMPLE.read_text().replace("[portal]", f"{block}\n[portal]", 1)).faults == ()


def test_a_provider_whose_host_phones_ask_needs_a_short_grant() -> None:
    table = '[oidc]\nissuer = "https://accounts.google.com"\ntitle = "G"\nclient_id = "x"\n'
    for more, faults in (("", 1), ('bootstrap = "5m"\n', 0)):
        found = check(EXAMPLE.read_text().replace("[portal]", f"{table}{more}\n[portal]", 1)).faults
        assert [("phones ask google.com" in one.message, one.path) for one in found] == [(True, "oidc")] * faults


def test_its_hosts_are_open_before_a_login() -> None:
    table = (
        TABLE.replace("ISSUER", "https://sso.kota.go.id/realms/kota").replace("[oidc.groups]", "").split("pegawai")[0]
    )
    table += '\nhosts = ["cdn.kota.go.id"]\n\n[portal]'
    text = EXAMPLE.read_text().replace('"code", ', '"code", "oidc", ').replace("[portal]", table, 1)
    inventory = check(text).inventory
    assert inventory, check(text).faults
    assert {"sso.kota.go.id", "cdn.kota.go.id"} <= set(inventory.garden("tk1-gw"))
    site, ap = next((site, ap) for site, ap in inventory.access_points() if "oidc" in site.admit)
    assert "sso.kota.go.id" in inventory.wifi_of(site, ap).walled_garden
