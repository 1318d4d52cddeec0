"""kill -9 at random moments under load: what was acknowledged is there, once, and the database opens.

On SQLite, on PostgreSQL, and on a PostgreSQL that is away half of the time, so that the journal is killed too. The
victim is the whole service or one of its processes; the moment and the victim follow from the seed.
"""

import hashlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pysqlite3.dbapi2 as sqlite
import pytest

from hotspot.store.stays import sessions
from radius.away.backlog import waiting
from tests.bench.city.nas import accounting_request, attribute, is_answer
from tests.node import Node, Service
from tests.postgres import Cluster

_GATEWAYS = 8
NEITHER: tuple[list[str], list[str]] = ([], [])
"""Lost, and there twice."""


class Load:
    """Gateways that report new sessions as fast as they are answered; `acknowledged` are those that were."""

    def __init__(self, node: Node):
        self._port, self._secret = node.acct_port, node.secret("TK1_RADIUS")
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self._count = Counter[int]()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(_GATEWAYS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.3)
            while not self._stop.is_set():
                self._count[number] += 1
                name = f"{number}-{self._count[number]}"
                body = attribute(40, 1) + attribute(44, name) + attribute(31, f"02-00-00-00-00-{number:02x}")
                body += attribute(25, hashlib.md5(name.encode()).hexdigest())
                request = accounting_request(self._count[number] % 256, self._secret, body)
                while not self._stop.is_set():  # the same bytes until they are answered
                    sock.sendto(request, ("127.0.0.1", self._port))
                    try:
                        reply = sock.recv(4096)
                    except (TimeoutError, ConnectionRefusedError):
                        continue
                    if is_answer(reply, request, self._secret):
                        self.acknowledged.add(name)
                        break


def children(service: Service) -> list[int]:
    pid = service.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(service: Service, random: Random) -> None:
    """The whole service, or one of its children, which it replaces."""
    living = children(service)
    if living and random.random() < 0.5:
        os.kill(random.choice(living), signal.SIGKILL)
        return
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL


def killed(node: Node, kills: int, seed: int, cluster: Cluster | None = None) -> tuple[list[str], list[str]]:
    """The sessions that were acknowledged and lost, and those that are there twice."""
    random = Random(seed)
    with Load(node) as load:
        service = node.service("radius")
        try:
            for _ in range(kills):
                before = len(load.acknowledged)
                until(lambda before=before: len(load.acknowledged) > before)
                if cluster is not None and random.random() < 0.5:
                    cluster.stop()
                time.sleep(random.uniform(0, 0.6))
                kill(service, random)
                if service.process.poll() is not None:
                    service = node.service("radius")
                if cluster is not None:
                    time.sleep(random.uniform(0, 0.6))
                    cluster.start()
            before = len(load.acknowledged)
            until(lambda: len(load.acknowledged) > before + _GATEWAYS)
            load.__exit__()
            drained(node.settings.state / "journal", service)
        finally:
            service.stop()
    kept = Counter(row.acct_session_id for row in ledger(node))
    assert len(load.acknowledged) > kills
    assert list((node.settings.state / "journal").glob("*.damaged")) == []
    return sorted(load.acknowledged - kept.keys()), [name for name, times in kept.items() if times > 1]


def drained(journal: Path, service: Service) -> None:
    """Waits until the journal is applied, as long as it grows shorter."""
    left = len(waiting(journal))
    while left:
        before = left
        until(
            lambda before=before: len(waiting(journal)) < before,
            lambda: f"{waiting(journal)} stay, and:\n{''.join(service.lines[-30:])}",
        )
        left = len(waiting(journal))


def ledger(node: Node) -> list[Any]:
    store = node.store()
    with store.core.read() as connection:
        found = sessions.listed(connection, running=False, limit=10**6)
    store.close()
    return found


def until(condition: Any, otherwise: Callable[[], str] = lambda: "it never came", patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


def on_sqlite(folder: Path, kills: int) -> tuple[list[str], list[str]]:
    node = Node(folder)
    node.activate()
    ended = killed(node, kills, seed=1)
    connection = sqlite.connect(str(node.settings.state / "core.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return ended


def on_postgresql(folder: Path, cluster: Cluster, kills: int, *, away: bool) -> tuple[list[str], list[str]]:
    server = cluster.start()
    node = Node(folder)
    node.environment |= {"HOTSPOT_CORE_URL": server.new_database(), "HOTSPOT_TELEMETRY_URL": server.new_database()}
    node.activate()
    return killed(node, kills, seed=2 + away, cluster=cluster if away else None)


def test_a_few_kills_on_sqlite(tmp_path: Path) -> None:
    assert on_sqlite(tmp_path, 4) == NEITHER


@pytest.mark.parametrize("away", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_few_kills_on_postgresql(tmp_path: Path, cluster: Cluster, away: bool) -> None:
    assert on_postgresql(tmp_path, cluster, 4, away=away) == NEITHER


@pytest.mark.long
def test_a_hundred_kills_on_sqlite(tmp_path: Path) -> None:
    assert on_sqlite(tmp_path, 100) == NEITHER


@pytest.mark.long
@pytest.mark.parametrize("away", [False, True])
def test_a_hundred_kills_on_postgresql(tmp_path: Path, cluster: Cluster, away: bool) -> None:
    assert on_postgresql(tmp_path, cluster, 100, away=away) == NEITHER
