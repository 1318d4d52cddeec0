"""Phones behind gateways that take a form, or whose controller is told. These are stand-ins: NOT the real ones."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser as Chromium

from hotspot.city.inventory import check
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from portal.app import create
from portal.desk import Desk
from tests.browser import Browser, Page
from tests.conftest import settings_in
from tests.doubles.posted import PostedDouble
from tests.nas import test_posted as vectors
from tests.node import Node, free_port
from tests.store import city

_CITY = """
[city]
name = "Kota Uji"
region = "36.74"
operator = "Diskominfo"
[portal]
url = "http://127.0.0.1:{port}"
[plans.umum]
session = "2h"
down = "5 Mbit/s"
up = "2 Mbit/s"
devices = 5
"""
_GATEWAY = """
[[gateway]]
id = "{id}"
nas = "{nas}"
radius = {{ sources = ["{source}/32"], secret = "env:{name}_RADIUS" }}
{keys}
[[site]]
id = "taman-{id}"
name = "Taman"
kind = "park"
region = "36.74.01.1003"
location = [-6.3018, 106.6653]
since = 2026-01-15
plan = "umum"
admit = ["click-through"]
funding = "APBD"
  [[site.ap]]
  id = "ap-{id}"
  mac = "02:00:5e:00:01:{number:02x}"
  address = "10.20.30.{number}"
  kind = "debian"
  gateway = "{id}"
  wifi = {{ bridge = true }}
"""
FORMS = {
    "aruba": (vectors.ARUBA, "/cgi-bin/login", "user", "password", "url"),
    "cisco": (vectors.CISCO, "/login.html", "username", "password", "redirect_url"),
    "ruckus": (vectors.ZONE_DIRECTOR, "/login", "username", "password", ""),
    "cambium": (vectors.CAMBIUM, "/cgi-bin/hotspot_login.cgi", "ga_user", "ga_pass", "ga_orig_url"),
    "pfsense": (vectors.PFSENSE, "/", "auth_user", "auth_pass", "redirurl"),
    "generic": (vectors.GENERIC, "/login", "UserName", "Password", "OriginatingServer"),
}
"""By kind: its redirect, and its form's path and names of user, password and landing page."""
TOLD = {"smartzone": ("ruckus", vectors.SMART_ZONE), "omada": ("omada", vectors.OMADA)}


class Place:
    """A city with a gateway of each kind; all of them listen at one port, one at a time."""

    def __init__(self, folder: Path):
        self.gate = free_port()
        names = [*FORMS, *TOLD, "meraki", "opnsense"]
        self.source = {name: f"127.0.3.{number}" for number, name in enumerate(names, 1)}
        self.node = Node(folder)
        text = _CITY.format(port=self.node.portal_port)
        for number, name in enumerate(names, 1):
            keys = f'login = "http://127.0.0.1:{self.gate}{FORMS[name][1]}"' if name in FORMS else ""
            if name == "opnsense":
                keys = f'login = "http://127.0.0.1:{self.gate}/"'
            if name in TOLD:
                keys = f'controller = "http://127.0.0.1:{self.gate}"'
            if name == "smartzone":
                keys += '\npassword = "env:NORTHBOUND"'
            nas = TOLD[name][0] if name in TOLD else name
            given = {"id": name, "name": name.upper(), "nas": nas, "source": self.source[name], "keys": keys}
            text += _GATEWAY.format(number=number, **given)
        self.node.sites.write_text(text)
        with (folder / "state" / "hotspot.env").open("a") as file:
            file.write('NORTHBOUND="the interface\'s password"\n')
        self.node.run("secrets", "create", "--sites", str(self.node.sites))
        self.node.activate()

    def double(self, name: str) -> PostedDouble:
        _, _, user, password, landing = FORMS.get(name, ("", "", "", "", ""))
        return PostedDouble(
            self.node.secret(f"{name.upper()}_RADIUS"), ("127.0.0.1", self.node.auth_port), self.source[name],
            user, password, landing, port=self.gate,
        )  # fmt: skip

    def arrive(self, name: str, query: str, language: str = "id-ID,id;q=0.9") -> Page:
        page = Browser(language).open(f"{self.node.portal}/g/{name}?{query}")
        assert page.status == 200
        return page


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = Place(tmp_path_factory.mktemp("posted"))
    with found.node.service("radius"), found.node.service("portal"):
        yield found


