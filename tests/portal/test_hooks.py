"""Faults forwarded to a complaint system, a real HTTP server here, and moved by its answers and calls."""

import json
import time
from collections.abc import Iterator

import pytest

from hotspot.city.hook import HEADER, signature, verify
from hotspot.store import Store
from portal.hooks import deliver
from portal.peers import web
from tests.browser import Browser
from tests.doubles.messages import MessageGatewayDouble
from tests.node import Node

from .test_complaints import number_of, report


@pytest.fixture(scope="module")
def system() -> Iterator[MessageGatewayDouble]:
    with MessageGatewayDouble() as server:
        yield server


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, system: MessageGatewayDouble) -> Iterator[Node]:
    table = f'[complaints]\nurl = "{system.url}/send"\nsecret = "env:HOOK_OUT"\ninbound = "env:HOOK_IN"\n\n[portal]'
    node = Node(tmp_path_factory.mktemp("hooks"), {"[portal]": table})
    node.activate()
    with node.service("portal"):
        yield node


@pytest.fixture(autouse=True)
def fresh(node: Node, system: MessageGatewayDouble) -> Iterator[Store]:
    """Nothing waits; the server answers well."""
    store = node.store()
    with store.core.write() as connection:
        connection.exec_driver_sql("UPDATE complaint_delivery SET finished_at = 1")
    system.status, system.answer = 200, "thanks"
    system.taken.clear()
    yield store
    store.close()


def state_of(node: Node, number: str) -> str:
    return str(node.json("complaint", "show", number)["state"])


def call(node: Node, body: object, *, secret: bytes | None = None, key: str = "", at: int = 0) -> web.Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    sign = signature(secret or node.secret("HOOK_IN"), text.encode(), at or int(time.time()))
    headers = {HEADER: sign, **({"Idempotency-Key": key} if key else {})}
    return web.send(web.Request("POST", f"{node.portal}/hooks/complaint", headers, text))


def test_it_is_told_signed_and_without_the_contact(node: Node, fresh: Store, system: MessageGatewayDouble) -> None:
    number = number_of(report(node))
    now = int(time.time())
    deliver(fresh, node.settings, now)
    [taken] = system.taken
    verify(node.secret("HOOK_OUT"), taken.headers[HEADER.lower()], taken.body.encode(), now)
    assert {name: taken.json[name] for name in ("event", "number", "status", "site", "text", "contact")} == {
        "event": "complaint.created", "number": number, "status": "received", "site": "taman-kota-1",
        "text": "Lambat sekali <b>sejak</b> pagi", "contact": None,
    }  # fmt: skip
    assert Browser().open(taken.json["page"]).status == 200
    deliver(fresh, node.settings, now + 3600)
    assert len(system.taken) == 1, "once"
    assert state_of(node, number) == "received", "an answer that says nothing moves nothing"
    node.run("complaint", "assign", number, "--to", "tim")
    node.run("complaint", "resolve", number, "--answer", "Sudah.")
    deliver(fresh, node.settings, int(time.time()))
    told = [(one.json["event"], one.json["status"]) for one in system.taken[1:]]
    assert told == [("complaint.changed", "resolved")] * 2
    [row, *_] = node.json("complaint", "deliveries")
    assert (row["number"], row["outcome"], row["attempts"]) == (number, "answered 200", 1)


def test_it_is_never_lost(node: Node, fresh: Store, system: MessageGatewayDouble) -> None:
    number_of(report(node))
    system.status = 503
    at, tried = int(time.time()), []
    for _ in range(12):
        deliver(fresh, node.settings, at - 1)
        seen = len(system.taken)
        deliver(fresh, node.settings, at)
        assert len(system.taken) == seen + 1
        [row] = node.json("complaint", "deliveries", "--pending")
        tried.append(row["due_at"] - at)
        at = row["due_at"]
    assert tried == [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600, 21600]
    assert (row["outcome"], row["attempts"]) == ("answered 503", 12)
    assert "waiting" in node.run("complaint", "deliveries")
    assert len({one.headers["idempotency-key"] for one in system.taken}) == 1
    system.status = 201
    deliver(fresh, node.settings, at - 1)
    assert len(system.taken) == 12, "not yet"
    assert node.json("complaint", "retry")["deliveries"] == 1
    deliver(fresh, node.settings, int(time.time()))
    assert node.json("complaint", "deliveries", "--pending") == []


