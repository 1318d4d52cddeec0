"""Vouchers from the printer to the phone: cards as a PDF reader and a camera see them, states, revocation, tables."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import expect

from portal.pages.printing import Sheet, link, pdf_of, table
from tests.browser import Browser, Page
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

SHEET = Sheet(
    portal="https://wifi.example.go.id", title="Voucher WiFi Kota Tangerang Selatan", network="Jaringan: WiFi Tangsel",
    place="Taman Kota 1", lasts="Berlaku 180 hari sejak pertama dipakai", until="Mulai pakai paling lambat 01-02-2027",
    batch="3f9a12bc77de",
)  # fmt: skip
SCREENS = Path(__file__).parents[2] / "build" / "screens"


def made(node: Node, count: int, *options: str, site: str = "taman-kota-1", plan: str = "umum") -> Any:
    return node.json("voucher", "create", "--site", site, "--plan", plan, "--count", str(count), *options)


def states(node: Node, batch: str) -> dict[str, int]:
    [found] = [one for one in node.json("voucher", "list") if one["batch"] == batch]
    return {state: count for state, count in found["states"].items() if count}


def log_in(gateway: CoovaChilliDouble, code: str) -> Page:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    return browser.submit(page, page.form(method="voucher"), code=code)


def pictures(pdf: Path, folder: Path, dpi: int) -> list[Path]:
    if not shutil.which("pdftoppm"):
        pytest.skip("poppler-utils is not there")
    subprocess.run(["pdftoppm", "-r", str(dpi), "-png", str(pdf), str(folder / f"{dpi}-page")], check=True)
    return sorted(folder.glob(f"{dpi}-page*.png"))


def test_cards_as_a_pdf_reader_and_a_camera_see_them(node: Node, tmp_path: Path) -> None:
    if not shutil.which("zbarimg"):
        pytest.skip("zbar-tools is not there")
    pdf, table_ = tmp_path / "cards.pdf", tmp_path / "cards.csv"
    batch = made(node, 16, "--valid", "180d", "--pdf", str(pdf), "--csv", str(table_))
    assert pdf.stat().st_mode & 0o077 == 0
    assert table_.stat().st_mode & 0o077 == 0
    pages = pictures(pdf, tmp_path, 200)
    assert len(pages) == 2, "fourteen to a page"
    seen: set[str] = set()
    for page in (*pages, *pictures(pdf, tmp_path, 100)):  # a hand moves; a reader may miss one in a still picture
        done = subprocess.run(["zbarimg", "--quiet", "--raw", str(page)], capture_output=True, text=True, check=True)
        seen |= set(done.stdout.split())
    plain = [code.replace("-", "") for code in batch["codes"]]
    assert sorted(seen) == sorted(f"{node.portal}/v/{code}".upper() for code in plain)
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    for words in (*batch["codes"], "Taman Kota 1", "180 hari", f"{batch['batch'][:12]}-0016", "WiFi Tangsel"):
        assert words in text
    rows = list(csv.reader(table_.open()))
    assert rows[0] == ["serial", "code", "link"]
    assert [row[1] for row in rows[1:]] == batch["codes"]
    assert rows[1][2] == f"{node.portal}/v/{plain[0]}"
    SCREENS.mkdir(parents=True, exist_ok=True)
    shutil.copy(pages[0], SCREENS / "vouchers.png")


def test_codes_that_cannot_be_written_down_are_not_made(node: Node, tmp_path: Path) -> None:
    before = node.json("voucher", "list")
    done = node.call("voucher", "create", "--site", "sman-2", "--plan", "sekolah", "--pdf", str(tmp_path / "no" / "x"))
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert node.json("voucher", "list") == before


def test_the_same_batch_is_the_same_file() -> None:
    codes = ["0123456789A", "ZYXWVTSRQPN"]
    assert pdf_of(SHEET, codes) == pdf_of(SHEET, codes)
    assert link("https://wifi.example.go.id", "0123456789A") == "HTTPS://WIFI.EXAMPLE.GO.ID/V/0123456789A"


def test_no_cell_of_a_table_is_a_formula() -> None:
    text = table(["a"], iter([["=1+1"], ["+1"], ["-1"], ["@x"], ["x,y"], [None], [5]]))
    assert [row[0] if row else "" for row in csv.reader(io.StringIO(text))][1:] == [
        "'=1+1", "'+1", "'-1", "'@x", "x,y", "", "5",
    ]  # fmt: skip


def test_states_from_new_to_used_up(node: Node, gateway: CoovaChilliDouble) -> None:
    batch = made(node, 3, "--valid", "2m")
    assert states(node, batch["batch"]) == {"new": 3}
    assert "Anda tersambung" in log_in(gateway, batch["codes"][0]).text
    assert states(node, batch["batch"]) == {"new": 2, "active": 1}
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE voucher SET used_at = used_at - 120 WHERE used_at IS NOT NULL")
    assert states(node, batch["batch"]) == {"new": 2, "used-up": 1}
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE voucher SET expires_at = 1 WHERE serial > 1")
    assert states(node, batch["batch"]) == {"expired": 2, "used-up": 1}


def test_a_voucher_that_is_taken_back_ends_what_it_gave(node: Node, gateway: CoovaChilliDouble) -> None:
    batch = made(node, 3)
    assert "Anda tersambung" in log_in(gateway, batch["codes"][0]).text
    done = node.json("voucher", "revoke", f"{batch['batch'][:12]}-0001")
    assert (done["revoked"], done["sessions"]) == (1, 1)
    deadline = time.monotonic() + 60
    while gateway.phone.online and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not gateway.phone.online
    assert "dicabut" in log_in(gateway, batch["codes"][0]).alert
    assert states(node, batch["batch"]) == {"new": 2, "revoked": 1}
    assert node.json("voucher", "revoke", batch["batch"])["revoked"] == 2
    assert node.json("voucher", "revoke", batch["batch"])["revoked"] == 0
    assert states(node, batch["batch"]) == {"revoked": 3}


def test_an_exported_batch_has_states_and_no_codes(node: Node, gateway: CoovaChilliDouble, tmp_path: Path) -> None:
    batch = made(node, 2)
    log_in(gateway, batch["codes"][1])
    node.run("voucher", "export", batch["batch"][:12], "--csv", str(tmp_path / "out.csv"))
    text = (tmp_path / "out.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["serial"][-4:], row["state"], bool(row["first used"])) for row in rows] == [
        ("0001", "new", False), ("0002", "active", True),
    ]  # fmt: skip
    assert rows[1]["first used"].endswith("+07:00")
    assert not any(code in text or code.replace("-", "") in text for code in batch["codes"])
    assert node.run("voucher", "export", batch["batch"]).splitlines() == text.splitlines()


@pytest.mark.parametrize("arguments", [["revoke", ""], ["revoke", "zz"], ["revoke", "zz-x"], ["export", "nothing"]])
def test_batches_that_are_none(node: Node, arguments: list[str]) -> None:
    done = node.call("voucher", *arguments)
    assert done.returncode == 2
    assert "error: " in done.stderr


def test_a_scanned_card_fills_in_its_code(node: Node, gateway: CoovaChilliDouble, chromium: Chromium) -> None:
    code = made(node, 1)["codes"][0]
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale="id-ID", java_script_enabled=True)
    page = context.new_page()
    page.goto(f"{node.portal}/V/{code.replace('-', '')}")
    assert page.locator(".big").inner_text() == code
    assert findings(page) == []
    keep(page, "card-id")
    assert page.get_by_role("link", name="Lanjut").get_attribute("href") == "/start"
    page.goto(gateway.redirect("notyet"))
    expect(page.locator("main form").first.locator("#code")).to_have_value(code)
    page.locator("button[value=voucher]").click()
    page.wait_for_url("**/s/*")
    assert gateway.phone.online
    page.goto(gateway.redirect("notyet"))
    expect(page.locator("#code")).to_have_value("")
    context.close()


def test_a_card_leads_to_the_gateway_and_says_what_to_type(node: Node) -> None:
    code = made(node, 1)["codes"][0]
    page = Browser().open(f"{node.portal}/v/{code.replace('-', '').lower()}")
    assert (page.status, code in page.text) == (200, True)
    cookie = page.headers["Set-Cookie"]
    assert re.search(r"^voucher=[0-9A-Z]{11};", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    for wrong in ("x", code.replace("-", "")[:-1], "%3Cscript%3E"):
        page = Browser().open(f"{node.portal}/v/{wrong}")
        assert page.status == 400
        assert "Set-Cookie" not in page.headers


def test_codes_that_cannot_be_written_down_are_not_valid(node: Node, tmp_path: Path) -> None:
    """A full disk, or a full pipe's end, loses no batch: what is nowhere written was never entered."""
    create = ["voucher", "create", "--site", "taman-kota-1", "--plan", "umum", "--count", "500"]
    before = len(node.json("voucher", "list"))
    hotspot = str(Path(sys.executable).with_name("hotspot"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [hotspot, *create], env=node.environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1, done.stderr
    small = tmp_path / "small"
    small.mkdir()
    for option in ("--csv", "--pdf"):
        script = f'mount -t tmpfs -o size=8k t "{small}" && exec "$@"'
        command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", hotspot, *create]
        done = subprocess.run(
            [*command, option, str(small / "codes")], env=node.environment, capture_output=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert b"No space left" in done.stderr
        assert done.stdout == b""
    assert len(node.json("voucher", "list")) == before


def test_batches_come_in_pages(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.activate()
    names = [made(node, 2)["batch"] for _ in range(3)]
    whole = node.json("voucher", "list")
    assert {one["batch"] for one in whole} == set(names)
    assert [one["count"] for one in whole] == [2, 2, 2]
    first = node.call("voucher", "list", "--limit", "2", "--json")
    assert json.loads(first.stdout) == whole[:2]
    assert "2 of 3 batches" in first.stderr
    rest = node.call("voucher", "list", "--limit", "2", "--after", whole[1]["batch"][:12], "--json")
    assert (json.loads(rest.stdout), rest.stderr) == (whole[2:], "")
