"""The service as a process; radsecproxy and FreeRADIUS as gateways over TLS, radclient behind them, openssl as whoever
must not come in."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bed.net import wait_until
from tests.certificates import Authority
from tests.doubles.radsec import RadSecDouble, access_request, reply, status_server
from tests.node import Service
from tests.radius.test_service import MAC, accounting, issue, request
from tests.slow import Slow

from .node import TLS, Secured
from .peers import SECRET, Gateway, freeradius, radsecproxy


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    return Secured(tmp_path_factory.mktemp("radsec"))


@pytest.fixture(scope="module")
def server(secured: Secured) -> Iterator[Service]:
    with secured.node.service("radius") as service:
        yield service


def radclient(port: int, attributes: str, kind: str) -> str:
    command = ["radclient", "-x", "-r", "1", "-t", "30", f"127.0.0.1:{port}", kind, SECRET]
    done = subprocess.run(command, input=attributes, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("tls", ["1.2", "1.3"])
@pytest.mark.parametrize("peer", [radsecproxy, freeradius])
def test_tickets_and_accounting_over_tls(
    secured: Secured, server: Service, tmp_path: Path, peer: Callable[..., Gateway], tls: str
) -> None:
    certificate, key = secured.authority.issue("gw1.example")
    with peer(tmp_path, secured.port, secured.authority.file, certificate, key, tls) as gateway:
        user, password = issue(secured.node)
        first = radclient(gateway.auth, request(user, password), "auth")
        assert "Received Access-Accept" in first, "".join(gateway.service.lines)
        assert f"Class = 0x{user.encode().hex()}" in first
        assert "Proxy-State = 0x6f6e65" in first
        assert "Access-Reject" in radclient(gateway.auth, request(user, password), "auth")
        base = {"User_Name": f'"{user}"', "Acct_Session_Id": f'"{user[8:24]}"', "Class": f"0x{user.encode().hex()}"}
        for status in ("Start", "Stop"):
            assert "Accounting-Response" in radclient(gateway.acct, accounting(status, **base), "acct")
    assert server.said("RadSec connected", f"TLSv{tls}", "tk1-gw")
    [row] = [row for row in secured.node.json("session", "list", "--all") if row["acct_session_id"] == user[8:24]]
    assert (row["gateway"], row["plan"]) == ("tk1-gw", "umum")


# -- who is let in -------------------------------------------------------------------------------------------------


def openssl(secured: Secured, *options: str, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """`openssl s_client`, which sends `data` and prints what comes, until a packet has or the server ends it."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secured.port}", "-quiet", "-no_ign_eof", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        guard = threading.Timer(60, process.kill)
        guard.start()
        with suppress(BrokenPipeError):  # it was refused and is gone
            os.write(process.stdin.fileno(), data)
        out = process.stdout.read(4)
        if out:
            out += process.stdout.read(int.from_bytes(out[2:4], "big") - 4)
            process.terminate()
        process.wait()
        guard.cancel()
    return subprocess.CompletedProcess(command, process.returncode, out)


def of(pair: tuple[Path, Path]) -> list[str]:
    return ["-cert", str(pair[0]), "-key", str(pair[1])]


@pytest.mark.usefixtures("server")
def test_openssl_with_a_gateways_certificate_gets_an_answer(secured: Secured) -> None:
    known = secured.authority.issue("gw1.example")
    asked = status_server()
    for version in ("-tls1_2", "-tls1_3"):
        answer = openssl(secured, version, *of(known), data=asked).stdout
        assert reply(asked, answer).code == 2


