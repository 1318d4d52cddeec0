"""A stand-in for RouterOS's Hotspot, which no package on the test machines provides: NOT the real program.

It serves a folder of Hotspot pages as RouterOS's documentation ("Hotspot customisation") says: `$(variable)`, `-esc`,
`$(if …)$(elif …)$(else)$(endif)`, `http-status` and `http-header`; /login with HTTP-CHAP or HTTP-PAP, /status, /logout;
a request for any other host is redirected to the login page. Its RADIUS is pyrad's.
"""

import re
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote_plus, urlsplit

from pyrad import packet as rp
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary

import radius.wire.dictionary

_TOKEN = re.compile(r"(\$\((?:if|elif) [^)]*\)|\$\(else\)|\$\(endif\)|\$\([a-z0-9-]+\))")
_TEST = re.compile(r"""\$\((?:if|elif) ([a-z0-9-]+)(?: ?(==|!=) ?['"]?([^'")]*)['"]?)?\)""")


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})
    body: str = ""


@dataclass
class _If:
    """An `$(if …)` that is open: whether its text counts now, whether a branch has counted, what it sets instead."""

    counts: bool
    chosen: bool
    sets: tuple[str, str] | None = None
    text: str = ""


class _Page:
    def __init__(self, values: dict[str, str]):
        self.values, self.answer = values, Answer()
        self.open: list[_If] = []

    def put(self, text: str) -> None:
        if not all(level.counts for level in self.open):
            return
        setter = next((level for level in reversed(self.open) if level.sets), None)
        if setter:
            setter.text += text
        else:
            self.answer.body += text

    def condition(self, test: re.Match[str]) -> None:
        if test[0].startswith("$(elif"):
            level = self.open[-1]
            level.counts = not level.chosen and _holds(test, self.values)
            level.chosen = level.chosen or level.counts
        elif test[1] in ("http-status", "http-header"):
            self.open.append(_If(True, True, (test[1], test[3])))
        else:
            holds = _holds(test, self.values)
            self.open.append(_If(holds, holds))

    def end(self) -> None:
        level = self.open.pop()
        if level.sets and all(outer.counts for outer in self.open):
            if level.sets[0] == "http-status":
                self.answer.status = int(level.sets[1])
            else:
                self.answer.headers[level.sets[1]] = level.text

    def variable(self, name: str) -> str:
        if name.endswith("-esc"):
            return quote_plus(self.values.get(name.removesuffix("-esc"), ""))
        return self.values.get(name, "")


def serve(page: str, values: dict[str, str]) -> Answer:
    """A page with its variables put in and its conditions decided."""
    made = _Page(values)
    for part in _TOKEN.split(page):
        if test := _TEST.fullmatch(part):
            made.condition(test)
        elif part == "$(else)":
            made.open[-1].counts = not made.open[-1].chosen
        elif part == "$(endif)":
            made.end()
        else:
            made.put(made.variable(part[2:-1]) if _TOKEN.fullmatch(part) else part)
    assert not made.open, "an $(if) without its $(endif)"
    return made.answer


def _holds(test: re.Match[str], values: dict[str, str]) -> bool:
    value = values.get(test[1], "")
    if test[2] is None:
        return value != ""
    return (value == test[3]) == (test[2] == "==")


def octal(data: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in data)


