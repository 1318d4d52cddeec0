"""Every login method in a real Chromium, in every language, with JavaScript and without; axe-core finds nothing.

The gateway is the CoovaChilli double; tests/system meets a real openNDS.
"""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hotspot.city.look import LANGUAGES
from tests.chromium import findings, keep
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

MEMBER = ("Dewi Lestari", "rahasia sekali")


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Opens a blank page in a browser that remembers nothing; no script may fail and no policy be broken in it."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def new(language: str, *, script: bool = True, width: int = 320) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 568}, locale=language, java_script_enabled=script,
            user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 12_0 like Mac OS X) AppleWebKit/605.1.15",
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield new
    for context in contexts:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture(scope="module")
def member(node: Node) -> None:
    node.run("member", "add", MEMBER[0], stdin=f"{MEMBER[1]}\n")


def by_click(_node: Node, page: Page) -> None:
    page.locator("button[value=click-through]").click()


def by_voucher(node: Node, page: Page) -> None:
    made = node.json("voucher", "create", "--site", "taman-kota-1", "--plan", "umum")
    page.locator("#code").fill(made["codes"][0])
    page.locator("#code").press("Enter")


def by_member(_node: Node, page: Page) -> None:
    page.locator("#name").fill(MEMBER[0])
    page.locator("#password").fill(MEMBER[1])
    page.locator("button[value=member]").click()


def by_code(node: Node, page: Page) -> None:
    page.locator("#number").fill(f"0812{time.time_ns() // 1000 % 10**8:08d}")
    page.locator("button[value=code]").click()
    page.locator("#otp").fill(last_code(node))
    page.locator("#otp").press("Enter")


