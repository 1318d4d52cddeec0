"""MS-CHAPv2 (RFC 2759), the keys that follow from it (RFC 3079) and how RADIUS carries both (RFC 2548). Pure.

A gateway that lets people log in by MS-CHAPv2 sends MS-CHAP-Challenge and MS-CHAP2-Response, and wants MS-CHAP2-Success
back, by which the device sees that we know the password too. The algorithms are broken by today's measure (DES, MD4);
what they protect here is a ticket that is worth nothing after its one use.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

CHALLENGE: Final = 16
"""Bytes of MS-CHAP-Challenge. MS-CHAP version 1 has 8, and is not answered."""
RESPONSE: Final = 50
"""Bytes of MS-CHAP2-Response: Ident, Flags, Peer-Challenge (16), Reserved (8), NT-Response (24)."""
_LONGEST_TEXT: Final = 246
"""Bytes that fit into a vendor's attribute behind the Ident."""

# RFC 2759 section 8.7 and RFC 3079 section 3.4: the constants that are hashed in.
_MAGIC_1: Final = b"Magic server to client signing constant"
_MAGIC_2: Final = b"Pad to make it do more than one iteration"
_MASTER: Final = b"This is the MPPE Master Key"
_CLIENT_SENDS: Final = b"On the client side, this is the send key; on the server side, it is the receive key."
_SERVER_SENDS: Final = b"On the client side, this is the receive key; on the server side, it is the send key."
_PAD_1: Final = bytes(40)
_PAD_2: Final = b"\xf2" * 40


@dataclass(frozen=True)
class Proof:
    """A response that is right, and what the Access-Accept says in return."""

    success: bytes
    """The value of MS-CHAP2-Success: Ident and the text `S=` with 40 upper-case hex digits."""
    send_key: bytes = field(repr=False)
    """16 bytes: MS-MPPE-Send-Key, with which the gateway encrypts what it sends to the device."""
    receive_key: bytes = field(repr=False)


def verify(user_name: bytes, password: str, challenge: bytes, response: bytes) -> Proof | None:
    """What an MS-CHAP2-Response proves of `password`; None where it proves nothing.

    `challenge` and `response` are the values of MS-CHAP-Challenge and MS-CHAP2-Response, of any length. A domain in
    front of the name (`DOMAIN\\name`) is not part of what is hashed (RFC 2759 section 4).
    """
    if len(challenge) != CHALLENGE or len(response) != RESPONSE:
        return None
    peer_challenge, nt_response = response[2:18], response[26:]
    name = user_name.rpartition(b"\\")[2]
    short = hashlib.sha1(peer_challenge + challenge + name, usedforsecurity=False).digest()[:8]
    password_hash = md4(password.encode("utf-16-le"))
    if not hmac.compare_digest(nt_response, challenge_response(short, password_hash)):
        return None
    hash_of_hash = md4(password_hash)
    signed = _sha1(_sha1(hash_of_hash, nt_response, _MAGIC_1), short, _MAGIC_2)
    master = _sha1(hash_of_hash, nt_response, _MASTER)[:16]
    return Proof(
        success=response[:1] + b"S=" + signed.hex().upper().encode(),
        send_key=_start_key(master, _SERVER_SENDS),
        receive_key=_start_key(master, _CLIENT_SENDS),
    )


def failure(response: bytes, text: str) -> bytes:
    """The value of MS-CHAP-Error for a refusal: error 691, no further try with this challenge (RFC 2759 section 6).

    A device that got no challenge of ours cannot answer one, so the field C is sixteen zero bytes.
    """
    message = f"E=691 R=0 C={'0' * 32} V=3 M={text}".encode()[:_LONGEST_TEXT].decode(errors="ignore").encode()
    return response[:1] + message


def hide_key(key: bytes, secret: bytes, authenticator: bytes, salt: int) -> bytes:
    """The value of MS-MPPE-Send-Key or -Recv-Key (RFC 2548 section 2.4.2): salt and the encrypted key.

    Both keys of one reply need different salts. They may be the same in every reply: the request's Authenticator makes
    the difference, and an answer that is the same from every node must not hold a random number.
    """
    prefix = (0x8000 | salt).to_bytes(2, "big")
    clear = bytes([len(key)]) + key
    clear += bytes(-len(clear) % 16)
    hidden, previous = b"", authenticator + prefix
    for start in range(0, len(clear), 16):
        pad = hashlib.md5(secret + previous, usedforsecurity=False).digest()
        previous = bytes(a ^ b for a, b in zip(clear[start : start + 16], pad, strict=True))
        hidden += previous
    return prefix + hidden


def challenge_response(challenge: bytes, password_hash: bytes) -> bytes:
    """24 bytes: an 8-byte challenge under the three DES keys of a password's hash (RFC 2759 section 8.5)."""
    keys = password_hash.ljust(21, b"\0")
    return b"".join(_des(keys[start : start + 7], challenge) for start in (0, 7, 14))


def _des(key: bytes, block: bytes) -> bytes:
    """One block under one 56-bit key. The key's bits are spread over eight bytes, whose lowest bits DES ignores."""
    bits = int.from_bytes(key, "big")
    spread = bytes((bits >> shift & 0x7F) << 1 for shift in range(49, -1, -7))
    # Three times the same key is single DES.
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()  # noqa: S305 - one block, as the RFC says
    return encryptor.update(block) + encryptor.finalize()


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def _start_key(master: bytes, magic: bytes) -> bytes:
    """A 128-bit start key (RFC 3079 section 3.4, GetAsymmetricStartKey)."""
    return _sha1(master, _PAD_1, magic, _PAD_2)[:16]


# -- MD4 (RFC 1320): OpenSSL 3 has it no more ----------------------------------------------------------------------

_ORDER: Final = (
    tuple(range(16)),
    (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
    (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15),
)
_TURNS: Final = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
_ADDED: Final = (0, 0x5A827999, 0x6ED9EBA1)
_WORD: Final = 0xFFFFFFFF


def md4(data: bytes) -> bytes:
    """The 16-byte MD4 of a text."""
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", len(data) * 8)
    for block in struct.iter_unpack("<16I", padded):
        state = tuple((old + new) & _WORD for old, new in zip(state, _rounds(state, block), strict=True))  # type: ignore[assignment]
    return struct.pack("<4I", *state)


def _rounds(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for number, order in enumerate(_ORDER):
        for step, word in enumerate(order):
            if number == 0:
                mixed = b & c | ~b & d
            elif number == 1:
                mixed = b & c | b & d | c & d
            else:
                mixed = b ^ c ^ d
            total = (a + mixed + words[word] + _ADDED[number]) & _WORD
            turn = _TURNS[number][step % 4]
            a, b, c, d = d, (total << turn | total >> 32 - turn) & _WORD, b, c
    return a, b, c, d
