"""Datagrams for fuzzing: plausible requests, mutants of them, and mutants signed again so that they get past the
authenticators. Made with hashlib alone, not with the codec under test.
"""

import hashlib
import hmac
from typing import Any

from hypothesis import strategies as st

HEADER = 20
SIGNATURE = 80

ACCESS, ACCOUNTING, STATUS = 1, 4, 12

_MAC = b"02-00-00-00-00-01"
_INTERESTING: list[tuple[int, st.SearchStrategy[bytes]]] = [
    (1, st.sampled_from([b"a" * 32, b"0123456789abcdef0123456789abcdef", _MAC, b"", b"alice\0", "sitī".encode()])),
    (2, st.sampled_from([bytes(16), bytes(15), bytes(128), bytes(144)])),
    (3, st.sampled_from([bytes(17), bytes(16), b""])),
    (4, st.just(bytes([10, 20, 1, 2]))),
    (6, st.sampled_from([b"\0\0\0\x0a", b"\0\0\0\1", b"\1"])),
    (25, st.sampled_from([b"0123456789abcdef0123456789abcdef", b"\xff" * 32, b""])),
    (30, st.sampled_from([b"02-00-5E-AA-BB-01:ssid", b"x", b"\xff" * 253])),
    (31, st.sampled_from([_MAC, b"02:00:00:00:00:01", b"020000000001", b"\0" * 17, b""])),
    (33, st.binary(max_size=253)),
    (40, st.integers(0, 20).map(lambda n: n.to_bytes(4, "big"))),
    (41, st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff"])),
    (42, st.sampled_from([b"\0\0\0\1", b"\xff\xff\xff\xff", b"\xff"])),
    (43, st.sampled_from([b"\0\0\0\1", b"\xff\xff\xff\xff"])),
    (44, st.sampled_from([b"session", b"\0", b"\xff" * 253, b"", "\u202e".encode()])),
    (46, st.sampled_from([b"\0\0\0\x3c", b"\xff\xff\xff\xff"])),
    (49, st.sampled_from([b"\0\0\0\1", b"\xff\xff\xff\xff"])),
    (52, st.sampled_from([b"\0\0\0\1", b"\xff\xff\xff\xff"])),
    (55, st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0"])),
    (60, st.binary(max_size=32)),
    (79, st.binary(max_size=64)),
    (26, st.binary(max_size=60).map(lambda tail: (311).to_bytes(4, "big") + tail)),
    (26, st.sampled_from([b"", b"\0\0\0", (14559).to_bytes(4, "big") + b"\x0a\6\0\0\0\1"])),
]


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value) + 2]) + value


def _known() -> st.SearchStrategy[bytes]:
    return st.sampled_from(_INTERESTING).flatmap(lambda one: one[1].map(lambda value: _attribute(one[0], value)))


def _unknown() -> st.SearchStrategy[bytes]:
    kinds = st.integers(1, 255).map(lambda kind: 0 if kind == SIGNATURE else kind)  # the others get past the framing
    return st.tuples(kinds, st.binary(max_size=60)).map(lambda one: _attribute(*one))


def _headed(code: int, identifier: int, body: bytes) -> bytes:
    return bytes([code, identifier]) + (HEADER + len(body)).to_bytes(2, "big") + bytes(range(16)) + body


def packets() -> st.SearchStrategy[bytes]:
    """Well-formed as to their framing; nothing else is promised."""
    right = _attribute(SIGNATURE, bytes(16))
    signature = st.sampled_from([right, right, right, right, b"", _attribute(SIGNATURE, bytes(15)), right + right])
    attributes = st.lists(st.one_of(_known(), _known(), _unknown()), max_size=12).map(b"".join)
    bodies = st.one_of(
        st.tuples(signature, attributes).map(lambda parts: parts[0] + parts[1]),
        st.tuples(attributes, signature).map(lambda parts: parts[0] + parts[1]),
    )
    codes = st.sampled_from([ACCESS] * 6 + [ACCOUNTING] * 6 + [STATUS, STATUS, 2, 40, 43, 0, 255])
    return st.builds(_headed, codes, st.integers(0, 255), bodies).filter(lambda data: len(data) < 2**16)


@st.composite
def mutants(draw: Any) -> bytes:
    """Packets with bytes changed, cut out, doubled or put in, and any bytes at all."""
    data = bytearray(draw(packets()))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        size = draw(st.integers(1, 8))
        match draw(st.sampled_from(["change", "cut", "double", "insert", "length", "end"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + size]
            case "double":
                data[at:at] = data[at : at + size]
            case "insert":
                data[at:at] = draw(st.binary(min_size=size, max_size=size))
            case "length" if len(data) >= 4:
                data[2:4] = draw(st.integers(0, 2**16 - 1)).to_bytes(2, "big")
            case "end":
                del data[at:]
    return bytes(data)


def datagrams() -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=200), packets(), mutants())


def signed(data: bytes, secret: bytes) -> bytes:
    """The same with a length that fits, and with every authenticator right that can be."""
    if len(data) < HEADER:
        return data
    data = data[:2] + len(data).to_bytes(2, "big") + data[4:]
    over = data[4:20] if data[0] in (ACCESS, STATUS) else bytes(16)
    at = _signature_at(data)
    if at is not None:
        zeroed = data[:4] + over + data[20 : at + 2] + bytes(16) + data[at + 18 :]
        data = data[: at + 2] + hmac.new(secret, zeroed, hashlib.md5).digest() + data[at + 18 :]
    if data[0] in (ACCESS, STATUS):
        return data
    return data[:4] + hashlib.md5(data[:4] + bytes(16) + data[20:] + secret).digest() + data[20:]


def _signature_at(data: bytes) -> int | None:
    at = HEADER
    while at + 2 <= len(data) and data[at + 1] >= 2:
        if data[at] == SIGNATURE and data[at + 1] == 18 and at + 18 <= len(data):
            return at
        at += data[at + 1]
    return None