def last_code(node: Node) -> str:
    newest = max((node.folder / "state" / "spool").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return newest.read_text().partition("\n\n")[2][:6]


METHODS: list[Callable[[Node, Page], None]] = [by_click, by_voucher, by_code, by_member]


@pytest.mark.usefixtures("member")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_method(node: Node, gateway: CoovaChilliDouble, open_page: Open, language: str, script: bool) -> None:
    for method in METHODS:
        page = open_page(language, script=script)
        page.goto(gateway.redirect("notyet"))
        assert page.locator("html").get_attribute("lang") == language
        name = f"{method.__name__.removeprefix('by_')}-{language}-{'js' if script else 'plain'}"
        keep(page, f"login-{name}")
        method(node, page)
        page.wait_for_url("**/s/*")
        expect(page.locator("#left")).to_be_visible()
        keep(page, f"status-{name}")
        page.locator("form[action$=logout] button").click()
        expect(page.get_by_role("status")).to_be_visible()
        assert not gateway.phone.online


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing(node: Node, gateway: CoovaChilliDouble, open_page: Open, language: str) -> None:
    page = open_page(language)
    page.goto(gateway.redirect("notyet"))
    assert findings(page) == []
    page.locator("details summary").click()
    page.locator("#code").fill("0000-0000-001")
    page.locator("button[value=voucher]").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("[aria-invalid]").get_attribute("id") == "code"
    assert findings(page) == []
    keep(page, f"wrong-{language}")
    page.locator("#number").fill(f"0813{time.time_ns() // 1000 % 10**8:08d}")
    page.locator("button[value=code]").click()
    expect(page.locator("#otp")).to_be_visible()
    assert findings(page) == []
    keep(page, f"code-{language}")
    page.locator("#otp").fill(f"{(int(last_code(node)) + 1) % 10**6:06d}")
    page.locator("button[value=code]").click()
    assert page.locator("[aria-invalid]").get_attribute("id") == "otp"
    assert findings(page) == []
    page.locator("button[value=click-through]").click()
    page.wait_for_url("**/s/*")
    status = page.url
    assert findings(page) == []
    page.goto(gateway.redirect("already").replace("mac=02", "mac=04"))
    assert findings(page) == [], "a forged link"
    page.goto(status)
    page.locator("form[action$=logout] button").click()
    page.wait_for_url(lambda url: url != status)
    expect(page.get_by_role("status")).to_be_visible()
    assert findings(page) == [], "logged out"
    page.goto(status)
    assert findings(page) == [], "ended"
    for path in ("/", "/nowhere"):
        page.goto(node.portal + path)
        assert findings(page) == []


def test_axe_would_find_something(open_page: Open) -> None:
    page = open_page("id")
    page.set_content("<html><body><input><p style='color:#bbb;background:#fff'>pale</p></body></html>")
    assert {"color-contrast", "html-has-lang", "label"} <= {name for name, _ in findings(page)}


def test_the_sheet_is_closed_between_sending_and_entering_the_code(
    node: Node, gateway: CoovaChilliDouble, open_page: Open
) -> None:
    """As iPhones do it: whoever looks at the message loses the page, the WiFi, and whatever the page has kept."""
    forgetful = (
        "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name,"
        " { get() { throw new Error('blocked'); } }); window.open = window.alert = () => null;"
    )
    page = open_page("id")
    page.add_init_script(forgetful)
    page.goto(gateway.redirect("notyet"))
    page.locator("#number").fill("081355550001")
    page.locator("button[value=code]").click()
    expect(page.locator("#otp")).to_be_visible()
    page.context.close()

    page = open_page("id", script=False)
    page.goto(gateway.redirect("notyet"))
    expect(page.locator("main form").first.locator("#otp")).to_be_visible()
    page.locator("#otp").fill(last_code(node))
    page.get_by_role("button", name="Masuk", exact=True).first.click()
    page.wait_for_url("**/s/*")
    assert gateway.phone.online


@pytest.mark.parametrize(("width", "zoom"), [(320, 1), (640, 2), (320, 1.5), (1280, 1)])
def test_nothing_runs_over_the_side(gateway: CoovaChilliDouble, open_page: Open, width: int, zoom: float) -> None:
    """`zoom` enlarges the text alone, as a reader's own font size does; a page's zoom is a narrower window."""
    page = open_page("jv", width=width)
    page.goto(gateway.redirect("notyet"))
    page.evaluate("zoom => { document.documentElement.style.fontSize = 100 * zoom + '%'; }", zoom)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.evaluate(
        "[...document.querySelectorAll('button,input:not([type=hidden]),a,summary')].map(e => {"
        "const b = e.getBoundingClientRect(); return [e.outerHTML, b.left, b.right, b.height]})"
    ):
        assert box[1] >= 0, box
        assert box[2] <= width, box
        assert box[3] >= 44, box


def test_one_request_and_no_foreign_one(gateway: CoovaChilliDouble, open_page: Open) -> None:
    page = open_page("id")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    url = gateway.redirect("notyet")
    page.goto(url, wait_until="networkidle")
    assert [one for one in requests if not one.startswith("data:")] == [url]


def test_an_impatient_thumb_sends_one_form(gateway: CoovaChilliDouble, open_page: Open) -> None:
    page = open_page("id")
    page.goto(gateway.redirect("notyet"))
    page.evaluate(
        "window.stopped = []; window.addEventListener('submit', event => {"
        "  stopped.push(event.defaultPrevented); event.preventDefault(); })"
    )
    for _ in range(3):
        page.evaluate("document.querySelector('button').click()")
    assert page.evaluate("stopped") == [False, True, True]
    assert page.locator("button[value=click-through]").get_attribute("aria-busy") == "true"
    page.evaluate("window.dispatchEvent(new Event('pageshow'))")
    page.evaluate("document.querySelector('button').click()")
    assert page.evaluate("stopped") == [False, True, True, False], "the page came back"


def test_the_time_left_runs_down(gateway: CoovaChilliDouble, open_page: Open) -> None:
    page = open_page("id")
    page.clock.install()
    page.goto(gateway.redirect("notyet"))
    page.locator("button[value=click-through]").click()
    page.wait_for_url("**/s/*")
    expect(page.locator("#left")).to_have_text(re.compile(r"^(2 jam|1 jam 59 menit)$"))
    page.clock.run_for(61 * 60 * 1000)
    expect(page.locator("#left")).to_have_text(re.compile(r"^(59|58) menit$"))
