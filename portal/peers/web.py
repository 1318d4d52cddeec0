"""One HTTP request to a server that the inventory names: no redirects, no cookies, a deadline, a largest answer."""

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from hotspot.errors import PeerError

TIMEOUT: Final = 8.0
_LARGEST: Final = 8 * 1024 * 1024
_LATE: Final = "no answer in time"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case; of several `set-cookie` all, each on a line."""
    text: str

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """PeerError where the text is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise PeerError(f"answered {self.status} without JSON") from error


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def send(request: Request, *, fingerprint: str | None = None, timeout: float = TIMEOUT) -> Answer:
    """The answer, whatever its status. PeerError, which names the server and nothing else of the request.

    `fingerprint` is the SHA-256 of the one certificate that is trusted; without it the authorities of this node decide.
    `timeout` bounds the seconds from the first packet to the last byte, however slowly they come.
    """
    parts = urlsplit(request.url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=timeout, context=_blind() if fingerprint else ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    late = threading.Event()
    deadline = threading.Timer(timeout, _cut, (connection, late))
    deadline.daemon = True
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    deadline.start()
    try:
        connection.connect()
        if fingerprint is not None and isinstance(connection.sock, ssl.SSLSocket):
            _check(connection.sock, fingerprint)
        body = None if request.body is None else request.body.encode()
        connection.request(request.method, path, body, dict(request.headers))
        answer = connection.getresponse()
        raw = answer.read(_LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        raise PeerError(f"{parts.netloc}: {_LATE if late.is_set() else _why(error)}") from error
    finally:
        deadline.cancel()
        connection.close()
    if late.is_set():  # what has come ends in the middle
        raise PeerError(f"{parts.netloc}: {_LATE}")
    if len(raw) > _LARGEST:
        raise PeerError(f"{parts.netloc}: its answer is too long")
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}\n{value}"
    return Answer(answer.status, headers, raw.decode(errors="replace"))


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    """Ends a request whose time is over, wherever it waits: a socket's own timeout bounds each byte, not all."""
    late.set()
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _blind() -> ssl.SSLContext:
    """Takes any certificate: `_check` looks at it before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _check(sock: ssl.SSLSocket, fingerprint: str) -> None:
    shown = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
    if not hmac.compare_digest(shown, fingerprint.replace(":", "").lower()):
        raise ssl.SSLError(f"shows another certificate than the inventory names (SHA-256 {shown})")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return _LATE
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
