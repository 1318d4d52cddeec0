"""Click-through and one-time codes in a real WebKit. The gateway is the CoovaChilli double."""

import time
from collections.abc import Iterator

import pytest

from tests import webkit
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node
from tests.webkit import Webkits

from .test_in_chromium import last_code

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def webkits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webkits]:
    with webkit.running(tmp_path_factory.mktemp("webkit")) as found:
        yield found


def test_click_through(gateway: CoovaChilliDouble, webkits: Webkits) -> None:
    with webkits.opened() as phone:
        phone.go(gateway.redirect("notyet"))
        phone.keep("webkit-login")
        phone.click("button[value=click-through]")
        phone.wait_for("/s/")
        assert gateway.phone.online
        assert "Anda tersambung" in phone.text("h1")
        phone.keep("webkit-status")
        phone.click("form[action$=logout] button")
        phone.wait_for("/g/tk1-gw")
        assert "Anda sudah keluar" in phone.text("main")
        assert not gateway.phone.online


def test_another_language_at_a_tap(gateway: CoovaChilliDouble, webkits: Webkits) -> None:
    with webkits.opened() as phone:
        phone.go(gateway.redirect("notyet"))
        phone.click("button[value=en]")
        phone.wait_for("/login")
        assert "Agree and connect" in phone.text("main")


def test_a_code_is_entered_in_a_browser_that_has_forgotten_everything(
    node: Node, gateway: CoovaChilliDouble, webkits: Webkits
) -> None:
    with webkits.opened() as phone:
        phone.go(gateway.redirect("notyet"))
        phone.fill("#number", f"0812{time.time_ns() // 1000 % 10**8:08d}")
        phone.click("button[value=code]")
        phone.wait_for("/login")
    with webkits.opened() as phone:
        phone.go(gateway.redirect("notyet"))
        phone.fill("#otp", last_code(node))
        phone.click("button[value=code]")
        phone.wait_for("/s/")
        assert gateway.phone.online
        phone.keep("webkit-code")
