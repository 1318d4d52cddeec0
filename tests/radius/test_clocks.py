"""Gateways whose clocks are wrong, and station ids as gateways spell them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from hotspot.city.inventory import load
from radius.accounting import AGREES, called
from radius.places import Places
from tests.bed.net import wait_until
from tests.node import Node, Service

from . import city

SPELLINGS = [
    "02-00-5E-AA-BB-01", "02:00:5e:aa:bb:01", "02005eaabb01", "02005EAABB01", "0200.5eaa.bb01", "0200-5eaa-bb01",
    "02-00-5E-AA-BB-01:WiFi Kota", "02:00:5e:aa:bb:01:WiFi", "02005EAABB01:WiFi", "0200.5eaa.bb01:WiFi Kota",
    "ap-3:02-00-5E-AA-BB-01", "AP 3 02005eaabb01", "WiFi Kota:02:00:5e:aa:bb:01", "sip:02-00-5E-AA-BB-01@x",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_mac_address_is_found_however_a_gateway_spells_it(spelling: str) -> None:
    assert called(spelling.encode()) == "02:00:5e:aa:bb:01"


@pytest.mark.parametrize("spelling", ["", "hotspot1", "02005eaabb0", "02005eaabb012", "\xff" * 20, "WiFi"])
def test_what_names_no_mac_address_is_none(spelling: str) -> None:
    assert called(spelling.encode("latin-1")) is None


def test_a_gateway_of_several_sites_gives_nothing_to_the_first() -> None:
    found = Places(load(city.text().replace('gateway = "cisco"', 'gateway = "aruba"')).site)
    number = city.KINDS.index("cisco") + 1
    assert found.site("aruba", f"02005eaacc{number:02}:WiFi".encode()) == "at-cisco"
    assert found.site("aruba", b"hotspot1") == ""
    assert found.site("aruba", b"") == ""
    assert found.site("mikrotik", b"hotspot1") == "at-mikrotik"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("clocks"))
    node.environment["HOTSPOT_RADIUS_WORKERS"] = "1"  # radclient has another port each time, a gateway has not
    text = city.text().replace('gateway = "cisco"', 'gateway = "aruba"')
    node.write({}, base=text)
    node.run("secrets", "create", "--sites", str(node.sites))
    node.activate()
    return node


@pytest.fixture(scope="module")
def server(node: Node) -> Iterator[Service]:
    with node.service("radius") as service:
        yield service


def told(node: Node, kind: str, session: str, status: str = "Start", **attributes: object) -> dict[str, Any]:
    """The session as we know it after one record of a gateway."""
    values = {
        "Acct-Status-Type": status,
        "Acct-Session-Id": f'"{session}"',
        "Calling-Station-Id": '"02-00-00-00-00-01"',
    }
    values |= {name.replace("_", "-"): str(value) for name, value in attributes.items()}
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    printed = city.ask(node, kind, f"Message-Authenticator = 0x00\n{lines}", command="acct", port=node.acct_port)
    assert "Received Accounting-Response" in printed, printed
    [row] = [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == session]
    return dict(row)


def clock(node: Node, kind: str) -> int | None:
    [line] = [line for line in node.json("radius", "status") if line["gateway"] == kind]
    return line["clock_ahead"]  # type: ignore[no-any-return]


def test_a_clock_that_is_behind_ends_nothing_and_moves_no_day(node: Node, server: Service) -> None:
    now = int(time.time())
    row = told(node, "generic", "behind", Event_Timestamp=now - 3600)
    assert abs(row["started_at"] - now) < 30
    row = told(node, "generic", "behind", "Interim-Update", Event_Timestamp=now - 3599, Acct_Session_Time=1)
    assert row["ended_at"] is None
    assert abs(row["last_at"] - now) < 30
    server.said("gateway's clock is wrong", "generic")
    wait_until(lambda: (clock(node, "generic") or 0) < -3500, "its skew is known")
    assert "-36" in node.run("radius", "status") or "-35" in node.run("radius", "status")
    told(node, "generic", "behind", "Interim-Update", Event_Timestamp=int(time.time()), Acct_Session_Time=2)
    server.said("gateway's clock is right again", "generic")
    wait_until(lambda: (clock(node, "generic") or 0) > -AGREES, "its clock is right again")


def test_what_a_gateway_kept_back_is_of_the_time_that_it_says(node: Node, server: Service) -> None:
    now = int(time.time())
    row = told(node, "uspot", "kept", "Stop", Event_Timestamp=now - 7200, Acct_Delay_Time=7190, Acct_Session_Time=600)
    assert (row["started_at"], row["ended_at"]) == (now - 7800, now - 7200)
    row = told(node, "uspot", "ahead", Event_Timestamp=now + 86400)
    assert abs(row["started_at"] - now) < 30
    row = told(node, "uspot", "never set", Event_Timestamp=12)
    assert abs(row["started_at"] - now) < 30


def test_what_cannot_be_placed_is_counted_and_named(node: Node, server: Service) -> None:
    row = told(node, "aruba", "somewhere", Called_Station_Id='"lobby"')
    assert row["site"] == ""
    server.said("place unknown", "aruba", "lobby")

    def unplaced() -> int:
        [line] = [line for line in node.json("radius", "status") if line["gateway"] == "aruba"]
        return int(line["answered"].get("unplaced", 0))

    wait_until(lambda: unplaced() >= 1, "it is counted")
    number = city.KINDS.index("aruba") + 1
    assert told(node, "aruba", "placed", Called_Station_Id=f'"02005EAACC{number:02}:WiFi Kota"')["site"] == "at-aruba"
