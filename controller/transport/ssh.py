"""One connection, one exec: a stream in on stdin, the result out on stdout. The thin shell around paramiko.

The access point's host key is compared with the pinned one before any authentication byte is sent. Only cheap key
exchanges are offered (curve25519 2.3 ms, P-256 2.2 ms of CPU; the finite-field groups take 24 to 82). No agent, no keys
of the user's home, no SFTP, no terminal. One deadline bounds everything from the first packet to the exit status.
"""

import copy
import io
import math
import random
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotspot import host_key as host_keys
from hotspot.errors import ConfigError, PeerError
from hotspot.files import keep, private
from hotspot.sockets import Counted

from .driven import Driven, Wire, usable

_CONNECT_SECONDS: Final = 10.0
_PART: Final = 32768
LARGEST: Final = 4 << 20
"""Bytes that an access point may answer to a question; a thousand files' digests take a twentieth."""
LARGEST_FILES: Final = 64 << 20
"""Bytes of files that are asked for, as for a backup."""
_BESIDE: Final = 1 << 20
"""Bytes of a contact that are no answer: the protocol's own, banners, what is said on stderr."""
_BANNER_TRIES: Final = 3
"""An SSH server that has too many logins under way (MaxStartups) drops the connection before its banner."""


class Problem(StrEnum):
    """Why a contact failed."""

    UNREACHABLE = "unreachable"
    WRONG_KEY = "wrong-host-key"
    REFUSED = "login-refused"
    TIMEOUT = "timeout"
    BROKEN = "broken-off"
    TOO_MUCH = "too-much"


class SshError(PeerError):
    """A contact with an access point that failed; `problem` says how."""

    def __init__(self, problem: Problem, detail: str):
        self.problem = problem
        super().__init__(detail)


@dataclass(frozen=True)
class Target:
    """Where an access point is reached, as whom, and the host key it must show (OpenSSH text).

    With `host_key.MARK` before it, the host key is that of an authority, which must have signed what is shown for one
    of `names`.
    """

    host: str
    port: int
    user: str
    host_key: str
    routeros: bool = False
    """Whether what answers there is RouterOS, and not a shell."""
    names: tuple[str, ...] = ()
    plain: bool = False
    """Whether its server knows no certificates, so that the key is shown alone."""
    signer: bytes = field(default=b"", repr=False)
    """The key with which pushes are signed (`controller.signing`), where who logs in is not root."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_root(self) -> bool:
        """Whether who logs in may do everything; else a request goes to the entry (`controller.posix.account`)."""
        return self.user == "root" or self.routeros


def too_much(most: int) -> SshError:
    return SshError(Problem.TOO_MUCH, f"it sends more than {most:,} bytes, and is heard no further")


def load_key(data: bytes) -> paramiko.PKey:
    """A private key from its file's bytes. ConfigError when it is none or needs a passphrase."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(data.decode("ascii", "replace")))
        except paramiko.PasswordRequiredException as error:
            raise ConfigError("the SSH private key has a passphrase; the controller needs one without") from error
        except (paramiko.SSHException, ValueError):
            continue  # of another kind
    raise ConfigError(
        "the SSH private key is not understood; it must be ed25519, ECDSA or RSA in OpenSSH's or PEM form"
    )


def create_key(path: Path) -> None:
    """Makes a new ed25519 key, readable by its owner alone. An existing file is never touched."""
    data = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep(private(path, new=True), data)


def certified(key: paramiko.PKey, certificate: bytes) -> paramiko.PKey:
    """The key with its certificate (`…-cert.pub`). ConfigError when they do not belong together."""
    text = " ".join(certificate.decode("ascii", "replace").split()[:2])
    if not host_keys.belongs(text, f"{key.get_name()} {key.get_base64()}"):
        raise ConfigError("controller.certificate is no certificate of the controller's key")
    key.load_certificate(text)
    return key


def _alone(key: paramiko.PKey) -> paramiko.PKey:
    """The same key without its certificate."""
    bare = copy.copy(key)
    bare.public_blob = None
    return bare


def public_line(key: paramiko.PKey, comment: str) -> str:
    """The line for an access point's authorized_keys."""
    return f"{key.get_name()} {key.get_base64()} {comment}"


class _Deadline:
    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._at = clock() + seconds
        self._patience = math.inf

    def within(self, seconds: float) -> None:
        """Something is to be heard within `seconds` from now, if that is sooner."""
        self._patience = self._clock() + seconds

    def left(self) -> float:
        """Seconds that remain; SshError when there are none."""
        left = min(self._at, self._patience) - self._clock()
        if left <= 0:
            raise SshError(Problem.TIMEOUT, "it did not answer in time")
        return left


