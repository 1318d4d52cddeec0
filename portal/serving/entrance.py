"""What stands before the application: it takes requests in, whole and in time, whoever sends them.

A thread of the application is dear (there are two dozen) and a sender may take as long as it likes. So a body is read
here, where it costs a few kilobytes and no thread, by a clock: what is not whole in time is cut, and so is the oldest
of whoever has most under way when there is too much. The application is plain WSGI and never waits for a peer.

Agents have a lane of their own: what phones do holds up no gateway. The answer to a health check is looked up by one
thread that does nothing else, once for all who ask meanwhile.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from granian.rsgi import Scope

from hotspot.crowd import Crowd, Room, sender_of
from hotspot.nas.opennds_agent import is_head
from portal.pages.render import seen_from

from .crew import Crew
from .wsgi import Answer, Request, address_of, call

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger("portal")

WITHIN: Final = 8.0
"""Seconds in which a body must be whole: a form on a slow phone's 2G takes one or two."""
LARGEST: Final = 64 * 1024
"""Bytes of a body: a login form has 500."""
LARGEST_POST: Final = 1024 * 1024
"""Bytes of what begins as an agent's post does: a listing of 3,000 clients."""
ROOM: Final = Room(of_one=512, in_all=2048, size=64 * 1024 * 1024)
"""For bodies under way, of each lane. Behind one address a whole park may stand, and whoever attacks from it: with 512
places it must begin more than 300 a second to have a phone cut that takes a second and a half."""
THREADS: Final = 24
"""Requests at a time: logins that wait together for the disk share a flush."""
_AGENT_THREADS: Final = 4
_HEALTHY_WITHIN: Final = 3.0
_TOLD_EVERY: Final = 60.0
_HEAD: Final = 128
"""Bytes in which an agent's first line is whole."""

_PLAIN: Final = (
    ("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"), ("Connection", "close"),
)  # fmt: skip
_SAID: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "Permintaan tidak lengkap. / The request is not whole.\n",
    HTTPStatus.REQUEST_TIMEOUT: "Terlalu lama. Coba lagi. / It took too long. Please try again.\n",
    HTTPStatus.LENGTH_REQUIRED: "Content-Length diperlukan. / A Content-Length is needed.\n",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Terlalu besar (64 KiB). / Too large (64 KiB).\n",
    HTTPStatus.SERVICE_UNAVAILABLE: "Tidak siap. / Not ready.\n",
}


class Exchange(Protocol):
    """A request's body, piece by piece, and the way for its answer: granian's, by the RSGI specification."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes, /) -> None: ...


class Refused(Exception):  # noqa: N818 - what became of a request
    """A request that does not reach the application."""

    def __init__(self, status: HTTPStatus):
        super().__init__(status)
        self.status = status


@dataclass
class Lane:
    """Threads, and bodies under way, that no other lane's requests can take up."""

    name: str
    largest: int
    threads: Crew[Answer]
    bodies: Crowd[asyncio.Timeout] = field(default_factory=lambda: Crowd(ROOM))


def length_of(method: str, headers: Mapping[str, str], largest: int) -> int:
    """The bytes of a request's body. Refused where it does not say how many they are, or says too many."""
    said = headers.get("content-length")
    if "transfer-encoding" in headers or (said is None and method in ("POST", "PUT", "PATCH")):
        raise Refused(HTTPStatus.LENGTH_REQUIRED)
    length = int(said) if said else 0  # a number: the server has looked
    if length > largest:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return length


class Entrance:
    """One worker's: what granian calls for every request (RSGI)."""

    def __init__(
        self,
        application: "WSGIApplication",
        clock: Callable[[], float] = time.monotonic,
        at_end: Callable[[], None] = lambda: None,
    ):
        self._application = application
        self._at_end = at_end
        self._phones = Lane("phones", LARGEST, Crew(THREADS, "request"))
        self._agents = Lane("agents", LARGEST_POST, Crew(_AGENT_THREADS, "agent"))
        self._health: Crew[Answer] = Crew(1, "health")
        self._looking: asyncio.Task[Answer] | None = None
        self._clock = clock
        self._cut = 0
        self._told_at = float("-inf")

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Called when the worker ends (RSGI)."""
        self._at_end()

    async def __call__(self, scope: Scope, protocol: Exchange) -> None:
        try:
            answer = await self._answer(scope, protocol)
        except Refused as refused:
            answer = said(refused.status)
        protocol.response_bytes(answer.status, answer.headers, answer.body)

    async def _answer(self, scope: Scope, protocol: Exchange) -> Answer:
        pairs = scope.headers.items()
        headers = dict(pairs)
        client, _ = address_of(scope.client)
        if scope.path == "/healthz":
            return await self._healthy(self._request(scope, client, [], b""))
        lane = self._agents if scope.path.startswith("/agent/") else self._phones
        length = length_of(scope.method, headers, lane.largest)
        body = b""
        if length:
            sender = sender_of(seen_from(client, headers.get("x-forwarded-for", "")))
            body = await self._body(protocol, length, sender, lane)
        return await self._call(lane.threads, self._request(scope, client, pairs, body))

    @staticmethod
    def _request(scope: Scope, client: str, headers: list[tuple[str, str]], body: bytes) -> Request:
        return Request(
            scope.method, scope.path, scope.query_string, scope.http_version, scope.scheme, client,
            address_of(scope.server), headers, body,
        )  # fmt: skip

    async def _call(self, threads: Crew[Answer], request: Request) -> Answer:
        return await threads.call(call, self._application, request)

    # -- bodies ----------------------------------------------------------------------------------------------------

    async def _body(self, protocol: Exchange, length: int, sender: str, lane: Lane) -> bytes:
        """Refused where it is not whole in time, or gives way to others."""
        try:
            async with asyncio.timeout(WITHIN) as turn:
                self._end(lane.bodies.begin(sender, turn))
                try:
                    return await self._whole(protocol, length, turn, lane)
                finally:
                    lane.bodies.end(turn)
        except TimeoutError:
            self._tell(lane)
            raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None

    async def _whole(self, protocol: Exchange, length: int, turn: asyncio.Timeout, lane: Lane) -> bytes:
        body = bytearray()
        looked = length <= LARGEST
        async for chunk in protocol:
            body += chunk
            self._end(lane.bodies.grow(turn, len(chunk)))
            if not looked and len(body) >= _HEAD:
                if not is_head(bytes(body[:_HEAD])):
                    raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                looked = True
            if len(body) >= length:
                return bytes(body)
        raise Refused(HTTPStatus.BAD_REQUEST)  # its sender has gone

    @staticmethod
    def _end(turns: list[asyncio.Timeout]) -> None:
        now = asyncio.get_running_loop().time()
        for turn in turns:
            if not turn.expired():
                turn.reschedule(now)

    def _tell(self, lane: Lane) -> None:
        self._cut += 1
        if self._clock() - self._told_at >= _TOLD_EVERY:
            self._told_at = self._clock()
            log.warning("requests cut that were not whole in time", cut=self._cut, lane=lane.name)
            self._cut = 0

    # -- health ----------------------------------------------------------------------------------------------------

    async def _healthy(self, request: Request) -> Answer:
        """The application's own word, or that it has none in time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._call(self._health, request))
        try:
            async with asyncio.timeout(_HEALTHY_WITHIN):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            return said(HTTPStatus.SERVICE_UNAVAILABLE)


def said(status: HTTPStatus) -> Answer:
    """An answer of the entrance itself."""
    body = _SAID[status].encode()
    return Answer(status, [*_PLAIN, ("Content-Length", str(len(body)))], body)
