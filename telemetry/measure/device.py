"""Whether an access point answers: its own SSH banner, and the host key that it must show.

A connection alone proves little: the relay at the far end of a dead tunnel, a router that got the address, a kernel
whose services hang accept one too. So an access point is reached when it says who it is (RFC 4253, section 4.2) within
the time allowed, and when what stands there proved with its host key that it is the one that was adopted: after each
silence at once, and from then on every fifteen minutes at least. A refusal is no answer of its own.

One connection costs 0.15 ms of CPU, a key exchange 3 to 5 (measured).
"""

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from zlib import crc32

import paramiko
import structlog

from hotspot import host_key
from hotspot.sockets import Counted

log = structlog.get_logger()

HOLDS: Final = 900.0
"""Seconds for which a proof of the host key is good."""
RENEWED_WITHIN: Final = 300.0
"""Seconds before that in which it is renewed, spread over the access points; a try that fails is no loss yet."""
PROOF_SECONDS: Final = 8.0
"""Seconds for a key exchange: routers of 400 MHz take one of them."""
PROOFS_AT_ONCE: Final = 32
"""Key exchanges under way at a time, each in a thread: 1,000 access points of half a second take 16 s at a start."""
_BANNER: Final = b"SSH-"
_BEFORE_BANNER: Final = 8192
"""Bytes that a server may say before its version (RFC 4253, section 4.2, sets no limit)."""
_ANY: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
_EXCHANGE: Final = 65536
"""Bytes of a key exchange; a large one takes 3,000."""
_OURS: Final = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}
"""Errors of the monitor's own machine, which say nothing about an access point."""


@dataclass(frozen=True)
class Target:
    """Where an access point answers, and what it must show (`hotspot.host_key`; None before it is adopted)."""

    host: str
    port: int
    tunnel: bool = False
    """Whether a relay stands there and not itself: a refusal is then the silence of the access point behind it."""
    trusted: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Echo:
    """What came of one probe. `blind`: it says nothing about the access point, neither that it is there nor that it is
    not. `reason`, for the log: why what answers is another one, or, when blind, why that is not known. `rtt_us`:
    microseconds until the connection stood."""

    good: bool
    rtt_us: int | None = None
    blind: bool = False
    reason: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it is another one that answers."""
        return bool(self.reason) and not self.blind


SILENT: Final = Echo(False)
BLIND: Final = Echo(False, blind=True)


async def connection_stands(host: str, port: int, timeout: float) -> Echo:
    """Whether anybody is there at all, for the monitor's own uplink: a refusal comes from somebody, too."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
        writer.transport.abort()
    except (ConnectionRefusedError, ConnectionResetError):
        pass
    except OSError as error:  # TimeoutError is one, too
        return Echo(False, blind=error.errno in _OURS)
    return Echo(True, _microseconds(started))


async def banner_heard(target: Target, timeout: float) -> Echo:
    """Whether an SSH server names its version within `timeout` seconds."""
    started = time.perf_counter()
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(target.host, target.port, limit=_BEFORE_BANNER)
            rtt = _microseconds(started)
            return await _banner(reader, target, rtt)
    except (ConnectionRefusedError, ConnectionResetError):
        return _turned_away(target)
    except OSError as error:
        return Echo(False, blind=error.errno in _OURS)
    finally:
        if writer is not None:
            writer.transport.abort()


async def _banner(reader: asyncio.StreamReader, target: Target, rtt: int) -> Echo:
    heard = 0
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as ended:
            return Echo(False, reason="it is no SSH server") if heard or ended.partial else _turned_away(target)
        except asyncio.LimitOverrunError:
            return Echo(False, reason="it is no SSH server")
        if line.startswith(_BANNER):
            return Echo(True, rtt)
        heard += len(line)
        if heard > _BEFORE_BANNER:
            return Echo(False, reason="it is no SSH server")