def read_host_key(host: str, port: int, seconds: float = 20.0) -> str:
    """The host key that a server shows, as OpenSSH text. Nothing is sent that authenticates."""
    deadline = _Deadline(seconds)
    with _connected(host, port, (), deadline, _driven if usable() else _stock, _BESIDE) as (transport, _):
        return host_keys.text_of(transport.get_remote_server_key())


Patience = Callable[[bytearray], float | None]
"""Of the output so far: how many seconds it is worth to wait for more of it. 0 ends the contact, None leaves it to the
deadline."""


def execute(
    target: Target,
    key: paramiko.PKey,
    command: str,
    stdin: bytes,
    seconds: float,
    *,
    patience: Patience = lambda _output: None,
    driven: bool | None = None,
    most: int = LARGEST,
) -> bytes:
    """Runs a command with `stdin` and returns its stdout, of at most so many bytes, within `seconds`. SshError says
    what went wrong.

    Once `patience` has given seconds, what was heard is the answer, however the connection ends. `driven` says whether
    this thread drives the connection itself (`controller.transport.driven`); by default where it can.
    """
    deadline = _Deadline(seconds)
    contact = _Contact(target, key, command, stdin, deadline, patience, most)
    if not (driven if driven is not None else usable()):
        return contact.over(_stock, stepwise=True)
    try:
        return contact.over(_driven, stepwise=False)
    except _UnheardError:
        # Dropbear, for one, never says that it refuses a key when more has come already: ask again, step by step.
        return contact.over(_driven, stepwise=True)


def send_files(target: Target, key: paramiko.PKey, files: Mapping[str, bytes], seconds: float) -> None:
    """Writes files by SFTP, in folders that are made where they are missing. SshError as for `execute`."""
    deadline = _Deadline(seconds)
    contact = _Contact(target, key, "", b"", deadline, lambda _output: None, LARGEST)
    with contact.session() as channel:
        channel.settimeout(deadline.left())
        channel.invoke_subsystem("sftp")
        sftp = paramiko.SFTPClient(channel)
        for folder in sorted({path.rpartition("/")[0] for path in files} - {""}):
            with suppress(OSError):  # it is there, or the file that goes into it says what is wrong
                sftp.mkdir(folder)
        for path, data in files.items():
            try:
                sftp.putfo(io.BytesIO(data), path)
            except OSError as error:
                raise SshError(Problem.BROKEN, f"{path} could not be written there: {error}") from error


def fetch_files(
    target: Target, key: paramiko.PKey, paths: Iterable[str], seconds: float, most: int = LARGEST_FILES
) -> dict[str, bytes]:
    """Reads files by SFTP, of at most so many bytes together; those that are not there are not among them. SshError as
    for `execute`."""
    deadline = _Deadline(seconds)
    contact = _Contact(target, key, "", b"", deadline, lambda _output: None, most)
    found: dict[str, bytes] = {}
    with contact.session() as channel:
        channel.settimeout(deadline.left())
        channel.invoke_subsystem("sftp")
        sftp = paramiko.SFTPClient(channel)
        for path in paths:
            try:
                with sftp.open(path) as file:  # no prefetching: the size that a server tells may be any
                    left = most - sum(map(len, found.values()))
                    data = bytearray()
                    while len(data) <= left and (part := file.read(_PART)):
                        data += part
                        channel.settimeout(deadline.left())
                    if len(data) > left:
                        raise too_much(most)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SshError(Problem.BROKEN, f"{path} could not be read there: {error}") from error
            found[path] = bytes(data)
    return found


class _UnheardError(Exception):
    """The connection ended before the answer to the login."""


