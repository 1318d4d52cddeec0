"""A stand-in for CoovaChilli, which no package on the test machines provides: NOT the real program.

It does on the wire what was captured from CoovaChilli 1.8: the signed UAM redirect, /logon with CHAP, Access-Request,
accounting from the client's view point, Disconnect-Request matched by User-Name and answered without attributes. Its
RADIUS is pyrad's, an implementation independent of the one under test.
"""

import hashlib
import hmac
import re
import secrets
import socket
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from pyrad import packet as rp
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary

import radius.wire.dictionary

STOP_CAUSES = {"User-Request": 1, "Admin-Reset": 6}


def _escape(value: str) -> str:
    """CoovaChilli's escapes are lower-case."""
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quote(value, safe="-_.!~*"))


def dictionary() -> Any:
    return Dictionary(str(Path(radius.wire.dictionary.__file__).parent / "dictionary"))


@dataclass
class Phone:
    """One subscriber as the gateway sees it."""

    mac: str
    ip: str
    challenge: str = ""
    session_id: str = ""
    user: str = ""
    klass: bytes = b""
    started: float = 0.0
    down: int = 0
    up: int = 0
    accept: dict[str, Any] = field(default_factory=dict)

    @property
    def online(self) -> bool:
        return bool(self.user)


class CoovaChilliDouble:
    """A gateway for one phone at a time on loopback. Use as a context manager."""

    def __init__(
        self,
        *,
        nasid: str,
        uamserver: str,
        uam_secret: bytes,
        radius_secret: bytes,
        auth: tuple[str, int],
        acct: tuple[str, int],
        nasmac: str = "02-00-5E-AA-BB-01",
        coa_port: int = 0,
        uam_port: int = 0,
    ):
        self.nasid, self.uamserver, self.nasmac = nasid, uamserver, nasmac
        self.uam_secret, self.radius_secret = uam_secret, radius_secret
        self._dictionary = dictionary()
        self.client = Client(
            server=auth[0], authport=auth[1], acctport=acct[1], secret=radius_secret, dict=self._dictionary
        )
        self.client.timeout, self.client.retries = 5, 4
        self.phone = Phone("02-00-00-00-00-01", "10.1.0.2")
        self._coa_port, self._uam_port = coa_port, uam_port
        self._resources = ExitStack()
        self.disconnects: list[int] = []
        self.answers: list[int] = []
        """The codes of the answers to its Access-Requests."""

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                location = double.serve(self.path)
                self.send_response(302 if location else 404)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self._uam_port), Handler)
        self._uam_port = server.server_address[1]
        das = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        das.bind(("127.0.0.1", self._coa_port))
        self._coa_port = das.getsockname()[1]
        das.settimeout(0.2)
        self._resources.callback(das.close)
        stop = threading.Event()
        threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}),
            threading.Thread(target=self._serve_coa, args=(das, stop)),
        ]
        for thread in threads:
            thread.start()
            self._resources.callback(thread.join)
        self._resources.callback(stop.set)
        self._resources.callback(server.server_close)
        self._resources.callback(server.shutdown)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def coa_port(self) -> int:
        return self._coa_port

    # -- UAM -------------------------------------------------------------------------------------------------------

    def redirect(
        self,
        res: str,
        *,
        userurl: str = "http://internet.test/",
        reply: str = "",
        challenge: bool = True,
        reason: str = "",
    ) -> str:
        """The signed URL at the portal, parameters in CoovaChilli's order."""
        phone = self.phone
        parts = [
            ("res", res),
            *([("reason", reason)] if reason else []),
            ("uamip", "127.0.0.1"),
            ("uamport", str(self._uam_port)),
        ]
        if challenge:
            phone.challenge = phone.challenge or secrets.token_hex(16)
            parts.append(("challenge", phone.challenge))
        parts.append(("called", self.nasmac))
        if phone.online:
            parts += [("uid", phone.user), ("timeleft", "600")]
        parts += [("mac", phone.mac), ("ip", phone.ip)]
        if reply:
            parts.append(("reply", reply))
        parts += [("nasid", self.nasid), ("sessionid", phone.session_id or "1"), ("userurl", userurl)]
        query = "&".join(f"{name}={_escape(value)}" for name, value in parts)
        url = f"{self.uamserver}{'&' if '?' in self.uamserver else '?'}{query}"
        md = hashlib.md5(url.encode() + self.uam_secret).hexdigest().upper()
        return f"{url}&md={md}"

    def serve(self, path: str) -> str | None:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/logon":
            return self._logon(query)
        if parts.path == "/logoff":
            if self.phone.online:
                self.stop("User-Request")
            return self.redirect("logoff")
        if parts.path == "/prelogin":
            return self.redirect("already" if self.phone.online else "notyet")
        return None

    def _logon(self, query: dict[str, str]) -> str:
        phone = self.phone
        challenge = hashlib.md5(bytes.fromhex(phone.challenge) + self.uam_secret).digest()
        phone.session_id = f"{int(time.time())}{secrets.randbelow(10**8):08d}"
        request = self.client.CreateAuthPacket(code=rp.AccessRequest, User_Name=query["username"])
        request["CHAP-Challenge"] = challenge
        request["CHAP-Password"] = b"\0" + bytes.fromhex(query["response"])
        self._describe(request)
        request.add_message_authenticator()
        phone.challenge = ""
        try:
            reply = self.client.SendPacket(request)
        except Timeout:
            return self.redirect("failed", reason="timeout")
        self.answers.append(reply.code)
        phone.accept = {key: reply[key][0] for key in reply.keys() if isinstance(key, str)}
        message = phone.accept.get("Reply-Message", "")
        if reply.code != rp.AccessAccept:
            return self.redirect("failed", reason="reject", reply=message)
        phone.user, phone.klass, phone.started = query["username"], phone.accept.get("Class", b""), time.time()
        phone.down = phone.up = 0
        self.account(1)
        return self.redirect("success", reply=message, challenge=False)

    # -- RADIUS ----------------------------------------------------------------------------------------------------

    def _describe(self, request: Any) -> None:
        request["Service-Type"] = 1
        request["Acct-Session-Id"] = self.phone.session_id
        request["Framed-IP-Address"] = self.phone.ip
        request["NAS-Port-Type"] = 19
        request["Calling-Station-Id"] = self.phone.mac
        request["Called-Station-Id"] = self.nasmac
        request["NAS-Identifier"] = self.nasid

    def account(self, status: int, *, cause: int | None = None) -> Any:
        """Start 1, Stop 2, Interim 3, with the phone's counters."""
        phone = self.phone
        request = self.client.CreateAcctPacket(User_Name=phone.user)
        request["Acct-Status-Type"] = status
        self._describe(request)
        if phone.klass:
            request["Class"] = phone.klass
        request["Event-Timestamp"] = int(time.time())
        request["CoovaChilli-Acct-View-Point"] = 2
        if status != 1:
            request["Acct-Session-Time"] = int(time.time() - phone.started)
            for name, value in (("Input", phone.down), ("Output", phone.up)):
                request[f"Acct-{name}-Octets"] = value % 2**32
                request[f"Acct-{name}-Gigawords"] = value // 2**32
        if cause is not None:
            request["Acct-Terminate-Cause"] = cause
        return self.client.SendPacket(request)

    def stop(self, cause: str) -> None:
        self.account(2, cause=STOP_CAUSES[cause])
        self.phone.user, self.phone.klass = "", b""

    def restarted(self) -> None:
        """Accounting-On: no session id, Calling-Station-Id of zeroes."""
        request = self.client.CreateAcctPacket()
        request["Acct-Status-Type"] = 7
        request["Calling-Station-Id"] = "00-00-00-00-00-00"
        request["NAS-Identifier"] = self.nasid
        self.client.SendPacket(request)

    def _serve_coa(self, das: socket.socket, stop: threading.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                data, source = das.recvfrom(4096)
                answer = self._ordered(data)
                if answer is not None:
                    das.sendto(answer, source)

    def _ordered(self, data: bytes) -> bytes | None:
        """Silence for a wrong authenticator or a missing User-Name, as the real one; else ACK or NAK, bare.

        A change replaces all limits: what it leaves out is gone, as in config_radius_session.
        """
        expected = hashlib.md5(data[:4] + bytes(16) + data[20:] + self.radius_secret).digest()
        if data[0] not in (40, 43) or not hmac.compare_digest(data[4:20], expected):
            return None
        request = rp.Packet(packet=data, secret=self.radius_secret, dict=self._dictionary)
        if "User-Name" not in request.keys():
            return None
        if data[0] == 40:
            self.disconnects.append(data[1])
        matches = self.phone.online and request["User-Name"][0] == self.phone.user
        head = bytes([data[0] + (1 if matches else 2), data[1], 0, 20])
        answer = head + hashlib.md5(head + data[4:20] + self.radius_secret).digest()
        if matches and data[0] == 43:
            self.phone.accept = {name: request[name][0] for name in request.keys() if isinstance(name, str)}
        elif matches:
            self.stop("Admin-Reset")
        return answer
