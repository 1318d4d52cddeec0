import secrets as random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import chromium as chromium_
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose portal and RADIUS run."""
    node = Node(tmp_path_factory.mktemp("portal"))
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


@pytest.fixture
def gateway(node: Node) -> Iterator[CoovaChilliDouble]:
    """The park's gateway; its phone has a MAC address of its own in every test."""
    with node.gateway() as running:
        running.phone.mac = "-".join(["02", *(f"{random.randbelow(256):02X}" for _ in range(5))])
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_.running() as browser:
        yield browser
