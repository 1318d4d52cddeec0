"""Orders byte by byte, as pyrad reads them; what answers say; when requests go out again. Carried: test_orders.py."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad import packet as rp

from hotspot.admission.grant import Limits
from hotspot.nas import RADIUS_DIALECTS
from hotspot.store.stays.orders import Kind, Order, OrderState
from radius.coa import Flights, Outcome, pause, read_answer, request
from radius.wire.packet import is_signed, parse, request_authenticator
from tests.doubles.coovachilli import dictionary

SECRET = b"a secret of the park"
NOW = 1_790_000_000
MAC = "02:00:5e:aa:bb:01"
TARGET = ("192.0.2.1", 3799)
LIMITS = Limits(session=7200, idle=900, down=5_000_000, up=None, total=5 * 2**32 + 7, interim=300)


def order(name: str = "0", kind: Kind = Kind.DISCONNECT) -> Order:
    limits = LIMITS if kind is Kind.CHANGE else None
    return Order(name * 32, kind, "tk1-gw", 0, "1" * 32, "5e6792ce00000006", "f" * 32, "f" * 32, MAC, limits, "umum")


def read(data: bytes) -> Any:
    return rp.Packet(dict=dictionary(), packet=data, secret=SECRET)


@pytest.mark.parametrize("kind", sorted(RADIUS_DIALECTS))
@pytest.mark.parametrize("what", [Kind.DISCONNECT, Kind.CHANGE])
def test_an_order_is_authentic_and_signed_unless_the_kind_takes_nothing_but_names(kind: str, what: Kind) -> None:
    data = request(order(kind=what), RADIUS_DIALECTS[kind], SECRET, 7, NOW)
    packet = parse(data)
    bare = kind == "uspot"
    assert packet.code == {Kind.DISCONNECT: 40, Kind.CHANGE: 43}[what]
    assert packet.authenticator == request_authenticator(packet, SECRET)
    assert is_signed(packet, SECRET, bytes(16)) is (None if bare else True)
    names = {"User-Name", "Acct-Session-Id"}
    names |= set() if bare else {"Calling-Station-Id", "Message-Authenticator", "Event-Timestamp"}
    names |= {"Service-Type"} if kind == "cisco" else set()
    theirs = read(data)
    assert theirs["User-Name"] == ["f" * 32]
    if what is Kind.DISCONNECT:
        assert set(theirs.keys()) == names  # RFC 5176 section 3: nothing but what identifies the session
    else:
        assert set(theirs.keys()) > names
        assert theirs["Session-Timeout"] == [7200]


def test_after_mac_authentication_coovachilli_knows_its_user_by_the_address() -> None:
    """Without User-Name it would not answer; other kinds find the session by its id."""
    for kind, name in (("coovachilli", ["02-00-5E-AA-BB-01"]), ("mikrotik", None)):
        theirs = read(request(replace(order(), user_name=""), RADIUS_DIALECTS[kind], SECRET, 7, NOW))
        assert (theirs["User-Name"] if "User-Name" in theirs.keys() else None) == name
        assert theirs["Acct-Session-Id"] == ["5e6792ce00000006"]


def test_a_change_for_coovachilli_is_complete() -> None:
    """It resets what is left out (config_radius_session in src/chilli.c): all limits are told, as at the login."""
    dialect = RADIUS_DIALECTS["coovachilli"]
    theirs = read(request(order(kind=Kind.CHANGE), dialect, SECRET, 7, NOW, "guests"))
    told = {name: theirs[name][0] for name, _ in dialect.accept(LIMITS, "guests")}
    assert told["Idle-Timeout"] == 900
    assert told["Acct-Interim-Interval"] == 300
    assert told["WISPr-Bandwidth-Max-Down"] == 5_000_000
    assert (told["CoovaChilli-Max-Total-Gigawords"], told["CoovaChilli-Max-Total-Octets"]) == (5, 7)
    assert told["Filter-Id"] == "guests"


def test_uspot_is_told_times_only() -> None:
    """Its das_match_client would compare any other attribute with the session's and find nobody."""
    theirs = read(request(order(kind=Kind.CHANGE), RADIUS_DIALECTS["uspot"], SECRET, 7, NOW, "guests"))
    times = {"Session-Timeout", "Idle-Timeout", "Acct-Interim-Interval"}
    assert set(theirs.keys()) == {"User-Name", "Acct-Session-Id", *times}


def answer(sent: bytes, code: int, body: bytes = b"", identifier: int | None = None) -> bytes:
    head = bytes([code, sent[1] if identifier is None else identifier]) + (20 + len(body)).to_bytes(2, "big")
    return head + hashlib.md5(head + sent[4:20] + body + SECRET).digest() + body