def test_a_server_that_asks_for_patience_gets_it(node: Node, fresh: Store, system: MessageGatewayDouble) -> None:
    """What it asks for, and nothing else that waits is sent meanwhile."""
    for _ in range(3):
        number_of(report(node))
    system.busy, system.pause = 3, "1000"
    now = int(time.time())
    deliver(fresh, node.settings, now)
    assert (system.busy, len(system.taken)) == (2, 0)
    pending = node.json("complaint", "deliveries", "--pending")
    assert max(row["due_at"] for row in pending) == now + 1000
    system.busy = 0
    assert node.json("complaint", "retry")["deliveries"] == len(pending)
    deliver(fresh, node.settings, int(time.time()))


def test_a_server_that_is_away_is_an_outcome(node: Node, fresh: Store, system: MessageGatewayDouble) -> None:
    number = number_of(report(node))
    base = node.sites.read_text()
    node.write({system.url: "http://127.0.0.1:9"}, base)
    node.activate()
    try:
        deliver(fresh, node.settings, int(time.time()))
    finally:
        node.write({}, base)
        node.activate()
    [row] = node.json("complaint", "deliveries", "--pending")
    assert (row["number"], row["outcome"]) == (number, "127.0.0.1:9: Connection refused")


def test_its_answer_moves_the_complaint(node: Node, fresh: Store, system: MessageGatewayDouble) -> None:
    number = number_of(report(node))
    system.answer = json.dumps({"status": "resolved", "answer": "Kabel <b>baru</b>.", "ticket": 17})
    deliver(fresh, node.settings, int(time.time()))
    assert state_of(node, number) == "resolved"
    assert "Kabel <b>baru</b>." in Browser().open(f"{node.portal}/report/{number}").text
    deliver(fresh, node.settings, int(time.time()) + 60)
    assert len(system.taken) == 1, "what they say is not told back to them"
    trail = node.json("audit", "list", number)
    moved = [entry["who"] for entry in trail if entry["action"] == "complaint.resolve"]
    assert moved == ["complaint system"], "beside who has looked at it"


def test_its_calls_move_the_complaint_once(node: Node) -> None:
    number = number_of(report(node))
    body = {"number": number.lower(), "status": "assigned", "by": "Dinas"}
    assert call(node, body, key="a").json() == {"number": number, "status": "assigned", "changed": True}
    assert call(node, {"number": number, "status": "resolved"}, key="b").json()["changed"]
    for repeated in (call(node, body, key="a"), call(node, body, key="a", at=int(time.time()) + 2)):
        assert repeated.json() == {"number": number, "status": "resolved", "changed": False}
    assert Browser().open(f"{node.portal}/report/{number}").status == 200
    assert call(node, {"number": number, "status": "assigned"}, key="c").json()["changed"], "open again"


def test_a_call_that_somebody_heard_cannot_be_said_again(node: Node) -> None:
    number = number_of(report(node))
    at = int(time.time())
    body = {"number": number, "status": "assigned"}
    assert call(node, body, key="d", at=at).json()["changed"]
    assert call(node, {"number": number, "status": "resolved"}, key="e").json()["changed"]
    assert not call(node, body, key="another", at=at).json()["changed"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"number": "0000-0000", "status": "assigned"}, 404, "no such complaint"),
        ({"number": "0000-0000", "status": "gone"}, 422, "status: Input should be"),
        ({"status": "assigned"}, 422, "number: Field required"),
        ("[]", 422, ""),
        ("{", 422, "Invalid JSON"),
    ],
)
def test_calls_that_cannot_be_used(node: Node, body: object, status: int, said: str) -> None:
    answer = call(node, body)
    assert (answer.status, said in answer.json()["error"]) == (status, True), answer.text


def test_calls_of_strangers(node: Node) -> None:
    number = number_of(report(node))
    body = {"number": number, "status": "resolved", "answer": "x"}
    for answer in (
        call(node, body, secret=node.secret("HOOK_OUT")),
        call(node, body, at=int(time.time()) - 400),
        web.send(web.Request("POST", f"{node.portal}/hooks/complaint", {}, json.dumps(body))),
    ):
        assert (answer.status, HEADER in answer.json()["error"]) == (403, True)
    assert state_of(node, number) == "received"


def test_a_city_without_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    node = Node(tmp_path_factory.mktemp("none"))
    node.activate()
    with node.service("portal"):
        number_of(report(node))
        assert call(node, {}, secret=b"0123456789abcdef").status == 404
    store = node.store()
    deliver(store, node.settings, int(time.time()))
    store.close()
    assert node.json("complaint", "deliveries") == []
