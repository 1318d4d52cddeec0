"""What the service does while its store is away: real processes, a PostgreSQL that is stopped, a locked SQLite."""

import hashlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import select

from hotspot.admission import ticket
from hotspot.store.schema import ticket as ticket_table
from hotspot.store.stays import sessions
from radius.away.backlog import waiting
from tests.bench.city.nas import access_request, accounting_request, attribute, is_answer, status_server
from tests.node import Node, Service
from tests.postgres import Cluster

from .test_service import MAC, issue

PLAN = 'kind = "park"'


class Nas:
    """A gateway's socket on loopback: what it sends is retransmitted as a NAS does, and answers are checked."""

    def __init__(self, node: Node):
        self._node = node
        self._secret = node.secret("TK1_RADIUS")
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._next = 0

    def __enter__(self) -> "Nas":
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def ask(self, request: bytes, port: int, tries: int = 12) -> bytes | None:
        """The authentic answer; None where none comes to `tries` tries in as many seconds."""
        for _ in range(tries):
            self._sock.sendto(request, ("127.0.0.1", port))
            deadline = time.monotonic() + 1
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                try:
                    reply = self._sock.recv(4096)
                except TimeoutError:
                    break
                if is_answer(reply, request, self._secret):
                    return reply
        return None

    def account(self, session: str, kind: int = 1, tries: int = 12, down: int = 0) -> bool:
        """Whether a record is acknowledged. The Class stands for a ticket that nobody knows."""
        body = attribute(40, kind) + attribute(44, session) + attribute(31, MAC.replace(":", "-"))
        body += attribute(25, hashlib.md5(session.encode()).hexdigest()) + attribute(42, down)
        self._next = (self._next + 1) % 256
        reply = self.ask(accounting_request(self._next, self._secret, body), self._node.acct_port, tries)
        return reply is not None and reply[0] == 5

    def login(self, user: str, password: str) -> bytes:
        """An Access-Request with a ticket."""
        body = attribute(1, user) + attribute(31, MAC.replace(":", "-"))
        self._next = (self._next + 1) % 256
        return access_request(self._next, self._secret, body, password)

    def answer(self, request: bytes) -> bytes:
        reply = self.ask(request, self._node.auth_port)
        assert reply is not None
        return reply


def attributes(reply: bytes) -> dict[int, bytes]:
    found, at = {}, 20
    while at < len(reply):
        found[reply[at]] = reply[at + 2 : at + reply[at + 1]]
        at += reply[at + 1]
    return found


def ledger(node: Node) -> dict[str, Any]:
    store = node.store()
    with store.core.read() as connection:
        found = sessions.listed(connection, running=False)
    store.close()
    assert len({row.acct_session_id for row in found}) == len(found), "a session stands there twice"
    return {row.acct_session_id: row for row in found}


def redeemed_by(node: Node, name: str) -> bytes | None:
    store = node.store()
    with store.core.read() as connection:
        row = connection.execute(select(ticket_table).where(ticket_table.c.id == name)).one()
    store.close()
    return row.request_authenticator and bytes(row.request_authenticator)


