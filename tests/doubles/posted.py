"""A stand-in for gateways whose phones log in with a form, and for controllers that a portal tells: NOT the real ones.

It asks RADIUS (pyrad's client) with the name and the password that it was given, and its own Calling-Station-Id: as
Aruba's, Cisco's, Ruckus's, Cambium's, Meraki's, pfSense's, OPNsense's and any WISPr gateway do. What each kind calls
its fields is in the test.
"""

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pyrad import packet as rp
from pyrad.client import Client, Timeout

from .coovachilli import dictionary


@dataclass
class PostedDouble:
    """`user`, `password` and `landing` are names of the form's fields; `mac` the phone's address as RADIUS hears it."""

    secret: bytes
    auth: tuple[str, int]
    source: str
    user: str = "username"
    password: str = "password"
    landing: str = ""
    mac: str = "02-AA-00-00-09-01"
    port: int = 0
    page: str = ""
    """OPNsense's, of its template."""
    seen: str = ""
    """The address that OPNsense's script is told, where it is another."""
    busy: int = 0
    """How many requests are asked to come again in a second."""
    online: bool = False
    heard: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                double.paths.append(self.path)
                if double.busy:
                    double.busy -= 1
                    status, headers, text = 429, {"Retry-After": "1"}, ""
                else:
                    status, headers, text = double.answer(urlsplit(self.path).path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self) -> None:
                text, kind = double.shown(urlsplit(self.path).path)
                self.send_response(200 if text else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = server.server_address[1]
        self._resources = ExitStack()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        for close in (thread.join, server.server_close, server.shutdown):
            self._resources.callback(close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def shown(self, path: str) -> tuple[str, str]:
        """OPNsense's: the page of its zone's template, and what its script is told of the phone."""
        if path == "/":
            return self.page, "text/html"
        if path == "/api/captiveportal/access/status/0/":
            state = "AUTHORIZED" if self.online else "NOT_AUTHORIZED"
            told = {"clientState": state, "ipAddress": "10.3.0.9", "macAddress": self.seen or self.mac}
            return json.dumps(told), "application/json"
        return "", "text/plain"

    def answer(self, path: str, body: str) -> tuple[int, dict[str, str], str]:
        if path == "/portalintf":  # SmartZone's northbound portal interface
            told = json.loads(body)
            self.heard.append(told)
            good = told["UE-MAC"] == self.mac and self._asks(told["UE-Username"], told["UE-Password"])
            code, what = ("201", "Login succeeded") if good else ("301", "Login failed")
            return 200, {}, json.dumps({"Vendor": "ruckus", "ResponseCode": code, "ReplyMessage": what})
        if path == "/portal/radius/auth":  # Omada's
            told = json.loads(body)
            self.heard.append(told)
            return 200, {}, json.dumps({"errorCode": 0 if self._asks(told["username"], told["password"]) else -41529})
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.heard.append(form)
        if path == "/api/captiveportal/access/logon/0/":
            state = "AUTHORIZED" if self._asks(form["user"], form["password"]) else "NOT_AUTHORIZED"
            return 200, {"Content-Type": "application/json"}, json.dumps({"clientState": state})
        if not self._asks(form[self.user], form[self.password]):
            return 403, {}, "refused"
        if self.landing:
            return 302, {"Location": form[self.landing]}, ""
        return 200, {}, "you are in"

    def _asks(self, user: str, password: str) -> bool:
        client = Client(server=self.auth[0], authport=self.auth[1], secret=self.secret, dict=dictionary())
        client.timeout, client.retries = 5, 4
        client.bind((self.source, 0))
        request = client.CreateAuthPacket(code=rp.AccessRequest, User_Name=user, message_authenticator=True)
        request["User-Password"] = request.PwCrypt(password)
        request["Calling-Station-Id"] = self.mac
        request["NAS-IP-Address"] = self.source
        try:
            self.online = client.SendPacket(request).code == rp.AccessAccept
        except Timeout:
            self.online = False
        return self.online
