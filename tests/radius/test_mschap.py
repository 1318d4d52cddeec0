"""MS-CHAPv2 against the examples of RFC 1320, 2759, 3079 and 2548. A real peer: tests/radius/test_mschap_peer.py."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pyrad import packet as rp

from radius.wire.mschap import Proof, challenge_response, failure, hide_key, md4, verify
from radius.wire.packet import parse
from tests.doubles.coovachilli import dictionary

from . import city
from .test_service import MAC, issue
from .worker import Worker

# RFC 2759 section 9.2
CHALLENGE = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER_CHALLENGE = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
RESPONSE = b"\x07\x00" + PEER_CHALLENGE + bytes(8) + NT_RESPONSE


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        ("a", "bde52cb31de33e46245e05fbdbd6fb24"),
        ("abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("message digest", "d9130a8164549fe818874806e1c7014b"),
        ("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "043f8582f241db351ce627e153e7f0e4",
        ),
        ("1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_rfc_1320_appendix_a5(text: str, digest: str) -> None:
    assert md4(text.encode()).hex() == digest


def test_the_hashes_of_rfc_2759_section_9_2() -> None:
    password_hash = md4("clientPass".encode("utf-16-le"))
    assert password_hash.hex().upper() == "44EBBA8D5312B8D611474411F56989AE"
    assert md4(password_hash).hex().upper() == "41C00C584BD2D91C4017A2A12FA59F3F"
    assert challenge_response(bytes.fromhex("D02E4386BCE91226"), password_hash) == NT_RESPONSE


def proof() -> Proof:
    found = verify(b"User", "clientPass", CHALLENGE, RESPONSE)
    assert found is not None
    return found


def test_the_response_of_rfc_2759_section_9_2_is_accepted_and_answered() -> None:
    assert proof().success == b"\x07S=407A5589115FD0D6209F510FE9C04566932CDA56"
    assert verify(b"WORKGROUP\\User", "clientPass", CHALLENGE, RESPONSE) == proof()


def test_the_128_bit_send_key_of_rfc_3079_section_3_5_3() -> None:
    assert proof().send_key.hex().upper() == "8B7CDC149B993A1BA118CB153F56DCCB"
    assert "8b7c" not in repr(proof()).lower()


@pytest.mark.parametrize("position", range(len(RESPONSE)))
def test_a_changed_byte_proves_nothing(position: int) -> None:
    """Ident is not signed, Flags and Reserved must be zero by the RFC and are not signed either."""
    changed = RESPONSE[:position] + bytes([RESPONSE[position] ^ 1]) + RESPONSE[position + 1 :]
    unsigned = {0, 1, *range(18, 26)}
    assert (verify(b"User", "clientPass", CHALLENGE, changed) is not None) == (position in unsigned)


@pytest.mark.parametrize(
    ("user", "password", "challenge", "response"),
    [
        (b"user", "clientPass", CHALLENGE, RESPONSE),
        (b"User", "clientpass", CHALLENGE, RESPONSE),
        (b"User", "clientPass", CHALLENGE[:8], RESPONSE),
        (b"User", "clientPass", bytes(16), RESPONSE),
        (b"User", "clientPass", CHALLENGE, RESPONSE[:-1]),
        (b"User", "clientPass", CHALLENGE, b""),
    ],
)
def test_anything_else_proves_nothing(user: bytes, password: str, challenge: bytes, response: bytes) -> None:
    assert verify(user, password, challenge, response) is None


def reveal_key(value: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """RFC 2548 section 2.4.2, the way back, written from its text."""
    salt, hidden = value[:2], value[2:]
    clear, previous = b"", authenticator + salt
    for start in range(0, len(hidden), 16):
        block = hidden[start : start + 16]
        pad = hashlib.md5(secret + previous).digest()
        clear += bytes(a ^ b for a, b in zip(block, pad, strict=True))
        previous = block
    assert not any(clear[1 + clear[0] :])
    return clear[1 : 1 + clear[0]]


def test_keys_are_hidden_under_different_salts() -> None:
    key, secret, authenticator = proof().send_key, b"a secret of the park", bytes(range(16))
    one, two = (hide_key(key, secret, authenticator, salt) for salt in (1, 2))
    assert len(one) == len(two) == 34
    assert one[2:] != two[2:]
    assert one[0] & two[0] & 0x80
    assert reveal_key(one, secret, authenticator) == reveal_key(two, secret, authenticator) == key
    assert reveal_key(hide_key(b"k" * 32, secret, authenticator, 1), secret, authenticator) == b"k" * 32


def test_a_failure_says_that_there_is_no_second_try() -> None:
    value = failure(RESPONSE, "Tiket tidak cocok" + "é" * 200)
    assert value.startswith(b"\x07E=691 R=0 C=00000000000000000000000000000000 V=3 M=Tiket tidak cocok")
    assert len(value) <= 253 - 6, "what fits into a vendor's attribute"
    value[1:].decode()


def test_the_same_request_gets_the_same_success_and_keys_from_another_node(tmp_path: Path) -> None:
    node = city.node(tmp_path)
    user, password = issue(node, gateway="generic")
    challenge, peer_challenge = os.urandom(16), os.urandom(16)
    short = hashlib.sha1(peer_challenge + challenge + user.encode()).digest()[:8]
    response = b"\x01\0" + peer_challenge + bytes(8) + challenge_response(short, md4(password.encode("utf-16-le")))
    request: Any = rp.AuthPacket(code=1, secret=node.secret("GENERIC_RADIUS"), dict=dictionary(), User_Name=user)
    request["Calling-Station-Id"] = MAC
    request["MS-CHAP-Challenge"] = challenge
    request["MS-CHAP2-Response"] = response
    request.add_message_authenticator()
    data, now = bytes(request.RequestPacket()), int(time.time())
    answers = []
    for moment in (now, now + 2):
        worker = Worker(node)
        answers += worker.hears(data, moment, (city.address("generic"), 4000))
        worker.close()
    assert answers[0] == answers[1]
    packet = parse(answers[0])
    proved = verify(user.encode(), password, challenge, response)
    assert proved is not None
    assert packet.get("MS-CHAP2-Success") == proved.success
    keys = [packet.get(name) or b"" for name in ("MS-MPPE-Send-Key", "MS-MPPE-Recv-Key")]
    secret, authenticator = node.secret("GENERIC_RADIUS"), data[4:20]
    assert [reveal_key(key, secret, authenticator) for key in keys] == [proved.send_key, proved.receive_key]
