"""The same journey in a real browser: Chromium in a phone's namespace, behind a real openNDS, without JavaScript."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.bed.house import House
from tests.bed.net import INTERNET_NAME, Client
from tests.chromium import keep, running

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("browser"), clients=1) as house:
        house.start()
        house.configure()
        house.join(house.bed.clients[0])
        yield house


@pytest.fixture(scope="module")
def chromium(house: House) -> Iterator[Browser]:
    """A browser whose processes live in the phone's namespace."""
    phone: Client = house.bed.clients[0]
    wrapper = house.folder / "chromium"
    wrapper.write_text(f'#!/bin/sh\nexec ip netns exec {phone.name} /usr/bin/chromium "$@"\n')
    wrapper.chmod(0o755)
    with running(str(wrapper)) as browser:
        yield browser


def open_page(chromium: Browser, language: str, width: int = 320) -> tuple[Page, list[str]]:
    context = chromium.new_context(
        viewport={"width": width, "height": 568}, locale=language, java_script_enabled=False, user_agent="old phone"
    )
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    return page, requests


def test_a_phone_without_javascript(house: House, chromium: Browser) -> None:
    page, requests = open_page(chromium, "id-ID")
    page.goto(f"http://{INTERNET_NAME}/")
    assert page.url.startswith("http://portal.test:8000/g/")
    assert [url for url in requests if not url.startswith("data:")][-1] == page.url
    assert len([url for url in requests if "portal.test" in url]) == 1, "one request"
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    keep(page, "login-id")
    page.get_by_label("Kode voucher").fill("0000-0000-000")
    page.get_by_role("button", name="Masuk dengan voucher").click()
    assert "tidak dikenal" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Kode voucher").input_value() == "0000-0000-000"
    keep(page, "wrong-voucher-id")
    page.get_by_role("button", name="English").click()
    keep(page, "login-en")
    page.get_by_role("button", name="Agree and connect").click()
    page.wait_for_url("**/s/*")
    assert page.get_by_role("heading").inner_text() == "You are online"
    keep(page, "status-en")
    page.goto(f"http://{INTERNET_NAME}/")
    assert "the internet" in page.content()
    page.go_back()
    page.get_by_role("button", name="Log out").click()
    assert page.get_by_role("heading").inner_text() == "Connection ended"
    keep(page, "ended-en")
