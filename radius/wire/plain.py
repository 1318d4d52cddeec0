"""A packet's authenticators and attributes, in Python. Pure; `radius/wire/_wire.c` has the same in C, for the same
bytes."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from hotspot.errors import RequestError
from hotspot.keyed_hash import hmac_digest, md5
from hotspot.people.identity import parse_mac

HEADER: Final = 20
LONGEST: Final = 4096
MESSAGE_AUTHENTICATOR: Final = 80
_ZEROES: Final = bytes(16)
_FIELD: Final = bytes([MESSAGE_AUTHENTICATOR, 18])


def authenticator(packet: bytes, other: bytes, secret: bytes, /) -> bytes:
    """MD5 of a packet with `other`, 16 bytes, in the Authenticator's place, and the secret behind it (RFC 2865, 3)."""
    digest: bytes = md5(b"".join((packet[:4], other, packet[HEADER:], secret))).digest()
    return digest


def is_signed(packet: bytes, at: int, other: bytes, secret: bytes, /) -> bool:
    """Whether the Message-Authenticator whose value begins at `at` holds: HMAC-MD5 of the packet with zeroes for that,
    and `other` in the Authenticator's place (RFC 2869 section 5.14)."""
    parts = packet[:4], other, packet[HEADER:at], _ZEROES, packet[at + 16 :]
    return hmac.compare_digest(packet[at : at + 16], hmac_digest("md5", secret, *parts))


def seal(code: int, identifier: int, request: bytes, body: bytes, secret: bytes, sign: bool, /) -> bytes:
    """A packet with the attributes `body` that answers one with the Authenticator `request`; with zeroes for that it is
    a request of its own (RFC 2865 section 3, RFC 5176 section 2.3). A signed one has its Message-Authenticator in
    front, as it defeats CVE-2024-3596. ValueError where it gets longer than a packet may be."""
    size = HEADER + len(body) + (len(_FIELD) + len(_ZEROES) if sign else 0)
    if size > LONGEST:
        raise ValueError(f"a packet of {size} bytes; RADIUS allows {LONGEST}")
    head = bytes((code, identifier, size >> 8, size & 255))
    if sign:
        body = _FIELD + hmac_digest("md5", secret, head, request, _FIELD, _ZEROES, body) + body
    return b"".join((head, md5(b"".join((head, request, body, secret))).digest(), body))


@lru_cache(maxsize=65536)  # the same devices come again and again
def mac(value: bytes, /) -> str | None:
    """A MAC address in any gateway's spelling, in `parse_mac` form."""
    try:
        return parse_mac(value.decode("ascii", "replace"))
    except RequestError:
        return None


def walk(data: bytes, /) -> tuple[Mapping[int, bytes], int] | str:
    """The first value of each attribute of a packet that ends where its bytes do, and where that of the
    Message-Authenticator begins (0: nowhere). Or why there is no packet in it."""
    first: dict[int, bytes] = {}
    position, length, signed_at = HEADER, len(data), 0
    while position < length - 1:
        kind = data[position]
        end = position + data[position + 1]
        if end > length or end < position + 2:
            return "attribute-length"
        if kind not in first:
            first[kind] = data[position + 2 : end]
            if kind == MESSAGE_AUTHENTICATOR:
                signed_at = position + 2
        elif kind == MESSAGE_AUTHENTICATOR:
            return "message-authenticator"
        position = end
    return (first, signed_at) if position == length else "attribute-length"
