"""Faults: reported before any login, followed by a number, answered on the command line, and forgotten."""

import re
import time

import pytest
from playwright.sync_api import Browser as Chromium

from hotspot.city.look import LANGUAGES
from hotspot.store.limits import attempts
from hotspot.store.persons import complaints
from portal import limits
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

FAULT = {"site": "taman-kota-1", "category": "slow", "text": "Lambat sekali <b>sejak</b> pagi", "contact": "Sari 0812"}


def report(node: Node, language: str = "id", **changes: str) -> Page:
    browser = Browser(language)
    page = browser.open(f"{node.portal}/report?lang={language}")
    return browser.submit(page, page.form_to(f"/report?lang={language}"), **{**FAULT, **changes})


def number_of(page: Page) -> str:
    found = re.search(r"/report/([0-9A-Z]{4}-[0-9A-Z]{4})\?", page.url)
    assert found, page.url
    return found[1]


def test_from_the_report_to_the_answer(node: Node, gateway: CoovaChilliDouble) -> None:
    login = Browser().open(gateway.redirect("notyet"))
    [link] = [found["href"] for tag, found in login.tags if tag == "a" and "/report" in str(found["href"])]
    page = Browser().open(f"{node.portal}{link}")
    assert ("option", {"value": "taman-kota-1", "selected": None}) in page.tags
    page = report(node)
    number = number_of(page)
    assert (page.status, "Laporan diterima" in page.text, number in page.text) == (200, True, True)
    assert "Sari" not in page.html, "not on the page that anybody with the number opens"
    assert "Lambat sekali" not in page.html
    [row] = [one for one in node.json("complaint", "list") if one["number"] == number]
    assert row["state"] == "received"
    assert {name: row[name] for name in FAULT} == FAULT
    assert "Sari 0812" in node.run("complaint", "show", number.lower())
    node.run("complaint", "assign", number, "--to", "tim jaringan")
    followed = f"{node.portal}/report/?number={number.replace('-', '%20').lower()}"
    page = Browser().open(followed)
    assert (page.status, "Sedang ditangani" in page.text, "tim jaringan" in page.text) == (200, True, False)
    assert node.json("complaint", "resolve", number, "--answer", "Sudah <i>baik</i>")["number"] == number
    page = Browser("en").open(f"{followed}&lang=en")
    assert "Resolved" in page.text
    assert "Sudah <i>baik</i>" in page.text
    assert number not in str(node.json("complaint", "list"))
    assert number in str(node.json("complaint", "list", "--all"))
    node.run("complaint", "assign", number, "--to", "tim lain")
    assert "Sedang ditangani" in Browser().open(followed).text, "open again"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"site": "nowhere"}, "Pilih lokasi"),
        ({"category": "magic"}, "Pilih jenis"),
        ({"text": "  x  "}, "5 sampai 1000"),
        ({"text": "x" * 1001}, "5 sampai 1000"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(node: Node, changes: dict[str, str], said: str) -> None:
    page = report(node, **changes)
    assert (page.status, said in page.alert) == (422, True)
    assert ("input", "Sari 0812") in [(tag, attributes.get("value")) for tag, attributes in page.tags]
    assert "<b>" not in page.html


def test_a_fault_is_text_on_the_admins_terminal_too(node: Node, gateway: CoovaChilliDouble) -> None:
    hostile = "lampu mati [/b] \x1b]52;c;cm0=\x07 \x9b2J"
    number = number_of(report(node, text=hostile, contact="Sari [bold]\x1b[8m"))
    for command in (["list"], ["show", number], ["list", "--json"], ["show", number, "--json"]):
        told = node.run("complaint", *command)
        assert ("lampu mati [/b]" in told, "\x1b" in told, "\x9b" in told) == (True, False, False), told


def test_numbers_that_are_nobodys(node: Node) -> None:
    for path in ("/report/0000-0000", "/report/?number=%3Cscript%3E", "/report/?number=", "/report/x"):
        page = Browser().open(node.portal + path)
        assert (path, page.status, "tidak dikenal" in page.alert) == (path, 404, True)
    for command in (["show", "x"], ["assign", "x", "--to", "y"], ["resolve", "x", "--answer", "y"]):
        assert node.call("complaint", *command).returncode == 2


def test_a_flood_about_one_site_is_held_back(node: Node) -> None:
    store = node.store()
    subject = limits.subject(node.settings.keys(), "complaint", "gateway", "sman-2")
    with store.core.write() as connection:
        for _ in range(100):
            attempts.take(connection, subject, int(time.time()), attempts.Limit(100, 3600))
    store.close()
    page = report(node, site="sman-2")
    assert page.status == 429
    assert int(page.headers["Retry-After"]) > 3000
    assert report(node).status == 200


def test_what_people_wrote_is_erased_after_the_term(node: Node) -> None:
    number = number_of(report(node))
    store, keys = node.store(), node.settings.keys()
    with store.core.write() as connection:
        found = complaints.find(connection, keys, number)
        assert found
        complaints.resolve(connection, found.id, "selesai", 1000)
        assert complaints.erase(connection, 1000) == 0
        assert complaints.to_erase(connection, 1001) == 1
        assert complaints.erase(connection, 1001) == 1
        assert complaints.to_erase(connection, 1001) == 0
        left = complaints.find(connection, keys, number)
    store.close()
    assert left
    assert (left.text, left.contact, left.answer) == (None, None, "selesai")
    assert "(erased)" in node.run("complaint", "show", number)


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing(node: Node, chromium: Chromium, language: str) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=language)
    page = context.new_page()
    page.goto(f"{node.portal}/report")
    assert page.locator("html").get_attribute("lang") == language
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#site").select_option("taman-kota-1")
    page.locator("#category").select_option("slow")
    page.locator("#text").fill("     ")
    page.locator("main button").first.click()
    assert page.locator("[aria-invalid]").get_attribute("id") == "text"
    assert findings(page) == []
    keep(page, f"report-{language}")
    page.locator("#text").fill("Lambat sekali")
    page.locator("main button").first.click()
    page.wait_for_url("**/report/*")
    assert findings(page) == []
    keep(page, f"reported-{language}")
    context.close()