@pytest.mark.parametrize("name", FORMS)
def test_a_phone_logs_in_with_its_gateways_form(place: Place, name: str) -> None:
    query, path, user, _, landing = FORMS[name]
    with place.double(name) as gateway:
        page = place.arrive(name, query)
        between = Browser().submit(page, page.form(method="click-through"))
        assert (between.status, len(between.forms[0].fields) > 1) == (200, True)
        assert "form-action 'self' http: https:" in between.headers["Content-Security-Policy"]
        page = Browser().submit(between, between.forms[0])
        assert gateway.online
        assert urlsplit(gateway.paths[0]).path == path
        assert len(gateway.heard[0][user]) == 32, "a ticket, and no password of a person"
        assert ("Anda tersambung" if landing else "you are in") in page.text or page.html == "you are in"


def test_a_ticket_counts_for_nobody_elses_phone(place: Place) -> None:
    with place.double("generic") as gateway:
        gateway.mac = "02-AA-00-00-09-FF"  # whose redirect said that it is another
        page = place.arrive("generic", vectors.GENERIC)
        between = Browser().submit(page, page.form(method="click-through"))
        assert Browser().submit(between, between.forms[0]).status == 403
        assert not gateway.online


@pytest.mark.parametrize("name", TOLD)
def test_a_controller_is_told_and_asks_radius(place: Place, name: str) -> None:
    with place.double(name) as controller:
        page = place.arrive(name, TOLD[name][1])
        page = Browser().submit(page, page.form(method="click-through"))
        assert controller.online
        assert "Anda tersambung" in page.text
        if name == "smartzone":
            assert controller.heard[0]["RequestPassword"] == "the interface's password"


@pytest.mark.parametrize("name", TOLD)
def test_a_controller_that_asks_for_a_moment_is_asked_again(place: Place, name: str) -> None:
    with place.double(name) as controller:
        controller.busy = 1
        page = place.arrive(name, TOLD[name][1])
        page = Browser().submit(page, page.form(method="click-through"))
        assert (controller.online, controller.busy) == (True, 0)
        assert "Anda tersambung" in page.text


@pytest.mark.parametrize("name", TOLD)
def test_a_controller_that_is_away_or_refuses_is_told_to_people(place: Place, name: str) -> None:
    page = place.arrive(name, TOLD[name][1])
    page = Browser().submit(page, page.form(method="click-through"))
    assert (page.status, "tidak menjawab" in page.alert) == (503, True)
    with place.double(name) as controller:
        controller.mac = "02-AA-00-00-09-FF"
        page = Browser().submit(page, page.form(method="click-through"))
        assert (page.status, controller.online) == (503, False)
        controller.mac = "02-AA-00-00-09-01"
        page = Browser().submit(page, page.form(method="click-through"))
        assert "Anda tersambung" in page.text


def test_merakis_form_goes_to_merakis_cloud(place: Place) -> None:
    page = place.arrive("meraki", vectors.MERAKI)
    between = Browser().submit(page, page.form(method="click-through"))
    assert between.forms[0].action == "https://n143.network-auth.com/splash/login?mauth=MMabc"
    refused = Browser().open(
        f"{place.node.portal}/g/meraki?{vectors.MERAKI.replace('network-auth.com', 'evil.example')}"
    )
    assert refused.status == 400


