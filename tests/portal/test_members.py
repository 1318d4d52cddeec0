"""Members: imported, listed, reset, removed; their own passwords; who is locked out, and who is not."""

import secrets as random
import time
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from hotspot.city.look import LANGUAGES
from hotspot.nas.arrival import Arrival, Stage
from hotspot.store.limits import attempts
from hotspot.store.persons import people
from portal.methods.proofs import counted_as
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

OLD, NEW = "rahasia sekali", "lebih rahasia lagi"


@pytest.fixture
def name(node: Node) -> str:
    """A new member's name."""
    name = f"member {random.token_hex(4)}"
    node.run("member", "add", name, stdin=f"{OLD}\n")
    return name


def log_in(gateway: CoovaChilliDouble, name: str, password: str, language: str = "id") -> Page:
    browser = Browser(language)
    page = browser.open(gateway.redirect("notyet"))
    return browser.submit(page, page.form(method="member"), name=name, password=password)


def opened(node: Node, name: str, password: str = OLD) -> tuple[Browser, Page]:
    """The page on which a member who has just proven who they are changes their password."""
    browser = Browser()
    page = browser.open(f"{node.portal}/privacy?lang=id")
    page = browser.submit(page, page.form_to("/privacy/member?lang=id"), name=name, password=password)
    form = page.form_to("/privacy/lock?lang=id")
    return browser, browser.submit(page, replace(form, action="/privacy/password?lang=id"))


def another_phone(gateway: CoovaChilliDouble) -> str:
    before = gateway.phone.mac
    gateway.phone.mac = "-".join(["02", *(f"{random.randbelow(256):02X}" for _ in range(5))])
    return before


def offline(gateway: CoovaChilliDouble) -> bool:
    deadline = time.monotonic() + 60
    while gateway.phone.online and time.monotonic() < deadline:
        time.sleep(0.1)
    return not gateway.phone.online


def test_an_import_is_all_or_nothing(node: Node, gateway: CoovaChilliDouble, name: str, tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    tag = random.token_hex(3)
    file.write_text(f"name,password\n{name.upper()},\nanna {tag},short\nanna {tag},\nwrong\n")
    done = node.call("member", "import", str(file), "--passwords", str(out))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: line 2: name: there is a member '{name}' already",
        "error: line 3: password: must have at least 8 characters, at most 128",
        f"error: line 4: name: 'anna {tag}' stands on line 3 already",
        "error: line 5: has 1 columns, the head has 2",
    ]
    assert not out.exists()
    file.write_text(f"\ufeffname;password\nAnna {tag};{OLD}\nBudi {tag};\n")
    done = node.call("member", "import", str(file))
    assert (done.returncode, "--passwords" in done.stderr) == (2, True)
    assert tag not in str(node.json("member", "list"))
    done = node.call("member", "import", str(file), "--passwords", str(tmp_path / "no" / "folder"))
    assert done.returncode == 1
    assert tag not in str(node.json("member", "list"))
    assert node.json("member", "import", str(file), "--passwords", str(out)) == {"added": 2, "passwords_made_up": 1}
    assert out.stat().st_mode & 0o077 == 0
    [head, line] = out.read_text().splitlines()
    assert head == "name,password"
    made = line.removeprefix(f"budi {tag},")
    assert "Anda tersambung" in log_in(gateway, f"Budi {tag}", made).text
    another_phone(gateway)
    gateway.phone.user = ""
    assert "Anda tersambung" in log_in(gateway, f"anna {tag}", OLD).text
    listed = {one["name"]: one for one in node.json("member", "list") if tag in one["name"]}
    assert list(listed) == [f"anna {tag}", f"budi {tag}"]
    assert all(one["last_login"] >= one["created_at"] for one in listed.values())