def _turned_away(target: Target) -> Echo:
    """A refusal, or a connection closed without a word. Behind a tunnel the relay did that, as the access point did not
    answer it. Elsewhere it may be a host whose SSH is away or full, a router before it or another's: nobody knows."""
    return SILENT if target.tunnel else BLIND


class Unproven(Exception):  # noqa: N818 - neither a fault of ours nor the access point's
    """The key exchange came to no end."""


async def key_fault(target: Target, trusted: str, executor: Executor, seconds: float = PROOF_SECONDS) -> str:
    """Why what answers is another one than is trusted; "" when it proved to be that one. Raises Unproven."""
    loop = asyncio.get_running_loop()
    connection = None
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            connection = socket.socket(found[0][0], socket.SOCK_STREAM)
            connection.setblocking(False)
            await loop.sock_connect(connection, found[0][4])
            connection.setblocking(True)
            return await loop.run_in_executor(executor, partial(_key_fault, connection, target, trusted, seconds))
    except OSError as error:
        raise Unproven(str(error) or type(error).__name__) from error
    finally:
        if connection is not None:
            with suppress(OSError):  # ends what the thread waits for, where this one was given up
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _key_fault(connection: socket.socket, target: Target, trusted: str, seconds: float) -> str:
    transport = None
    try:
        counted = Counted(connection.dup(), _EXCHANGE, lambda most: EOFError(f"more than {most} bytes"))
        transport = paramiko.Transport(counted)
        options: Any = transport.get_security_options()
        options.kex = host_key.KEX
        wanted = host_key.algorithms(trusted)  # any other kind shows that it is another one
        options.key_types = (*wanted, *(kind for kind in _ANY if kind not in wanted))
        transport.start_client(timeout=seconds)
        return host_key.fault(host_key.text_of(transport.get_remote_server_key()), trusted, target.names, time.time())
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unproven(str(error) or type(error).__name__) from error
    finally:
        if transport is not None:
            transport.close()


class Devices:
    """Probes access points and remembers which of them proved who they are, and when."""

    def __init__(self, executor: Executor, clock: Callable[[], float] = time.monotonic):
        self._executor = executor
        self._gate = asyncio.Semaphore(PROOFS_AT_ONCE)
        self._clock = clock
        self._proofs: dict[str, tuple[str, float]] = {}
        """Of an access point: what it showed, and when (seconds of the clock)."""
        self._said: dict[str, str] = {}

    async def __call__(self, ap: str, target: Target, timeout: float) -> Echo:
        """One probe. What is no good answer makes the next one prove itself anew."""
        echo = await banner_heard(target, timeout)
        if echo.good and target.trusted is not None:
            echo = await self._proven(ap, target, target.trusted, echo)
        if not echo.good:
            self._proofs.pop(ap, None)
        self._say(ap, target, echo)
        return echo

    async def _proven(self, ap: str, target: Target, trusted: str, echo: Echo) -> Echo:
        shown, at = self._proofs.get(ap, ("", 0.0))
        age = self._clock() - at if shown == trusted else HOLDS
        if age < HOLDS - RENEWED_WITHIN * (crc32(ap.encode()) % 97) / 97:
            return echo
        try:
            async with self._gate:
                wrong = await key_fault(target, trusted, self._executor)
        except Unproven as why:
            return echo if age < HOLDS else Echo(False, blind=True, reason=f"its host key could not be read: {why}")
        if wrong:
            return Echo(False, reason=wrong)
        self._proofs[ap] = (trusted, self._clock())
        return echo

    def _say(self, ap: str, target: Target, echo: Echo) -> None:
        """Once, and again when it is something else: somebody has to go and look."""
        if echo.reason and self._said.get(ap) != echo.reason:
            event = "another one answers" if echo.wrong else "nobody knows who answers"
            log.warning(event, ap=ap, address=f"{target.host}:{target.port}", reason=echo.reason)
        if echo.reason or echo.good:
            self._said[ap] = echo.reason


def _microseconds(started: float) -> int:
    return round((time.perf_counter() - started) * 1e6)
