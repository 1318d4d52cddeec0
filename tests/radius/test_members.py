"""Members at their gateways' own pages: the service as a process, radclient as the gateway."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pyrad import packet as rp
from sqlalchemy import select

from hotspot.people.password import hashed
from hotspot.store.limits import attempts
from hotspot.store.persons import people
from hotspot.store.schema import attempt
from radius.hashing import ROOM
from radius.wire.packet import Code, parse
from tests.doubles.coovachilli import dictionary
from tests.node import Node
from tests.node import Service as Process

from . import city
from .worker import Worker

PASSWORD = "rahasia sekali"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = city.node(tmp_path_factory.mktemp("members"), radius=", members = true")
    for name in ("sari", "budi", "wati", "dewi"):
        node.run("member", "add", name, stdin=f"{PASSWORD}\n")
    return node


@pytest.fixture(scope="module")
def server(node: Node) -> Iterator[Process]:
    with node.service("radius") as service:
        yield service


_macs = iter(range(1, 255))


def mac() -> str:
    return f"02-00-00-00-01-{next(_macs):02X}"


def login(name: str, password: str = PASSWORD, how: str = "User-Password", station: str | None = None) -> str:
    return f'User-Name = "{name}"\n{how} = "{password}"\nCalling-Station-Id = "{station or mac()}"\n'


def answer(node: Node, attributes: str, kind: str = "generic") -> tuple[str, str]:
    code, lines = city.reply(city.ask(node, kind, attributes))
    return code, "\n".join(lines)


@pytest.mark.usefixtures("server")
def test_a_member_is_let_in_as_the_portal_would(node: Node) -> None:
    code, shown = answer(node, login("  Sari "))
    assert code == "Access-Accept"
    assert "Session-Timeout = 3600" in shown
    assert 'Filter-Id = "tamu"' in shown
    assert "Class = 0x" in shown
    code, shown = answer(node, login("sari"))
    assert code == "Access-Reject", "the plan allows one device"
    assert "Jumlah perangkat" in shown


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (login("budi", "salah salah"), "Nama atau kata sandi salah"),
        (login("nobody at all"), "Nama atau kata sandi salah"),
        (login("budi", how="CHAP-Password"), "tidak dapat mengirim kata sandi anggota"),
    ],
)
def test_who_is_refused_and_why(node: Node, attributes: str, text: str) -> None:
    code, shown = answer(node, attributes)
    assert code == "Access-Reject"
    assert text in shown


@pytest.mark.usefixtures("server")
def test_after_so_many_attempts_the_right_password_is_refused_too(node: Node) -> None:
    own = mac()
    assert answer(node, login("wati", station=own))[0] == "Access-Accept"
    for _ in range(attempts.DEVICE.count):
        assert "salah" in answer(node, login("wati", "salah salah", station=own))[1]
    code, shown = answer(node, login("wati", station=own))
    assert code == "Access-Reject", "also the one that was right a moment ago"
    assert "Terlalu banyak percobaan. Coba lagi dalam 10 menit." in shown


@pytest.mark.usefixtures("server")
def test_slow_hashes_hold_up_no_other_request(node: Node) -> None:
    """While some twenty passwords are being hashed, 30 ms each, Status-Server is answered again and again."""
    with ThreadPoolExecutor(20) as pool:
        logins = [pool.submit(city.ask, node, "ruckus", login(f"nobody {i}"), timeout=60) for i in range(20)]
        answered = 0
        while not all(one.done() for one in logins):
            asked = city.ask(node, "generic", "NAS-Identifier = x\n", command="status", timeout=60)
            assert city.reply(asked)[0] == "Access-Accept"
            answered += 1
        assert all("salah" in one.result() for one in logins)
    assert answered > 4, "who waits for them all is answered once or twice"


# -- in this process: what a retransmission and another node do ---------------------------------------------------


@pytest.fixture
def workers(node: Node) -> Iterator[tuple[Worker, Worker]]:
    pair = Worker(node), Worker(node)
    yield pair
    for worker in pair:
        worker.close()


SOURCE = (city.address("generic"), 4000)
NOW = int(time.time())


def datagram(
    node: Node, name: str, station: str, password: str = PASSWORD, authenticator: bytes | None = None
) -> bytes:
    secret = node.secret("GENERIC_RADIUS")
    request: Any = rp.AuthPacket(code=1, id=7, secret=secret, dict=dictionary())
    request["User-Name"] = name
    request["User-Password"] = request.PwCrypt(password)
    request["Calling-Station-Id"] = station
    request.add_message_authenticator()
    return bytes(request.RequestPacket())


def test_a_retransmission_waits_for_the_same_hash_and_another_node_gives_the_same_answer(
    node: Node, workers: tuple[Worker, Worker]
) -> None:
    here, there = workers
    data = datagram(node, "budi", mac())
    assert here.hears(data, NOW, SOURCE) == []
    assert here.hears(data, NOW, SOURCE) == []
    assert here.service.endpoint.drops["generic", "in-progress"] == 1
    [first] = here.finishes(NOW)
    assert first[0] == Code.ACCESS_ACCEPT
    assert here.hears(data, NOW + 1, SOURCE) == [first]
    assert there.answers(data, NOW + 2, SOURCE) == first
    late = there.answers(data, NOW + 70, SOURCE)
    assert late[0] == Code.ACCESS_REJECT
    assert "sudah lama" in (parse(late).text("Reply-Message") or "")


def test_what_was_right_is_not_hashed_again_until_the_password_changes(
    node: Node, workers: tuple[Worker, Worker]
) -> None:
    here, _ = workers
    station = mac()
    assert here.answers(datagram(node, "dewi", station), NOW, SOURCE)[0] == Code.ACCESS_ACCEPT
    [again] = here.hears(datagram(node, "dewi", station), NOW, SOURCE)
    assert again[0] == Code.ACCESS_ACCEPT, "at once"
    with here.store.core.write() as connection:
        keys = node.settings.keys()
        found = people.find_member(connection, keys, "dewi")
        assert found is not None
        people.set_password_hash(connection, found.person, hashed("another password"))
    assert here.hears(datagram(node, "dewi", station), NOW, SOURCE) == []
    assert here.finishes(NOW)[0][0] == Code.ACCESS_REJECT
    assert here.answers(datagram(node, "dewi", station, "another password"), NOW, SOURCE)[0] == Code.ACCESS_ACCEPT


def test_more_than_there_is_room_for_is_not_answered_and_does_not_count_as_an_attempt(
    node: Node, workers: tuple[Worker, Worker]
) -> None:
    here, _ = workers
    flood = [datagram(node, f"nobody {i}", f"02-00-00-00-02-{i:02X}") for i in range(ROOM + 6)]
    assert here.service.handle([(data, SOURCE, 0) for data in flood], NOW) == []
    assert here.service.endpoint.drops["generic", "members-busy"] == 6
    with here.store.core.read() as connection:
        counted = set(connection.execute(select(attempt.c.subject)).scalars())
    keys = node.settings.keys()
    tried = [
        {one.device, one.member} <= counted
        for i in range(ROOM + 6)
        if (one := attempts.at_member(keys, f"02:00:00:00:02:{i:02x}", f"nobody {i}", None, known=False))
    ]
    assert tried == [True] * ROOM + [False] * 6
    answered: list[bytes] = []
    while len(answered) < ROOM:
        answered += here.finishes(NOW)
    assert {reply[0] for reply in answered} == {Code.ACCESS_REJECT}
    assert here.service.handle([(data, SOURCE, 0) for data in flood[-6:]], NOW) == []
    assert here.service.endpoint.drops["generic", "in-progress"] == 0, "they were forgotten, and are begun anew"
    for _ in range(6):
        answered += here.finishes(NOW) if len(answered) < ROOM + 6 else []
    assert len(answered) == ROOM + 6


def test_a_members_word_needs_a_gateway_and_a_site_that_take_it(tmp_path: Path) -> None:
    closed = city.node(tmp_path)
    worker = Worker(closed)
    try:
        [reply] = worker.hears(datagram(closed, "sari", mac()), NOW, SOURCE)
        assert "Nama pengguna tidak dikenal" in (parse(reply).text("Reply-Message") or "")
    finally:
        worker.close()
    text = city.text(", members = true").replace('admit = ["click-through", "member"]', 'admit = ["click-through"]')
    closed.write({}, base=text)
    assert "no site of this gateway admits members" in closed.call("check", str(closed.sites)).stderr
    closed.activate()
    worker = Worker(closed)
    try:
        [reply] = worker.hears(datagram(closed, "sari", mac()), NOW, SOURCE)
        assert "tidak berlaku di tempat ini" in (parse(reply).text("Reply-Message") or "")
    finally:
        worker.close()
