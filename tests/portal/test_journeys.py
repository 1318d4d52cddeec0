"""A phone without JavaScript or cookies at the real portal, held by a CoovaChilli double: every login method."""

import re
import time
from pathlib import Path

import pytest

from hotspot.nas.arrival import Arrival, Stage
from portal.forms import seal
from tests.browser import Browser, Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node


def arrive(gateway: CoovaChilliDouble, browser: Browser | None = None) -> tuple[Browser, Page]:
    browser = browser or Browser()
    page = browser.open(gateway.redirect("notyet"))
    assert page.status == 200
    return browser, page


def log_in(gateway: CoovaChilliDouble, method: str, **fields: str) -> Page:
    browser, page = arrive(gateway)
    return browser.submit(page, page.form(method=method), **fields)


def test_click_through(node: Node, gateway: CoovaChilliDouble) -> None:
    browser, page = arrive(gateway)
    assert "Taman Kota 1" in page.text
    assert "Syarat pemakaian" in page.text
    assert {form.fields.get("method") for form in page.forms} == {"click-through", "voucher", "code", "member"}
    page = browser.submit(page, page.form(method="click-through"))
    assert page.status == 200
    assert gateway.phone.online
    assert re.fullmatch(rf"{node.portal}/s/[0-9a-f]{{48}}", page.url)
    assert [url.split("?")[0].rsplit("/", 1)[1] for url in page.visited[1:3]] == ["logon", "tk1-gw"]
    assert "Anda tersambung" in page.text
    assert "2 jam" in page.text
    assert "1 GB" in page.text
    assert browser.open(gateway.redirect("already")).url == page.url


def test_after_some_use_the_status_page_knows(gateway: CoovaChilliDouble) -> None:
    page = log_in(gateway, "click-through")
    gateway.phone.down, gateway.phone.up = 400_000_000, 50_000_000
    gateway.account(3)
    page = Browser().open(page.url)
    assert "550 MB" in page.text
    assert "400 MB unduh, 50 MB unggah" in page.text
    assert "400 MB down, 50 MB up" in Browser().open(f"{page.url}?lang=en").text


def test_log_out(node: Node, gateway: CoovaChilliDouble) -> None:
    page = log_in(gateway, "click-through")
    session = gateway.phone.session_id
    browser = Browser()
    page = browser.submit(page, page.form_to("logout"))
    assert not gateway.phone.online
    assert "Anda sudah keluar" in page.text
    assert page.form(method="click-through")
    [row] = [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == session]
    assert row["cause"] == "User-Request"


def test_a_voucher_is_for_its_site_and_its_devices(node: Node, gateway: CoovaChilliDouble) -> None:
    made = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "puskesmas", "--count", "2")
    code = made["codes"][0]
    page = log_in(gateway, "voucher", code=code.lower().replace("-", " "))
    assert "Anda tersambung" in page.text
    assert "500 MB" in page.text
    assert gateway.phone.accept["WISPr-Bandwidth-Max-Down"] == 4_000_000
    gateway.stop("User-Request")

    gateway.phone.mac = "02-AA-00-00-00-0A"
    assert "Anda tersambung" in log_in(gateway, "voucher", code=code).text
    gateway.phone.user, gateway.phone.mac = "", "02-AA-00-00-00-0B"
    page = log_in(gateway, "voucher", code=code)
    assert (page.status, page.alert[:32]) == (403, "Terlalu banyak perangkat sedang ")

    elsewhere = node.json("voucher", "create", "--site", "sman-2", "--plan", "sekolah")["codes"][0]
    for wrong, text in (
        (elsewhere, "di lokasi lain"),
        (code[:-1] + ("0" if code[-1] != "0" else "1"), "salah ketik"),
        ("", "salah ketik"),
    ):
        page = log_in(gateway, "voucher", code=wrong)
        assert page.status == 422
        assert text in page.alert
        assert page.form(method="voucher").fields["code"] == wrong


def test_vouchers_are_kept_as_hashes_only(node: Node) -> None:
    made = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "umum", "--count", "3")
    assert len(set(made["codes"])) == 3
    raw = b"".join(path.read_bytes() for path in (node.folder / "state").iterdir() if path.is_file())
    for code in made["codes"]:
        assert code.encode() not in raw
        assert code.replace("-", "").encode() not in raw


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--site", "taman", "--plan", "umum"], "--site: 'taman' is no site"),
        (["--site", "taman-kota-1", "--plan", "gold"], "--plan: 'gold' is no plan"),
        (["--site", "taman-kota-1", "--plan", "umum", "--expires", "2020-01-01"], "is past"),
        (["--site", "taman-kota-1", "--plan", "umum", "--valid", "soon"], "write it as '2h'"),
    ],
)
def test_voucher_options_that_make_no_sense(node: Node, options: list[str], text: str) -> None:
    done = node.call("voucher", "create", *options)
    assert done.returncode == 2
    assert text in done.stderr


def test_a_member(node: Node, gateway: CoovaChilliDouble) -> None:
    node.run("member", "add", "Sari Dewi", stdin="rahasia sekali\n")
    again = node.call("member", "add", " sari  dewi", stdin="rahasia sekali\n")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert node.call("member", "add", "budi", stdin="short\n").returncode == 2

    browser, page = arrive(gateway)
    page = browser.submit(page, page.form(method="member"), name="Sari Dewi", password="salah sekali")
    assert (page.status, page.alert) == (422, "Nama pengguna atau kata sandi salah.")
    form = page.form(method="member")
    assert form.fields["name"] == "Sari Dewi"
    assert "salah sekali" not in page.html
    page = browser.submit(page, form, name="sari dewi", password="rahasia sekali")
    assert "Anda tersambung" in page.text
    raw = b"".join(path.read_bytes() for path in (node.folder / "state").iterdir() if path.is_file())
    assert b"sari dewi" not in raw.lower()


