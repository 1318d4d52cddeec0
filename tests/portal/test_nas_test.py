"""`hotspot nas test`: what is right, what is wrong, and what cannot be told yet, of a gateway."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.node import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("nas-test"))
    node.activate()
    with node.service("portal"):
        yield node


def looked(node: Node, name: str) -> dict[str, Any]:
    return {check["what"]: check["good"] for check in node.json("nas", "test", name)}


def test_a_gateway_that_is_ready(node: Node) -> None:
    assert looked(node, "tk1-gw") == {
        "dialect": True, "radius.secret": True, "uam_secret": True, "portal": True, "door": True,
        "software": None, "RADIUS": None, "logins": None,
    }  # fmt: skip


def test_an_access_point_names_its_gateway_and_an_openNDS_its_agent(node: Node) -> None:  # noqa: N802
    assert looked(node, "sman2-ap1")["agent"] is None
    assert "smpn11-gw" in node.run("nas", "files", "mikrotik", "--out", str(node.folder / "pages"))


def test_a_name_that_nobody_has(node: Node) -> None:
    done = node.call("nas", "test", "nowhere")
    assert (done.returncode, "neither an access point nor a gateway" in done.stderr) == (2, True)


def test_what_is_wrong_is_named_and_the_exit_code_says_so(node: Node) -> None:
    node.write({'login = "http://10.213.0.1/login"': "", "https://wifi.example.go.id": "http://127.0.0.1:9"})
    node.run("activate", str(node.sites))
    done = node.call("nas", "test", "smpn11-gw")
    assert done.returncode == 1
    assert "WRONG  dialect: mikrotik needs login in sites.toml" in done.stdout
    assert "WRONG  portal: http://127.0.0.1:9" in done.stdout


def test_pfsenses_pages(node: Node) -> None:
    done = node.call("nas", "files", "pfsense", "--gateway", "tk1-gw", "--out", str(node.folder / "zone"))
    assert (done.returncode, 'no gateway with nas = "pfsense"' in done.stderr) == (2, True)


def test_opnsenses_template(node: Node) -> None:
    done = node.call("nas", "files", "opnsense", "--gateway", "tk1-gw", "--out", str(node.folder / "opn"))
    assert (done.returncode, 'no gateway with nas = "opnsense"' in done.stderr) == (2, True)
