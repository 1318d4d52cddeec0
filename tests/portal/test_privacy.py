"""The privacy page: what is kept; and to whoever proves who they are, their own data, to see, withdraw and erase."""

import json
import re
import secrets
import time
from dataclasses import replace

import pytest
from playwright.sync_api import Browser as Chromium

from hotspot.city.look import LANGUAGES
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

from .test_block import gone
from .test_codes import sent
from .test_journeys import log_in
from .test_person import actions, by_code


@pytest.fixture
def number() -> str:
    return f"0812{secrets.randbelow(10**8):08d}"


def later(node: Node) -> None:
    """An hour passes for the counts of messages."""
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE code_message SET at = at - 3600")


def ask(node: Node, number: str, language: str = "id") -> tuple[Browser, Page]:
    browser = Browser(language)
    page = browser.open(f"{node.portal}/privacy?lang={language}")
    return browser, browser.submit(page, page.form_to(f"/privacy/code?lang={language}"), number=number)


def proven(node: Node, number: str) -> tuple[Browser, Page]:
    browser, page = ask(node, number)
    assert "Kode 6 angka dikirim" in page.text
    to, code = sent(node)[-1]
    assert to == f"62{number[1:]}"
    return browser, browser.submit(page, page.form_to("/privacy/code?lang=id"), otp=code)


def test_it_tells_the_terms_of_sites_toml(node: Node, gateway: CoovaChilliDouble) -> None:
    login = Browser().open(gateway.redirect("notyet"))
    [link] = [str(found["href"]) for tag, found in login.tags if tag == "a" and "/privacy" in str(found["href"])]
    page = Browser().open(f"{node.portal}{link}")
    assert "90 hari setelah kunjungan terakhir; di sekolah 35 hari" in page.text
    base = node.sites.read_text()
    assert "[retention]" not in base
    node.write({"[city]": '[retention]\npersonal = "60d"\nschool = "40d"\n\n[city]'}, base)
    node.activate()
    try:
        text = _eventually(f"{node.portal}/privacy?lang=en", "60 d")
        assert "40 d" in text
    finally:
        node.write({}, base)
        node.activate()


def _eventually(url: str, text: str) -> str:
    deadline = time.monotonic() + 60
    while text not in (page := Browser("en").open(url)).text:
        assert time.monotonic() < deadline, page.text
        time.sleep(0.1)
    return page.text


