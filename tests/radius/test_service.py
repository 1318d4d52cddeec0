"""The radius service as a process: radclient of FreeRADIUS and a CoovaChilli double (pyrad) talk to it over UDP."""

import hashlib
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from hotspot.admission import ticket
from hotspot.admission.grant import Grant, Limits
from hotspot.admission.ticket import Ticket
from hotspot.people.identity import new_id
from hotspot.store.persons import people
from hotspot.store.stays import grants, sessions
from tests.bed.net import wait_until
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node, Service

MAC = "02:00:00:00:00:01"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("radius"))
    node.activate()
    return node


@pytest.fixture(scope="module")
def server(node: Node) -> Iterator[Service]:
    with node.service("radius") as service:
        yield service


@pytest.fixture
def gateway(node: Node, server: Service) -> Iterator[CoovaChilliDouble]:
    with node.gateway() as double:
        yield double


def issue(
    node: Node,
    *,
    mac: str = MAC,
    gateway: str = "tk1-gw",
    expires_in: int = 60,
    language: str = "id",
    **limits: Any,
) -> tuple[str, str]:
    """A ticket as the portal makes it: its id and its password."""
    keys, store, now = node.settings.keys(), node.store(), int(time.time())
    with store.core.write() as connection:
        person = people.find_or_create(connection, keys, "device-day", new_id(), now)  # type: ignore[arg-type]
        device = people.see_device(connection, keys, mac, now)
        values = Limits(**{"session": 3600, "idle": 900, "down": 5_000_000, "up": 2_000_000, "total": 10**9, **limits})
        grant = Grant(
            new_id(),
            person,
            device,
            "taman-kota-1",
            gateway,
            "umum",
            "voucher",
            language,
            now,
            now + values.session,
            values,
        )
        grants.add_grant(connection, grant, 1)
        made = Ticket(ticket.new_id(now), grant.id, gateway, now + expires_in)
        grants.add_ticket(connection, made)
    store.close()
    return made.id, ticket.password(keys.derive("ticket"), made.id, gateway, mac)


def radclient(
    node: Node, attributes: str, kind: str = "auth", *options: str, secret: str | None = None, host: str = "127.0.0.1"
) -> str:
    """What radclient prints. It checks the reply's authenticators itself."""
    assert shutil.which("radclient"), "package freeradius-utils is missing"
    port = node.acct_port if kind == "acct" else node.auth_port
    family = "-6" if ":" in host else "-4"
    command = ["radclient", "-x", family, "-r", "1", "-t", "15", *options, f"{host}:{port}", kind]
    done = subprocess.run(
        [*command, secret or node.secret("TK1_RADIUS").decode()],
        input=attributes, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def request(user: str, password: str, how: str = "User-Password", mac: str = MAC) -> str:
    return (
        f'User-Name = "{user}"\n{how} = "{password}"\nCalling-Station-Id = "{mac}"\n'
        "NAS-IP-Address = 127.0.0.1\nMessage-Authenticator = 0x00\nProxy-State = 0x6f6e65\n"
    )


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("how", ["User-Password", "CHAP-Password"])
def test_a_ticket_is_redeemed_once(node: Node, how: str) -> None:
    user, password = issue(node)
    shown = radclient(node, request(user, password, how))
    assert "Received Access-Accept" in shown
    reply = shown.split("Received Access-Accept")[1]
    assert re.findall(r"^\s+([\w-]+) =", reply, re.M)[0] == "Message-Authenticator"
    timeout = int(re.findall(r"Session-Timeout = (\d+)", reply)[0])
    assert 3590 <= timeout <= 3600
    assert "Idle-Timeout = 900" in reply
    assert "WISPr-Bandwidth-Max-Down = 5000000" in reply
    assert "ChilliSpot-Max-Total-Octets = 1000000000" in reply
    assert f"Class = 0x{user.encode().hex()}" in reply
    assert "Proxy-State = 0x6f6e65" in reply
    again = radclient(node, request(user, password, how))
    assert "Received Access-Reject" in again
    assert "Silakan masuk lagi" in again


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"password": "0123456789abcdef"}, "tidak cocok"),
        ({"mac": "02:00:00:00:00:02"}, "tidak cocok"),
        ({"mac": "nobody"}, "alamat perangkat"),
        ({"user": "alice"}, "tidak dikenal"),
    ],
)
def test_refusals_are_told_in_words(node: Node, change: dict[str, str], text: str) -> None:
    user, password = issue(node)
    shown = radclient(node, request(**{"user": user, "password": password, **change}))
    assert "Received Access-Reject" in shown
    assert text in shown


