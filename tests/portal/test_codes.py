"""One-time codes through the real portal: asked for, sent, entered in a browser that has forgotten everything."""

import re
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import portal
from hotspot.catalogue import load
from hotspot.city.inventory import check
from hotspot.city.look import LANGUAGES
from hotspot.errors import RequestError
from hotspot.nas.arrival import Arrival, Stage
from portal.forms import seal
from portal.methods.codes import message_text, parse_number
from tests.bed.net import wait_until
from tests.browser import Browser, Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.doubles.messages import MessageGatewayDouble
from tests.node import EXAMPLE, Node

NUMBER = "0812 3456 7890"
GSM_7 = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà") | set(
    string.digits + string.ascii_letters
)


@pytest.mark.parametrize(
    "typed",
    [
        "081234567890",
        "0812 3456 7890",
        "+62 812-3456-7890",
        "6281234567890",
        "81234567890",
        "(0812) 34567890",
        "0812\u20133456\u20137890",
        "\u202a+62 812 3456 7890\u202c",
        "０８１２３４５６７８９０",
        "٠٨١٢٣٤٥٦٧٨٩٠",
        "0812.3456.7890",
    ],
)
def test_numbers_as_people_type_them(typed: str) -> None:
    assert parse_number(typed, ("+628",)) == "+6281234567890"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "halo",
        "0812",
        "021 345 6789",
        "+1 415 555 2671",
        "+881 812 3456 7890",
        "112",
        "0812345678901234567890",
        "08123456789O",
        "0812345678 ext 9",
        "081234567890;ext=5",
        "081234567890x12",
        "081234567890#12",
        "tel:081234567890",
        "0812345A7890",
        "08123456789\u041e",
        "081234567890" + " " * 29,
        "١٢٣",
    ],
)
def test_numbers_that_get_no_code(typed: str) -> None:
    with pytest.raises(RequestError, match="code-number"):
        parse_number(typed, ("+628",))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_message_is_one_sms_and_names_our_page(language: str) -> None:
    inventory = check(EXAMPLE.read_text()).inventory
    assert inventory
    catalogue = load(Path(portal.__file__).parent, "portal", LANGUAGES)
    text = message_text(catalogue, inventory, language, "012345")
    assert text.startswith("012345 ")
    assert text.endswith("\n\n@wifi.example.go.id #012345")
    assert "Kota Tangerang Selatan" in text
    assert len(text) <= 160
    assert set(text) <= GSM_7


def sent(node: Node) -> list[tuple[str, str]]:
    """(number, code) of every message in the spool, oldest first."""
    folder = node.folder / "state" / "spool"
    found = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
    pairs = []
    for path in found:
        match = re.match(r"To: (\d+)\nAlphabet: UTF-8\n\n(\d{6}) ", path.read_text())
        assert match
        pairs.append((match[1], match[2]))
    return pairs


def ask(gateway: CoovaChilliDouble, number: str = NUMBER) -> tuple[Browser, Page]:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    return browser, browser.submit(page, page.form(method="code"), number=number)


def fresh_number() -> str:
    return f"0812{time.time_ns() % 10**8:08d}"


def test_a_code_survives_the_closing_of_the_phones_sheet(node: Node, gateway: CoovaChilliDouble) -> None:
    number = fresh_number()
    _, page = ask(gateway, number)
    assert page.status == 200
    assert "Kode 6 angka dikirim lewat SMS ke +62 •••" in page.text
    assert number[1:] not in page.html
    to, code = sent(node)[-1]
    assert to == f"62{number[1:]}"

    browser = Browser()  # the sheet was closed to read the message; nothing is left of it
    page = browser.open(gateway.redirect("notyet"))
    assert page.forms[0].fields["method"] == "code", "what is awaited comes first"
    page = browser.submit(page, page.form(method="code"), otp=f"{code[:3]} {code[3:]}")
    assert "Anda tersambung" in page.text
    assert gateway.phone.online

    raw = b"".join(path.read_bytes() for path in (node.folder / "state").glob("*.db*"))
    for secret in (number, number[1:], code):
        assert secret.encode() not in raw
    [row] = [row for row in node.json("session", "list") if row["method"] == "code"]
    assert row["plan"] == "umum"


def test_the_same_number_is_the_same_person_on_any_device(node: Node, gateway: CoovaChilliDouble) -> None:
    number = fresh_number()
    for device in ("02-AA-00-00-0C-01", "02-AA-00-00-0C-02"):
        gateway.phone.mac, gateway.phone.challenge = device, ""
        with node.store().core.write() as connection:
            connection.exec_driver_sql("UPDATE code_message SET at = at - 60")
        browser, page = ask(gateway, number)
        page = browser.submit(page, page.form(method="code"), otp=sent(node)[-1][1])
        assert "Anda tersambung" in page.text
        gateway.stop("User-Request")
    with node.store().core.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT g.person_id, p.kind, count(DISTINCT g.device_id) FROM access_grant g JOIN person p"
            " ON p.id = g.person_id WHERE g.method = 'code' GROUP BY 1, 2"
        ).all()
        agreed = connection.exec_driver_sql("SELECT person_id, purpose, language FROM consent").all()
    [person] = [person for person, kind, devices in rows if (kind, devices) == ("phone", 2)]
    assert sorted(tuple(row[1:]) for row in agreed if row[0] == person) == [("phone", "id"), ("service", "id")]


