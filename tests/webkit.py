"""Debian's WebKit (WebKitGTK's MiniBrowser) through its own driver: the least of W3C WebDriver that a login takes.

WebKitGTK is no iPhone's login sheet, but its engine: forms, policies, redirects and scripts as WebKit takes them.
"""

import http.client
import json
import os
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .chromium import SCREENS
from .node import free_port

DRIVER: Final = "/usr/bin/WebKitWebDriver"
BROWSER: Final = Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "webkit2gtk-4.1" / "MiniBrowser"
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""What WebDriver calls a reference to an element (section 12)."""


class WebKit:
    """One browser that remembers nothing of another."""

    def __init__(self, port: int):
        self._port = port
        options = {"binary": str(BROWSER), "args": ["--automation"]}
        asked = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self._session: str = self._call("POST", "/session", asked)["sessionId"]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        value = json.loads(answer.read())["value"]
        connection.close()
        assert answer.status == 200, value
        return value

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, f"/session/{self._session}{path}", body)

    def go(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._ask("GET", "/url"))

    def _element(self, selector: str) -> str:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])

    def text(self, selector: str) -> str:
        return str(self._ask("GET", f"/element/{self._element(selector)}/text"))

    def fill(self, selector: str, text: str) -> None:
        self._ask("POST", f"/element/{self._element(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        self._ask("POST", f"/element/{self._element(selector)}/click", {})

    def wait_for(self, part: str, seconds: float = 15) -> None:
        """Until the address holds `part`."""
        deadline = time.monotonic() + seconds
        while part not in self.url:
            assert time.monotonic() < deadline, self.url
            time.sleep(0.1)

    def keep(self, name: str) -> None:
        """A screenshot for people to look at."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        (SCREENS / f"{name}.png").write_bytes(b64decode(self._ask("GET", "/screenshot")))

    def close(self) -> None:
        self._ask("DELETE", "")


class Webkits:
    """Opens browsers at one driver."""

    def __init__(self, port: int):
        self._port = port

    @contextmanager
    def opened(self) -> Iterator[WebKit]:
        browser = WebKit(self._port)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running(folder: Path) -> Iterator[Webkits]:
    """The driver and a screen that nobody sees."""
    read, write = os.pipe()
    screen = subprocess.Popen(
        ["/usr/bin/Xvfb", "-displayfd", str(write), "-screen", "0", "800x900x24", "-nolisten", "tcp"],
        pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    driver = None
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()
        port = free_port()
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "DISPLAY": f":{number}",
            "LANG": "C.UTF-8", "LANGUAGE": "id", "GDK_BACKEND": "x11", "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
        }  # fmt: skip
        driver = subprocess.Popen(
            [DRIVER, f"--port={port}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _listens(port)
        yield Webkits(port)
    finally:
        for process in (driver, screen):
            if process is not None:
                process.terminate()
                process.wait()


def _listens(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/status")
            connection.getresponse().read()
        except OSError:
            assert time.monotonic() < deadline, "WebKitWebDriver does not listen"
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
