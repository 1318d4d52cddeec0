"""The examples of the RFCs byte for byte; where an RFC prints none, bytes made from its formulas with hashlib alone.

pyrad and scapy, which share no code with us, read the same packets.
"""

from typing import Any

import pytest
from pyrad import packet as rp
from scapy.layers.radius import Radius

from radius.wire.dictionary import encode
from radius.wire.packet import (
    Code,
    Packet,
    build_reply,
    build_request,
    is_signed,
    parse,
    request_authenticator,
    response_authenticator,
    reveal_password,
)
from tests.doubles.coovachilli import dictionary

from .test_packet import CHAP, CHAP_ACCEPT, PAP, PAP_ACCEPT, SECRET

DICTIONARY = dictionary()


def made(text: str) -> Packet:
    return parse(bytes.fromhex(text))


# -- RFC 2865 section 7.3: a challenge (7.1 and 7.2 are in test_packet) -----------------------------------------------

ASKED = made("01020039 f3a47a1f6a6d76710b947ab93041a039 01076d6f707379 021233657573778289b570885e15084825c5"
             "0406c0a80110 050600000007")  # fmt: skip
CHALLENGED = made("0b02004e 36f3c8764ae8c71157403c0c71ff9c45"
                  "12304368616c6c656e67652033323736393433302e2020456e74657220726573706f6e73652061742070726f6d70742e"
                  "180a3332373639343330")  # fmt: skip
# The RFC prints 0x10 as the length of this State of 8 bytes; the packet's length is that of 0x0a.
ANSWERED = made("01030043 b122556d428a13d0d6253807c457ecf0 01076d6f707379 0212692c1f205fc081b919b95195f561a581"
                "0406c0a80110 050600000007 180a3332373639343330")  # fmt: skip
REFUSED = made("03030014 a42f4fca45916c4e09c8340f9e746aa0")


def test_rfc_2865_7_3_challenge() -> None:
    hidden, answer = ASKED.get("User-Password"), ANSWERED.get("User-Password")
    assert hidden is not None
    assert answer is not None
    assert reveal_password(hidden, SECRET, ASKED.authenticator) == b"challenge"
    assert reveal_password(answer, SECRET, ANSWERED.authenticator) == b"99101462"
    assert CHALLENGED.text("Reply-Message") == "Challenge 32769430.  Enter response at prompt."
    assert CHALLENGED.get("State") == ANSWERED.get("State") == b"32769430"
    assert CHALLENGED.authenticator == response_authenticator(CHALLENGED, SECRET, ASKED.authenticator)
    assert build_reply(Code.ACCESS_REJECT, ANSWERED, b"", SECRET, sign=False) == REFUSED.raw


# -- RFC 2866 section 3 and RFC 2869 sections 5.1, 5.3 and 5.14 -------------------------------------------------------

START = made("0409003c dcf7b8739447f0108297f1b3cd378670 01066e656d6f 0406c0a80110 050600000003 280600000001"
             "2c0a3030303030303041 2d0600000001")  # fmt: skip
START_REPLY = made("05090014 0dea293124509a08744ddecd5e9c27bc")
STOP = made("040a0066 a14d254d3df5f551fca8c2b50637b8eb 501208a2e2914f3fa46fcf1c3c0022277cb2 01066e656d6f 280600000002"
            "2c0a3030303030303041 2a0600000007 340600000001 2b0600000005 350600000002 2e0600000078 310600000004"
            "370665920080")  # fmt: skip
STOP_REPLY = made("050a0014 e1d56b45e42c530c0584d1d3760462f3")
EAP = made("010d0037 000102030405060708090a0b0c0d0e0f 50128fff2d6ef54a51ed423ede6e1728d298 01066e656d6f"
           "4f0b02010009016e656d6f")  # fmt: skip
EAP_CHALLENGE = made("0b0d0035 0cbb625a38d47d7fe3ada762d34b7421 501280eb7f18d4595be8451c6a9539a22118 4f08010200060400"
                     "18077374617465")  # fmt: skip

# -- RFC 5176 sections 2.3, 3.3 and 3.5 -------------------------------------------------------------------------------

DISCONNECT = made("280b003c 907c49a21fc520dec7c8863259700219 50125cce0ad35e4856f2c3d7275580df6b4f 01066e656d6f"
                  "2c0a3030303030303041 370665920080")  # fmt: skip
DISCONNECT_ACK = made("290b0026 81f3b0fa1f34085d99e528b4e1d1b5f8 50124fae8d309d41d6fe524f80b9e8c15105")
DISCONNECT_NAK = made("2a0b002c 271ae398c714eb2b4ffe8dcff06b00ca 5012d72e014f50718c76487bebf6c5a90784 6506000001f7")
CHANGE = made("2b0c003c c63eb1bce028868c1119cfdf0e4b80f5 5012a31db5286002707615b90e87819f85dd 01066e656d6f"
              "2c0a3030303030303041 1b0600000258")  # fmt: skip
CHANGE_ACK = made("2c0c0014 8844134f0cfe48423e92fe2bb014b5b4")
CHANGE_NAK = made("2d0c002f 3fffe328964f69d92359ee14c206e4ca 50121e45c8ba28eb1934ffd35ea2b9e4541f 650600000192 210370")

# -- RFC 5997 sections 6.1, 6.2 and 6.3 -------------------------------------------------------------------------------