@pytest.mark.usefixtures("server")
def test_expired_and_foreign_tickets_are_refused(node: Node) -> None:
    user, password = issue(node, expires_in=-1)
    assert "Access-Reject" in radclient(node, request(user, password))
    user, password = issue(node, gateway="pamulang-gw")
    assert "Access-Reject" in radclient(node, request(user, password))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("language", "spent", "expired"),
    [("id", "sudah dipakai", "kedaluwarsa"), ("en", "already been used", "has expired")],
)
def test_a_refusal_is_in_the_language_of_the_login(node: Node, language: str, spent: str, expired: str) -> None:
    user, password = issue(node, language=language)
    assert "Access-Accept" in radclient(node, request(user, password))
    assert spent in radclient(node, request(user, password))
    assert expired in radclient(node, request(*issue(node, language=language, expires_in=-1)))


@pytest.mark.usefixtures("server")
def test_unsigned_and_wrongly_signed_requests_get_no_answer(node: Node) -> None:
    user, password = issue(node)
    unsigned = request(user, password).replace("Message-Authenticator = 0x00\n", "")
    assert "No reply" in radclient(node, unsigned, "auth", "-t", "1")
    assert "No reply" in radclient(node, request(user, password), "auth", "-t", "1", secret="wrong")
    assert "Access-Accept" in radclient(node, request(user, password))


def accepts(node: Node) -> bool:
    """Whether a fresh ticket is admitted by now."""
    return "Access-Accept" in radclient(node, request(*issue(node)), "auth", "-t", "1")


def accounting(status: str, **attributes: object) -> str:
    lines = {"Acct-Status-Type": status, "Calling-Station-Id": f'"{MAC}"', "NAS-IP-Address": "127.0.0.1"} | {
        name.replace("_", "-"): value for name, value in attributes.items()
    }
    return "".join(f"{name.replace('_', '-')} = {value}\n" for name, value in lines.items())


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("class_", [True, False], ids=["Class", "User-Name alone"])
def test_accounting_folds_into_one_session_in_any_order(node: Node, class_: bool) -> None:
    user, password = issue(node)
    assert "Access-Accept" in radclient(node, request(user, password))
    base = {"User_Name": f'"{user}"', "Acct_Session_Id": f'"{user[8:24]}"'}
    if class_:
        base["Class"] = f"0x{user.encode().hex()}"
    stop = accounting(
        "Stop", **base, Acct_Session_Time=120, Acct_Input_Octets=7, Acct_Input_Gigawords=1, Acct_Output_Octets=5,
        Acct_Terminate_Cause="Idle-Timeout",
    )  # fmt: skip
    for message in (
        stop,
        accounting("Start", **base),
        accounting("Interim-Update", **base, Acct_Session_Time=60),
        stop,
    ):
        assert "Received Accounting-Response" in radclient(node, message, "acct")
    [row] = [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == user[8:24]]
    assert (row["down"], row["up"], row["seconds"], row["cause"]) == (2**32 + 7, 5, 120, "Idle-Timeout")
    assert (row["site"], row["plan"], row["method"]) == ("taman-kota-1", "umum", "voucher")


@pytest.mark.usefixtures("server")
def test_a_signed_accounting_request_gets_an_answer_that_radclient_accepts(node: Node) -> None:
    signed = accounting("Start", User_Name='"x"', Acct_Session_Id='"signed"') + "Message-Authenticator = 0x00\n"
    assert "Received Accounting-Response" in radclient(node, signed, "acct")


@pytest.mark.usefixtures("server")
def test_what_an_access_point_asks_after_a_push_is_answered_and_counted_nowhere(node: Node) -> None:
    probe = "Acct-Status-Type = Failed\nAcct-Session-Id = probe\nNAS-IP-Address = 127.0.0.1\n"
    assert "Received Accounting-Response" in radclient(node, probe, "acct")
    assert "probe" not in [row["acct_session_id"] for row in node.json("session", "list", "--all")]


