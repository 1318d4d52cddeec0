import secrets as random
from collections.abc import Iterator

import pytest

from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose portal and RADIUS run."""
    node = Node(tmp_path_factory.mktemp("portal"))
    node.activate()
    with node.service("radius"), node.service("portal"):
        yield node


def double(
    node: Node, gateway: str = "tk1-gw", secrets: str = "TK1", nasmac: str = "02-00-5E-AA-BB-01"
) -> CoovaChilliDouble:
    return CoovaChilliDouble(
        nasid=gateway,
        uamserver=f"{node.portal}/g/{gateway}",
        uam_secret=node.secret(f"{secrets}_UAM"),
        radius_secret=node.secret(f"{secrets}_RADIUS"),
        auth=("127.0.0.1", node.auth_port),
        acct=("127.0.0.1", node.acct_port),
        coa_port=node.coa_port if gateway == "tk1-gw" else 0,
        nasmac=nasmac,
    )


@pytest.fixture
def gateway(node: Node) -> Iterator[CoovaChilliDouble]:
    """The park's gateway; its phone has a MAC address of its own in every test."""
    with double(node) as running:
        running.phone.mac = "-".join(["02", *(f"{random.randbelow(256):02X}" for _ in range(5))])
        yield running
