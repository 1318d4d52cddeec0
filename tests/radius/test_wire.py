"""The C that every datagram passes through, where it is compiled, says the same as Python of any bytes."""

import hashlib
import hmac
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radius.wire import plain
from tests.fuzz.datagrams import mutants, packets

from .compiled import wire

SECRETS = st.one_of(st.binary(max_size=130), st.binary(min_size=16, max_size=32))
AUTHENTICATORS = st.binary(min_size=16, max_size=16)
FEW = settings(max_examples=60, deadline=None)


@FEW
@given(st.one_of(mutants(), packets(), st.binary(max_size=60)))
def test_attributes(data: bytes) -> None:
    ours, said = wire().walk(data), plain.walk(data)
    if isinstance(said, str):
        assert ours == said
        return
    (found, signed_at), (first, at) = ours, said
    assert signed_at == at
    assert {kind: found[kind] for kind in range(256) if kind in found} == first
    assert all(found.get(kind) == first.get(kind) for kind in range(-1, 257))


def test_attributes_that_are_not_there() -> None:
    found, _ = wire().walk(bytes(20) + b"\x01\x03a\x01\x03b")
    assert (found[1], found.get(1), found.get(2), found.get(2, b"c"), 2 in found) == (b"a", b"a", None, b"c", False)
    with pytest.raises(KeyError, match="2"):
        found[2]
    for wrong in (found.get, lambda: found["1"], lambda: "1" in found):
        with pytest.raises(TypeError):
            wrong()


@FEW
@given(st.one_of(st.binary(max_size=20), st.from_regex(rb"([0-9a-fA-F][-:.]?){12}", fullmatch=True)))
@example(b"02-00-5e-AA-bb-01")
def test_addresses(value: bytes) -> None:
    assert wire().mac(value) == plain.mac(value)


@FEW
@given(st.binary(min_size=plain.HEADER, max_size=400), AUTHENTICATORS, SECRETS, st.data())
def test_authenticators(data: bytes, other: bytes, secret: bytes, draw: st.DataObject) -> None:
    assert wire().authenticator(data, other, secret) == hashlib.md5(data[:4] + other + data[20:] + secret).digest()
    assert plain.authenticator(data, other, secret) == wire().authenticator(data, other, secret)
    padded = data + bytes(16)
    at = draw.draw(st.integers(plain.HEADER, len(data)))
    digest = hmac.digest(secret, padded[:4] + other + padded[20:at] + bytes(16) + padded[at + 16 :], "md5")
    right = padded[:at] + digest + padded[at + 16 :]
    wrong = right[: at + 3] + bytes([right[at + 3] ^ 1]) + right[at + 4 :]
    assert wire().is_signed(right, at, other, secret) is plain.is_signed(right, at, other, secret) is True
    assert wire().is_signed(wrong, at, other, secret) is plain.is_signed(wrong, at, other, secret) is False


@FEW
@given(st.integers(0, 255), st.integers(0, 255), AUTHENTICATORS, st.binary(max_size=600), SECRETS, st.booleans())
def test_packets(code: int, identifier: int, request: bytes, body: bytes, secret: bytes, sign: bool) -> None:
    assert wire().seal(code, identifier, request, body, secret, sign) == plain.seal(
        code, identifier, request, body, secret, sign
    )


@pytest.mark.parametrize("seal", [plain.seal, wire().seal], ids=["Python", "C"])
def test_no_packet_is_longer_than_allowed(seal: Callable[..., bytes]) -> None:
    assert len(seal(2, 1, bytes(16), bytes(4076), b"secret", False)) == plain.LONGEST
    assert len(seal(2, 1, bytes(16), bytes(4058), b"secret", True)) == plain.LONGEST
    with pytest.raises(ValueError, match="a packet of 4097 bytes; RADIUS allows 4096"):
        seal(2, 1, bytes(16), bytes(4059), b"secret", True)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: wire().authenticator(bytes(19), bytes(16), b""), ValueError),
        (lambda: wire().authenticator(bytes(20), bytes(15), b""), ValueError),
        (lambda: wire().authenticator(bytes(20), bytes(16)), TypeError),
        (lambda: wire().authenticator(bytearray(20), bytes(16), b""), TypeError),
        (lambda: wire().is_signed(bytes(40), 19, bytes(16), b""), ValueError),
        (lambda: wire().is_signed(bytes(40), 25, bytes(16), b""), ValueError),
        (lambda: wire().is_signed(bytes(40), -(2**70), bytes(16), b""), ValueError),
        (lambda: wire().is_signed(bytes(40), 24, bytes(17), b""), ValueError),
        (lambda: wire().seal(256, 0, bytes(16), b"", b"", False), ValueError),
        (lambda: wire().seal(1, -1, bytes(16), b"", b"", False), ValueError),
        (lambda: wire().seal(1, 2**70, bytes(16), b"", b"", False), ValueError),
        (lambda: wire().seal(1, 1, bytes(3), b"", b"", False), ValueError),
        (lambda: wire().seal(1, 1, "sixteen letters.", b"", b"", False), TypeError),
        (lambda: wire().walk("text"), TypeError),
        (lambda: wire().mac("02:00:5e:aa:bb:01"), TypeError),
        (lambda: wire().Slots(16).send(0, (b"",), {}, None), TypeError),
        (lambda: wire().Slots(16).send(0, ((b"", ("", 0), 0),), {("", 0): bytes(29)}, None), TypeError),
        (lambda: wire().Slots(16).receive(-1, 0, {}, None), OSError),
    ],
)
def test_what_does_not_fit_is_refused(ask: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        ask()
    assert str(raised.value)


def test_more_secrets_than_are_remembered() -> None:
    body = bytes(50)
    for number in range(4200):
        secret = b"%d" % number
        assert wire().seal(2, 1, bytes(16), body, secret, True)[22:38] == hmac.digest(
            secret, b"\2\1\0\x58" + bytes(16) + b"\x50\x12" + bytes(16) + body, "md5"
        )
