"""A stand-in for a UniFi Network controller, on loopback: NOT the real program, which no package here provides.

It speaks what UniFi-API-client's source shows: /api/login (or /api/auth/login and /proxy/network with a CSRF token on a
UniFi OS console), cmd/stamgr with authorize-guest and unauthorize-guest, stat/sta. `lag` makes it say "ok" long before
an admission is in force, as real ones do; `deaf` counts admissions that it says "ok" to and forgets.

A console renews its token with each command and takes the newest alone (`rotates`), or tells it inside its cookie only
(`inside`). `busy` is how many requests it answers 429 to, asking for `pause`.
"""

import base64
import json
import secrets
import ssl
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

USER, PASSWORD = "nirkabel", "a password of the controller"
AP = "02:00:5e:aa:bb:05"


@dataclass
class Guest:
    mac: str
    associated_at: int
    authorized_from: float = 0.0
    authorized_until: float = 0.0
    down: int = 0
    up: int = 0

    @property
    def authorized(self) -> bool:
        return self.authorized_from <= time.time() < self.authorized_until


@dataclass
class UnifiDouble:
    console: bool = False
    lag: float = 0.0
    deaf: int = 0
    certificate: tuple[Path, Path] | None = None
    port: int = 0
    guests: dict[str, Guest] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    logins: int = 0
    sessions: set[str] = field(default_factory=set)
    token: str = ""
    rotates: bool = False
    inside: bool = False
    busy: int = 0
    pause: str = "1"
    password: str = PASSWORD
    asked: int = 0

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: Any) -> None:
                status, headers, value = double.answer(self.path, dict(self.headers), body)
                text = json.dumps(value).encode()
                self.send_response(status)
                for name, one in headers:
                    self.send_header(name, one)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        self._resources = ExitStack()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        for close in (thread.join, server.server_close, server.shutdown):
            self._resources.callback(close)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    # -- guests ------------------------------------------------------------------------------------------------------

    def join(self, mac: str, ago: int = 5) -> Guest:
        self.guests[mac] = Guest(mac, int(time.time()) - ago)
        return self.guests[mac]

    def redirect(self, mac: str, portal: str, site: str = "default") -> str:
        query = {"id": mac, "ap": AP, "t": str(int(time.time())), "url": "http://internet.test/", "ssid": "WiFi"}
        return f"{portal}/guest/s/{site}/?{urlencode(query)}"

    # -- the API -----------------------------------------------------------------------------------------------------

    def answer(self, path: str, headers: dict[str, str], body: Any) -> tuple[int, list[tuple[str, str]], Any]:
        self.asked += 1
        if self.busy:
            self.busy -= 1
            return (
                429,
                [("Retry-After", self.pause)] if self.pause else [],
                {"code": "AUTHENTICATION_FAILED_LIMIT_REACHED"},
            )
        if path == ("/api/auth/login" if self.console else "/api/login"):
            return self._log_in(body)
        cookie = headers.get("Cookie", "").partition("=")[2].partition(";")[0]
        wrong_token = self.console and body is not None and headers.get("X-CSRF-Token") != self.token
        if cookie in self.sessions and wrong_token:
            return 403, [], {"error": {"code": 403, "message": "Forbidden"}}
        if cookie not in self.sessions:
            return 401, [], {"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []}
        prefix = f"{'/proxy/network' if self.console else ''}/api/s/default/"
        if not path.startswith(prefix):
            return 404, [], {"meta": {"rc": "error", "msg": "api.err.NotFound"}, "data": []}
        status, more, value = self._call(path.removeprefix(prefix), body)
        if self.console and self.rotates and body is not None:
            self.token = secrets.token_hex(8)
            more = [*more, ("X-Updated-CSRF-Token", self.token)]
        return status, more, value

    def _log_in(self, body: Any) -> tuple[int, list[tuple[str, str]], Any]:
        self.logins += 1
        if (body["username"], body["password"]) != (USER, self.password):
            return 403 if self.console else 400, [], {"meta": {"rc": "error", "msg": "api.err.Invalid"}, "data": []}
        self.token = secrets.token_hex(8)
        claims = base64.urlsafe_b64encode(json.dumps({"csrfToken": self.token}).encode()).decode().rstrip("=")
        session = f"{secrets.token_hex(8)}.{claims}.x" if self.inside else secrets.token_hex(8)
        self.sessions.add(session)
        cookie = ("Set-Cookie", f"{'TOKEN' if self.console else 'unifises'}={session}; Path=/; HttpOnly")
        told = [] if self.inside else [("X-CSRF-Token", self.token)]
        return 200, [cookie, *told], {"meta": {"rc": "ok"}, "data": []}

    def _call(self, what: str, body: Any) -> tuple[int, list[tuple[str, str]], Any]:
        if what == "cmd/stamgr":
            self.commands.append(body)
            self._command(body)
            return 200, [], {"meta": {"rc": "ok"}, "data": []}
        if what == "stat/sta":
            return 200, [], {"meta": {"rc": "ok"}, "data": [self._station(one) for one in self.guests.values()]}
        mac = what.removeprefix("stat/sta/")
        if mac not in self.guests:
            return 400, [], {"meta": {"rc": "error", "msg": "api.err.UnknownStation"}, "data": []}
        return 200, [], {"meta": {"rc": "ok"}, "data": [self._station(self.guests[mac])]}

    def _command(self, body: dict[str, Any]) -> None:
        guest = self.guests.get(body["mac"])
        if guest is None:
            return
        if body["cmd"] == "unauthorize-guest":
            guest.authorized_until = 0.0
        elif self.deaf:
            self.deaf -= 1
        else:
            guest.authorized_from = time.time() + self.lag
            guest.authorized_until = guest.authorized_from + 60 * body["minutes"]

    def _station(self, guest: Guest) -> dict[str, Any]:
        return {
            "mac": guest.mac, "is_guest": True, "authorized": guest.authorized, "ap_mac": AP,
            "assoc_time": guest.associated_at, "uptime": int(time.time()) - guest.associated_at,
            "tx_bytes": guest.down, "rx_bytes": guest.up,
        }  # fmt: skip
