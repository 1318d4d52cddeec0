"""Every kind of gateway gets its own Accept, and its own redirect, through the service; radclient reads them with
FreeRADIUS's dictionaries. tests/golden/radius/replies.txt has what it must print."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node import Node, Service

from . import city
from .test_mschap import CHALLENGE, RESPONSE
from .test_service import MAC, issue, request

GOLDEN = Path(__file__).parents[1] / "golden" / "radius" / "replies.txt"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return city.node(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module", autouse=True)
def server(node: Node) -> Iterator[Service]:
    with node.service("radius") as service:
        yield service


def shown(printed: str) -> str:
    """A reply without what differs from run to run; the time left is checked to be that of the grant."""
    code, attributes = city.reply(printed)
    for line in attributes:
        if found := re.fullmatch(r"Session-Timeout = (\d+)", line):
            assert 3590 <= int(found[1]) <= 3600
    kept = [re.sub("^(Session-Timeout|Message-Authenticator|Class) = .*", r"\1", line) for line in attributes]
    return "".join(f"{line}\n" for line in [code, *kept])


def test_each_kind_gets_what_it_understands(node: Node) -> None:
    found = ""
    for kind in city.KINDS:
        user, password = issue(node, gateway=kind, total=5 * 2**30)
        found += f"== {kind}: a ticket\n{shown(city.ask(node, kind, request(user, password)))}"
        unknown = 'User-Name = "020000000099"\nCalling-Station-Id = "02-00-00-00-00-99"\nService-Type = Call-Check\n'
        found += f"== {kind}: an unknown device\n{shown(city.ask(node, kind, unknown))}"
    assert found == GOLDEN.read_text()


@pytest.mark.parametrize("port", ["auth", "acct"])
def test_status_server_on_both_ports(node: Node, port: str) -> None:
    number = node.auth_port if port == "auth" else node.acct_port
    code, attributes = city.reply(city.ask(node, "generic", "NAS-Identifier = x\n", command="status", port=number))
    assert code == ("Access-Accept" if port == "auth" else "Accounting-Response")
    signed = ["Message-Authenticator"] if port == "auth" else []
    assert [line.split(" = ")[0] for line in attributes] == signed


def test_a_wrong_mschapv2_response_gets_its_error(node: Node) -> None:
    user, _ = issue(node, gateway="generic")
    wrong = (
        f'User-Name = "{user}"\nCalling-Station-Id = "{MAC}"\nMS-CHAP-Challenge = 0x{CHALLENGE.hex()}\n'
        f"MS-CHAP2-Response = 0x{RESPONSE.hex()}\n"
    )
    code, attributes = city.reply(city.ask(node, "generic", wrong))
    assert code == "Access-Reject"
    error = next(line for line in attributes if line.startswith("MS-CHAP-Error"))
    assert "E=691 R=0 C=00000000000000000000000000000000 V=3 M=Tiket masuk tidak cocok" in error
