"""One connection, one exec: a stream in on stdin, the result out on stdout. The thin shell around paramiko.

The access point's host key is compared with the pinned one before any authentication byte is sent. Only cheap key
exchanges are offered (curve25519 2.3 ms, P-256 2.2 ms of CPU; the finite-field groups take 24 to 82). No agent, no keys
of the user's home, no SFTP, no terminal. One deadline bounds everything from the first packet to the exit status.
"""

import hashlib
import hmac
import io
import os
import random
import socket
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotspot.errors import ConfigError, PeerError

from .driven import Driven, usable

_KEX: Final = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
_KEY_TYPES: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_CONNECT_SECONDS: Final = 10.0
_BANNER_TRIES: Final = 3
"""An SSH server that has too many logins under way (MaxStartups) drops the connection before its banner."""


class Problem(StrEnum):
    """Why a contact failed."""

    UNREACHABLE = "unreachable"
    WRONG_KEY = "wrong-host-key"
    REFUSED = "login-refused"
    TIMEOUT = "timeout"
    BROKEN = "broken-off"


class SshError(PeerError):
    """A contact with an access point that failed; `problem` says how."""

    def __init__(self, problem: Problem, detail: str):
        self.problem = problem
        super().__init__(detail)


@dataclass(frozen=True)
class Target:
    """Where an access point is reached, as whom, and the host key it must show (OpenSSH text)."""

    host: str
    port: int
    user: str
    host_key: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def fingerprint(host_key: str) -> str:
    """`SHA256:…` as OpenSSH shows it, of `ssh-ed25519 AAAA…`."""
    digest = hashlib.sha256(b64decode(host_key.split()[1])).digest()
    return f"SHA256:{b64encode(digest).decode().rstrip('=')}"


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
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def public_line(key: paramiko.PKey, comment: str) -> str:
    """The line for an access point's authorized_keys."""
    return f"{key.get_name()} {key.get_base64()} {comment}"


class _Deadline:
    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._at = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain; SshError when there are none."""
        left = self._at - self._clock()
        if left <= 0:
            raise SshError(Problem.TIMEOUT, "it did not answer in time")
        return left


def read_host_key(host: str, port: int, seconds: float = 20.0) -> str:
    """The host key that a server shows, as OpenSSH text. Nothing is sent that authenticates."""
    with _connected(host, port, (), _Deadline(seconds)) as transport:
        return _shown_key(transport)


def execute(
    target: Target, key: paramiko.PKey, command: str, stdin: bytes, seconds: float, *, driven: bool | None = None
) -> bytes:
    """Runs a command with `stdin` and returns its stdout, within `seconds`. SshError says what went wrong.

    `driven` says whether this thread drives the connection itself (`controller.driven`); by default where it can.
    """
    deadline = _Deadline(seconds)
    kind = target.host_key.split()[0]
    key_types = _KEY_TYPES.get(kind, (kind,))
    with _connected(target.host, target.port, key_types, deadline, driven=driven) as transport:
        shown = _shown_key(transport)
        if not hmac.compare_digest(shown.encode(), target.host_key.encode()):
            raise SshError(
                Problem.WRONG_KEY,
                f"it shows the host key {fingerprint(shown)}, pinned is {fingerprint(target.host_key)}",
            )
        _log_in(transport, target, key, deadline)
        return _exchange(transport, command, stdin, deadline)


def _shown_key(transport: paramiko.Transport) -> str:
    shown = transport.get_remote_server_key()
    return f"{shown.get_name()} {shown.get_base64()}"


class _Bounded:
    """A socket whose every read and write ends at the deadline, as paramiko wants one."""

    def __init__(self, connection: socket.socket, deadline: _Deadline):
        self._socket = connection
        self._deadline = deadline

    def recv(self, size: int) -> bytes:
        self._socket.settimeout(self._deadline.left)
        return self._socket.recv(size)

    def send(self, data: bytes) -> int:
        self._socket.settimeout(self._deadline.left)
        return self._socket.send(data)

    def settimeout(self, seconds: float | None) -> None:
        """The deadline is the only one."""

    def close(self) -> None:
        self._socket.close()


def _transport(connection: socket.socket, deadline: _Deadline, driven: bool | None) -> paramiko.Transport:
    if driven if driven is not None else usable():
        return Driven(_Bounded(connection, deadline))
    return paramiko.Transport(connection)


@contextmanager
def _connected(
    host: str, port: int, key_types: tuple[str, ...], deadline: _Deadline, *, driven: bool | None = None
) -> Iterator[paramiko.Transport]:
    """A transport whose key exchange is done, closed afterwards whatever happens."""
    transport = _negotiate(host, port, key_types, deadline, driven)
    try:
        yield transport
    except TimeoutError as error:
        raise SshError(Problem.TIMEOUT, "it did not answer in time") from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise SshError(Problem.BROKEN, f"the connection broke off: {error or type(error).__name__}") from error
    finally:
        transport.close()


def _negotiate(
    host: str, port: int, key_types: tuple[str, ...], deadline: _Deadline, driven: bool | None
) -> paramiko.Transport:
    for attempt in range(1, _BANNER_TRIES + 1):
        try:
            connection = socket.create_connection((host, port), timeout=min(_CONNECT_SECONDS, deadline.left))
        except OSError as error:
            raise SshError(Problem.UNREACHABLE, f"{host}:{port}: {error.strerror or error}") from error
        transport = _transport(connection, deadline, driven)
        try:
            options: Any = transport.get_security_options()
            options.kex = _KEX
            if key_types:
                options.key_types = key_types
            transport.start_client(timeout=deadline.left)
        except paramiko.IncompatiblePeer as error:
            transport.close()
            wanted = f" and a {key_types[0]} host key" if key_types else ""
            raise SshError(Problem.WRONG_KEY, f"it does not offer curve25519 or P-256{wanted}: {error}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            transport.close()
            if attempt == _BANNER_TRIES:
                raise SshError(Problem.BROKEN, f"no SSH server answered: {error or type(error).__name__}") from error
            time.sleep(min(deadline.left, random.uniform(0.2, 1.0)))  # noqa: S311 - jitter
        except SshError:
            transport.close()
            raise
        else:
            return transport
    raise AssertionError("unreachable")


def _log_in(transport: paramiko.Transport, target: Target, key: paramiko.PKey, deadline: _Deadline) -> None:
    transport.auth_timeout = deadline.left
    try:
        transport.auth_publickey(target.user, key)
    except paramiko.AuthenticationException as error:
        raise SshError(
            Problem.REFUSED, f"it refuses the controller's key for {target.user}; `hotspot keys show` prints the line"
        ) from error


def _exchange(transport: paramiko.Transport, command: str, stdin: bytes, deadline: _Deadline) -> bytes:
    channel = transport.open_session(timeout=deadline.left)
    channel.exec_command(command)
    try:
        view = memoryview(stdin)
        while view:
            if isinstance(transport, Driven):
                transport.wait_to_send(channel)
            channel.settimeout(deadline.left)
            view = view[channel.send(view[:32768].tobytes()) :]
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        pass  # it closed its stdin early; what it has to say about that stands on its stdout
    output = bytearray()
    while True:
        if isinstance(transport, Driven):
            transport.wait_to_receive(channel)
        channel.settimeout(deadline.left)
        data = channel.recv(65536)
        if not data:
            return bytes(output)
        output += data
