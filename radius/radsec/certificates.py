"""This node's certificate and the authorities it believes, read from files and read again when they change."""

import ssl
import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from hotspot.errors import ConfigError
from hotspot.settings import RadSec

log = structlog.get_logger("radius")

_LOOK_AGAIN: Final = 5.0
"""Seconds between two looks at the files."""
_CRL: Final = "BEGIN X509 CRL"
_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL"
"""For TLS 1.2: forward secrecy and authenticated encryption; TLS 1.3 has nothing else."""


@dataclass
class Certificates:
    """Contexts for connections that are accepted and that are made. ConfigError where the files cannot be used."""

    files: RadSec
    accepting: ssl.SSLContext = field(init=False)
    connecting: ssl.SSLContext = field(init=False)
    _seen: tuple[tuple[int, int], ...] = field(init=False)
    _looked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._seen = self._look()
        self._load()

    def follow(self) -> None:
        """Takes over changed files; those that cannot be used change nothing but the log."""
        if time.monotonic() - self._looked_at < _LOOK_AGAIN:
            return
        try:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._load()
                log.info("RadSec's certificates were read again")
        except ConfigError as error:
            log.error("RadSec goes on with the certificates that it has", error=str(error))

    def _look(self) -> tuple[tuple[int, int], ...]:
        self._looked_at = time.monotonic()
        try:
            found = [path.stat() for path in (self.files.certificate, self.files.key, self.files.authorities)]
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror}") from error
        return tuple((status.st_mtime_ns, status.st_size) for status in found)

    def _load(self) -> None:
        accepting = context(ssl.PROTOCOL_TLS_SERVER, self.files)
        self.connecting = context(ssl.PROTOCOL_TLS_CLIENT, self.files)
        self.accepting = accepting


def context(side: int, files: RadSec) -> ssl.SSLContext:
    """TLS 1.2 or later, with a certificate on both sides. ConfigError names the setting whose file is none.

    Whoever is in the list of revoked certificates that stands beside the authorities is refused.
    """
    made = ssl.SSLContext(side)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_SUITES)
    made.check_hostname = False  # the inventory says which names count
    made.verify_mode = ssl.CERT_REQUIRED
    # A resumed session would not look at certificates again, nor at who was revoked meanwhile.
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if side == ssl.PROTOCOL_TLS_SERVER:
        made.num_tickets = 0
    try:
        made.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"HOTSPOT_RADSEC_CERT {files.certificate} and HOTSPOT_RADSEC_KEY {files.key}: {_why(error)}"
        ) from error
    try:
        made.load_verify_locations(files.authorities)
        if _CRL in files.authorities.read_text("ascii", errors="replace"):
            made.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except (OSError, ValueError) as error:
        raise ConfigError(f"HOTSPOT_RADSEC_CA {files.authorities}: {_why(error)}") from error
    return made


def _no_password() -> str:
    raise ValueError("the key is locked by a password; give one without")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no certificate, no key, or not of each other ({error.reason or error})"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
