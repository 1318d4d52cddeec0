"""A plain WSGI application (PEP 3333) called with a request that is whole: values in, an answer out."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class Request:
    """`path` is without escapes; `headers` have names in lower case, one that came several times as often."""

    method: str
    path: str
    query: str
    http_version: str
    scheme: str
    client: str
    """The address of whoever holds the other end of the connection."""
    server: tuple[str, str]
    """The host and port on which the request came in."""
    headers: Iterable[tuple[str, str]]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def environ(request: Request) -> dict[str, Any]:
    """The environment of PEP 3333, in which text is bytes read as Latin-1."""
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _as_latin(request.path),
        "QUERY_STRING": _as_latin(request.query),
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": request.server[1],
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": request.client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    _add_headers(made, request.headers)
    return made


def _as_latin(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _add_headers(made: dict[str, Any], headers: Iterable[tuple[str, str]]) -> None:
    for name, value in headers:
        if "_" in name:
            continue  # X_Forwarded_For would be taken for X-Forwarded-For
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        known = made.get(key)
        # RFC 9110 section 5.3; cookies are joined as RFC 9113 section 8.2.3 has it
        made[key] = value if known is None else f"{known}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"


def call(application: "WSGIApplication", request: Request) -> Answer:
    """The application's answer, with all of its body."""
    begun: list[tuple[int, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        begun.append((int(status[:3]), headers))
        return written.append

    pieces = application(environ(request), start)
    try:
        written += pieces
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    status, headers = begun[-1]
    return Answer(status, headers, b"".join(written))


def address_of(endpoint: str) -> tuple[str, str]:
    """Host and port of `192.0.2.1:80` or `[2001:db8::1]:80`. An IPv4 address in IPv6's form, as a socket for both has
    it, is itself."""
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    return host.removeprefix("::ffff:") if "." in host else host, port
