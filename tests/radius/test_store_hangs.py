"""A store that hangs with its connections open costs no accounting record, whatever holds it up."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from portal.forms import status_token
from tests.doubles.network import CutNetworkDouble
from tests.node import Node, Service
from tests.postgres import Cluster

from .test_service import issue
from .test_store_away import PLAN, Nas, applied, ledger, radius, until

NAMES = range(6)


@pytest.fixture
def network(cluster: Cluster) -> Iterator[CutNetworkDouble]:
    folder = cluster.start().url.partition("?host=")[2]
    network = CutNetworkDouble(f"{folder}/.s.PGSQL.5432")
    yield network
    network.close()


@pytest.fixture
def node(tmp_path: Path, cluster: Cluster, network: CutNetworkDouble) -> Node:
    """A node whose store is behind the network."""
    server = cluster.start()
    node = Node(tmp_path)
    text = node.sites.read_text()
    node.sites.write_text(text.replace(PLAN, f'{PLAN}\nwhen_store_is_away = "admit for 15 minutes"', 1))
    for name in ("CORE", "TELEMETRY"):
        head, _, rest = server.new_database().partition("@/")
        node.environment[f"HOTSPOT_{name}_URL"] = f"{head}@127.0.0.1:{network.port}/{rest.partition('?')[0]}"
    node.environment["HOTSPOT_RADIUS_WORKERS"] = "2"
    node.activate()
    return node


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody holds every table that accounting needs."""
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE session, device IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@contextmanager
def cut(network: CutNetworkDouble) -> Iterator[None]:
    network.cut()
    yield
    network.mend()


def _during(node: Node, cluster: Cluster, network: CutNetworkDouble) -> dict[str, AbstractContextManager[None]]:
    core = node.environment["HOTSPOT_CORE_URL"].rpartition("/")[2]
    return {
        "stopped": cluster.hanging(),
        "locked": locked(cluster.start().database(core)),
        "cut": cut(network),
    }


def _all(work: Callable[[Nas, int], bool], gateways: list[Nas]) -> bool:
    return all(work(nas, number) for number, nas in enumerate(gateways))


@pytest.mark.parametrize("way", ["stopped", "locked", "cut"])
def test_accounting_goes_on_and_arrives_once(node: Node, cluster: Cluster, network: CutNetworkDouble, way: str) -> None:
    gateways = [Nas(node) for _ in NAMES]
    with radius(node) as service:
        assert _all(lambda nas, number: nas.account(f"before-{number}"), gateways)
        with _during(node, cluster, network)[way]:
            assert _all(lambda nas, number: nas.account(f"before-{number}", 3, down=number), gateways)
            assert _all(lambda nas, number: nas.account(f"during-{number}"), gateways)
            service.wait_for("store away")
            assert _all(lambda nas, number: nas.account(f"more-{number}"), gateways)
        service.wait_for("store back")
        until(lambda: applied(node))
        assert _all(lambda nas, number: nas.account(f"after-{number}"), gateways)
        until(lambda: applied(node) and len(ledger(node)) == 4 * len(NAMES))
        assert service.stop() == 0
    for nas in gateways:
        nas.__exit__()
    found = ledger(node)
    names = {f"{when}-{number}" for when in ("before", "during", "more", "after") for number in NAMES}
    assert found.keys() == names
    assert [found[f"before-{number}"].down for number in NAMES] == list(NAMES)


def test_a_fresh_ticket_is_answered_while_it_hangs(node: Node, cluster: Cluster) -> None:
    user, password = issue(node)
    with radius(node), Nas(node) as nas:
        request = nas.login(user, password)
        with cluster.hanging():
            assert nas.answer(request)[0] == 2
            assert nas.answer(nas.login("nobody", "x"))[0] == 3


@pytest.fixture
def portal(node: Node) -> Iterator[Service]:
    with node.service("portal") as service:
        yield service


def test_the_portal_says_that_something_is_wrong(node: Node, cluster: Cluster, portal: Service) -> None:
    """No thread is held for ever: more ask than it has threads, all are told, and it serves again."""
    token = status_token(node.settings.keys().derive("portal status"), "0" * 32)
    page = f"{node.portal}/s/{token}"
    assert _pages(page, 1) == {404}, "nobody's"
    with cluster.hanging():
        assert _pages(page, 30) == {503}
        portal.said("not served", "core database")
    until(lambda: _pages(page, 1) == {404})


def _pages(url: str, number: int) -> set[int]:
    """The statuses of so many requests at once."""

    def ask(_: int) -> int:
        try:
            with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - our own portal
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    with ThreadPoolExecutor(number) as threads:
        return set(threads.map(ask, range(number)))