def until(condition: Callable[[], object], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def applied(node: Node) -> bool:
    return not waiting(node.settings.state / "journal")


@pytest.fixture
def node(tmp_path: Path, cluster: Cluster) -> Node:
    """A node on a PostgreSQL of its own, which runs. Its first park admits while the store is away."""
    server = cluster.start()
    node = Node(tmp_path)
    text = node.sites.read_text()
    text = text.replace(PLAN, f'{PLAN}\nwhen_store_is_away = "admit for 15 minutes"', 1)
    node.sites.write_text(text)
    node.environment |= {"HOTSPOT_CORE_URL": server.new_database(), "HOTSPOT_TELEMETRY_URL": server.new_database()}
    node.environment["HOTSPOT_RADIUS_WORKERS"] = "2"
    node.activate()
    return node


@contextmanager
def radius(node: Node) -> Iterator[Service]:
    """The service, when its workers answer; which of them is asked, the kernel decides by the socket."""
    with node.service("radius") as service:
        for _ in range(6):
            with Nas(node) as nas:
                assert nas.answer(nas.login("nobody", "x"))[0] == 3
        yield service


@pytest.fixture
def service(node: Node) -> Iterator[Service]:
    with radius(node) as service:
        yield service


def test_accounting_goes_on_and_arrives_once(node: Node, service: Service, cluster: Cluster) -> None:
    gateways = [Nas(node) for _ in range(6)]  # so that both workers are asked
    for number, nas in enumerate(gateways):
        assert nas.account(f"before-{number}")
    cluster.stop()
    for number, nas in enumerate(gateways):
        assert nas.account(f"before-{number}", 3, down=number)
        assert nas.account(f"during-{number}")
    service.wait_for("store away")
    assert not applied(node)
    cluster.start()
    service.wait_for("store back")
    until(lambda: applied(node))
    for number, nas in enumerate(gateways):
        assert nas.account(f"after-{number}")
        nas.__exit__()
    found = ledger(node)
    names = {f"{when}-{number}" for when in ("before", "during", "after") for number in range(6)}
    assert found.keys() == names
    assert [found[f"before-{number}"].down for number in range(6)] == list(range(6))
    assert service.stop() == 0
    assert sum("store away" in line for line in service.lines) <= 2, "once for each worker"
    assert any("journal applied" in line for line in service.lines)


def test_a_restart_during_an_outage_ends_what_went_before(node: Node, service: Service, cluster: Cluster) -> None:
    with Nas(node) as nas:
        assert nas.account("old")
        cluster.stop()
        time.sleep(1.1)
        assert nas.account("", 7)
        time.sleep(1.1)
        assert nas.account("new")
        cluster.start()
        until(lambda: applied(node) and "new" in ledger(node))
    found = ledger(node)
    assert (found["old"].presumed_cause, found["new"].ended_at) == ("NAS-Reboot", None)


@pytest.mark.usefixtures("service")
def test_a_fresh_ticket_admits_for_a_short_time(node: Node, cluster: Cluster) -> None:
    user, password = issue(node)
    other, other_password = issue(node, expires_in=600)
    old = f"{int(time.time()) - 90:08x}{other[8:]}"
    old_password = ticket.password(node.settings.keys().derive("ticket"), old, "tk1-gw", MAC)
    cluster.stop()
    with Nas(node) as nas, Nas(node) as another:
        request = nas.login(user, password)
        reply = nas.answer(request)
        assert reply[0] == 2
        assert int.from_bytes(attributes(reply)[27], "big") == 900
        assert attributes(reply)[25] == user.encode()
        assert another.answer(request) == reply, "the identical request, to whichever worker"
        spent = nas.answer(nas.login(user, password))
        assert (spent[0], b"Tiket" in attributes(spent)[18]) == (3, True)
        assert nas.answer(nas.login(other, password))[0] == 3, "a wrong password"
        assert nas.answer(nas.login(old, old_password))[0] == 3, "too old"
        refused = nas.answer(nas.login(MAC.replace(":", ""), "x"))
        assert (refused[0], b"terganggu" in attributes(refused)[18]) == (3, True)
        cluster.start()
        until(lambda: redeemed_by(node, user))
        assert nas.answer(nas.login(user, password))[0] == 3, "whether or not the worker has the store back already"
        assert nas.answer(nas.login(other, other_password))[0] == 2
    assert redeemed_by(node, user) == request[4:20]


def test_a_site_that_refuses_says_so(tmp_path: Path, cluster: Cluster, node: Node) -> None:
    node.sites.write_text(re.sub(r"when_store_is_away.*\n", "", node.sites.read_text()))
    node.activate()
    user, password = issue(node)
    with radius(node), Nas(node) as nas:
        cluster.stop()
        reply = nas.answer(nas.login(user, password))
        assert (reply[0], b"terganggu" in attributes(reply)[18]) == (3, True)
        status = status_server(1, node.secret("TK1_RADIUS"))
        assert nas.ask(status, node.auth_port, tries=1) is None, "a gateway that asks goes to another node"
        alive = nas.ask(status, node.acct_port)
        assert (alive and alive[0]) == 5


def test_a_node_that_starts_meanwhile_works_with_the_inventory_it_knew(node: Node, cluster: Cluster) -> None:
    with radius(node), Nas(node) as nas:
        assert nas.account("first")
    user, password = issue(node)
    cluster.stop()
    with radius(node) as killed, Nas(node) as nas:
        assert nas.account("second")
        killed.stop(signal.SIGKILL)
    with radius(node) as service, Nas(node) as nas:
        assert nas.account("third")
        assert nas.answer(nas.login(user, password))[0] == 2
        cluster.start()
        service.wait_for("store back")
        until(lambda: applied(node))
        assert nas.account("fourth")
        assert service.stop() == 0
    assert ledger(node).keys() == {"first", "second", "third", "fourth"}


def test_a_node_that_never_knew_an_inventory_says_that_the_store_is_away(node: Node, cluster: Cluster) -> None:
    cluster.stop()
    with pytest.raises(AssertionError, match="the core database does not answer"):
        node.service("radius")


def test_a_locked_sqlite_is_away_until_it_is_not(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.activate()
    with radius(node) as service, Nas(node) as nas:
        assert nas.account("before")
        locker = sqlite.connect(str(node.settings.state / "core.db"), isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        assert nas.account("during", tries=30)
        service.wait_for("store away")
        assert nas.account("more", tries=6), "at once, now that it is known: a locked store is waited for 15 seconds"
        locker.execute("ROLLBACK")
        locker.close()
        service.wait_for("store back")
        until(lambda: applied(node))
        assert nas.account("after")
    assert ledger(node).keys() == {"before", "during", "more", "after"}


def test_a_journal_that_cannot_be_written_acknowledges_nothing(node: Node, service: Service, cluster: Cluster) -> None:
    gateways = [Nas(node) for _ in range(6)]
    folder = node.settings.state / "journal"
    moved = folder.with_name("elsewhere")
    folder.rename(moved)
    folder.write_text("no folder")  # also for root, who may write anywhere
    cluster.stop()
    assert not gateways[0].account("lost", tries=3)
    service.wait_for("not acknowledged")
    folder.unlink()
    os.rename(moved, folder)
    assert all(nas.account("kept") for nas in gateways)
    cluster.start()
    until(lambda: "kept" in ledger(node))
    for nas in gateways:
        nas.__exit__()
