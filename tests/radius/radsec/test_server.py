"""The service as a process; radsecproxy and FreeRADIUS as gateways over TLS, radclient behind them, openssl as whoever
must not come in."""

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.node import Node, Service, free_port
from tests.radius.radsec.peers import SECRET, Gateway, freeradius, radsecproxy
from tests.radius.test_service import accounting, issue, request

UDP = 'sources = ["127.0.0.1/32"], secret = "env:TK1_RADIUS"'
TLS = 'certificate = "gw1.example"'


class Secured:
    """A node with RADIUS over TLS, whose first park's gateway comes by certificate."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.authority = Authority(folder)
        self.port = free_port()
        self.node = Node(folder / "node")
        certificate, key = self.authority.issue("radius.example")
        self.node.environment |= {
            "HOTSPOT_RADSEC_LISTEN": f"127.0.0.1:{self.port}",
            "HOTSPOT_RADSEC_CERT": str(certificate),
            "HOTSPOT_RADSEC_KEY": str(key),
            "HOTSPOT_RADSEC_CA": str(self.authority.file),
        }
        text = re.sub(r', coa = "127.0.0.1:\d+" }', " }", self.node.sites.read_text(), count=1)
        self.node.write({UDP: TLS}, text)
        self.node.activate()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    folder = tmp_path_factory.mktemp("radsec")
    (folder / "node").mkdir()
    return Secured(folder)


@pytest.fixture(scope="module")
def server(secured: Secured) -> Iterator[Service]:
    with secured.node.service("radius") as service:
        yield service


def radclient(port: int, attributes: str, kind: str) -> str:
    command = ["radclient", "-x", "-r", "1", "-t", "5", f"127.0.0.1:{port}", kind, SECRET]
    done = subprocess.run(command, input=attributes, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("peer", [radsecproxy, freeradius])
def test_tickets_and_accounting_over_tls(secured: Secured, server: Service, tmp_path: Path, peer, tls: str) -> None:
    certificate, key = secured.authority.issue("gw1.example")
    with peer(tmp_path, secured.port, secured.authority.file, certificate, key, tls) as gateway:
        user, password = issue(secured.node)
        first = radclient(gateway.auth, request(user, password), "auth")
        assert "Received Access-Accept" in first, "".join(gateway.service.lines)
        assert f"Class = 0x{user.encode().hex()}" in first
        assert "Proxy-State = 0x6f6e65" in first
        assert "Access-Reject" in radclient(gateway.auth, request(user, password), "auth")
        base = {"User_Name": f'"{user}"', "Acct_Session_Id": f'"{user[:8]}"', "Class": f"0x{user.encode().hex()}"}
        for status in ("Start", "Stop"):
            assert "Accounting-Response" in radclient(gateway.acct, accounting(status, **base), "acct")
    assert any("RadSec connected" in line and f"TLSv{tls}" in line and "tk1-gw" in line for line in server.lines)
    [row] = [row for row in secured.node.json("session", "list", "--all") if row["acct_session_id"] == user[:8]]
    assert (row["gateway"], row["plan"]) == ("tk1-gw", "umum")
