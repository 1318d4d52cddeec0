"""Any bytes end in a decoded packet, an answer or a counted drop, never in an exception.

scapy's RADIUS layer is the independent codec. `make test` runs few examples, `make test-long` many.
"""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.fields import PacketListField
from scapy.layers.radius import Radius, RadiusAttribute

from hotspot.city.inventory import load
from hotspot.settings import Settings
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from radius.endpoint import Clients, Endpoint, Request
from radius.service import Service
from radius.wire.packet import Malformed, parse, password_matches
from radius.wire.plain import HEADER, LONGEST
from radius.wire.show import lines, show
from tests.conftest import settings_in

from .datagrams import datagrams, mutants, packets, signed

SECRET = "a secret of the park"
SOURCES = [("10.20.1.2", 40000), ("10.20.4.2", 40001), ("192.0.2.1", 1)]
"""A CoovaChilli, a MikroTik and a stranger to the example city."""
EXAMPLE = (Path(__file__).parents[2] / "sites.toml").read_text()
CITY = re.sub(r'(, secret = "env:\w+")', r"\1, rate = 1_000_000", EXAMPLE)
"""Its gateways may ask as often as they like: time stands still here."""
NOW = int(time.time())


def _room(packet: Any) -> int:
    return int(packet.len) - HEADER


FEW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=50_000, database=None)
LONG = settings(FEW, max_examples=10_000, database=None)


class Flat(RadiusAttribute):
    """scapy's attribute without its knowledge of single types, which reads some of them at fixed sizes."""

    @classmethod
    def dispatch_hook(cls, *_: object, **__: object) -> type["Flat"]:
        return cls

    @classmethod
    def register_variant(cls) -> None:
        """Not for other packets."""


class FlatRadius(Radius):
    """scapy's packet, made of those."""

    fields_desc: ClassVar = [*Radius.fields_desc[:-1], PacketListField("attributes", [], Flat, length_from=_room)]


def theirs(data: bytes) -> list[tuple[int, bytes]] | None:
    """The attributes as scapy reads them; None where one of them does not fit."""
    found = [(piece.type, bytes(piece)[2:], piece.len) for piece in FlatRadius(data).attributes if Flat in piece]
    fits = all(size == len(value) + 2 for _, value, size in found) and HEADER + sum(f[2] for f in found) == len(data)
    return [(kind, value) for kind, value, _ in found] if fits else None


def agrees(data: bytes) -> bool:
    """Whether scapy and we say the same of any bytes, but for the rules that are ours alone."""
    try:
        ours = parse(data)
    except Malformed as drop:
        reason = str(drop)
    else:
        for name in ("User-Name", "Acct-Session-Time", "CoovaChilli-Max-Total-Octets", "Message-Authenticator"):
            ours.text(name)
            ours.integer(name)
        password_matches(ours, b"secret", b"x")
        return len(ours.raw) <= LONGEST and theirs(ours.raw) == list(ours.attributes)
    length = int.from_bytes(data[2:4], "big")
    if reason in ("short", "length"):
        return len(data) < HEADER or not HEADER <= length <= min(len(data), LONGEST)
    if reason == "attribute-length":
        return theirs(data[:length]) is None
    return reason in ("attribute-zero", "message-authenticator", "too-many-attributes")


def shown(data: bytes) -> bool:
    """Whether what people see of them is all printable."""
    return all(line.isprintable() for line in lines(show(data, b"secret")))


@FEW
@given(datagrams())
def test_scapy_and_we_read_the_same(data: bytes) -> None:
    assert agrees(data)
    assert shown(data)


@pytest.mark.long
@MANY
@given(datagrams())
def test_scapy_and_we_read_the_same_many(data: bytes) -> None:
    assert agrees(data)
    assert shown(data)


# -- through the endpoint and the service, on a real store ------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("fuzz")
    environ = {"TK1_RADIUS": SECRET, "SMPN11_RADIUS": SECRET}
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("module_postgres")
        environ |= {"HOTSPOT_CORE_URL": fresh(), "HOTSPOT_TELEMETRY_URL": fresh()}
    made: Settings = settings_in(folder, **environ)
    store, keys = open_keyed(made)
    with store.core.write() as connection:
        activate(connection, CITY, "test", NOW)
    yield Service(made, store, keys)
    store.close()


def handled(service: Service, batch: list[tuple[bytes, tuple[str, int]]]) -> bool:
    """Whether every datagram is answered, authentically, or dropped and counted."""
    before = service.endpoint.drops.copy()
    answers = service.handle([(data, source, 0) for data, source in batch], NOW)
    dropped = service.endpoint.drops - before
    return len(answers) + dropped.total() == len(batch) and all(
        any(
            answer[4:20] == hashlib.md5(answer[:4] + data[4:20] + answer[20:] + SECRET.encode()).digest()
            for data, source in batch
            if (source, data[1:2]) == (target, answer[1:2])
        )
        for answer, target, _ in answers
    )


def batches() -> st.SearchStrategy[list[tuple[bytes, tuple[str, int]]]]:
    """Datagrams of some sources, most of them signed with the right secret; now and then the same one twice."""
    right = st.one_of(packets(), mutants()).map(lambda data: signed(data, SECRET.encode()))
    one = st.tuples(st.one_of(right, right, right, datagrams()), st.sampled_from(SOURCES))
    return st.lists(one, min_size=1, max_size=6).flatmap(lambda batch: st.sampled_from([batch, [*batch, batch[0]]]))


@FEW
@given(batch=batches())
def test_any_bytes_are_answered_or_counted(service: Service, batch: list[tuple[bytes, tuple[str, int]]]) -> None:
    assert handled(service, batch)


@pytest.mark.long
@LONG
@given(batch=batches())
def test_any_bytes_are_answered_or_counted_many(service: Service, batch: list[tuple[bytes, tuple[str, int]]]) -> None:
    assert handled(service, batch)


def test_the_fuzz_gets_past_the_authenticators() -> None:
    """Much of what `signed` makes is admitted by an endpoint; else the test above would show little."""
    clients = Clients(load(CITY), lambda _: SECRET.encode())
    seen: Counter[int | None] = Counter()

    @FEW
    @given(st.one_of(packets(), mutants()).map(lambda data: signed(data, SECRET.encode())))
    def admit(data: bytes) -> None:
        received = Endpoint().receive(data, SOURCES[0], 0, clients, NOW)
        seen[received.packet.code if isinstance(received, Request) else None] += 1

    admit()
    assert min(seen[1], seen[4]) > seen.total() / 20, seen
