"""Faults that users of other servers reported in public, tried on ours. Each names the report."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.node import Node, Service

from . import city
from .test_clocks import told
from .test_service import MAC, issue, request


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return city.node(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="module", autouse=True)
def server(node: Node) -> Iterator[Service]:
    with node.service("radius") as service:
        yield service


def used(row: dict[str, Any]) -> int:
    return int(row["down"]) + int(row["up"])


def test_a_stop_without_counters_takes_nothing_back(node: Node) -> None:
    """FreeRADIUS pull request 1460: the octets of a session became 0 by a Stop that has none."""
    row = told(node, "generic", "r1460", "Interim-Update", Acct_Input_Octets=700, Acct_Output_Octets=30)
    assert used(row) == 730
    row = told(node, "generic", "r1460", "Stop", Acct_Session_Time=0)
    assert (used(row), row["ended_at"] is not None) == (730, True)


def test_an_interim_just_after_the_stop_opens_no_second_session(node: Node) -> None:
    """PacketFence pull request 2113: some gateways send one for a session that has stopped; it was counted anew."""
    told(node, "generic", "p2113", "Stop", Acct_Input_Octets=500)
    row = told(node, "generic", "p2113", "Interim-Update", Acct_Input_Octets=500)  # `told` finds one session alone
    assert (used(row), row["ended_at"] is not None) == (500, True)


def test_a_session_that_was_presumed_ended_goes_on_when_it_is_heard_of(node: Node) -> None:
    """openwisp-radius issue 322: accounting for a session that was flagged as closed failed."""
    told(node, "generic", "o322", Acct_Input_Octets=1)
    restart = "Message-Authenticator = 0x00\nAcct-Status-Type = Accounting-On\nAcct-Delay-Time = 0\n"
    city.ask(node, "generic", restart, command="acct", port=node.acct_port)
    [row] = [row for row in node.json("session", "list", "--all") if row["acct_session_id"] == "o322"]
    assert row["cause"] == "NAS-Reboot", "openwisp-radius issue 617: a restarted gateway left its sessions open"
    deadline = time.monotonic() + 30
    while row["ended_at"] is not None and time.monotonic() < deadline:  # a record of a later second
        row = told(node, "generic", "o322", "Interim-Update", Acct_Input_Octets=9)
    assert (used(row), row["ended_at"]) == (9, None)


def test_mac_authentication_is_answered_with_a_message_authenticator(node: Node) -> None:
    """PacketFence pull request 9265: without it newer gateways reject what is answered to MAC authentication."""
    station = f'User-Name = "{MAC}"\nCalling-Station-Id = "{MAC}"\nService-Type = Call-Check\n'
    _, attributes = city.reply(city.ask(node, "generic", station))
    assert [line for line in attributes if line.startswith("Message-Authenticator")]


def test_a_message_authenticator_counts_wherever_it_stands(node: Node) -> None:
    """FreeRADIUS issue 5582: one that was not where it was looked for was not seen, and the request dropped."""
    user, password = issue(node, gateway="generic")
    asked = request(user, password)
    assert asked.index("User-Name") < asked.index("Message-Authenticator")
    code, _ = city.reply(city.ask(node, "generic", asked))
    assert code == "Access-Accept"


def test_a_session_that_ends_before_its_first_interim_keeps_its_bytes(node: Node) -> None:
    """accel-ppp issue 273: a Stop right after the Start told of nothing."""
    told(node, "generic", "a273")
    row = told(node, "generic", "a273", "Stop", Acct_Session_Time=3, Acct_Input_Octets=44, Acct_Output_Octets=6)
    assert (used(row), row["seconds"]) == (50, 3)


def heard(node: Node, name: str, ago: int, status: str, seconds: int, octets: int) -> dict[str, Any]:
    """The session after a record of so long ago, under one Class always."""
    ticket, _ = issue(node, gateway="uspot") if name not in TICKETS else (TICKETS[name], "")
    TICKETS[name] = ticket
    return told(
        node, "uspot", name, status, Class=f"0x{ticket.encode().hex()}", Acct_Delay_Time=ago,
        Acct_Session_Time=seconds, Acct_Output_Octets=octets % 2**32,
    )  # fmt: skip


TICKETS: dict[str, str] = {}


def test_a_session_whose_time_begins_anew_under_one_id(node: Node) -> None:
    """FreeRADIUS issue 5278: Acct-Session-Time started from 0 again, and what had been used before was lost."""
    heard(node, "f5278", 1100, "Start", 0, 0)
    heard(node, "f5278", 500, "Interim-Update", 600, 1000)
    row = heard(node, "f5278", 100, "Interim-Update", 60, 100)
    assert (row["seconds"], used(row), row["ended_at"]) == (660, 1100, None)
    row = heard(node, "f5278", 100, "Interim-Update", 60, 100)
    assert (row["seconds"], used(row)) == (660, 1100), "a retransmission"


def test_two_stays_under_one_id_and_class(node: Node) -> None:
    """A device that comes back by MAC re-authentication has its Class still, and at some gateways its id."""
    heard(node, "stays", 1250, "Start", 0, 0)
    heard(node, "stays", 550, "Stop", 700, 1500)
    row = heard(node, "stays", 450, "Start", 0, 0)
    assert row["ended_at"] is None, row
    row = heard(node, "stays", 150, "Interim-Update", 300, 400)
    assert (row["seconds"], used(row), row["ended_at"]) == (1000, 1900, None)
    row = heard(node, "stays", 50, "Stop", 400, 500)
    assert (row["seconds"], used(row), row["ended_at"] is not None) == (1100, 2000, True)


def test_counters_of_32_bits_without_gigawords(node: Node) -> None:
    """RFC 2869, section 5.1: without Acct-Output-Gigawords a counter begins again after 4 GB."""
    for step, octets in enumerate((39, 42, 42 + 4, 42 + 21, 42 + 45)):
        row = heard(node, "turns", 3000 - 300 * step, "Interim-Update", 300 * (step + 1), octets * 10**8)
    assert used(row) == 87 * 10**8