def test_by_a_code(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    later(node)
    browser, page = proven(node, number)
    assert page.status == 200
    assert f"+62{number[1:]}" in page.text
    assert gateway.phone.mac.lower().replace("-", ":") in page.text
    assert "Pemakaian nomor HP" in page.text
    assert "Taman Kota 1" in page.text
    assert not any(number[1:] in url for url in page.visited), "nothing personal in an address"
    person = node.json("person", "show", number)["person"]

    page = browser.submit(page, page.form_to("/privacy/withdraw?lang=id"))
    assert "Persetujuan Anda sudah ditarik." in page.text
    assert "ditarik" in page.text
    assert gone(gateway)
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    assert "Benar-benar hapus?" in page.text
    assert node.json("person", "show", number)["person"] == person, "not yet"
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    assert "Data Anda sudah dihapus." in page.text
    assert node.call("person", "show", number).returncode == 2
    assert actions(node, person) == [
        "person.show", "person.show", "consent.withdraw", "person.show", "person.erase", "person.erased",
    ]  # fmt: skip
    later(node)
    _, page = proven(node, number)
    assert "Tidak ada data tersimpan dengan nomor ini." in page.text


def test_once_a_day_since_a_quota_begins_anew(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    for status in (200, 429):
        gateway.phone.challenge = ""
        by_code(node, gateway, number)
        gateway.stop("User-Request")
        later(node)
        browser, page = proven(node, number)
        later(node)
        page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
        page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
        assert page.status == status, page.text
    assert "Terlalu banyak percobaan" in page.alert


def test_wrong_codes_are_few(node: Node, number: str) -> None:
    browser, page = ask(node, number)
    code = sent(node)[-1][1]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    form = page.form_to("/privacy/code?lang=id")
    for _ in range(5):
        page = browser.submit(page, form, otp=wrong)
        assert "Kode salah" in page.alert
    page = browser.submit(page, form, otp=code)
    assert "Terlalu banyak kode salah" in page.alert


def test_a_code_is_for_the_form_that_asked(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    later(node)
    ask(node, number)
    browser = Browser()
    page = browser.open(f"{node.portal}/privacy?lang=id")
    page = browser.submit(page, page.form_to("/privacy/code?lang=id"), otp=sent(node)[-1][1])
    assert (page.status, "Minta kode baru" in page.alert) == (422, True)
    login = browser.open(gateway.redirect("notyet")).forms[0].fields["form"]
    page = browser.open(f"{node.portal}/privacy?lang=id")
    page = browser.submit(page, page.form_to("/privacy/code?lang=id"), form=login, number=number)
    assert "Formulir ini tidak dapat dipakai" in page.alert
    page = browser.open(f"{node.portal}/privacy?lang=id")
    page = browser.submit(page, page.form_to("/privacy/code?lang=id"), number="+1 202 555 0100")
    assert "Nomor HP salah" in page.alert
    assert ("input", "number", "true") in [(t, a.get("id"), a.get("aria-invalid")) for t, a in page.tags]


@pytest.mark.parametrize("action", ["withdraw", "erase"])
def test_a_forged_form_does_nothing(node: Node, action: str) -> None:
    page = Browser().open(f"{node.portal}/privacy")
    token = page.forms[0].fields["form"]
    for forged in ("", "x.y", token, token[:-2]):
        page = Browser().open(f"{node.portal}/privacy/{action}?lang=id", {"form": forged, "sure": "1"})
        assert page.status == 422, forged


def test_by_a_members_password(node: Node, gateway: CoovaChilliDouble) -> None:
    node.run("member", "add", "wulan", stdin="a long password\n")
    status = log_in(gateway, "member", name="wulan", password="a long password").url
    browser = Browser()
    page = browser.open(f"{status}/privacy?lang=id")
    assert "wulan" not in page.text, "asked for the password"
    for password, said in (("wrong", "Nama pengguna atau kata sandi salah."), ("", "Isi nama pengguna")):
        wrong = browser.submit(page, page.form_to("/privacy/member?lang=id"), name="Wulan", password=password)
        assert (wrong.status, said in wrong.alert) == (422, True)
    page = browser.submit(page, page.form_to("/privacy/member?lang=id"), name="Wulan", password="a long password")
    assert "wulan" in page.text
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    assert "dihapus dalam satu jam" in page.text
    assert gone(gateway)


def test_being_in_proves_nothing(node: Node, gateway: CoovaChilliDouble) -> None:
    status = log_in(gateway, "click-through")
    [link] = [str(a["href"]) for tag, a in status.tags if tag == "a" and "/privacy" in str(a["href"])]
    browser = Browser()
    page = browser.open(f"{node.portal}{link}")
    assert "Buktikan dahulu siapa Anda" in page.text
    assert "Tidak ada nama atau nomor Anda pada kami" in page.text
    assert gateway.phone.mac.lower().replace("-", ":") not in page.text.lower()
    for action in ("withdraw", "erase", "download", "password", "lock"):
        token = page.forms[0].fields["form"]
        refused = browser.open(f"{node.portal}/privacy/{action}?lang=id", {"form": token, "sure": "1"})
        assert (refused.status, gateway.phone.online) == (422, True)
    browser.submit(status, status.form_to("/logout"))
    assert browser.open(f"{node.portal}{link}").status == 404, "the page of who is in no longer"
    assert browser.open(f"{node.portal}/s/{'0' * 48}/privacy").status == 404


def test_the_audit_trail_is_not_filled(node: Node, gateway: CoovaChilliDouble) -> None:
    node.run("member", "add", "curious", stdin="a long password\n")
    browser = Browser()
    page = browser.open(f"{node.portal}/privacy?lang=id")
    form = page.form_to("/privacy/member?lang=id")
    codes = [browser.submit(page, form, name="curious", password="a long password").status for _ in range(21)]
    assert codes == [200] * 20 + [429]


def by_card(node: Node, url: str, code: str) -> tuple[Browser, Page]:
    browser = Browser()
    page = browser.open(url)
    return browser, browser.submit(page, page.form_to("/privacy/voucher?lang=id"), code=code)


def test_a_voucher_of_one_device_by_its_code(node: Node, gateway: CoovaChilliDouble) -> None:
    made = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "puskesmas")
    _, page = by_card(node, f"{node.portal}/privacy?lang=id", made["codes"][0])
    assert (page.status, "tidak dikenal" in page.alert) == (422, True), "nobody has used it"
    log_in(gateway, "voucher", code=made["codes"][0])
    browser, page = by_card(node, f"{node.portal}/privacy?lang=id", made["codes"][0].lower())
    assert gateway.phone.mac.lower().replace("-", ":") in page.text
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    assert gone(gateway)


def test_who_shares_a_voucher_sees_nothing_of_the_others(node: Node, gateway: CoovaChilliDouble) -> None:
    made = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "umum")
    log_in(gateway, "voucher", code=made["codes"][0])
    first = gateway.phone.mac.lower().replace("-", ":")
    gateway.stop("User-Request")
    gateway.phone.mac, gateway.phone.challenge = f"02-AA-01-{secrets.randbelow(256):02X}-00-0A", ""
    status = log_in(gateway, "voucher", code=made["codes"][0]).url
    _, page = by_card(node, f"{status}/privacy?lang=id", made["codes"][0])
    assert gateway.phone.mac.lower().replace("-", ":") in page.text
    assert first not in page.text
    assert "Sambungan (1)" in page.text
    assert "hubungi petugas" in page.text
    assert [form.action for form in page.forms] == ["/privacy/lock?lang=id"]
    _, page = by_card(node, f"{node.portal}/privacy?lang=id", made["codes"][0])
    assert "Sambungan (0)" in page.text, "from nowhere, the code alone shows no device"
    assert first not in page.text


def test_it_is_locked_and_taken_along(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    later(node)
    browser, page = proven(node, number)
    form = page.form_to("/privacy/lock?lang=id")
    assert "15 menit" in page.text
    taken = browser.submit(page, replace(form, action="/privacy/download?lang=id"))
    assert "attachment" in taken.headers["Content-Disposition"]
    assert json.loads(taken.html)["known_as"] == f"+62{number[1:]}"
    again = browser.submit(page, page.form_to("/privacy/withdraw?lang=id"))
    locked = browser.submit(page, form)
    assert (locked.status, "sudah dikunci" in locked.text) == (200, True)
    for shown in (page, again):
        after = browser.submit(shown, shown.form_to("/privacy/erase?lang=id"))
        assert (after.status, "Buktikan sekali lagi" in after.alert) == (422, True)
    person = node.json("person", "show", number)["person"]
    assert {"person.lock", "person.export"} <= set(actions(node, person))


def test_a_hold_is_told(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    node.run("person", "hold", number, "--for", "1d", "--reason", "secret case")
    later(node)
    browser, page = proven(node, number)
    page = browser.submit(page, page.form_to("/privacy/erase?lang=id"))
    assert "wajib disimpan menurut hukum" in page.alert
    assert "secret case" not in page.html
    node.run("person", "release", number)


def test_a_city_without_codes_offers_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    node = Node(tmp_path_factory.mktemp("plain"))
    node.write({}, re.sub(r', "code"|"code", ', "", node.sites.read_text()))
    node.activate()
    with node.service("portal"):
        page = Browser().open(f"{node.portal}/privacy")
        assert page.status == 200
        actions = [form.action for form in page.forms]
        assert actions == ["/privacy/voucher?lang=id", "/privacy/member?lang=id"]
        forced = Browser().open(f"{node.portal}/privacy/code", {"form": page.forms[0].fields["form"], "number": "0812"})
        assert forced.status == 422
    assert sent(node) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_chromium(node: Node, gateway: CoovaChilliDouble, chromium: Chromium, number: str, language: str) -> None:
    by_code(node, gateway, number)
    later(node)
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=language)
    page = context.new_page()
    page.goto(f"{node.portal}/privacy")
    steps = [("privacy", None), ("privacy-code", "form[action*=code] button")]
    steps += [("privacy-data", "form[action*=code] button"), ("privacy-sure", "form[action*=erase] button")]
    steps += [("privacy-erased", "form[action*=erase] button")]
    for name, button in steps:
        if name == "privacy-code":
            page.locator("#number").fill(number)
        if name == "privacy-data":
            page.locator("#otp").fill(sent(node)[-1][1])
        if button:
            page.locator(button).click()
        assert page.locator("html").get_attribute("lang") == language
        assert findings(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert "privacy." not in page.locator("body").inner_text(), "a text is missing"
        keep(page, f"{name}-{language}")
    context.close()
