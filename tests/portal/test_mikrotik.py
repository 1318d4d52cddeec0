"""A phone behind a Hotspot that serves the pages we write for it. The Hotspot is a stand-in: NOT the real RouterOS."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser import Browser, Page
from tests.doubles.mikrotik import MikrotikDouble
from tests.node import Node, free_port

SOURCE = "127.0.0.4"
GATEWAY = "smpn11-gw"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Node]:
    changes = {
        "10.20.4.2/32": f"{SOURCE}/32",
        ', coa = "10.20.4.2:3799"': "",
        "http://10.213.0.1/login": f"http://127.0.0.1:{port}/login",
    }
    node = Node(tmp_path_factory.mktemp("mikrotik"), changes)
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


@pytest.fixture(scope="module")
def pages(node: Node) -> Path:
    written = node.json("nas", "files", "mikrotik", "--gateway", GATEWAY, "--out", str(node.folder / "pages"))
    assert str(node.folder / "pages" / GATEWAY / "login.html") in written["written"]
    return node.folder / "pages" / GATEWAY


def hotspot(node: Node, pages: Path, port: int, *, chap: bool = True) -> MikrotikDouble:
    return MikrotikDouble(
        pages, secret=node.secret("SMPN11_RADIUS"), auth=("127.0.0.1", node.auth_port),
        acct=("127.0.0.1", node.acct_port), source=SOURCE, port=port, chap=chap,
    )  # fmt: skip


def code(node: Node) -> str:
    return str(node.json("voucher", "create", "--site", "smpn-11", "--plan", "sekolah")["codes"][0])


def log_in(node: Node, router: MikrotikDouble) -> Page:
    browser = Browser()
    page = browser.open(f"{router.url}/generate_204")
    assert page.status == 200
    assert urlsplit(page.url).path == f"/g/{GATEWAY}"
    return browser.submit(page, page.form(method="voucher"), code=code(node))


@pytest.mark.parametrize("chap", [True, False], ids=["chap", "pap"])
def test_a_whole_visit(node: Node, pages: Path, port: int, chap: bool) -> None:
    with hotspot(node, pages, port, chap=chap) as router:
        router.mac = f"02:AA:00:00:01:0{int(chap)}"
        page = log_in(node, router)
        assert "Anda tersambung" in page.text
        assert urlsplit(page.url).path.startswith("/s/")
        assert router.user
        assert router.accept["Mikrotik-Rate-Limit"] == "4000k/10000k"
        router.counters = (30_000_000, 500_000_000)
        router.account(3)
        assert "500 MB unduh, 30 MB unggah" in Browser().open(page.url).text
        assert "Anda tersambung" in Browser().open(f"{router.url}/status").text
        page = Browser().submit(page, page.form_to("logout"))
        assert not router.user
        assert "Anda sudah keluar" in page.text
        page = Browser().submit(page, page.form(method="voucher"), code=code(node))
        assert router.user, "the page after the log-out has a challenge of its own"


def test_a_refused_login_comes_back_with_its_reason(node: Node, pages: Path, port: int) -> None:
    with hotspot(node, pages, port) as router:
        router.mac = "02:AA:00:00:01:03"
        first = log_in(node, router)
        logon = next(url for url in first.visited if "/login?username=" in url)
        router.answer("/logout", "")
        router.answer("/login", "")
        page = Browser().open(logon)
        assert (page.status, router.user) == (200, "")
        assert "Silakan masuk lagi" in page.alert


def test_a_ticket_opens_for_its_own_phone_alone(node: Node, pages: Path, port: int) -> None:
    with hotspot(node, pages, port) as router:
        browser = Browser()
        page = browser.open(f"{router.url}/")
        router.mac = "02:AA:00:00:01:05"
        page = browser.submit(page, page.form(method="voucher"), code=code(node))
        assert not router.user
        assert page.alert


def test_nobody_is_sent_to_a_router_of_their_own(node: Node, pages: Path, port: int) -> None:
    door = f"{node.portal}/g/{GATEWAY}?stage=login&mac=02:AA:00:00:01:06&chap-id=%5C371&chap-challenge=%5C357"
    page = Browser().open(f"{door}&link-login-only=http%3A%2F%2Fevil.test%2Flogin")
    with hotspot(node, pages, port) as router:
        page = Browser().submit(page, page.form(method="voucher"), code=code(node))
        assert {urlsplit(url).netloc for url in page.visited} == {urlsplit(node.portal).netloc, f"127.0.0.1:{port}"}
        assert not router.user


def test_a_page_without_challenge_leads_to_a_new_one(node: Node, pages: Path, port: int) -> None:
    page = Browser().open(f"{node.portal}/g/{GATEWAY}?stage=login&mac=02:AA:00:00:01:07&error=x")
    page = Browser().submit(page, page.form(method="voucher"), code=code(node))
    assert page.status == 410
    assert ("a", {"href": f"http://127.0.0.1:{port}/login"}) in page.tags


def test_the_captive_portal_api_of_routeros(tmp_path: Path) -> None:
    node = Node(
        tmp_path,
        {},
    )
    node.write({}, node.sites.read_text().replace(f'url = "{node.portal}"', 'url = "https://wifi.example.go.id"'))
    node.activate()
    node.run("nas", "files", "mikrotik", "--out", str(tmp_path / "out"))
    with hotspot(node, tmp_path / "out" / GATEWAY, 0) as router:
        answer = router.answer("/api.json", "")
        assert answer.headers["Content-Type"] == "application/captive+json"
        links = {"user-portal-url": "https://wifi.example.go.id/start", "venue-info-url": "https://wifi.example.go.id/"}
        assert json.loads(answer.body) == {"captive": True, "can-extend-session": True, **links}
        router.user, router.accept = "u", {"Session-Timeout": 600, "Mikrotik-Total-Limit": 5}
        inside = {"captive": False, "seconds-remaining": 600, "bytes-remaining": 5, "can-extend-session": True}
        assert json.loads(router.answer("/api.json", "").body) == {**inside, **links}
    script = (tmp_path / "out" / f"{GATEWAY}.rsc").read_text()
    assert "dst-host=wifi.example.go.id " in script
    assert "dst-host=112.example.go.id " in script


def test_options_that_make_no_sense(node: Node, tmp_path: Path) -> None:
    done = node.call("nas", "files", "mikrotik", "--gateway", "tk1-gw", "--out", str(tmp_path))
    assert (done.returncode, "there are: smpn11-gw" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
