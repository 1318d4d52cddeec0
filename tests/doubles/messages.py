"""A stand-in for message gateways, on loopback: NOT Twilio, nor any provider's real gateway.

It speaks what their documentation says: Twilio's `POST /2010-04-01/Accounts/{Sid}/Messages.json` with basic
authentication, To, From and Body as a form, answered 201 with `sid` and `status` or 4xx with `code` and `message`; and
a plain gateway at /send that takes JSON or a form and answers as it is told.
"""

import json
import threading
from base64 import b64decode
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

ACCOUNT, TOKEN = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a-token-of-thirty-two-characters"


@dataclass
class Taken:
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class MessageGatewayDouble:
    """`status` and `answer` are what /send says; it thinks until `answers` is set. While `busy` counts down,
    it asks for `pause` seconds instead."""

    status: int = 200
    answer: str = '{"status":"ok"}'
    busy: int = 0
    pause: str = "1"
    answers: threading.Event = field(default_factory=threading.Event)
    taken: list[Taken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers.set()

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                request = Taken(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                if double.busy:
                    double.busy -= 1
                    self.send_response(429)
                    self.send_header("Retry-After", double.pause)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                double.taken.append(request)
                status, text = double.twilio(request) if "/Accounts/" in self.path else (double.status, double.answer)
                double.answers.wait()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self._resources = ExitStack()
        for close in (thread.join, server.server_close, server.shutdown):
            self._resources.callback(close)
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self._resources.close()

    def twilio(self, request: Taken) -> tuple[int, str]:
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        if kind != "Basic" or b64decode(credentials).decode() != f"{ACCOUNT}:{TOKEN}":
            return 401, json.dumps({"code": 20003, "message": "Authenticate", "status": 401})
        if request.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            return 404, json.dumps({"code": 20404, "message": "not found", "status": 404})
        if set(request.form) != {"To", "From", "Body"} or "+62899" in request.form["To"]:
            return 400, json.dumps({"code": 21211, "message": f"Invalid To {request.form.get('To')}", "status": 400})
        message = {"sid": "SM" + "0" * 32, "status": "queued", "to": request.form["To"], "error_code": None}
        return 201, json.dumps(message)
