"""`hotspot radius decode` on captures that scapy wrote, and what `radius.wire.show` says of any bytes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import wrpcap, wrpcapng

from radius.wire.dictionary import encode
from radius.wire.packet import Code, build_reply, build_request, join, parse
from radius.wire.show import as_json, lines, show
from tests.node import Node

from .test_packet import CHAP, PAP, PAP_ACCEPT, SECRET

AT = 1_767_225_600.25
"""2026-01-01 00:00:00.25 UTC"""
GATEWAY, SERVER = ("10.20.1.2", 40000), ("10.20.0.1", 1812)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("decode"), {'"127.0.0.1/32"': '"10.20.1.0/28"'})
    node.environment["S"] = SECRET.decode()
    return node


def frame(data: bytes, source: tuple[str, int] = GATEWAY, target: tuple[str, int] = SERVER) -> Any:
    made = Ether() / IP(src=source[0], dst=target[0]) / UDP(sport=source[1], dport=target[1]) / data
    made.time = AT
    return made


def capture(folder: Path, *frames: Any) -> str:
    file = folder / "file.pcap"
    wrpcap(str(file), list(frames))
    return str(file)


def test_a_conversation_for_people(node: Node, tmp_path: Path) -> None:
    file = capture(tmp_path, frame(PAP), frame(PAP_ACCEPT, SERVER, GATEWAY))
    assert node.run("radius", "decode", file, "--secret-from", "env:S").splitlines() == [
        "2026-01-01 00:00:00.250 UTC  10.20.1.2:40000 > 10.20.0.1:1812",
        "Access-Request id 0, 56 bytes",
        "  no Message-Authenticator",
        "    User-Name       nemo",
        "    User-Password   hidden, 16 bytes",
        "    NAS-IP-Address  192.168.1.16",
        "    NAS-Port        3",
        "",
        "2026-01-01 00:00:00.250 UTC  10.20.0.1:1812 > 10.20.1.2:40000",
        "Access-Accept id 0, 38 bytes",
        "  Authenticator holds; no Message-Authenticator",
        "    Service-Type   Login-User",
        "    Login-Service  Telnet",
        "    Login-IP-Host  192.168.1.3",
        "",
    ]


def test_the_gateways_secret_is_found_by_its_address(node: Node, tmp_path: Path) -> None:
    secret = node.secret("TK1_RADIUS")
    body = encode("Acct-Status-Type", 2) + encode("Event-Timestamp", 1_767_225_600)
    body += encode("CoovaChilli-Acct-View-Point", 2) + encode("Acct-Terminate-Cause", 4)
    stop = build_request(Code.ACCOUNTING_REQUEST, 7, body, secret)
    answer = build_reply(Code.ACCOUNTING_RESPONSE, parse(stop), b"", secret, sign=False)
    forged = stop[:4] + bytes(16) + stop[20:]
    order = build_request(Code.DISCONNECT_REQUEST, 9, b"", secret)
    accounting, coa = ("10.20.0.1", 1813), ("10.20.1.2", 3799)
    file = capture(
        tmp_path,
        frame(stop, GATEWAY, accounting),
        frame(answer, accounting, GATEWAY),
        frame(forged, GATEWAY, accounting),
        frame(order, SERVER, coa),
        frame(stop, ("192.0.2.1", 1), accounting),
    )
    shown = json.loads(node.run("radius", "decode", file, "--sites", str(node.sites), "--json"))
    checked = [(one["name"], one["authenticator"], one["message_authenticator"]) for one in shown]
    assert checked == [
        ("Accounting-Request", True, True),
        ("Accounting-Response", True, None),
        ("Accounting-Request", False, True),
        ("Disconnect-Request", True, True),
        ("Accounting-Request", None, None),
    ]
    assert shown[4]["unchecked"] == "no secret at hand"
    values = {a["name"]: (a["number"], a["value"], a["text"]) for a in shown[0]["attributes"]}
    assert values["Acct-Status-Type"] == ("40", 2, "Stop")
    assert values["Acct-Terminate-Cause"] == ("49", 4, "Idle-Timeout")
    assert values["Event-Timestamp"] == ("55", 1_767_225_600, "2026-01-01 00:00:00 UTC")
    assert values["CoovaChilli-Acct-View-Point"] == ("26.14559.10", 2, "2")
    assert (shown[0]["at"], shown[0]["source"], shown[0]["target"]) == (AT, "10.20.1.2:40000", "10.20.0.1:1813")


def test_what_stands_around_a_datagram_in_a_capture(node: Node, tmp_path: Path) -> None:
    """IPv6, a VLAN, fragments, padding of short frames, other traffic, pcapng; another port when asked for."""
    six = Ether() / Dot1Q(vlan=7) / IPv6(src="2001:db8::2", dst="2001:db8::1") / UDP(sport=1, dport=1812) / PAP
    long = build_request(Code.ACCOUNTING_REQUEST, 1, b"".join(encode("Class", bytes(250)) for _ in range(14)), SECRET)
    pieces: Any = fragment(frame(long, GATEWAY, ("10.20.0.1", 1813)), 1400)  # type: ignore[no-untyped-call]
    assert len(pieces) == 3
    padded = Ether(bytes(frame(CHAP[:20].replace(b"\0\x47", b"\0\x14"))) + bytes(10))
    file = str(tmp_path / "file.pcapng")
    wrpcapng(
        file, [six, *pieces, padded, frame(PAP, target=("10.20.0.1", 53)), Ether(), frame(PAP, ("10.0.0.1", 9999))]
    )
    found = json.loads(node.run("radius", "decode", file, "--json", "--port", "9999"))
    assert [one["length"] for one in found] == [len(PAP), len(long), 20, len(PAP)]
    assert (found[0]["source"], found[0]["target"]) == ("[2001:db8::2]:1", "[2001:db8::1]:1812")


def test_malformed_packets_are_shown_with_the_reason(node: Node, tmp_path: Path) -> None:
    file = capture(tmp_path, frame(PAP[:-1]), frame(b"\1"), frame(PAP[:21] + b"\1" + PAP[22:]))
    out = node.run("radius", "decode", file)
    assert "malformed: its length field does not fit what came, 55 bytes" in out
    assert "malformed: shorter than a header, 1 bytes" in out
    assert "malformed: an attribute does not fit, 56 bytes" in out
    assert json.loads(node.run("radius", "decode", file, "--json"))[1]["malformed"] == "shorter than a header"


def test_standard_input_as_capture_and_as_hex(node: Node, tmp_path: Path) -> None:
    captured = Path(capture(tmp_path, frame(PAP))).read_bytes()
    command = [str(Path(sys.executable).parent / "hotspot"), "radius", "decode", "-"]
    for data in (captured, PAP.hex(" ").encode(), b"\n\n" + PAP.hex(":").encode() + b"\r\n\r\n" + CHAP.hex().encode()):
        done = subprocess.run(command, env=node.environment, input=data, capture_output=True, check=True)
        assert b"nemo" in done.stdout
    assert b"flopsy" in done.stdout


def test_what_cannot_be_read_is_said(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"neither")
    done = node.call("radius", "decode", str(file))
    assert (done.returncode, "neither a capture" in done.stderr) == (1, True)
    whole = Path(capture(tmp_path, frame(PAP), frame(CHAP))).read_bytes()
    file.write_bytes(whole[:-9])
    assert "nemo" in node.call("radius", "decode", str(file)).stdout
    assert node.call("radius", "decode", str(tmp_path / "none")).returncode == 2
    unset = node.call("radius", "decode", str(file), "--secret-from", "env:NOT_THERE")
    assert (unset.returncode, "NOT_THERE is not set" in unset.stderr) == (2, True)


SECRETS = [
    encode("User-Password", b"geheim" * 4),
    encode("CHAP-Password", b"geheim" * 3),
    join([(69, b"\1geheim" * 4)]),
    join([(26, (311).to_bytes(4, "big") + bytes([code, 26]) + b"geheim" * 4) for code in (1, 5, 16, 17, 25)]),
    join([(26, (311).to_bytes(4, "big") + b"\x10\xfegeheim")]),
    join([(79, b"\2\1\0\x1a\4geheim")]),
]


@pytest.mark.parametrize("body", SECRETS)
def test_secrets_stay_hidden_even_from_who_has_the_key(body: bytes) -> None:
    shown = show(build_request(Code.ACCOUNTING_REQUEST, 1, body, SECRET), SECRET)
    told = "\n".join(lines(shown)) + json.dumps(as_json(shown))
    assert shown.attributes[1:]
    assert all(value.value is None for value in shown.attributes[1:])
    assert not any(word in told for word in ("geheim", b"geheim".hex()))


def test_texts_cannot_steer_a_terminal() -> None:
    shown = show(build_request(Code.ACCOUNTING_REQUEST, 1, encode("User-Name", "a\x1b[2J\u202eb\xff".encode()), SECRET))
    assert shown.attributes[1].text == "a\\x1b[2J\\u202eb\xff"


def test_tags_prefixes_and_values_of_another_length() -> None:
    attributes = [
        (64, b"\1\0\0\x0d"),
        (81, b"\x0220"),
        (81, b"20"),
        (97, bytes.fromhex("0020 20010db8")),
        (95, bytes(15) + b"\1"),
        (6, b"\1"),
        (4, b"\1"),
        (25, b"0123456789abcdef"),
        (255, b"\0"),
        (26, (32473).to_bytes(4, "big") + b"\1\4ab"),
        (26, b"\0"),
    ]
    shown = show(build_request(Code.ACCOUNTING_REQUEST, 1, join(attributes), SECRET, sign=False))
    assert [(value.name, value.text) for value in shown.attributes] == [
        ("Tunnel-Type:1", "VLAN"),
        ("Tunnel-Private-Group-Id:2", "20"),
        ("Tunnel-Private-Group-Id", "20"),
        ("Framed-IPv6-Prefix", "2001:db8::/32"),
        ("NAS-IPv6-Address", "::1"),
        ("Service-Type", "0x01 (no integer)"),
        ("NAS-IP-Address", "0x01 (no ipaddr)"),
        ("Class", '"0123456789abcdef"'),
        ("255", "0x00"),
        ("vendor 32473 1", '"ab"'),
        ("Vendor-Specific (vendor 0)", "0x00"),
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=60)), max_size=8), st.integers(0, 255))
def test_any_packet_can_be_shown(attributes: list[tuple[int, bytes]], code: int) -> None:
    body = join(attributes)
    shown = show(bytes([code, 1]) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body, b"secret")
    assert all(line.isprintable() for line in lines(shown))
    json.dumps(as_json(shown))