def test_a_latin_1_file_says_how_to_save_it(node: Node, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("name\nRené\n".encode("latin-1"))
    done = node.call("member", "import", str(tmp_path / "x.csv"))
    assert (done.returncode, "UTF-8" in done.stderr) == (2, True)


def test_reset_and_remove(node: Node, gateway: CoovaChilliDouble, name: str) -> None:
    assert "Anda tersambung" in log_in(gateway, name, OLD).text
    done = node.json("member", "reset", name.title(), "--make-up")
    assert done["sessions"] == 1
    assert offline(gateway)
    assert "salah" in log_in(gateway, name, OLD).alert
    assert "Anda tersambung" in log_in(gateway, name, done["password"]).text
    assert node.json("member", "remove", name) == {"person": done["person"], "sessions": 1}
    assert offline(gateway)
    assert "salah" in log_in(gateway, name, done["password"]).alert
    assert name not in [one["name"] for one in node.json("member", "list")]
    used = [row for row in node.json("session", "list", "--all") if row["person"] == done["person"]]
    assert len(used) == 2, "what was used stays, as nobody's"
    node.run("member", "add", name, stdin=f"{OLD}\n")
    [again] = [one for one in node.json("member", "list") if one["name"] == name]
    assert (again["person"] != done["person"], again["last_login"]) == (True, None)
    for command in ("reset", "remove"):
        done = node.call("member", command, "nobody at all", stdin=f"{NEW}\n")
        assert (done.returncode, "nobody at all" in done.stderr) == (1, True)
    assert node.call("member", "reset", name, stdin="short\n").returncode == 2


def test_a_member_changes_their_password(node: Node, gateway: CoovaChilliDouble, name: str) -> None:
    log_in(gateway, name, OLD)
    browser, page = opened(node, name)
    form = page.form_to("/password?lang=id")
    for typed, said in (
        ({"password": OLD, "new": "short", "again": "short"}, "paling sedikit 8"),
        ({"password": OLD, "new": NEW, "again": f"{NEW}!"}, "tidak sama"),
        ({"password": "wrong", "new": NEW, "again": NEW}, "Kata sandi sekarang salah"),
    ):
        page = browser.submit(page, form, **typed)
        assert (page.status, said in page.alert) == (422, True)
        assert NEW not in page.html
    page = browser.submit(page, form, password=OLD, new=NEW, again=NEW)
    assert (page.status, "sudah diganti" in page.text) == (200, True)
    assert gateway.phone.online
    gateway.stop("User-Request")
    assert "salah" in log_in(gateway, name, OLD).alert
    assert "Anda tersambung" in log_in(gateway, name, NEW).text


def test_the_password_page_is_behind_a_members_own_proof(node: Node, gateway: CoovaChilliDouble, name: str) -> None:
    status = log_in(gateway, name, OLD)
    assert "password" not in status.html, "an address of a device tells nobody that a member is there"
    assert Browser().open(f"{status.url}/password").status == 404
    for forged in ("", "x.y"):
        page = Browser().open(f"{node.portal}/privacy/password?lang=id", {"form": forged, "new": NEW, "again": NEW})
        assert page.status == 422
    browser, page = opened(node, name)
    form = page.form_to("/password?lang=id")
    for _ in range(attempts.DEVICE.count):
        page = browser.submit(page, form, password="wrong", new=NEW, again=NEW)
        assert page.status == 422
    page = browser.submit(page, form, password=OLD, new=NEW, again=NEW)
    assert (page.status, "10 menit" in page.alert) == (429, True)


@pytest.mark.parametrize(("language", "said"), [("id", "dalam 10 menit"), ("en", "in 10 min"), ("jv", "10 menit")])
def test_a_guesser_is_told_how_long_to_wait(gateway: CoovaChilliDouble, name: str, language: str, said: str) -> None:
    for _ in range(attempts.DEVICE.count):
        assert log_in(gateway, name, "wrong wrong").status == 422
    page = log_in(gateway, name, OLD, language)
    assert (page.status, said in page.alert) == (429, True)
    assert 590 <= int(page.headers["Retry-After"]) <= 600


def test_nobody_is_locked_out_of_their_own_phone(node: Node, gateway: CoovaChilliDouble, name: str) -> None:
    """Strangers use up the count of a member's name; the phone on which they have been in does not care."""
    assert "Anda tersambung" in log_in(gateway, name, OLD).text
    gateway.stop("User-Request")
    own = another_phone(gateway)
    with node.store().core.write() as connection:
        found = people.find_member(connection, node.settings.keys(), name)
        assert found
        whom = attempts.at_member(node.settings.keys(), "x", name, found.password_hash, known=False)
        for _ in range(attempts.STRANGERS.count - 1):
            assert attempts.take(connection, whom.member, int(time.time()), attempts.STRANGERS) == 0
    assert log_in(gateway, name, "wrong wrong").status == 422
    page = log_in(gateway, name, OLD)
    assert (page.status, int(page.headers["Retry-After"]) > 3000) == (429, True)
    assert "1 jam" in page.alert or "menit" in page.alert
    gateway.phone.mac = own
    assert "Anda tersambung" in log_in(gateway, name, OLD).text
    gateway.stop("User-Request")
    another_phone(gateway)
    assert log_in(gateway, name, OLD).status == 429
    another_phone(gateway)
    made = node.json("member", "reset", name, "--make-up")["password"]
    assert "Anda tersambung" in log_in(gateway, name, made).text, "a reset starts anew"


def test_what_an_unsigned_link_says_spoils_nothing_elsewhere() -> None:
    signed = Arrival("tk1-gw", Stage.WANTS_IN, "02:00:00:00:00:01", "10.1.0.2")
    hint = replace(signed, gateway="smpn11-gw", proven=False)
    assert len({counted_as(signed), counted_as(hint), counted_as(replace(hint, gateway="tk2-gw"))}) == 3


def test_one_device_alone_cannot_use_up_a_name() -> None:
    per_hour = attempts.DEVICE.count * 3600 // attempts.DEVICE.window
    assert per_hour < attempts.STRANGERS.count


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing(gateway: CoovaChilliDouble, chromium: Chromium, name: str, language: str) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=language)
    page = context.new_page()
    page.goto(log_in(gateway, name, OLD, language).url)
    assert findings(page) == []
    page.locator("a[href*=privacy]").click()
    page.locator("#name").fill(name)
    page.locator("#password").fill(OLD)
    page.locator("form[action*=member] button").click()
    assert findings(page) == []
    keep(page, f"privacy-member-{language}")
    page.locator("button[formaction*=password]").click()
    assert page.locator("html").get_attribute("lang") == language
    assert findings(page) == []
    for field, typed in (("#password", "wrong wrong"), ("#new", NEW), ("#again", NEW)):
        page.locator(field).fill(typed)
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("[aria-invalid]").get_attribute("id") == "password"
    assert findings(page) == []
    keep(page, f"password-{language}")
    for field, typed in (("#password", OLD), ("#new", NEW), ("#again", NEW)):
        page.locator(field).fill(typed)
    page.locator("main button").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert findings(page) == []
    context.close()
