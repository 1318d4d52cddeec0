"""A MAC address is anybody's: it shows, spends, ends and erases nothing that belongs to a person."""

import re
import secrets
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import pytest

from hotspot.people.identity import PersonKind
from hotspot.store.persons import members, people
from tests.browser import Browser, Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

from .test_codes import sent
from .test_gateways import Router, _encrypted
from .test_person import by_code

VICTIM = "02:00:5E:77:00:01"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A city whose gateways that sign nothing let people in by a click and by a code too."""
    changes = {
        'kind = "school"': 'kind = "park"',
        'admit = ["voucher"]': 'admit = ["click-through", "voucher", "code"]',
    }
    node = Node(tmp_path_factory.mktemp("nobody"), changes)
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


@pytest.fixture
def number() -> str:
    return f"0812{secrets.randbelow(10**8):08d}"


def unsigned(node: Node, mac: str) -> Page:
    """At the school's MikroTik, whose pages sign nothing."""
    return Browser().open(
        f"{node.portal}/g/smpn11-gw?stage=login&mac={quote(mac)}&ip=10.1.0.9&chap-id=&chap-challenge="
    )


def posted(node: Node, page: Page, method: str, **fields: str) -> str:
    """Where a login form leads; nobody goes there."""
    connection = HTTPConnection("127.0.0.1", node.portal_port, timeout=60)
    body = urlencode({**page.form(method=method).fields, **fields})
    connection.request("POST", "/login", body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303
    return answer.getheader("Location") or ""


def bare(page: Page) -> str:
    """A page without what every phone's form carries: the arrival, with its own MAC address and the time."""
    return re.sub(r'name="form" value="[^"]+"', "", page.html)


@pytest.mark.parametrize("res", ["already", "success"])
def test_a_cloned_address_shows_no_number(node: Node, gateway: CoovaChilliDouble, number: str, res: str) -> None:
    by_code(node, gateway, number)
    page = Browser().open(gateway.redirect(res))
    assert "Sisa waktu" in page.text, "time, data and log out"
    mine = Browser().open(f"{page.url}/privacy?lang=id")
    for shown in (page, mine):
        assert number[1:] not in shown.html.replace(" ", "")
        assert number[-3:] not in shown.text
        assert gateway.phone.mac.lower().replace("-", ":") not in shown.html.lower()
    assert not re.search("password|member", page.html)


def test_a_cloned_address_does_not_show_to_whom_a_code_went(
    gateway: CoovaChilliDouble, node: Node, number: str
) -> None:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    page = browser.submit(page, page.form(method="code"), number=number)
    assert number[-3:] in page.text, "who has just typed it sees where it went"
    again = Browser().open(gateway.redirect("notyet"))
    assert "Kode 6 angka sudah dikirim ke HP Anda." in again.text
    assert number[-3:] not in again.text


def test_openndss_word_of_who_is_in_is_anybodys(node: Node) -> None:
    """`status` stands beside what is encrypted; a redirect that was overheard is good with and without it."""
    clinic = Router(node, "serpong1-gw", "SERPONG1")
    door = _encrypted(clinic, parse_qs(urlsplit(clinic.fas()).query)["fas"][0])
    browser = Browser()
    page = browser.open(door)
    browser.submit(page, page.form(method="click-through"))
    clinic.post(clients=[clinic.client(unquote(clinic.authmon("view").split(" ")[1]).split(" ")[-1])])
    page = Browser().open(f"{door}&status=authenticated")
    assert (page.status, "/s/" in "".join(page.visited), "Sisa" in page.text) == (200, False, False)


def test_an_unsigned_arrival_is_the_same_for_known_and_unknown_addresses(node: Node, number: str) -> None:
    browser, stranger = Browser(), f"02:00:5E:78:{secrets.randbelow(256):02X}:01"
    before = bare(unsigned(node, VICTIM))
    page = unsigned(node, VICTIM)
    asked = browser.submit(page, page.form(method="code"), number=number)
    assert number[-3:] in asked.text
    assert bare(unsigned(node, VICTIM)) == before == bare(unsigned(node, stranger)), "a code is awaited"
    posted(node, unsigned(node, VICTIM), "click-through")
    assert bare(unsigned(node, VICTIM)) == before == bare(unsigned(node, stranger)), "there is a grant"
    have = [browser.submit(page, page.form(method="code-have")) for page in (page, unsigned(node, stranger))]
    assert bare(have[0]) == bare(have[1]), "whoever says to have a code is asked for it"
    to, code = sent(node)[-1]
    assert to == f"62{number[1:]}"
    assert posted(node, have[0], "code", otp=code).startswith("http://10.213.0.1/login?")


def test_an_unsigned_arrival_leads_to_nobodys_sessions(node: Node, gateway: CoovaChilliDouble) -> None:
    """A login in a victim's address at a gateway that signs nothing: nothing of theirs on any page that follows."""
    gateway.phone.mac = VICTIM.replace(":", "-")
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    browser.submit(page, page.form(method="click-through"))
    gateway.phone.down = 123_000_000
    gateway.account(3)
    code = node.json("voucher", "create", "--site", "smpn-11", "--plan", "sekolah")["codes"][0]
    [landing] = parse_qs(urlsplit(posted(node, unsigned(node, VICTIM), "voucher", code=code)).query)["dst"]
    clicked = parse_qs(urlsplit(posted(node, unsigned(node, VICTIM), "click-through")).query)["dst"][0]
    assert "Sisa" not in browser.open(clicked).text
    status = browser.open(landing)
    assert "Menyambungkan" in status.text, "its gateway has not shown this device"
    assert "Sisa" not in status.text
    mine = browser.open(f"{status.url}/privacy?lang=id")
    page = browser.submit(mine, mine.form_to("/privacy/voucher?lang=id"), code=code)
    assert "123 MB" not in page.text
    assert "Taman Kota 1" not in page.text
    gateway.stop("User-Request")


def test_a_member_is_not_known_by_a_device_that_somebody_names(node: Node, gateway: CoovaChilliDouble) -> None:
    name = f"guru {secrets.token_hex(4)}"
    node.run("member", "add", name, stdin="a long password\n")
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    browser.submit(page, page.form(method="member"), name=name, password="a long password")
    gateway.stop("User-Request")
    keys, mac = node.settings.keys(), gateway.phone.mac.lower().replace("-", ":")
    store = node.store()
    with store.core.read() as connection:
        assert people.find(connection, keys, PersonKind.MEMBER, name)
        assert not members.approach(connection, keys, name, mac)[1].stranger
        assert members.approach(connection, keys, name, "")[1].stranger
    store.close()
