"""Who is answered, who is dropped and why, and what a retransmission gets. Datagrams made by pyrad."""

from pathlib import Path
from typing import Any

from pyrad import packet as rp

from hotspot.city.inventory import load
from hotspot.errors import ConfigError
from radius.counting import outcomes
from radius.endpoint import Client, Clients, Endpoint, Request
from radius.wire.dictionary import encode
from radius.wire.packet import Code, parse
from tests.doubles.coovachilli import dictionary

SECRET = b"a secret of the park"
DICTIONARY = dictionary()
CITY = load((Path(__file__).parents[2] / "sites.toml").read_text())
SOURCE = ("10.20.1.2", 40000)


def clients(secret: bytes = SECRET) -> Clients:
    return Clients(CITY, lambda _: secret)


def access_request(
    *, signed: bool = True, identifier: int = 1, secret: bytes = SECRET, nonce: int = 0, **attributes: Any
) -> bytes:
    authenticator = bytes(range(nonce, nonce + 16))
    request = rp.AuthPacket(code=1, id=identifier, secret=secret, dict=DICTIONARY, authenticator=authenticator)
    request["User-Name"] = "somebody"
    request["User-Password"] = request.PwCrypt("guess")
    for name, value in attributes.items():
        request[name.replace("_", "-")] = value
    if signed:
        request.add_message_authenticator()
    return bytes(request.RequestPacket())


def received(data: bytes, source: tuple[str, int] = SOURCE, endpoint: Endpoint | None = None, now: int = 0) -> Any:
    return (endpoint or Endpoint()).receive(data, source, 0, clients(), now)


def test_a_known_gateways_signed_request_is_admitted() -> None:
    request = received(access_request())
    assert isinstance(request, Request)
    assert request.client.gateway == "tk1-gw"
    assert "secret" not in repr(request)


def test_a_gateway_is_known_by_its_network_also_over_ipv6_sockets() -> None:
    assert received(access_request(), ("::ffff:10.20.1.14", 1)).client.gateway == "tk1-gw"
    assert clients().of("10.20.1.16") is None
    assert clients().of("2001:db8::1") is None


def drop_reason(data: bytes, source: tuple[str, int] = SOURCE) -> str:
    endpoint = Endpoint()
    assert received(data, source, endpoint) is None
    [((gateway, reason), count)] = endpoint.drops.items()
    assert (gateway, count) == ("" if reason == "unknown-source" else "tk1-gw", 1)
    return reason


def test_what_is_dropped_and_why() -> None:
    good = access_request()
    assert drop_reason(good, ("192.0.2.1", 1)) == "unknown-source"
    assert drop_reason(access_request(signed=False)) == "no-message-authenticator"
    assert drop_reason(access_request(secret=b"another secret")) == "bad-message-authenticator"
    assert drop_reason(good[:-1]) == "length"
    assert drop_reason(bytes([2]) + good[1:]) == "code"
    accounting = rp.AcctPacket(id=1, secret=b"another secret", dict=DICTIONARY)
    assert drop_reason(bytes(accounting.RequestPacket())) == "bad-authenticator"


def test_a_gateway_excused_from_signing_is_not_excused_with_a_proxy_state() -> None:
    text = (Path(__file__).parents[2] / "sites.toml").read_text()
    excused = text.replace('secret = "env:TK1_RADIUS"', 'secret = "env:TK1_RADIUS", message_authenticator = false')
    table = Clients(load(excused), lambda _: SECRET)
    plain = Endpoint().receive(access_request(signed=False), SOURCE, 0, table, 0)
    assert isinstance(plain, Request)
    with_proxy = access_request(signed=False, Proxy_State=b"x")
    assert Endpoint().receive(with_proxy, SOURCE, 0, table, 0) is None


def test_a_retransmission_gets_the_same_bytes_and_no_second_handling() -> None:
    endpoint = Endpoint()
    data = access_request()
    request = received(data, endpoint=endpoint)
    assert received(data, endpoint=endpoint) is None
    assert endpoint.drops["tk1-gw", "in-progress"] == 1
    reply = request.reply(Code.ACCESS_REJECT, encode("Reply-Message", "no"))
    endpoint.answered(request, reply)
    assert received(data, endpoint=endpoint, now=29) == reply
    assert isinstance(received(data, ("10.20.1.2", 40001), endpoint, 29), Request)
    for now in (0, 29, 31, 59):
        endpoint.forget(now)
        assert received(data, endpoint=endpoint, now=now) == reply
    endpoint.forget(61)
    assert isinstance(received(data, endpoint=endpoint, now=61), Request)


