"""`hotspot person` and `hotspot consent`: a person's data shown, written down, held and erased; consents withdrawn."""

import json
import secrets
from pathlib import Path

import pytest

from tests.browser import Page
from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

from .test_block import gone
from .test_codes import ask, sent
from .test_journeys import log_in


@pytest.fixture
def number() -> str:
    return f"0812{secrets.randbelow(10**8):08d}"


def by_code(node: Node, gateway: CoovaChilliDouble, number: str) -> Page:
    browser, page = ask(gateway, number)
    return browser.submit(page, page.form(method="code"), otp=sent(node)[-1][1])


def actions(node: Node, person: str) -> list[str]:
    return [row["action"] for row in node.json("audit", "list", person)]


def test_from_the_login_to_the_erasure(node: Node, gateway: CoovaChilliDouble, number: str, tmp_path: Path) -> None:
    assert by_code(node, gateway, number).status == 200
    shown = node.json("person", "show", number)
    person = shown["person"]
    assert (shown["kind"], shown["known_as"], shown["held_until"]) == ("phone", f"+62{number[1:]}", None)
    assert [one["address"] for one in shown["devices"]] == [gateway.phone.mac.lower().replace("-", ":")]
    assert {one["purpose"] for one in shown["consents"]} == {"service", "phone"}
    assert len(shown["sessions"]) == 1
    assert f"+62{number[1:]}" in node.run("person", "show", person[:14])
    file = tmp_path / "data.json"
    node.run("person", "export", f"+62 {number[1:5]}-{number[5:]}", "--out", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["known_as"] == shown["known_as"]
    assert node.call("person", "export", number, "--out", str(file)).returncode == 2, "writes over nothing"

    dry = node.json("person", "erase", number, "--dry-run")
    assert (dry["person"], dry["erased"]["names"], dry["waits_for"]) == (person, 1, 1)
    asked = node.json("person", "erase", number)
    assert (asked["waits_for"], asked["erased"]) == (1, None)
    assert gone(gateway)
    done = node.json("person", "erase", person)
    assert done["erased"] == dry["erased"] | {"consents": 2, "names": 1}
    assert node.call("person", "show", number).returncode == 2
    assert node.json("person", "show", person)["known_as"] is None
    assert actions(node, person)[:2] == ["person.show", "person.show"]
    assert {"person.export", "person.erase", "person.erased"} <= set(actions(node, person))
    assert node.call("audit", "verify").returncode == 0
    for path in (node.folder / "state").rglob("*"):
        if path.is_file() and "spool" not in path.parts:
            assert number[1:].encode() not in path.read_bytes(), path


def test_a_hold_stops_it(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    held = node.json("person", "hold", number, "--for", "30d", "--reason", "LP/B/12")
    refused = node.call("person", "erase", number, "--dry-run")
    assert (refused.returncode, "a legal hold keeps" in refused.stderr) == (1, True)
    assert gateway.phone.online
    assert node.call("person", "erase", number).returncode == 1
    assert [row["reason"] for row in node.json("person", "holds") if row["person_id"] == held["person"]] == ["LP/B/12"]
    assert "LP/B/12" in node.run("person", "holds")
    assert node.json("person", "show", number)["held_until"] == held["until"]
    assert node.json("retention", "run", "--dry-run")["held"] >= 1
    assert "kept by legal holds" in node.run("retention", "run", "--dry-run")
    node.run("person", "release", number)
    assert node.call("person", "release", number).returncode == 1
    assert node.call("person", "erase", number).returncode == 0
    assert actions(node, held["person"])[:3] == ["person.hold", "person.show", "person.release"]


def test_a_held_member_is_not_removed(node: Node) -> None:
    node.run("member", "add", "held member", stdin="a long password\n")
    node.run("person", "hold", "Held  Member", "--for", "1d", "--reason", "x")
    refused = node.call("member", "remove", "held member")
    assert (refused.returncode, "a legal hold" in refused.stderr) == (1, True)
    node.run("person", "release", "held member")
    node.run("person", "erase", "held member")
    assert "held member" not in str(node.json("member", "list"))


def test_consents_are_listed_and_withdrawn(node: Node, gateway: CoovaChilliDouble, number: str) -> None:
    by_code(node, gateway, number)
    rows = node.json("consent", "list", number)
    assert {(row["purpose"], row["language"], row["withdrawn_at"]) for row in rows} == {
        ("phone", "id", None), ("service", "id", None),
    }  # fmt: skip
    assert all(len(row["text_sha256"]) == 64 for row in rows)
    assert rows[0]["person_id"] in node.run("consent", "list")
    told = node.json("consent", "withdraw", number, "--purpose", "phone")
    assert (told["consents"], told["sessions"]) == (1, 1)
    assert gone(gateway)
    assert [row["purpose"] for row in node.json("consent", "list", number)] == ["service"]
    assert len(node.json("consent", "list", number, "--all")) == 2
    assert node.call("consent", "withdraw", number, "--purpose", "phone").returncode == 1
    assert "consent.withdraw" in actions(node, told["person"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("person", "show", "0812000"), "WHO: nobody is known"),
        (("person", "erase", "zz"), "WHO: nobody is known"),
        (("person", "hold", "zz", "--reason", "x"), "--until: say until when"),
        (("person", "hold", "zz", "--reason", " ", "--for", "1d"), "--reason: a reason has 1 to 200"),
        (("person", "hold", "zz", "--reason", "x", "--until", "2020-01-01"), "--until: 2020-01-01 00:00 is past"),
        (("consent", "list", "zzzz"), "WHO: nobody is known"),
    ],
)
def test_faults_name_the_field(node: Node, arguments: tuple[str, ...], message: str) -> None:
    done = node.call(*arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_a_click_through_person_by_session(node: Node, gateway: CoovaChilliDouble) -> None:
    log_in(gateway, "click-through")
    [row] = [one for one in node.json("session", "list") if one["acct_session_id"] == gateway.phone.session_id]
    shown = node.json("person", "show", row["person"])
    assert shown["kind"] == "device-day"
