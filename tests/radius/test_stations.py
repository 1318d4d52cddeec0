"""MAC authentication: whom an address alone lets in. radclient asks."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from hotspot.admission import ticket
from hotspot.admission.grant import Grant, Limits
from hotspot.admission.ticket import Ticket
from hotspot.people.identity import PersonKind, new_id
from hotspot.store import schema
from hotspot.store.persons import people
from hotspot.store.stays import grants as admission
from hotspot.store.stays import redemption
from tests.node import Node, Service

from .test_service import accounting, radclient


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("stations"))
    node.activate()
    return node


@pytest.fixture(scope="module", autouse=True)
def server(node: Node) -> Iterator[Service]:
    with node.service("radius") as service:
        yield service


def ask(node: Node, mac: str, user: str | None = None, service: str = "Call-Check") -> str:
    text = (
        f'User-Name = "{user or mac}"\nUser-Password = "{user or mac}"\nCalling-Station-Id = "{mac}"\n'
        "NAS-IP-Address = 127.0.0.1\nMessage-Authenticator = 0x00\n"
    )
    return radclient(node, text + (f"Service-Type = {service}\n" if service else ""))


def a_grant(node: Node, mac: str, *, method: str = "click-through", ended: bool = False, total: int = 10**9) -> Grant:
    """A grant of today as the portal makes it."""
    store, keys, now = node.store(), node.settings.keys(), int(time.time())
    with store.core.write() as connection:
        person = people.find_or_create(connection, keys, PersonKind.DEVICE_DAY, new_id(), now)
        device = people.see_device(connection, keys, mac, now)
        limits = Limits(session=0 if ended else 1800, idle=900, total=total)
        grant = Grant(
            new_id(), person, device, "taman-kota-1", "tk1-gw", "umum", method, "en", now, now + limits.session, limits
        )
        admission.add_grant(connection, grant, 1)
    store.close()
    return grant


def grants(node: Node, person: str) -> int:
    store = node.store()
    with store.core.read() as connection:
        count = connection.execute(select(func.count()).where(schema.grant.c.person_id == person)).scalar_one()
    store.close()
    return int(count)


@pytest.mark.parametrize(
    ("user", "service"),
    [
        ("02-00-00-00-01-01", "Call-Check"),
        ("0200.0000.0101", ""),
        ("020000000101", ""),
        ("02:00:00:00:01:01", "Framed-User"),
        ("macauth", "Call-Check"),
    ],
)
def test_a_device_goes_on_under_its_grant(node: Node, user: str, service: str) -> None:
    grant = a_grant(node, "02:00:00:00:01:01")
    shown = ask(node, "02-00-00-00-01-01", user, service)
    assert "Received Access-Accept" in shown
    assert 1700 < int(shown.split("Session-Timeout = ")[1].split()[0]) <= 1800
    assert grants(node, grant.person) == 1
    assert f"Class = 0x{grant.id.encode().hex()}" in shown


def test_its_use_counts_to_its_person(node: Node) -> None:
    mac = "02:00:00:00:01:02"
    grant = a_grant(node, mac)
    report = accounting(
        "Interim-Update", Calling_Station_Id=f'"{mac}"', Acct_Session_Id='"resumed"', Acct_Input_Octets=400,
        Acct_Session_Time=60, Class=f"0x{grant.id.encode().hex()}",
    )  # fmt: skip
    assert "Accounting-Response" in radclient(node, report, "acct")
    [row] = [row for row in node.json("session", "list") if row["acct_session_id"] == "resumed"]
    assert row["person"] == grant.person
    assert f"ChilliSpot-Max-Total-Octets = {10**9 - 400}" in ask(node, mac)


def test_another_address_in_the_user_name_is_no_mac_authentication(node: Node) -> None:
    a_grant(node, "02:00:00:00:01:03")
    assert "Access-Reject" in ask(node, "02:00:00:00:01:03", "02:00:00:00:01:04", "")


@pytest.mark.parametrize("method", ["click-through", "voucher", "member"])
def test_an_address_starts_nothing_new(node: Node, method: str) -> None:
    mac = "02:00:00:00:01:06"
    grant = a_grant(node, mac, method=method, ended=True)
    assert "Access-Reject" in ask(node, mac)
    assert grants(node, grant.person) == 1


def test_a_grant_that_no_gateway_has_seen_is_not_gone_on_under(node: Node) -> None:
    """Whoever stands at an unsigned gateway's door may name any device."""
    mac = "02:00:00:00:01:08"
    grant = a_grant(node, mac)
    shown = Ticket(ticket.new_id(int(time.time())), grant.id, grant.gateway, int(time.time()) + 60)
    store = node.store()
    with store.core.write() as connection:
        admission.add_ticket(connection, shown)
    assert "Access-Reject" in ask(node, mac)
    with store.core.write() as connection:
        claim = redemption.Claim(shown.id, grant.gateway, bytes(16))
        assert isinstance(redemption.redeem(connection, [claim], int(time.time()))[0], redemption.Redeemed)
    store.close()
    assert "Access-Accept" in ask(node, mac)


def test_an_unknown_device_is_sent_to_the_portal(node: Node) -> None:
    assert "Perangkat ini harus masuk lewat halaman WiFi" in ask(node, "02:00:00:00:01:07")