def test_after_a_long_silence_nothing_is_remembered() -> None:
    endpoint = Endpoint()
    endpoint.forget(0)
    request = received(access_request(), endpoint=endpoint)
    endpoint.answered(request, request.reply(Code.ACCESS_REJECT))
    endpoint.forget(60)
    assert isinstance(received(access_request(), endpoint=endpoint, now=60), Request)


def test_an_answer_that_comes_after_the_turn_is_remembered() -> None:
    endpoint = Endpoint()
    endpoint.forget(0)
    data = access_request()
    request = received(data, endpoint=endpoint)
    endpoint.forget(30)
    assert received(data, endpoint=endpoint) is None, "in progress"
    reply = request.reply(Code.ACCESS_REJECT)
    endpoint.answered(request, reply)
    endpoint.forget(60)
    assert received(data, endpoint=endpoint) == reply


def test_another_request_with_the_same_identifier_takes_the_place_of_the_first() -> None:
    endpoint = Endpoint()
    first, second = access_request(), access_request(nonce=1)
    slow = received(first, endpoint=endpoint)
    request = received(second, endpoint=endpoint)
    reply = request.reply(Code.ACCESS_REJECT)
    endpoint.answered(request, reply)
    endpoint.answered(slow, slow.reply(Code.ACCESS_REJECT))
    assert received(second, endpoint=endpoint) == reply
    assert isinstance(received(access_request(identifier=2), endpoint=endpoint), Request)
    assert received(second, endpoint=endpoint) == reply
    assert isinstance(received(first, endpoint=endpoint), Request)


def test_an_unanswered_request_is_handled_again() -> None:
    endpoint = Endpoint()
    request = received(access_request(), endpoint=endpoint)
    endpoint.answered(request, None)
    assert isinstance(received(access_request(), endpoint=endpoint), Request)


def test_access_replies_are_signed_and_accounting_replies_are_not() -> None:
    request = received(access_request())
    assert parse(request.reply(Code.ACCESS_REJECT)).attributes[0][0] == 80
    accounting = rp.AcctPacket(id=1, secret=SECRET, dict=DICTIONARY)
    accounting.add_message_authenticator()
    reply = received(bytes(accounting.RequestPacket())).reply(Code.ACCOUNTING_RESPONSE)
    assert parse(reply).attributes == []


def test_a_gateway_asks_no_more_often_than_it_may() -> None:
    """Ten a second, twenty at once; forgeries, repetitions and other gateways do not use up what is its own."""
    text = (Path(__file__).parents[2] / "sites.toml").read_text()
    slow = text.replace('secret = "env:TK1_RADIUS"', 'secret = "env:TK1_RADIUS", rate = 10')
    table, endpoint = Clients(load(slow), lambda _: SECRET), Endpoint()

    def ask(identifier: int, now: int, **more: Any) -> bool:
        source = more.pop("source", SOURCE)
        return endpoint.receive(access_request(identifier=identifier, **more), source, 0, table, now) is not None

    assert not any(ask(i, 0, secret=b"forged") for i in range(100))
    assert all(ask(i, 0) for i in range(20))
    assert not any(ask(i, 0) for i in range(20, 30))
    assert endpoint.drops["tk1-gw", "rate"] == 10
    assert ask(30, 0, source=("10.20.4.2", 1)), "another gateway"
    assert [ask(i, 1) for i in range(20, 32)] == [True] * 10 + [False] * 2
    assert [ask(i, 1000) for i in range(100, 121)] == [True] * 20 + [False], "no more is saved up than a burst"


def test_what_was_counted() -> None:
    endpoint = Endpoint()
    request = received(access_request(), endpoint=endpoint)
    endpoint.answered(request, request.reply(Code.ACCESS_REJECT))
    for host in ("192.0.2.2", "192.0.2.1", "192.0.2.2"):
        received(access_request(), (host, 1), endpoint)
    received(b"", endpoint=endpoint)
    assert outcomes(endpoint) == {
        ("tk1-gw", "access-reject"): 1,
        ("", "dropped:unknown-source"): 3,
        ("tk1-gw", "dropped:short"): 1,
    }
    assert endpoint.strangers() == ["192.0.2.1", "192.0.2.2"]
    assert endpoint.strangers() == []


def test_short_secrets_are_named() -> None:
    assert "tk1-gw" in clients(b"fifteen letters").guessable
    assert clients(b"sixteen letters.").guessable == []


def test_a_gateway_without_secret_is_named_and_stays_unknown() -> None:
    def none(reference: str) -> bytes:
        raise ConfigError(f"{reference} is not set")

    table = Clients(CITY, none)
    assert ("tk1-gw", "env:TK1_RADIUS is not set") in table.unusable
    assert table.of("10.20.1.2") is None
    assert isinstance(clients().of("10.20.1.2"), Client)