@pytest.mark.usefixtures("server")
def test_a_restarted_gateway_has_no_sessions(node: Node, gateway: CoovaChilliDouble) -> None:
    base = {"User_Name": '"x"', "Acct_Session_Id": '"before-reboot"'}
    radclient(node, accounting("Start", **base), "acct")
    assert "before-reboot" in [row["acct_session_id"] for row in node.json("session", "list")]
    gateway.restarted()
    ended = {row["acct_session_id"]: row["cause"] for row in node.json("session", "list", "--all")}
    assert ended["before-reboot"] == "NAS-Reboot"


def logged_in(node: Node, gateway: CoovaChilliDouble, **limits: Any) -> str:
    """Lets the double's phone log in with a ticket, as a browser would; the new session's id."""
    user, password = issue(node, **limits)
    gateway.redirect("notyet")
    challenge = hashlib.md5(bytes.fromhex(gateway.phone.challenge) + gateway.uam_secret).digest()
    response = hashlib.md5(b"\0" + password.encode() + challenge).hexdigest()
    location = gateway.serve(f"/logon?username={user}&response={response}")
    assert location is not None
    assert "res=success" in location
    return next(
        str(row["id"]) for row in node.json("session", "list") if row["acct_session_id"] == gateway.phone.session_id
    )


@pytest.mark.usefixtures("server")
def test_a_session_is_put_out_by_order(node: Node, gateway: CoovaChilliDouble) -> None:
    session = logged_in(node, gateway)
    assert gateway.phone.accept["CoovaChilli-Max-Total-Octets"] == 10**9
    gateway.phone.down, gateway.phone.up = 5 * 10**8 + 1, 9
    gateway.account(3)
    outcome = node.json("session", "disconnect", session[:10])
    assert (outcome["state"], outcome["outcome"]) == ("done", "acknowledged")
    assert not gateway.phone.online
    [row] = [row for row in node.json("session", "list", "--all") if row["id"] == session]
    assert (row["down"], row["up"], row["cause"]) == (5 * 10**8 + 1, 9, "Admin-Reset")
    again = node.call("session", "disconnect", session)
    assert (again.returncode, "has ended already" in again.stderr) == (1, True)


@pytest.mark.usefixtures("server")
def test_used_up_data_ends_the_session(node: Node, gateway: CoovaChilliDouble) -> None:
    session = logged_in(node, gateway)
    gateway.phone.down = 2 * 10**9
    gateway.account(3)
    wait_until(lambda: not gateway.phone.online, "it is put out")
    [row] = [row for row in node.json("session", "list", "--all") if row["id"] == session]
    assert row["cause"] == "Admin-Reset"


@pytest.mark.usefixtures("server")
def test_an_order_waits_for_a_gateway_that_is_away(node: Node) -> None:
    user, _ = issue(node)
    base = {"User_Name": f'"{user}"', "Acct_Session_Id": '"away"', "Class": f"0x{user.encode().hex()}"}
    radclient(node, accounting("Start", **base), "acct")
    [session] = [row["id"] for row in node.json("session", "list") if row["acct_session_id"] == "away"]
    done = node.call("session", "disconnect", session, "--wait", "4")
    assert done.returncode == 1
    assert "pending: no answer from the gateway" in done.stdout


@pytest.mark.usefixtures("server")
def test_one_bad_record_costs_no_other_its_answer(node: Node, server: Service, gateway: CoovaChilliDouble) -> None:
    """Counters beyond 63 bits, and a request whose answer would not fit into a packet."""
    base = {"User_Name": '"x"', "Acct_Session_Id": '"huge"', "Acct_Output_Gigawords": 2**32 - 1}
    assert "Accounting-Response" in radclient(node, accounting("Interim-Update", **base), "acct")
    full = gateway.client.CreateAuthPacket(code=1, User_Name="x" * 32)
    full["User-Password"] = full.PwCrypt("x")
    for size in (*[253] * 15, 178):
        full.AddAttribute("Proxy-State", b"p" * size)
    full.add_message_authenticator()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(full.RequestPacket(), ("127.0.0.1", node.auth_port))
    user, password = issue(node)
    assert "Access-Accept" in radclient(node, request(user, password))
    [row] = [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == "huge"]
    assert max(row["down"], row["up"]) == 2**63 - 1
    assert server.said("unanswerable", "a packet of")


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.activate()
    acknowledged = []
    for round_ in range(3):
        with node.service("radius") as service:
            for i in range(20):
                base = {"User_Name": '"x"', "Acct_Session_Id": f'"{round_}-{i}"'}
                if "Accounting-Response" in radclient(node, accounting("Start", **base), "acct"):
                    acknowledged.append(f"{round_}-{i}")
            service.stop(signal.SIGKILL)
    store = node.store()
    with store.core.read() as connection:
        kept = {row.acct_session_id for row in sessions.listed(connection, running=False)}
    store.close()
    assert len(acknowledged) == 60
    assert kept == set(acknowledged)