def test_guessing_is_stopped(gateway: CoovaChilliDouble) -> None:
    browser, page = arrive(gateway)
    answers = [
        browser.submit(page, page.form(method="member"), name=f"x{i}", password="guess number one") for i in range(12)
    ]
    assert [answer.status for answer in answers] == [422] * 10 + [429] * 2
    assert "10 menit" in answers[-1].alert


def test_four_languages(gateway: CoovaChilliDouble) -> None:
    browser, page = arrive(gateway, Browser("en-GB,en;q=0.8,id;q=0.5"))
    assert "Agree and connect" in page.text
    page = browser.submit(page, page.form(switch="id"))
    assert "Setuju dan sambungkan" in page.text
    assert ("html", {"lang": "id"}) in page.tags
    page = browser.submit(page, page.form(method="click-through"))
    assert "Anda tersambung" in page.text
    for accepted, shown in (
        ("jv,en;q=0.9", "jv"), ("su-ID", "su"), ("de", "id"), ("", "id"), ("ms-MY", "id"), ("de,en;q=0.5", "en"),
    ):  # fmt: skip
        _, page = arrive(gateway, Browser(accepted))
        assert ("html", {"lang": shown}) in page.tags
        assert {button["switch"] for form in page.forms for button in form.buttons if "switch" in button} == {
            "id", "en", "su", "jv",
        } - {shown}  # fmt: skip
    page = log_in(gateway, "voucher", code="0")
    assert "salah ketik" in page.alert


def test_a_spent_ticket_comes_back_with_a_new_challenge(gateway: CoovaChilliDouble) -> None:
    page = log_in(gateway, "click-through")
    logon = next(url for url in page.visited if "/logon?" in url)
    gateway.stop("User-Request")
    gateway.redirect("notyet")
    page = Browser().open(logon)
    assert "res=failed" in page.url
    assert "Silakan masuk lagi" in page.alert
    page = Browser().submit(page, page.form(method="click-through"))
    assert "Anda tersambung" in page.text


@pytest.mark.parametrize(
    "change", [("mac=02", "mac=04"), ("userurl=http", "userurl=xttp"), ("&md=", "&md=0"), ("uamip=127", "uamip=128")]
)
def test_a_forged_redirect_opens_nothing(gateway: CoovaChilliDouble, change: tuple[str, str]) -> None:
    url = gateway.redirect("notyet")
    assert change[0] in url
    page = Browser().open(url.replace(*change))
    assert page.status == 400
    assert not page.forms


def test_forms_are_for_one_phone_and_five_minutes(node: Node, gateway: CoovaChilliDouble) -> None:
    browser, page = arrive(gateway)
    form = page.form(method="click-through")
    forged = browser.submit(page, form, form=form.fields["form"][:-3] + "abc")
    assert (forged.status, len(forged.forms)) == (400, 0)
    assert browser.submit(page, form, method="member-by-magic").status == 422
    arrival = Arrival(
        "tk1-gw", Stage.WANTS_IN, "02:00:00:00:00:01", "10.1.0.2",
        data={"uamip": "127.0.0.1", "uamport": "3990", "challenge": "00" * 16},
    )  # fmt: skip
    key = node.settings.keys().derive("portal form")
    stale = browser.submit(page, form, form=seal(key, arrival, int(time.time()) - 300))
    assert (stale.status, "lebih dari 5 menit" in stale.text, gateway.phone.online) == (200, True, False)
    assert stale.form(method="click-through"), "a fresh form"


def test_what_a_gateway_says_cannot_become_markup(gateway: CoovaChilliDouble) -> None:
    attack = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    page = Browser().open(gateway.redirect("failed", reply=attack, userurl=f"javascript:{attack}"))
    assert page.status == 200
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == ["script"]
    assert "alert(1)" in page.alert
    assert "<script>alert" not in page.html
    assert "javascript:" not in page.html


def test_wherever_else_one_ends_up_there_is_a_page(node: Node, gateway: CoovaChilliDouble) -> None:
    browser = Browser()
    for path, status in (
        ("/", 200), ("/g/tk1-gw", 200), ("/g/nowhere", 404),
        ("/g/nowhere?res=notyet&uamip=1&uamport=2", 404), ("/s/abc", 404),
        (f"/s/{'0' * 48}", 404), ("/admin", 404), ("/g/smpn11-gw?res=notyet&uamip=1.1.1.1&uamport=2", 400),
    ):  # fmt: skip
        page = browser.open(node.portal + path)
        assert (path, page.status) == (path, status)
        assert "WiFi" in page.text
    assert browser.open(f"{node.portal}/healthz").html == "ok\n"
    assert browser.open(f"{node.portal}/login", {"form": "x"}).status == 400


def test_a_closed_site_says_when_it_is_closed(tmp_path: Path) -> None:
    opens = (time.gmtime(time.time() + 7 * 3600).tm_hour + 12) % 24  # half a day away, so that no hour turns meanwhile
    closed = f"{opens:02d}:00-{opens:02d}:01"
    node = Node(tmp_path, {'session = "2h"': f'session = "2h"\nhours = "{closed}"'})
    node.activate()
    with node.service("portal"):
        gateway = CoovaChilliDouble(
            nasid="tk1-gw", uamserver=f"{node.portal}/g/tk1-gw", uam_secret=node.secret("TK1_UAM"),
            radius_secret=b"-", auth=("127.0.0.1", 1), acct=("127.0.0.1", 1),
        )  # fmt: skip
        page = log_in(gateway, "click-through")
    assert page.status == 403
    assert "sedang tutup" in page.alert
