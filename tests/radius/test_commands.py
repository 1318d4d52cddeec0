"""`hotspot session` and `hotspot order` against the running service and a CoovaChilli double."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node, Service

from .test_service import accounting, issue, logged_in, radclient


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    node = Node(tmp_path_factory.mktemp("commands"))
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


def test_a_change_reaches_the_gateway_whole_and_is_shown(node: Node, gateway: CoovaChilliDouble) -> None:
    session = logged_in(node, gateway)
    gateway.phone.down = 10**6
    gateway.account(3)
    done = node.json("session", "change", session, "--down", "1 Mbit/s", "--data", "5 MB", "--time", "30m")
    assert (done["state"], done["outcome"]) == ("done", "acknowledged")
    told = gateway.phone.accept
    assert told["WISPr-Bandwidth-Max-Down"] == 1_000_000
    assert told["WISPr-Bandwidth-Max-Up"] == 2_000_000  # what was not named stays, and is told again
    assert told["CoovaChilli-Max-Total-Octets"] == 6_000_000  # from now on: one is used
    assert 1790 <= told["Session-Timeout"] <= 1810
    assert told["Idle-Timeout"] == 900
    shown = node.json("session", "show", session[:10])
    assert shown["grant"]["down"] == 1_000_000
    assert [(order["kind"], order["state"], order["reason"]) for order in shown["orders"]] == [
        ("change", "done", "admin")
    ]
    assert "1 Mbit/s down" in node.run("session", "show", session)
    [listed] = [row for row in node.json("order", "list", "--gateway", "tk1-gw") if row["session"] == session]
    assert (listed["outcome"], listed["site"]) == ("acknowledged", "taman-kota-1")
    assert "change done" in node.run("session", "list")
    node.json("session", "change", session, "--unlimited", "data")
    assert "CoovaChilli-Max-Total-Octets" not in gateway.phone.accept
    node.json("session", "disconnect", session)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "that changes nothing"),
        (("--down", "fast"), 2, "'fast' is not understood; write it as '5 Mbit/s'"),
        (("--down", "1 Mbit/s", "--unlimited", "down"), 2, "limited and unlimited at once"),
        (("--time", "5s"), 2, "at least 60 s"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    node: Node, gateway: CoovaChilliDouble, options: tuple[str, ...], code: int, message: str
) -> None:
    session = logged_in(node, gateway)
    done = node.call("session", "change", session, *options)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    node.json("session", "disconnect", session)


@pytest.mark.usefixtures("server")
def test_a_session_without_a_grant_of_ours_can_only_be_ended(node: Node) -> None:
    base = {"User_Name": '"x"', "Acct_Session_Id": '"foreign"'}
    radclient(node, accounting("Start", **base), "acct")
    [session] = [row["id"] for row in node.json("session", "list") if row["acct_session_id"] == "foreign"]
    done = node.call("session", "change", session, "--down", "1 Mbit/s")
    assert (done.returncode, "it can only be ended" in done.stderr) == (1, True)


@pytest.mark.usefixtures("server")
def test_gaps_are_listed_and_no_total_is_touched(node: Node) -> None:
    """A lost Start and counters that went backwards; the session that lacks nothing is not there."""
    for name, whole in (("whole", True), ("broken", False)):
        user, _ = issue(node)
        base = {"User_Name": f'"{user}"', "Acct_Session_Id": f'"{name}"', "Class": f"0x{user.encode().hex()}"}
        now = int(time.time())
        if whole:
            radclient(node, accounting("Start", **base, Event_Timestamp=now - 60), "acct")
        for at, octets in ((-30, 5000), (0, 6000 if whole else 100)):
            reported = {"Acct_Session_Time": 60 + at, "Acct_Input_Octets": octets, "Event_Timestamp": now + at}
            radclient(node, accounting("Interim-Update", **base, **reported), "acct")
    ids = {row["acct_session_id"]: row for row in node.json("session", "list")}
    found = [(gap["session"], gap["kind"]) for gap in node.json("session", "gaps")]
    broken = ids["broken"]["id"]
    assert [kind for session, kind in found if session == broken] == ["lost-start", "counters-backwards"]
    assert ids["whole"]["id"] not in {session for session, _ in found}
    assert ids["broken"]["down"] == 5000
    only = node.json("session", "gaps", "--kind", "lost-start", "--site", "taman-kota-1")
    assert {gap["kind"] for gap in only} == {"lost-start"}
    assert "counters-backwards" in node.run("session", "gaps")
    assert [gap["kind"] for gap in node.json("session", "show", broken)["gaps"]] == ["lost-start", "counters-backwards"]


@pytest.mark.usefixtures("server")
def test_sessions_come_in_pages(node: Node) -> None:
    """All of them, each once, though several began in the same second; stderr says how many more there are."""
    for number in range(5):
        radclient(node, accounting("Start", User_Name='"x"', Acct_Session_Id=f'"page-{number}"'), "acct")
    whole = [row["id"] for row in node.json("session", "list", "--all")]
    pages: list[str] = []
    while True:
        after = ("--after", pages[-1][:16]) if pages else ()
        done = node.call("session", "list", "--all", "--limit", "2", *after, "--json")
        assert done.returncode == 0, done.stderr
        found = [row["id"] for row in json.loads(done.stdout)]
        pages += found
        assert len(found) <= 2
        if "the next ones" not in done.stderr:
            break
        assert f"--after {found[-1][:16]}" in done.stderr
    assert len(whole) >= 5
    assert pages == whole
    assert node.call("session", "list", "--after", "zz").returncode == 2