def test_the_service_stops_cleanly_and_names_what_is_wrong(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with pytest.raises(AssertionError, match="no inventory is active"):
        node.service("radius")
    node.activate()
    service = node.service("radius")
    assert f"127.0.0.1:{node.auth_port}/udp" in service.ready
    assert service.stop() == 0


def test_what_was_answered_and_dropped_can_be_seen(tmp_path: Path) -> None:
    node = Node(tmp_path)
    environment = tmp_path / "state" / "hotspot.env"
    environment.write_text(re.sub("(?m)^TK1_RADIUS=.*", "TK1_RADIUS=short", environment.read_text()))
    node.activate()
    with node.service("radius") as service:
        user, password = issue(node)
        for _ in range(2):
            radclient(node, request(user, password))
        radclient(node, accounting("Start", User_Name='"x"', Acct_Session_Id='"1"'), "acct")
        radclient(node, request(user, password), "auth", "-t", "1", secret="wrong")
        assert service.said("secret too short", "tk1-gw")
        assert not any('"short"' in line for line in service.lines)
    [line] = [line for line in node.json("radius", "status") if line["gateway"] == "tk1-gw"]
    assert line["answered"] == {"access-accept": 1, "access-reject": 1, "accounting-response": 1}
    assert line["dropped"] == {"bad-message-authenticator": 1}
    assert abs(line["last_at"] - time.time()) < 60
    assert "never" in next(line for line in node.run("radius", "status").splitlines() if "smpn11-gw" in line)


@pytest.mark.parametrize(
    ("listen", "target", "source"), [("[::]", "127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]", "::1")]
)
def test_gateways_over_ipv6_and_over_ipv4_on_the_same_socket(
    tmp_path: Path, listen: str, target: str, source: str
) -> None:
    node = Node(tmp_path)
    node.environment["HOTSPOT_RADIUS_AUTH_LISTEN"] = f"{listen}:{node.auth_port}"
    node.environment["HOTSPOT_RADIUS_ACCT_LISTEN"] = f"{listen}:{node.acct_port}"
    prefix = ip_network(source).supernet(new_prefix=120 if ":" in source else 31)
    node.write({'"127.0.0.1/32"': f'"{prefix}"'}, node.sites.read_text())
    node.activate()
    with node.service("radius"):
        user, password = issue(node)
        assert "Received Access-Accept" in radclient(node, request(user, password), host=target)
        start = accounting("Start", User_Name='"x"', Acct_Session_Id='"six"')
        assert "Received Accounting-Response" in radclient(node, start, "acct", host=target)


def test_a_secret_that_comes_later_is_found(tmp_path: Path) -> None:
    node = Node(tmp_path)
    environment = tmp_path / "state" / "hotspot.env"
    whole = environment.read_text()
    environment.write_text("".join(line for line in whole.splitlines(True) if not line.startswith("TK1_RADIUS")))
    node.activate()
    with node.service("radius") as service:
        assert service.said("gateway without secret", "tk1-gw")
        fresh = environment.with_suffix(".new")
        fresh.write_text(whole)
        fresh.replace(environment)  # all of it at once: the service reads it meanwhile
        wait_until(lambda: accepts(node), "its requests are answered")


def test_a_new_revision_is_followed_without_a_restart(tmp_path: Path) -> None:
    node = Node(tmp_path)
    text = node.sites.read_text()
    node.sites.write_text(text.replace('"127.0.0.1/32"', '"127.0.0.9/32"'))
    node.activate()
    with node.service("radius"):
        user, password = issue(node)
        assert "No reply" in radclient(node, request(user, password), "auth", "-t", "1")
        node.sites.write_text(text)
        node.activate()
        wait_until(lambda: accepts(node), "its requests are answered")
