"""MS-CHAPv2 with peers that are not ours: FreeRADIUS finds the same keys, and asks our service for a supplicant.

eapol_test (wpa_supplicant's code) does EAP-TTLS with MS-CHAPv2 inside; FreeRADIUS takes it apart and sends that on
as a gateway does. The supplicant accepts only a right MS-CHAP2-Success.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from radius.wire.mschap import verify
from tests.node import Node, Service

from .test_mschap import CHALLENGE, RESPONSE
from .test_service import MAC, issue

CONFIGURATION = (Path(__file__).parent / "freeradius" / "radiusd.conf").read_text()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("mschap"))
    node.activate()
    return node


@pytest.fixture(scope="module")
def freeradius(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """FreeRADIUS on a port of its own, as long as the module's tests take."""
    assert shutil.which("freeradius"), "package freeradius is missing"
    folder, port = tmp_path_factory.mktemp("freeradius"), node.coa_port
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    values = {
        "folder": str(folder),
        "ours": str(node.auth_port),
        "port": str(port),
        "secret": node.secret("TK1_RADIUS").decode(),
    }
    (folder / "radiusd.conf").write_text(re.sub("@([a-z]+)@", lambda match: values[match[1]], CONFIGURATION))
    command = ["freeradius", "-f", "-X", "-d", str(folder)]
    with Service(command, node.environment, "Ready to process requests"):
        yield port


def shown(node: Node, port: int, attributes: str) -> str:
    done = subprocess.run(
        ["radclient", "-x", "-r", "1", "-t", "3", f"127.0.0.1:{port}", "auth", node.secret("TK1_RADIUS").decode()],
        input=attributes, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_freeradius_answers_the_rfcs_example_with_our_success_and_our_keys(node: Node, freeradius: int) -> None:
    request = (
        f'User-Name = "User"\nMS-CHAP-Challenge = 0x{CHALLENGE.hex()}\nMS-CHAP2-Response = 0x{RESPONSE.hex()}\n'
        "Message-Authenticator = 0x00\n"
    )
    theirs = dict(
        re.findall(r"^\t(MS-\S+) = 0x([0-9a-f]+)$", shown(node, freeradius, request).split("Received")[1], re.M)
    )
    ours = verify(b"User", "clientPass", CHALLENGE, RESPONSE)
    assert ours is not None
    assert theirs == {
        "MS-CHAP2-Success": ours.success.hex(),
        "MS-MPPE-Send-Key": ours.send_key.hex(),
        "MS-MPPE-Recv-Key": ours.receive_key.hex(),
    }


def supplicant(node: Node, folder: Path, port: int, user: str, password: str) -> str:
    """What eapol_test prints after one login."""
    assert shutil.which("eapol_test"), "package eapoltest is missing"
    network = folder / "network.conf"
    network.write_text(
        f'network={{\n key_mgmt=IEEE8021X\n eap=TTLS\n identity="{user}"\n anonymous_identity="anonymous"\n'
        f' password="{password}"\n phase2="auth=MSCHAPV2"\n}}\n'
    )
    done = subprocess.run(
        ["eapol_test", "-c", network, "-a", "127.0.0.1", "-p", str(port), "-s", node.secret("TK1_RADIUS"),
         "-M", MAC, "-t", "10", "-n"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_a_supplicant_logs_in_with_a_ticket_once(node: Node, freeradius: int, tmp_path: Path) -> None:
    with node.service("radius"):
        user, password = issue(node)
        printed = supplicant(node, tmp_path, freeradius, user, password)
        assert printed.rstrip().endswith("SUCCESS")
        assert printed.count("EAP-TTLS: Phase 2 MSCHAPV2 authentication succeeded") == 1
        again = supplicant(node, tmp_path, freeradius, user, password)
        assert again.rstrip().endswith("FAILURE")
        other, _ = issue(node)
        assert supplicant(node, tmp_path, freeradius, other, password).rstrip().endswith("FAILURE")
