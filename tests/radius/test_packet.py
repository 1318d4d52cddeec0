"""RFC 2865 section 7 byte for byte; scapy as an independent codec; any bytes end in a packet or a named drop."""

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.radius import Radius

from radius.wire.dictionary import encode, number, value_name
from radius.wire.packet import (
    Code,
    Malformed,
    build_reply,
    build_request,
    is_signed,
    parse,
    password_matches,
    request_authenticator,
    response_authenticator,
    reveal_password,
)

SECRET = b"xyzzy5461"
PAP = bytes.fromhex(
    "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee"
    "0406c0a80110 050600000003"
)
PAP_ACCEPT = bytes.fromhex("02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103")
CHAP = bytes.fromhex(
    "01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379 031316e975 57c3161858 95f293ff6344077275"
    "0406c0a80110 050600000014 060600000002 070600000001"
)
# The RFC prints 0x32 as the length of these 56 bytes; its authenticator is that of 0x38.
CHAP_ACCEPT = bytes.fromhex(
    "02010038 15efbc7dab26cfa3dc34d9c03c8601a4 060600000002 070600000001 0806fffffffe 0a0600000002"
    "0d0600000001 0c06000005dc"
)


def test_rfc_2865_7_1_pap() -> None:
    packet = parse(PAP)
    assert (packet.code, packet.text("User-Name")) == (Code.ACCESS_REQUEST, "nemo")
    hidden = packet.get("User-Password")
    assert hidden is not None
    assert reveal_password(hidden, SECRET, packet.authenticator) == b"arctangent"
    assert password_matches(packet, SECRET, b"arctangent")
    assert not password_matches(packet, SECRET, b"arctangen")
    assert build_reply(Code.ACCESS_ACCEPT, packet, PAP_ACCEPT[20:], SECRET, sign=False) == PAP_ACCEPT


def test_rfc_2865_7_2_chap() -> None:
    packet = parse(CHAP)
    assert packet.text("User-Name") == "flopsy"
    assert password_matches(packet, SECRET, b"arctangent")
    assert not password_matches(packet, SECRET, b"Arctangent")
    assert build_reply(Code.ACCESS_ACCEPT, packet, CHAP_ACCEPT[20:], SECRET, sign=False) == CHAP_ACCEPT


def test_message_authenticator_stands_first_and_proxy_states_stay_in_order() -> None:
    states = encode("Proxy-State", b"one") + encode("Proxy-State", b"two")
    request = parse(build_request(Code.ACCOUNTING_REQUEST, 7, encode("User-Name", "x") + states, SECRET))
    reply = parse(build_reply(Code.ACCESS_REJECT, request, encode("Reply-Message", "no"), SECRET))
    assert reply.attributes[0][0] == 80
    assert is_signed(reply, SECRET, request.authenticator)
    assert reply.authenticator == response_authenticator(reply, SECRET, request.authenticator)
    assert list(reply.all("Proxy-State")) == [b"one", b"two"]
    forged = bytes(reply.raw).replace(b"no", b"No")
    assert is_signed(parse(forged), SECRET, request.authenticator) is False


def test_message_authenticator_as_rfc_2869_defines_it() -> None:
    body = encode("User-Name", "x")
    raw = build_request(Code.DISCONNECT_REQUEST, 1, body, SECRET)
    zeroed = raw[:4] + bytes(16) + raw[20:22] + bytes(16) + raw[38:]
    assert raw[22:38] == hmac.digest(SECRET, zeroed, hashlib.md5)
    assert parse(raw).authenticator == request_authenticator(parse(raw), SECRET)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "short"),
        (PAP[:19], "short"),
        (PAP[:-1], "length"),
        (PAP[:2] + b"\0\x13" + PAP[4:], "length"),
        (PAP[:2] + b"\x10\x01" + PAP[4:] + bytes(4041), "length"),
        (PAP[:20] + b"\x01\x01" + PAP[22:], "attribute-length"),
        (PAP[:20] + b"\x01\xff" + PAP[22:], "attribute-length"),
        (PAP[:20] + b"\x00" + PAP[21:], "attribute-zero"),
        (b"\x01\x00\x00\x24" + bytes(16) + b"\x50\x10" + bytes(14), "message-authenticator"),
        (b"\x01\x00\x00\x38" + bytes(16) + (b"\x50\x12" + bytes(16)) * 2, "message-authenticator"),
    ],
)
def test_bytes_that_are_no_packet(data: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse(data)


def test_padding_behind_the_length_is_ignored() -> None:
    assert parse(PAP + b"\0\0\0").raw == PAP


ATTRIBUTES = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=120), ATTRIBUTES.map(lambda a: b"".join(bytes([k, len(v) + 2]) + v for k, v in a))))
def test_any_bytes_are_a_packet_or_a_named_drop(tail: bytes) -> None:
    data = b"\x01\x05" + (20 + len(tail)).to_bytes(2, "big") + bytes(range(16)) + tail
    try:
        packet = parse(data)
    except Malformed as drop:
        assert drop.args[0] in ("attribute-length", "attribute-zero", "message-authenticator")
        return
    for name in ("User-Name", "Acct-Session-Time", "CoovaChilli-Max-Total-Octets"):
        packet.text(name)
        packet.integer(name)
    for secret in (b"", b"s"):
        password_matches(packet, secret, b"x")
        is_signed(packet, secret, packet.authenticator)


TEXTS = st.lists(st.tuples(st.sampled_from([1, 11, 18, 30, 31, 32, 33, 44]), st.binary(min_size=1, max_size=40)))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_scapy_reads_the_same_attributes(attributes: list[tuple[int, bytes]]) -> None:
    body = b"".join(bytes([kind, len(value) + 2]) + value for kind, value in attributes)
    raw = build_request(Code.ACCOUNTING_REQUEST, 9, body, SECRET, sign=False)
    ours = parse(raw)
    theirs = Radius(raw)
    assert (theirs.code, theirs.id, theirs.authenticator) == (ours.code, ours.identifier, ours.authenticator)
    assert [(a.type, a.len - 2) for a in theirs.attributes] == [(kind, len(value)) for kind, value in ours.attributes]
    assert b"".join(bytes(a) for a in theirs.attributes) == body


def test_vendor_attributes_and_names() -> None:
    assert number("WISPr-Bandwidth-Max-Down") == (14122, 8)
    raw = encode("CoovaChilli-Max-Total-Gigawords", 3)
    assert raw.hex() == "1a0c000038df170600000003"
    packet = parse(build_request(Code.ACCOUNTING_REQUEST, 1, raw, SECRET))
    assert packet.integer("CoovaChilli-Max-Total-Gigawords") == 3
    assert packet.integer("CoovaChilli-Max-Total-Octets") is None
    assert value_name("Acct-Terminate-Cause", 11) == "NAS-Reboot"
    for wrong in ("", "x" * 254):
        with pytest.raises(ValueError, match="User-Name"):
            encode("User-Name", wrong)
