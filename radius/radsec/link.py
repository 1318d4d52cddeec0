"""One connection without its socket: bytes in, packets out, and back. Pure but for TLS's random numbers.

RFC 6613 has packets follow one another without anything between them; whoever breaks the framing loses the connection.
"""

import ssl
from contextlib import suppress
from typing import Any, Final

from hotspot.entry.fields import certificate_name
from radius.wire.plain import HEADER, LONGEST

_READ: Final = 65536
_NAMES: Final = ("DNS", "IP Address", "URI")


class Link:
    """TLS and the framing of one connection.

    Feed what arrives to `receive`, and send what `outgoing` gives after every call of `receive`, `send` or `close`.
    """

    def __init__(self, context: ssl.SSLContext, *, server: bool):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server)
        self._plain = bytearray()
        self.names: frozenset[str] | None = None
        """What the peer's certificate calls it, in lower case; None until the handshake is done."""
        self.ended: str | None = None
        """Why nothing can follow, as a counter's label: closed (by the peer), tls, length."""
        self.detail = ""
        """What TLS says of why it broke."""
        if not server:
            self._advance()

    @property
    def established(self) -> bool:
        return self.names is not None

    @property
    def version(self) -> str | None:
        """TLSv1.2 or TLSv1.3."""
        return self._tls.version()

    def receive(self, data: bytes) -> list[bytes]:
        """The packets that are whole now, also where the connection has ended. No bytes at all are the peer's end."""
        if self.ended is not None:
            return []
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        self._advance()
        return self._packets()

    def send(self, packet: bytes) -> None:
        """Queues a packet, once the handshake is done; after the end it is lost."""
        if self.ended is None:
            self._tls.write(packet)

    def close(self) -> None:
        """Says goodbye, where TLS is far enough for it."""
        with suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()

    def outgoing(self) -> bytes:
        """The bytes to be sent."""
        return self._outgoing.read()

    def _advance(self) -> None:
        try:
            if not self.established:
                self._tls.do_handshake()
                self.names = names_of(self._tls.getpeercert() or {})
            while True:
                read = self._tls.read(_READ)
                if not read:
                    self.ended = "closed"
                    return
                self._plain += read
        except ssl.SSLWantReadError:
            return
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.ended = "closed"
        except ssl.SSLError as error:
            self.detail = (error.reason or str(error)).lower().replace("_", " ")
            self.ended = "tls"

    def _packets(self) -> list[bytes]:
        found: list[bytes] = []
        plain, start = self._plain, 0
        while len(plain) - start >= 4:
            length = int.from_bytes(plain[start + 2 : start + 4], "big")
            if not HEADER <= length <= LONGEST:
                self.ended = "length"
                break
            if len(plain) - start < length:
                break
            found.append(bytes(plain[start : start + length]))
            start += length
        del plain[:start]
        return found


def names_of(certificate: dict[str, Any]) -> frozenset[str]:
    """What a verified certificate calls its owner: common names, and the DNS names, addresses and URIs beside them."""
    common = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    others = [value for kind, value in certificate.get("subjectAltName", ()) if kind in _NAMES]
    return frozenset(certificate_name(str(name)) for name in (*common, *others))