def test_who_is_refused(secured: Secured, server: Service, tmp_path: Path) -> None:
    stranger, mine = Authority(tmp_path, "stranger"), secured.authority
    refused = {
        "nobody": [],
        "foreign": of(stranger.issue("gw1.example")),
        "expired": of(mine.issue("gw1.example", days=-0.5, file="late")),
        "unknown": of(mine.issue("gw9.example")),
        "old": [*of(mine.issue("gw1.example")), "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        "weak": [*of(mine.issue("gw1.example")), "-tls1_2", "-cipher", "AES128-SHA"],
    }
    for why, options in refused.items():
        done = openssl(secured, *options, data=status_server())
        assert done.stdout == b"", why
        assert done.returncode != 0 or why == "unknown", why
    assert server.said("unknown-certificate", "gw9.example")
    assert server.said('"RadSec"', "peer did not return a certificate")
    wait_until(lambda: sum("tls-handshake" in line for line in server.lines) >= 5, "each is told")


def connected(secured: Secured, name: str = "gw1.example") -> RadSecDouble:
    return RadSecDouble(secured.port, secured.authority.file, *secured.authority.issue(name))


@pytest.mark.usefixtures("server")
def test_the_rules_of_udp_hold_over_tls(secured: Secured) -> None:
    user, password = issue(secured.node)
    asked = access_request(user, password, MAC)
    unsigned = access_request(user, password, MAC, 7, signed=False)
    with connected(secured) as gateway:
        answer = gateway.ask(asked)
        assert reply(asked, answer).code == 2
        assert answer[20] == 80, "Message-Authenticator comes first"
        assert gateway.ask(asked) == answer, "a repetition gets the same bytes"
        alive = status_server(9)
        gateway.send(unsigned, b"\1\2\0\x15" + bytes(17), alive)
        assert gateway.receive()[1] == 9, "what is not signed, or no packet, gets none"
        gateway.send(b"\1\1\xff\xff")
        assert gateway.receive() == b"", "broken framing ends the connection"


@pytest.mark.usefixtures("server")
def test_connections_that_say_nothing_lock_no_gateway_out(secured: Secured) -> None:
    """From the address of the gateway itself: 100 of them, of which the oldest make room."""
    with Slow(secured.port) as slow:
        slow.begin(b"" if n % 2 else b"\x16\x03\x01" for n in range(100))
        wait_until(lambda: len(slow.ends) >= 84, "the oldest are ended")
        with connected(secured) as gateway:
            asked = status_server()
            assert reply(asked, gateway.ask(asked)).code == 2
        assert all(end.seconds < 13 for end in slow.all_ended(within=20)), "and the others when their time is over"


def test_nobody_waits_for_a_slow_peer(secured: Secured, server: Service) -> None:
    """Some never begin TLS, one asks without end and never reads: the next gateway is answered at once."""
    idle = [socket.create_connection(("127.0.0.1", secured.port)) for _ in range(10)]
    with connected(secured, "gw6.example") as deaf, connected(secured) as gateway:
        deaf.sock.settimeout(0.2)
        flood = status_server() * 1000
        sent, deadline = 0, time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                sent += deaf.sock.send(flood)
            except (TimeoutError, OSError):
                break
        assert sent
        started = time.monotonic()
        asked = status_server(5)
        assert reply(asked, gateway.ask(asked)).code == 2
        assert time.monotonic() - started < 9, "before the idle ones are shown out"
        idle[0].settimeout(60)
        assert idle[0].recv(1) == b"", "who does not begin TLS is shown out"
        assert reply(asked, gateway.ask(asked)).code == 2
    for sock in idle:
        sock.close()
    assert server.said("handshake-timeout")


# -- what changes while it runs ------------------------------------------------------------------------------------


def test_a_gateway_that_is_no_more_and_a_renewed_certificate(tmp_path: Path) -> None:
    secured = Secured(tmp_path)
    text = secured.node.sites.read_text()
    with secured.node.service("radius"), connected(secured) as gateway:
        asked = status_server()
        assert reply(asked, gateway.ask(asked)).code == 2
        secured.node.write({TLS: 'certificate = "gw2.example"'}, text)
        secured.node.activate()
        assert gateway.receive() == b"", "closed within seconds"
        with connected(secured, "gw2.example") as other:
            assert reply(asked, other.ask(asked)).code == 2
            before = other.sock.getpeercert(binary_form=True)
            secured.authority.issue("radius.example")
            deadline = time.monotonic() + 60
            while True:
                with connected(secured, "gw2.example") as renewed:
                    if renewed.sock.getpeercert(binary_form=True) != before:
                        break
                assert time.monotonic() < deadline
                time.sleep(0.5)
            assert reply(asked, other.ask(asked)).code == 2, "those who are connected stay so"


def test_what_is_wrong_is_named_before_anything_runs(tmp_path: Path) -> None:
    secured = Secured(tmp_path)
    (tmp_path / "radius.example.key").write_text("no key")
    with pytest.raises(AssertionError, match="HOTSPOT_RADSEC_KEY"):
        secured.node.service("radius")
    secured.node.environment.pop("HOTSPOT_RADSEC_KEY")
    with pytest.raises(AssertionError, match="go together"):
        secured.node.service("radius")
    for name in ("CERT", "CA"):
        secured.node.environment.pop(f"HOTSPOT_RADSEC_{name}")
    checked = secured.node.call("check", str(secured.node.sites))
    assert checked.returncode == 0
    assert "certificate: this node has no RADIUS over TLS" in checked.stderr