STATUS = made("0cda0026 8a54f4686fb394c52866e302185d0623 50125a665e2e1e8411f3e243822097c84fa3")
STATUS_ACCEPT = made("02da0014 ef0d552a4bf2d693ec2b6fe8b5411d66")
STATUS_ACCOUNTING = made("0cb30026 925f6b66dd5fed571fcb1db7ad388260 5012e8d6eabda910875cd91fdade26367858")
STATUS_RESPONSE = made("05b30014 0f6f92145f107e2f504e860a4860669c")
VERBOSE = made("0c47002c bf58de56ae408ad3b70c8513f9b03fbe 0406c0000210 5012852d6fec61e7ed74b8e32dac2f2a5fb2")
VERBOSE_ACCEPT = made("02470034 46f43e62fd0354424cbbebfd6d214e06"
                      "122052414449555320536572766572207570203220646179732c2031383a3430")  # fmt: skip

REQUESTS = {"start": START, "stop": STOP, "disconnect": DISCONNECT, "change": CHANGE}
ANSWERS = {
    "pap": (parse(PAP), parse(PAP_ACCEPT)),
    "chap": (parse(CHAP), parse(CHAP_ACCEPT)),
    "challenge": (ASKED, CHALLENGED),
    "start": (START, START_REPLY),
    "stop": (STOP, STOP_REPLY),
    "eap": (EAP, EAP_CHALLENGE),
    "disconnect-ack": (DISCONNECT, DISCONNECT_ACK),
    "disconnect-nak": (DISCONNECT, DISCONNECT_NAK),
    "change-ack": (CHANGE, CHANGE_ACK),
    "change-nak": (CHANGE, CHANGE_NAK),
    "status": (STATUS, STATUS_ACCEPT),
    "status-accounting": (STATUS_ACCOUNTING, STATUS_RESPONSE),
    "status-verbose": (VERBOSE, VERBOSE_ACCEPT),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_computed_authenticators_of_requests(name: str) -> None:
    packet = REQUESTS[name]
    assert packet.authenticator == request_authenticator(packet, SECRET)
    assert packet.authenticator != request_authenticator(packet, b"another")
    assert is_signed(packet, SECRET, bytes(16)) is (None if name == "start" else True)
    theirs: Any = _theirs(packet)
    verify = theirs.VerifyAcctRequest if packet.code == 4 else theirs.VerifyCoARequest
    assert verify()
    if name != "start":
        assert theirs.verify_message_authenticator()


@pytest.mark.parametrize("packet", [START, STOP, DISCONNECT])
def test_we_build_the_same_requests(packet: Packet) -> None:
    signed = packet.get("Message-Authenticator") is not None
    body = packet.raw[38:] if signed else packet.raw[20:]
    assert build_request(Code(packet.code), packet.identifier, body, SECRET, sign=signed) == packet.raw


@pytest.mark.parametrize("packet", [EAP, STATUS, STATUS_ACCOUNTING, VERBOSE])
def test_message_authenticators_over_random_authenticators(packet: Packet) -> None:
    assert is_signed(packet, SECRET, packet.authenticator) is True
    assert is_signed(packet, b"another", packet.authenticator) is False
    assert _theirs(packet).verify_message_authenticator()


@pytest.mark.parametrize("name", ANSWERS)
def test_authenticators_of_answers(name: str) -> None:
    request, answer = ANSWERS[name]
    assert answer.authenticator == response_authenticator(answer, SECRET, request.authenticator)
    signed = is_signed(answer, SECRET, request.authenticator)
    assert signed in (True, None)
    assert (signed is None) == (answer.get("Message-Authenticator") is None)
    assert _theirs(request).VerifyReply(_theirs(answer))


@pytest.mark.parametrize(
    ("request_", "answer", "sign"),
    [
        (START, START_REPLY, False),
        (STOP, STOP_REPLY, False),
        (DISCONNECT, DISCONNECT_ACK, True),
        (DISCONNECT, DISCONNECT_NAK, True),
        (STATUS, STATUS_ACCEPT, False),
        (STATUS_ACCOUNTING, STATUS_RESPONSE, False),
        (VERBOSE, VERBOSE_ACCEPT, False),
    ],
)
def test_we_build_the_same_answers(request_: Packet, answer: Packet, sign: bool) -> None:
    body = answer.raw[38:] if sign else answer.raw[20:]
    assert build_reply(Code(answer.code), request_, body, SECRET, sign=sign) == answer.raw


def test_rfc_5997_6_3_verbose_query_and_answer() -> None:
    assert VERBOSE.get("NAS-IP-Address") == bytes([192, 0, 2, 16])
    assert VERBOSE_ACCEPT.text("Reply-Message") == "RADIUS Server up 2 days, 18:40"


@pytest.mark.parametrize("packet", [packet for pair in ANSWERS.values() for packet in pair])
def test_scapy_reads_the_same_attributes(packet: Packet) -> None:
    theirs = Radius(packet.raw)
    assert (theirs.code, theirs.id, theirs.authenticator) == (packet.code, packet.identifier, packet.authenticator)
    assert [bytes(attribute) for attribute in theirs.attributes] == [
        bytes([kind, len(value) + 2]) + value for kind, value in packet.attributes
    ]


def test_gigawords_and_times_are_numbers() -> None:
    assert [STOP.integer(f"Acct-{way}-Gigawords") for way in ("Input", "Output")] == [1, 2]
    assert STOP.integer("Event-Timestamp") == 0x65920080
    assert encode("Event-Timestamp", 0x65920080) == bytes.fromhex("370665920080")
    assert DISCONNECT_NAK.integer("Error-Cause") == 503


def _theirs(packet: Packet) -> Any:
    """The packet as pyrad reads it."""
    kinds = {1: rp.AuthPacket, 4: rp.AcctPacket, 40: rp.CoAPacket, 43: rp.CoAPacket}
    kind = kinds.get(packet.code, rp.Packet)
    return kind(packet=packet.raw, secret=SECRET, dict=DICTIONARY)
