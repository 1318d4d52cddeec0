"""RADIUS packets: bytes to attributes and back, with every authenticator. Pure (RFC 2865, 2866, 2869, 5176).

Attributes keep their order. Whatever does not parse is `Malformed`, to be dropped and counted, never answered.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Final

from hotspot.keyed_hash import md5

from . import codec
from .dictionary import number
from .plain import HEADER, LONGEST, MESSAGE_AUTHENTICATOR

MOST_ATTRIBUTES: Final = 200
"""More than any real packet has: the largest, with EAP and Proxy-States, have some forty."""
_ZEROES: Final = bytes(16)
PROXY_STATE: Final = 33
VENDOR_SPECIFIC: Final = 26


class Code(IntEnum):
    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


class Malformed(Exception):  # noqa: N818 - a finding about bytes, not an error of ours
    """Bytes that are no RADIUS packet. `args[0]` is a short reason that serves as a counter's label."""


class Packet:
    """A decoded packet. `first` has the first value of each RFC attribute by number, for hot paths."""

    __slots__ = ("authenticator", "code", "first", "identifier", "raw", "signed_at")

    def __init__(self, raw: bytes, first: Mapping[int, bytes], signed_at: int):
        self.code = raw[0]
        self.identifier = raw[1]
        self.authenticator = raw[4:HEADER]
        self.raw = raw
        self.first = first
        self.signed_at = signed_at
        """Where the value of the Message-Authenticator begins; 0 where there is none."""

    @property
    def attributes(self) -> list[tuple[int, bytes]]:
        """Every attribute, in order: number and value."""
        return list(_inner(self.raw[HEADER:]))

    def all(self, name: str) -> Iterator[bytes]:
        """The values of an attribute, in order, as bytes."""
        vendor, code = number(name)
        if vendor == 0:
            yield from (value for kind, value in self.attributes if kind == code)
            return
        if VENDOR_SPECIFIC not in self.first:
            return
        for kind, value in self.attributes:
            if kind == VENDOR_SPECIFIC and int.from_bytes(value[:4], "big") == vendor:
                yield from (inner for sub, inner in _inner(value[4:]) if sub == code)

    def get(self, name: str) -> bytes | None:
        """The first value of an attribute."""
        vendor, code = number(name)
        if vendor == 0:
            return self.first.get(code)
        return next(self.all(name), None)

    def text(self, name: str) -> str | None:
        """The first value as text; bytes that are no UTF-8, and NUL, which no database keeps, are shown as escapes."""
        value = self.get(name)
        return None if value is None else value.decode("utf-8", "backslashreplace").replace("\0", "\\x00")

    def word(self, kind: int) -> int | None:
        """The first value of an RFC attribute, by its number, as a 32-bit number."""
        value = self.first.get(kind)
        return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None

    def integer(self, name: str) -> int | None:
        """The first value as a 32-bit number; None also where its length is another."""
        value = self.get(name)
        return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None


def _inner(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes inside a vendor's; a broken tail is left out."""
    position = 0
    while position + 2 <= len(data):
        length = data[position + 1]
        if length < 2 or position + length > len(data):
            return
        yield data[position], data[position + 2 : position + length]
        position += length


def parse(data: bytes) -> Packet:
    """A packet from a datagram. Bytes beyond its length field are padding. Malformed otherwise."""
    if len(data) < HEADER:
        raise Malformed("short")
    length = data[2] << 8 | data[3]
    if length != len(data) or length > LONGEST:
        if not HEADER <= length <= min(len(data), LONGEST):
            raise Malformed("length")
        data = data[:length]
    found = codec.walk(data)
    if isinstance(found, str):
        raise Malformed(found)
    first, signed_at = found
    if 0 in first:
        raise Malformed("attribute-zero")
    if signed_at and len(first[MESSAGE_AUTHENTICATOR]) != 16:
        raise Malformed("message-authenticator")
    packet = Packet(data, first, signed_at)
    if length > HEADER + 2 * MOST_ATTRIBUTES and len(packet.attributes) > MOST_ATTRIBUTES:
        raise Malformed("too-many-attributes")
    return packet


def join(attributes: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([kind, len(value) + 2]) + value for kind, value in attributes)


def is_signed(packet: Packet, secret: bytes, authenticator: bytes) -> bool | None:
    """Whether the Message-Authenticator holds: HMAC-MD5 of the packet with that zeroed and `authenticator` in its
    header (RFC 2869, 5.14). None where there is none."""
    if not packet.signed_at:
        return None
    return codec.is_signed(packet.raw, packet.signed_at, authenticator, secret)


def request_authenticator(packet: Packet, secret: bytes) -> bytes:
    """What the Authenticator of an Accounting- or Disconnect-Request must be (RFC 2866 section 3, RFC 5176 2.3)."""
    return codec.authenticator(packet.raw, _ZEROES, secret)


def response_authenticator(packet: Packet, secret: bytes, request: bytes) -> bytes:
    """What the Authenticator of a reply to a request with Authenticator `request` must be (RFC 2865 section 3)."""
    return codec.authenticator(packet.raw, request, secret)


def build_reply(code: Code, request: Packet, body: bytes, secret: bytes, *, sign: bool = True) -> bytes:
    """The reply to a request: Message-Authenticator first, then `body`, then the request's Proxy-States in order."""
    if PROXY_STATE in request.first:
        body += join((kind, value) for kind, value in request.attributes if kind == PROXY_STATE)
    return codec.seal(code, request.identifier, request.authenticator, body, secret, sign)


def build_request(code: Code, identifier: int, body: bytes, secret: bytes, *, sign: bool = True) -> bytes:
    """A Disconnect- or Accounting-Request: its Authenticator is computed, not random."""
    return codec.seal(code, identifier, _ZEROES, body, secret, sign)


def _md5(*parts: bytes) -> bytes:
    digest: bytes = md5(b"".join(parts)).digest()
    return digest


# -- passwords ---------------------------------------------------------------------------------------------------


def reveal_password(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes | None:
    """The text of a User-Password (RFC 2865 section 5.2); None where its length is not a multiple of 16."""
    if not 16 <= len(hidden) <= 128 or len(hidden) % 16:
        return None
    pads = b"".join(
        _md5(secret, hidden[start - 16 : start] if start else authenticator) for start in range(0, len(hidden), 16)
    )
    clear = int.from_bytes(hidden, "big") ^ int.from_bytes(pads, "big")
    return clear.to_bytes(len(hidden), "big").rstrip(b"\0")


def password_matches(packet: Packet, secret: bytes, expected: bytes) -> bool:
    """Whether a request proves, by PAP or CHAP, that its sender has `expected`. Constant-time comparisons."""
    chap = packet.get("CHAP-Password")
    if chap is not None:
        if len(chap) != 17:
            return False
        challenge = packet.get("CHAP-Challenge") or packet.authenticator
        return hmac.compare_digest(chap[1:], _md5(chap[:1], expected, challenge))
    hidden = packet.get("User-Password")
    clear = None if hidden is None else reveal_password(hidden, secret, packet.authenticator)
    return clear is not None and hmac.compare_digest(clear, expected)
