"""What gateways tell of their own software: believed where the packet proves the secret, kept, shown escaped."""

import socket
import time

import pytest

from hotspot.city.inventory import load
from hotspot.nas import software
from hotspot.store import Store
from hotspot.store.telemetry import counts
from radius.endpoint import Clients, Endpoint
from tests.bench.city.nas import accounting_request, attribute
from tests.node import EXAMPLE, PATIENCE, Node

SECRET = b"a secret of thirty-two bytes here"
SOURCE = ("127.0.0.1", 50000)


def told(version: bytes) -> bytes:
    """CoovaChilli-Version as CoovaChilli 1.6 to 1.9 send it (src/radius.c, radius_default_pack)."""
    inner = bytes([8, 2 + len(version)]) + version
    return attribute(26, (14559).to_bytes(4, "big") + inner)


def interim(number: int, version: bytes, secret: bytes = SECRET) -> bytes:
    return accounting_request(number, secret, told(version) + attribute(40, 3) + attribute(44, "s1"))


@pytest.fixture
def clients() -> Clients:
    text = EXAMPLE.read_text().replace('"10.20.1.0/28"', '"127.0.0.1/32"')
    return Clients(load(text), lambda _name: SECRET)


def heard(clients: Clients, *packets: bytes, every: int = 60) -> dict[str, str]:
    endpoint = Endpoint()
    for number, packet in enumerate(packets):
        endpoint.receive(packet, SOURCE, 1, clients, 1_000_000 + every * number)
    return endpoint.versions


def test_what_only_the_gateway_can_have_sent_is_believed(clients: Clients) -> None:
    assert heard(clients, interim(1, b"1.8")) == {"tk1-gw": "1.8"}
    assert heard(clients, interim(1, b"1.8"), interim(2, b"1.9")) == {"tk1-gw": "1.9"}
    assert heard(clients, interim(1, b"1.8", b"another secret of its own, wrong")) == {}


def test_it_is_looked_at_once_a_minute(clients: Clients) -> None:
    assert heard(clients, interim(1, b"1.8"), interim(2, b"1.9"), every=1) == {"tk1-gw": "1.8"}


@pytest.mark.parametrize("version", [b"\x1b]52;c;eA==\x07", b"1.9\n\0\xff", b"x" * 245, b"9" * 245])
def test_any_bytes_are_a_text_that_a_store_keeps(clients: Clients, version: bytes) -> None:
    [found] = heard(clients, interim(1, version)).values()
    assert len(found) <= software.LONGEST
    assert "\0" not in found


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("1.8", (1, 8)), ("1.9", (1, 9)), ("1.9-rc1", (1, 9)), ("v1.10.2", (1, 10, 2)), ("2", (2,)), ("", None),
     ("trunk", None), ("9" * 64, None), ("1.9.9.9.9", None)],
)  # fmt: skip
def test_versions_are_numbers(version: str, numbers: tuple[int, ...] | None) -> None:
    assert software.parsed(version) == numbers


def test_what_a_version_does_not_do() -> None:
    assert [lack.remedy for lack in software.lacks("coovachilli", "1.8")]
    assert not software.lacks("coovachilli", "1.9")
    assert not software.lacks("coovachilli", "1.10")
    assert not software.lacks("coovachilli", "trunk")
    assert not software.lacks("mikrotik", "1.8")


def test_since_when_it_is_this_version(store: Store) -> None:
    for now, version in ((100, "1.8"), (200, "1.8"), (300, "1.9"), (400, "1.9")):
        with store.telemetry.write() as connection:
            counts.note_software(connection, {"gw": version}, now)
    with store.telemetry.read() as connection:
        assert counts.software(connection, "gw") == software.Software("1.9", 300, 400)
        assert counts.software(connection, "other") is None


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("software"), {"https://wifi.example.go.id": "https://127.0.0.1:9"})
    node.environment["HOTSPOT_RADIUS_WORKERS"] = "1"
    node.activate()
    return node


def tell(node: Node, version: bytes, secret: bytes | None = None) -> None:
    """A record with this version, then one without, whose answer shows that both were read; the service's end brings
    what it has counted."""
    ours = node.secret("TK1_RADIUS")
    with node.service("radius"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", node.acct_port))
        sock.send(accounting_request(1, secret or ours, told(version) + attribute(40, 7)))
        sock.send(accounting_request(2, ours, attribute(40, 7)))
        while sock.recv(4096)[1] != 2:
            pass


def shown(node: Node) -> str:
    return node.call("nas", "test", "tk1-gw").stdout


def test_nas_test_says_it_and_what_it_cannot_do(node: Node) -> None:
    assert "?      software: coovachilli, which version it has not told yet" in shown(node)
    tell(node, b"1.8", b"another secret of its own, wrong")
    assert "has not told yet" in shown(node)
    tell(node, b"1.8")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert "ok     software: coovachilli 1.8, told " in shown(node)
    assert f"ago and since {today}" in shown(node)
    assert "captive API: not in coovachilli 1.8: it hands captiveportalapi_uri on as it stands" in shown(node)
    assert "leave captiveportalapi_uri out, or bring the gateway to CoovaChilli 1.9" in shown(node)
    tell(node, b"1.9")
    assert "ok     software: coovachilli 1.9, told " in shown(node)
    assert "not in coovachilli" not in shown(node)
    tell(node, b"\x1b]52;c;eA==\x07")
    assert "\x1b" not in shown(node)
    assert "no version that this installation can read" in shown(node)
