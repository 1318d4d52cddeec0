"""Many datagrams at once over real sockets, in Python and in C."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from radius.wire.datagrams import Datagrams
from radius.wire.mmsg import MOST, Datagram, Slots

from .compiled import wire

Room = Callable[[int], Slots]
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.fixture(params=LOOPBACK)
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def server(family: int) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((LOOPBACK[socket.AddressFamily(family)], 0))
        yield sock


@pytest.fixture(params=["Python", "C"])
def room(request: pytest.FixtureRequest) -> Room:
    return Slots if request.param == "Python" else wire().Slots


def gathered(door: Datagrams, count: int) -> list[Datagram]:
    found: list[Datagram] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        found += door.receive()
    return found


def test_each_gets_its_own_answer(server: socket.socket, family: int, room: Room) -> None:
    door = Datagrams(server, 1, room=room)
    assert door.receive() == []
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(40)]
        for turn in range(3):
            for number, client in enumerate(clients):
                client.settimeout(60)
                client.sendto(b"%d:%d" % (turn, number) + b"x" * (number * 100), server.getsockname())
            batch = gathered(door, len(clients))
            assert {source for _, source, _ in batch} == {
                (LOOPBACK[socket.AddressFamily(family)], client.getsockname()[1]) for client in clients
            }
            assert {index for _, _, index in batch} == {1}
            assert door.send([(data[::-1], source, index) for data, source, index in reversed(batch)]) == 0
            for number, client in enumerate(clients):
                assert client.recv(5000) == (b"%d:%d" % (turn, number) + b"x" * (number * 100))[::-1]


def test_more_than_there_is_room_for_comes_in_turns_and_goes_out_whole(
    server: socket.socket, family: int, room: Room
) -> None:
    door = Datagrams(server, 0, room=room)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        for number in range(MOST // 2 + 10):
            client.sendto(b"%d" % number, server.getsockname())
        batch = gathered(door, MOST // 2 + 10)
        assert [data for data, _, _ in batch] == [b"%d" % number for number in range(MOST // 2 + 10)]
        assert door.send(batch * 2) == 0
        assert [client.recv(100) for _ in range(2 * len(batch))] == [data for data, _, _ in batch * 2]


def test_what_is_longer_than_a_packet_may_be_is_seen_to_be(server: socket.socket, family: int, room: Room) -> None:
    door = Datagrams(server, 0, room=room)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.sendto(b"a" * 4097, server.getsockname())
        client.sendto(b"b" * 9000, server.getsockname())
        client.sendto(b"", server.getsockname())
        assert [len(data) for data, _, _ in gathered(door, 3)] == [4097, 4160, 0]


def test_an_answer_that_cannot_go_out_costs_no_other_its_own(server: socket.socket, family: int, room: Room) -> None:
    door = Datagrams(server, 0, room=room)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.sendto(b"here", server.getsockname())
        [(_, source, _)] = gathered(door, 1)
        nowhere = (source[0], 0)  # the kernel refuses port 0
        assert door.send([(b"1", source, 0), (b"2", nowhere, 0), (b"3", nowhere, 0), (b"4", source, 0)]) == 2
        assert [client.recv(10), client.recv(10)] == [b"1", b"4"]


def test_many_answers_to_one_address_arrive_apart(server: socket.socket, family: int, room: Room) -> None:
    door = Datagrams(server, 0, room=room)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        client.sendto(b"here", server.getsockname())
        [(_, source, _)] = gathered(door, 1)
        answers = [bytes([number % 256]) * size for size in (4096, 20, 0, 3) for number in range(70)]
        assert door.send([(answer, source, 0) for answer in answers]) == 0
        assert [client.recv(5000) for _ in answers] == answers


def test_forgotten_addresses_are_made_anew(server: socket.socket, family: int, room: Room) -> None:
    door = Datagrams(server, 0, most_known=2, room=room)
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(5)]
        for number, client in enumerate(clients):
            client.settimeout(60)
            client.sendto(b"%d" % number, server.getsockname())
        assert door.send(gathered(door, 5)) == 0
        assert [client.recv(10) for client in clients] == [b"%d" % number for number in range(5)]