@dataclass(frozen=True)
class _Contact:
    target: Target
    key: paramiko.PKey
    command: str
    stdin: bytes
    deadline: _Deadline
    patience: Patience
    most: int

    def over(self, kind: "_Kind", *, stepwise: bool) -> bytes:
        with self._to_the_right_one(kind) as transport:
            return self._exchange(transport, self._session(transport, stepwise=stepwise))

    @contextmanager
    def session(self) -> Iterator[paramiko.Channel]:
        """A session in paramiko's own way, for more than one command."""
        with self._to_the_right_one(_stock) as transport:
            yield self._session(transport, stepwise=True)

    @contextmanager
    def _to_the_right_one(self, kind: "_Kind") -> Iterator[paramiko.Transport]:
        """A connection to who shows the pinned host key; nobody is logged in yet."""
        target = self.target
        key_types = host_keys.algorithms(target.host_key)
        room = self.most + _BESIDE
        with _connected(target.host, target.port, key_types, self.deadline, kind, room) as (transport, counted):
            shown = host_keys.text_of(transport.get_remote_server_key())
            why = host_keys.fault(shown, target.host_key, target.names, time.time())
            if why:
                raise SshError(Problem.WRONG_KEY, why)
            yield transport
            if counted.over:  # a transport with a thread of its own ends then as though the other side had
                raise too_much(self.most)

    def _session(self, transport: paramiko.Transport, *, stepwise: bool) -> paramiko.Channel:
        """A session of the user who is logged in then. Unless `stepwise`, all of it is asked for at once."""
        transport.auth_timeout = self.deadline.left()
        key = _alone(self.key) if self.target.plain else self.key
        try:
            if not isinstance(transport, Driven):
                transport.auth_publickey(self.target.user, key)
            else:
                transport.log_in(self.target.user, key)
                if stepwise:
                    transport.until(lambda: transport.logged_in)
            return transport.open_session(timeout=self.deadline.left())
        except paramiko.AuthenticationException as error:
            raise SshError(
                Problem.REFUSED,
                f"it refuses the controller's key for {self.target.user}; `hotspot keys show` prints the line",
            ) from error
        except TimeoutError:
            raise
        except (EOFError, OSError) as error:
            if not stepwise and not transport.logged_in:
                raise _UnheardError from error
            raise

    def _exchange(self, transport: paramiko.Transport, channel: paramiko.Channel) -> bytes:
        if isinstance(transport, Driven):
            transport.run(channel, self.command)
        else:
            channel.exec_command(self.command)
        self._send(transport, channel)
        return self._receive(transport, channel)

    def _send(self, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        deadline = self.deadline
        try:
            view = memoryview(self.stdin)
            while view:
                if isinstance(transport, Driven):
                    transport.wait_to_send(channel)
                channel.settimeout(deadline.left())
                view = view[channel.send(view[:32768].tobytes()) :]
            channel.shutdown_write()
        except TimeoutError:
            raise
        except OSError:
            pass  # it closed its stdin early; what it has to say about that stands on its stdout

    def _receive(self, transport: paramiko.Transport, channel: paramiko.Channel) -> bytes:
        deadline = self.deadline
        output = bytearray()
        enough = False
        while True:
            try:
                if isinstance(transport, Driven):
                    transport.wait_to_receive(channel)
                channel.settimeout(deadline.left())
                data = channel.recv(65536)
            except (SshError, paramiko.SSHException, EOFError, OSError):
                if enough:
                    return bytes(output)
                raise
            output += data
            if len(output) > self.most:
                raise too_much(self.most)
            seconds = self.patience(output) if data else 0
            if seconds == 0:
                return bytes(output)
            if seconds is not None:
                enough = True
                deadline.within(seconds)


_Kind = Callable[[Counted, _Deadline], paramiko.Transport]


def _driven(connection: Counted, deadline: _Deadline) -> paramiko.Transport:
    return Driven(Wire(connection, deadline.left))


def _stock(connection: Counted, _deadline: _Deadline) -> paramiko.Transport:
    return paramiko.Transport(connection)


@contextmanager
def _connected(
    host: str, port: int, key_types: tuple[str, ...], deadline: _Deadline, kind: _Kind, room: int
) -> Iterator[tuple[paramiko.Transport, Counted]]:
    """A transport whose key exchange is done, over a connection that at most `room` bytes are read from; closed
    afterwards whatever happens."""
    transport, counted = _negotiate(host, port, key_types, deadline, kind, room)
    try:
        yield transport, counted
    except TimeoutError as error:
        raise SshError(Problem.TIMEOUT, "it did not answer in time") from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if counted.over:
            raise too_much(room) from error
        raise SshError(Problem.BROKEN, f"the connection broke off: {error or type(error).__name__}") from error
    finally:
        transport.close()


def _negotiate(
    host: str, port: int, key_types: tuple[str, ...], deadline: _Deadline, kind: _Kind, room: int
) -> tuple[paramiko.Transport, Counted]:
    for attempt in range(1, _BANNER_TRIES + 1):
        try:
            connection = socket.create_connection((host, port), timeout=min(_CONNECT_SECONDS, deadline.left()))
        except OSError as error:
            raise SshError(Problem.UNREACHABLE, f"{host}:{port}: {error.strerror or error}") from error
        counted = Counted(connection, room, too_much)
        transport = kind(counted, deadline)
        try:
            options: Any = transport.get_security_options()
            options.kex = host_keys.KEX
            if key_types:
                options.key_types = key_types
            transport.start_client(timeout=deadline.left())
        except paramiko.IncompatiblePeer as error:
            transport.close()
            wanted = f" and a {key_types[0]} host key" if key_types else ""
            raise SshError(Problem.WRONG_KEY, f"it does not offer curve25519 or P-256{wanted}: {error}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            transport.close()
            if counted.over:
                raise too_much(room) from error
            if attempt == _BANNER_TRIES:
                raise SshError(Problem.BROKEN, f"no SSH server answered: {error or type(error).__name__}") from error
            time.sleep(min(deadline.left(), random.uniform(0.2, 1.0)))  # noqa: S311 - jitter
        except SshError:
            transport.close()
            raise
        else:
            return transport, counted
    raise AssertionError("unreachable")