class MikrotikDouble:
    """A Hotspot with one guest, on loopback. Use as a context manager."""

    def __init__(
        self,
        pages: Path,
        *,
        secret: bytes,
        auth: tuple[str, int],
        acct: tuple[str, int],
        source: str,
        port: int = 0,
        chap: bool = True,
    ):
        self.pages, self.chap = pages, chap
        self.mac, self.ip = "02:AA:00:00:00:31", "10.213.0.7"
        folder = Path(radius.wire.dictionary.__file__).parent
        self.client = Client(
            server=auth[0],
            authport=auth[1],
            acctport=acct[1],
            secret=secret,
            dict=Dictionary(str(folder / "dictionary")),
        )
        self.client.timeout, self.client.retries = 5, 4
        self.client.bind((source, 0))
        self.user, self.session, self.klass, self.accept = "", "", b"", {}
        self.counters = (0, 0)
        self._challenge: tuple[bytes, bytes] | None = None
        self._port = port
        self._resources = ExitStack()

    accept: dict[str, Any]

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = double.answer(self.path, self.headers.get("Host", ""))
                body = answer.body.encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        for close in (thread.join, server.server_close, server.shutdown):
            self._resources.callback(close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # -- the servlet -------------------------------------------------------------------------------------------------

    def answer(self, path: str, _host: str) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if parts.path == "/login":
            return self._login(query)
        if parts.path == "/status":
            return self._page("status.html" if self.user else "redirect.html", query)
        if parts.path == "/logout":
            if self.user:
                self.account(2, cause=1)
                answer = self._page("logout.html", query)
                self.user = ""
                return answer
            return self._page("redirect.html", query)
        if parts.path == "/api.json":
            return self._page("api.json", query)
        page = "status" if self.user else "login"
        query["link-redirect"] = f"{self.url}/{page}?dst=http%3A%2F%2Finternet.test%2F"
        return self._page("redirect.html", query)

    def _login(self, query: dict[str, str]) -> Answer:
        error = ""
        if "username" in query and not self.user:
            error = self._authenticate(query["username"], query.get("password", ""))
        if self.user:
            query["link-redirect"] = query.get("dst", f"{self.url}/status")
            return self._page("alogin.html", query)
        return self._page("login.html", query, error)

    def _page(self, name: str, query: dict[str, str], error: str = "") -> Answer:
        values = {
            "mac": self.mac, "ip": self.ip, "username": self.user, "error": error, "var": query.get("var", ""),
            "server-name": "hotspot1", "link-login-only": f"{self.url}/login",
            "logged-in": "yes" if self.user else "no",
            "link-redirect": query.get("link-redirect", f"{self.url}/login"),
            "session-time-left-secs": str(self.accept.get("Session-Timeout", 0)) if self.user else "0",
            "remain-bytes-total": str(self.accept.get("Mikrotik-Total-Limit", "")) if self.user else "",
        }  # fmt: skip
        if name == "login.html" and self.chap:
            self._challenge = secrets.token_bytes(1), secrets.token_bytes(16)
            values["chap-id"], values["chap-challenge"] = map(octal, self._challenge)
        return serve((self.pages / name).read_text(), values)

    # -- RADIUS ----------------------------------------------------------------------------------------------------

    def _authenticate(self, user: str, password: str) -> str:
        """An error message, or nothing for a guest who is in now."""
        self.session = secrets.token_hex(4)
        request = self.client.CreateAuthPacket(code=rp.AccessRequest, User_Name=user)
        if self.chap:
            if self._challenge is None or len(password) != 32:
                return "no CHAP challenge"
            (ident, challenge), self._challenge = self._challenge, None
            request["CHAP-Password"] = ident + bytes.fromhex(password)
            request["CHAP-Challenge"] = challenge
        else:
            request["User-Password"] = request.PwCrypt(password)
        self._describe(request)
        request.add_message_authenticator()
        try:
            reply = self.client.SendPacket(request)
        except Timeout:
            return "RADIUS server is not responding"
        self.accept = {key: reply[key][0] for key in reply.keys() if isinstance(key, str)}
        if reply.code != rp.AccessAccept:
            return str(self.accept.get("Reply-Message", "invalid username or password"))
        self.user, self.klass = user, self.accept.get("Class", b"")
        self.started = time.time()
        self.account(1)
        return ""

    def _describe(self, request: Any) -> None:
        request["Service-Type"] = 1
        request["Acct-Session-Id"] = self.session
        request["Framed-IP-Address"] = self.ip
        request["NAS-Port-Type"] = 19
        request["Calling-Station-Id"] = self.mac
        request["Called-Station-Id"] = "hotspot1"
        request["NAS-Identifier"] = "router"

    def account(self, status: int, *, cause: int | None = None) -> None:
        """Start 1, Stop 2, Interim 3; `counters` are what the router received and sent."""
        request = self.client.CreateAcctPacket(User_Name=self.user)
        request["Acct-Status-Type"] = status
        self._describe(request)
        if self.klass:
            request["Class"] = self.klass
        if status != 1:
            request["Acct-Session-Time"] = int(time.time() - self.started)
            request["Acct-Input-Octets"], request["Acct-Output-Octets"] = self.counters
        if cause is not None:
            request["Acct-Terminate-Cause"] = cause
        self.client.SendPacket(request)
