"""More accounting at once than the store takes one batch after the other: written to the journal, applied after."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hotspot.store import Store
from hotspot.store.city.revisions import Following
from hotspot.store.schema import session
from radius.away.backlog import FOLDER, waiting
from radius.away.replay import Replay
from radius.service import ACCOUNTING, Service
from tests.bench.city.nas import accounting_request, attribute
from tests.node import Node

NEVER = threading.Event()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    node = Node(tmp_path)
    node.activate()
    return node


@pytest.fixture
def store(node: Node) -> Iterator[Store]:
    store = node.store()
    yield store
    store.close()


@pytest.fixture
def service(node: Node, store: Store) -> Iterator[Service]:
    service = Service(node.settings, store, node.settings.keys())
    yield service
    service.close()


def hear(service: Service, node: Node, first: int, count: int) -> int:
    """Sends Starts of sessions at once; how many were acknowledged."""
    batch = []
    for number in range(first, first + count):
        body = attribute(40, 1) + attribute(44, f"session-{number}") + attribute(31, f"02-00-00-00-00-{number:02x}")
        packet = accounting_request(number % 256, node.secret("TK1_RADIUS"), body)
        batch.append((packet, ("127.0.0.1", 40000), ACCOUNTING))
    return len(service.handle(batch, int(time.time())))


def kept(store: Store) -> int:
    with store.core.read() as connection:
        return int(connection.execute(select(func.count()).select_from(session)).scalar_one())


def apply(node: Node, store: Store) -> int:
    replay = Replay(node.settings.state / FOLDER, store, node.settings.keys(), Following(store).inventory)
    return replay.round(NEVER)


def test_a_few_are_in_the_store_when_they_are_acknowledged(node: Node, store: Store, service: Service) -> None:
    assert hear(service, node, 0, 15) == 15
    assert (kept(store), waiting(node.settings.state / FOLDER)) == (15, [])


def test_many_are_in_the_journal_and_soon_in_the_store(node: Node, store: Store, service: Service) -> None:
    assert hear(service, node, 0, 40) == 40
    assert hear(service, node, 40, 1) == 1, "a small batch in between does not wait for the store either"
    assert kept(store) == 0
    assert apply(node, store) == 41
    assert kept(store) == 41
    assert apply(node, store) == 0
    service.tend()
    assert len(waiting(node.settings.state / FOLDER)) == 1, "it is still being written"


def test_after_a_calm_second_accounting_goes_to_the_store_again(node: Node, store: Store, service: Service) -> None:
    hear(service, node, 0, 40)
    time.sleep(1.1)
    service.tend()
    assert hear(service, node, 40, 2) == 2
    assert kept(store) == 2
    assert apply(node, store) == 40
    assert (kept(store), waiting(node.settings.state / FOLDER)) == (42, [])


def test_a_start_that_is_entered_after_its_restart_does_not_run(node: Node, store: Store, service: Service) -> None:
    """The Start waits in the journal while the Accounting-On goes straight to the store."""
    hear(service, node, 0, 40)
    other = Service(node.settings, store, node.settings.keys())
    on = accounting_request(77, node.secret("TK1_RADIUS"), attribute(40, 7))
    assert len(other.handle([(on, ("127.0.0.1", 40001), ACCOUNTING)], int(time.time()) + 5)) == 1
    other.close()
    apply(node, store)
    with store.core.read() as connection:
        causes = connection.execute(select(session.c.presumed_cause, func.count()).group_by(session.c.presumed_cause))
        assert causes.all() == [("NAS-Reboot", 40)]


def test_a_disk_that_fails_at_the_last_moment_costs_nothing_acknowledged(
    node: Node, store: Store, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written may be read and applied before the failure shows; what comes next has a number of its own."""
    hear(service, node, 0, 40)
    real = os.fdatasync

    def failing(descriptor: int) -> None:
        real(descriptor)
        assert apply(node, store) == 60
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    assert hear(service, node, 40, 20) == 20, "the store takes them"
    monkeypatch.setattr(os, "fdatasync", real)
    time.sleep(1.1)  # a journal that failed rests
    assert hear(service, node, 60, 30) == 30
    apply(node, store)
    assert kept(store) == 90


def test_where_the_journal_cannot_be_written_the_store_takes_it(node: Node, store: Store, service: Service) -> None:
    service.clients()
    folder = node.settings.state / FOLDER
    for file in folder.iterdir() if folder.is_dir() else ():
        file.unlink()
    if folder.is_dir():
        folder.rmdir()
    folder.write_text("in the way")
    assert hear(service, node, 0, 40) == 40
    assert kept(store) == 40