def test_merakis_click_through_needs_no_radius(tmp_path: Path) -> None:
    """By its documentation: NOT the real cloud."""
    radius = 'nas = "coovachilli"\nradius = { sources = ["10.20.1.0/28"], secret = "env:GW", coa = "10.20.1.2:3799" }\n'
    text = city.text().replace(f'{radius}uam_secret = "env:UAM"', 'nas = "meraki-click"')
    assert "only" in str(check(text).faults), "a code would protect nothing"
    settings = settings_in(tmp_path)
    store, keys = open_keyed(settings)
    with store.core.write() as connection:
        activate(connection, text.replace('["click-through", "voucher", "member"]', '["click-through"]'), "test", 1)
    phone = create(Desk(settings, store, keys)).test_client()
    page = phone.get(f"/g/gw?{vectors.MERAKI_CLICK}")
    assert "form-action 'self' https://n143.network-auth.com" in page.headers["Content-Security-Policy"]
    form = page.text.partition('name="form" value="')[2].partition('"')[0]
    done = phone.post("/login", data={"form": form, "method": "click-through"})
    assert done.headers["Location"].startswith("https://n143.network-auth.com/splash/grant?continue_url=https%3A%2F%2F")
    assert done.headers["Location"].endswith("&duration=7200")
    store.close()


@pytest.mark.parametrize("script", [True, False], ids=["javascript", "no-javascript"])
def test_chromium_sends_the_form_by_itself_where_scripts_run(place: Place, chromium: Chromium, script: bool) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="id-ID", java_script_enabled=script)
    faults: list[str] = []
    with place.double("aruba") as gateway:
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.goto(f"{place.node.portal}/g/aruba?{vectors.ARUBA}")
        page.click("button[value=click-through]")
        if not script:
            page.click("main button")
        page.wait_for_url("**/s/*")
        assert gateway.online
        assert "Anda tersambung" in page.inner_text("h1") + page.inner_text("main")
    assert faults == []
    context.close()


def test_chromium_logs_in_by_the_page_of_an_opnsense_zone(place: Place, chromium: Chromium, tmp_path: Path) -> None:
    """Its page and the API that the page's script asks, by OPNsense's source: NOT the real one."""
    place.node.run("nas", "files", "opnsense", "--gateway", "opnsense", "--out", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "nirkabel.zip") as template:
        assert template.read("index.html").decode() == (tmp_path / "index.html").read_text()
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="id-ID")
    with place.double("opnsense") as gateway:
        gateway.page = (tmp_path / "index.html").read_text()
        gateway.seen = "02-AA-00-00-09-FF"  # whoever shows another phone's address gets a ticket that is none of theirs
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{gateway.port}/")
        page.click("button[value=click-through]")
        page.wait_for_url("**/g/opnsense?*error=refused")
        assert not gateway.online

        gateway.seen = ""
        page.goto(f"http://127.0.0.1:{gateway.port}/")
        page.click("button[value=click-through]")
        page.wait_for_url("**/s/*")
        assert gateway.online
        assert "Anda tersambung" in page.inner_text("h1")
        assert all("secret" not in path and "password" not in path for path in gateway.paths)

        page.goto(f"http://127.0.0.1:{gateway.port}/")
        page.wait_for_url(f"{place.node.portal}/")
        page.goto(f"http://127.0.0.1:{gateway.port}/#user=x&password=y&to=javascript:document.title=1")
        page.wait_for_url("**/g/opnsense?*error=refused")

    page.route("**/access/logon/0/", lambda asked: asked.fulfill(json={"clientState": "AUTHORIZED"}))
    with place.double("opnsense") as gateway:
        gateway.page = (tmp_path / "index.html").read_text()
        for to in ("javascript:document.title=1", "http://127.0.0.1:9/", "%E0%A4%A", ""):
            page.goto("about:blank")
            page.goto(f"http://127.0.0.1:{gateway.port}/#user=x&password=y&to={to}")
            page.wait_for_url(f"{place.node.portal}/**")
    context.close()