def cause(number: int) -> bytes:
    return bytes([101, 6]) + number.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("kind", "code", "body", "outcome"),
    [
        (Kind.DISCONNECT, 41, b"", Outcome(OrderState.DONE, "acknowledged")),
        (Kind.CHANGE, 44, b"", Outcome(OrderState.DONE, "acknowledged")),
        (Kind.DISCONNECT, 42, b"", Outcome(OrderState.REFUSED, "refused without Error-Cause")),
        (Kind.DISCONNECT, 42, cause(503), Outcome(OrderState.DONE, "Session-Context-Not-Found")),
        (Kind.CHANGE, 45, cause(503), Outcome(OrderState.REFUSED, "Session-Context-Not-Found")),
        (Kind.CHANGE, 45, cause(401), Outcome(OrderState.REFUSED, "Unsupported-Attribute")),
        (Kind.CHANGE, 45, cause(506), Outcome(OrderState.PENDING, "Resources-Unavailable")),
        (Kind.CHANGE, 45, cause(999), Outcome(OrderState.REFUSED, "Error-Cause 999")),
        (Kind.DISCONNECT, 44, b"", None),
        (Kind.CHANGE, 41, b"", None),
        (Kind.DISCONNECT, 2, b"", None),
    ],
)
def test_answers(kind: Kind, code: int, body: bytes, outcome: Outcome | None) -> None:
    sent = request(order(kind=kind), RADIUS_DIALECTS["coovachilli"], SECRET, 7, NOW)
    assert read_answer(answer(sent, code, body), sent, SECRET) == outcome


def test_what_is_no_authentic_answer() -> None:
    sent = request(order(), RADIUS_DIALECTS["coovachilli"], SECRET, 7, NOW)
    good = answer(sent, 41)
    assert read_answer(good, sent, SECRET) is not None
    assert read_answer(good, sent, b"another") is None
    assert read_answer(answer(sent, 41, identifier=8), sent, SECRET) is None
    assert read_answer(answer(sent, 41, bytes([80, 18]) + bytes(16)), sent, SECRET) is None
    assert read_answer(good[:19], sent, SECRET) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    sent = request(order(), RADIUS_DIALECTS["coovachilli"], SECRET, 7, NOW)
    assert read_answer(data, sent, SECRET) is None


# -- when they go out again --------------------------------------------------------------------------------------


def launched(flights: Flights, one: Order, now: float) -> bytes:
    identifier = flights.free(TARGET)
    assert identifier is not None
    packet = request(one, RADIUS_DIALECTS["coovachilli"], SECRET, identifier, NOW)
    flights.launch(one, TARGET, packet, SECRET, now)
    return packet


@given(
    count=st.integers(1, 6),
    heard=st.lists(st.booleans(), min_size=18, max_size=18),
    answered=st.lists(st.booleans(), min_size=18, max_size=18),
    delays=st.lists(st.floats(0, 5), min_size=18, max_size=18),
)
def test_every_order_ends_once_whatever_is_lost_or_late(
    count: int, heard: list[bool], answered: list[bool], delays: list[float]
) -> None:
    """A network that loses requests and answers and delays answers, on a clock that only the test moves."""
    flights, clock, sends = Flights(), 0.0, 0
    names = {launched(flights, order(str(i)), clock): str(i) * 32 for i in range(count)}
    ended: dict[str, list[str]] = {name: [] for name in names.values()}
    wire: list[tuple[float, bytes]] = []
    sent = list(names)
    while clock < 40:
        for packet in sent:
            fate, sends = sends % 18, sends + 1
            if heard[fate] and answered[fate]:
                wire.append((clock + delays[fate], answer(packet, 41)))
        for moment, data in sorted(wire):
            if moment <= clock:
                wire.remove((moment, data))
                known = flights.receive(data, TARGET)
                if known is not None:
                    ended[known[0].id].append("answered")
        sent = [packet for packet, target in flights.again(clock)]
        for one in flights.given_up(clock):
            ended[one.id].append("given up")
        clock = round(clock + 0.05, 2)
    assert all(ends in (["answered"], ["given up"], ["given up", "answered"]) for ends in ended.values()), ended
    assert sends <= 3 * count
    assert len(flights) == 0
    assert flights.next_at() is None


def test_a_gateway_has_256_identifiers() -> None:
    flights = Flights()
    packets = {launched(flights, order(), 0.0)[1] for _ in range(256)}
    assert len(packets) == 256
    assert flights.free(TARGET) is None
    assert flights.free(("192.0.2.2", 3799)) is not None


def test_only_the_gateway_itself_answers() -> None:
    flights = Flights()
    packet = launched(flights, order(), 0.0)
    assert flights.receive(answer(packet, 41), ("192.0.2.9", 3799)) is None
    assert flights.receive(b"", TARGET) is None
    assert flights.receive(answer(packet, 41), TARGET) is not None
    assert flights.receive(answer(packet, 41), TARGET) is None


def test_pauses_grow_to_a_minute() -> None:
    assert [pause(attempts) for attempts in (0, 1, 2, 3, 4, 5, 1000)] == [5, 10, 20, 40, 60, 60, 60]