def test_wrong_codes_and_other_numbers(node: Node, gateway: CoovaChilliDouble) -> None:
    browser, page = ask(gateway, fresh_number())
    code = sent(node)[-1][1]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(5):
        answer = browser.submit(page, page.form(method="code"), otp=wrong)
        assert (answer.status, "Kode salah" in answer.alert) == (422, True)
    answer = browser.submit(page, page.form(method="code"), otp=code)
    assert (answer.status, gateway.phone.online) == (429, False)
    assert "Terlalu banyak kode salah" in answer.alert

    answer = browser.submit(page, page.form(method="code-other"))
    assert answer.form(method="code").fields.keys() == {"form", "number", "method"}
    answer = browser.submit(answer, answer.form(method="code"), number="+1 415 555 2671")
    assert (answer.status, "Nomor HP salah" in answer.alert) == (422, True)
    assert answer.form(method="code").fields["number"] == "+1 415 555 2671"


def test_sending_again_waits_a_minute_and_sends_the_same_code(node: Node, gateway: CoovaChilliDouble) -> None:
    browser, page = ask(gateway, fresh_number())
    before = sent(node)
    answer = browser.submit(page, page.form(method="code-again"))
    assert (answer.status, sent(node)) == (429, before)
    assert "Tunggu satu menit" in answer.alert
    with node.store().core.write() as connection:
        connection.exec_driver_sql("UPDATE code_message SET at = at - 60")
    answer = browser.submit(page, page.form(method="code-again"))
    assert answer.status == 200
    assert sent(node)[-1] == before[-1]
    assert len(sent(node)) == len(before) + 1


def test_without_an_awaited_code_none_is_taken(node: Node, gateway: CoovaChilliDouble) -> None:
    browser = Browser()
    page = browser.open(gateway.redirect("notyet"))
    for fields, status in (({"otp": "000000"}, 422), ({"method": "code-again"}, 422)):
        answer = browser.submit(page, page.form(method="code"), **fields)
        assert (answer.status, "sudah tidak berlaku" in answer.alert) == (status, True)
    arrival = Arrival(
        "smpn11-gw", Stage.WANTS_IN, "02:00:00:00:0d:01", "10.1.0.2", data={"chap-id": "", "chap-challenge": ""}
    )
    school = seal(node.settings.keys().derive("portal form"), arrival, int(time.time()))
    for method in ("code", "code-again", "click-through"):
        answer = browser.open(f"{node.portal}/login", {"form": school, "method": method, "number": NUMBER})
        assert answer.status == 422, "the school admits by voucher alone"


def test_what_was_sent_is_shown(node: Node, gateway: CoovaChilliDouble) -> None:
    before = node.json("code", "status")
    ask(gateway, fresh_number())
    after = node.json("code", "status")
    assert after["day"] == before["day"] + 1
    assert after["cost"] == before["cost"] + 350
    assert after["limits"] == {"hour": 300, "day": 2000, "cost": 700_000}
    assert node.call("code", "test", "112").returncode == 2
    count = len(list((node.folder / "state" / "spool").iterdir()))
    node.run("code", "test", NUMBER)
    assert len(list((node.folder / "state" / "spool").iterdir())) == count + 1


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Node, MessageGatewayDouble]]:
    """A node whose messages go to a stand-in gateway."""
    with MessageGatewayDouble() as gateway:
        sender = f'{{ kind = "http", url = "{gateway.url}", body = {{ to = "{{number}}", text = "{{text}}" }} }}'
        node = Node(tmp_path, {'{ kind = "spool" }': sender})
        node.activate()
        yield node, gateway


def test_a_slow_gateway_holds_up_no_page_and_a_broken_one_is_told(slow: tuple[Node, MessageGatewayDouble]) -> None:
    node, messages = slow
    with node.service("portal") as service, node.gateway() as gateway:
        messages.answers.clear()
        _, page = ask(gateway, "081200000001")
        assert "Kode 6 angka dikirim" in page.text, "while the gateway still thinks"
        messages.answers.set()
        wait_until(lambda: node.json("code", "status")["cost"] == 350, "it was sent in the end")
        messages.status = 500
        gateway.phone.mac = "02-AA-00-00-0D-02"
        _, page = ask(gateway, "081200000002")
        assert (page.status, "tidak dapat dikirim" in page.alert) == (503, True)
        assert page.form(method="code").fields["number"] == "081200000002", "no code is awaited"
        assert Browser().open(gateway.redirect("notyet")).form(method="code").fields["number"] == ""
    status = node.json("code", "status")
    assert (status["day"], status["failed"], status["cost"]) == (2, 1, 350)
    log = "".join(service.lines)
    assert "message not sent" in log
    assert "0812" not in log
    assert "62812" not in log
