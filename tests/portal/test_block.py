"""A block: the running session ends, the portal says until when, and lifting it lets the phone in again."""

import re
import time

import pytest

from tests.doubles.coovachilli import CoovaChilliDouble
from tests.node import Node

from .test_journeys import log_in


def session_of(node: Node, gateway: CoovaChilliDouble) -> str:
    named = gateway.phone.session_id
    return next(str(row["id"]) for row in node.json("session", "list") if row["acct_session_id"] == named)


def gone(gateway: CoovaChilliDouble) -> bool:
    deadline = time.monotonic() + 60
    while gateway.phone.online and time.monotonic() < deadline:
        time.sleep(0.05)
    return not gateway.phone.online


@pytest.mark.parametrize("kind", ["person", "device"])
def test_a_block_puts_out_at_once_and_lets_in_no_more(node: Node, gateway: CoovaChilliDouble, kind: str) -> None:
    log_in(gateway, "click-through")
    session = session_of(node, gateway)
    told = node.json(kind, "block", "--session", session, "--for", "2h", "--reason", "complaint 1042")
    assert told["sessions"] == 1
    assert gone(gateway)
    page = log_in(gateway, "click-through")
    assert page.status == 403
    assert re.search(r"Akses Anda diblokir sampai \d\d-\d\d-\d{4} \d\d\.\d\d\.", page.text)
    listed = [row for row in node.json("block", "list") if row["subject"] == told["subject"]]
    assert [(row["kind"], row["reason"]) for row in listed] == [(kind, "complaint 1042")]
    assert "complaint 1042" in node.run("block", "list")
    node.run(kind, "unblock", told["subject"][:12])
    assert told["subject"] not in {row["subject"] for row in node.json("block", "list")}
    assert log_in(gateway, "click-through").status == 200
    assert gateway.phone.online


def test_a_member_is_blocked_by_name_until_it_is_lifted(node: Node, gateway: CoovaChilliDouble) -> None:
    node.run("member", "add", "budi", stdin="a long password\n")
    node.run("person", "block", "--member", "Budi", "--reason", "lost phone")
    page = log_in(gateway, "member", name="budi", password="a long password")
    assert "Akses Anda diblokir. Hubungi petugas." in page.text
    again = node.call("person", "unblock", "--member", "budi")
    assert again.returncode == 0
    assert node.call("person", "unblock", "--member", "budi").returncode == 1


def test_a_device_that_was_never_seen_can_be_blocked(node: Node, gateway: CoovaChilliDouble) -> None:
    node.run("device", "block", gateway.phone.mac, "--for", "1h", "--reason", "scans")
    assert log_in(gateway, "click-through").status == 403
    node.run("device", "unblock", gateway.phone.mac)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("person", "block", "--reason", "x"), "say who it is, in one way"),
        (("person", "block", "abcd", "--member", "m", "--reason", "x"), "say who it is, in one way"),
        (("person", "block", "ab", "--reason", "x"), "too short"),
        (("person", "block", "--member", "nobody", "--reason", "x"), "--member: there is no member 'nobody'"),
        (("device", "block", "ffff", "--reason", "x"), "no device has an id that begins with 'ffff'"),
        (("device", "unblock", "02:00:00:00:ff:ff"), "was ever seen"),
        (("device", "block", "02:00:00:00:ff:fe", "--reason", " "), "--reason: a reason has 1 to 200"),
        (("device", "block", "02:00:00:00:ff:fe", "--until", "2020-01-01", "--reason", "x"), "is past"),
        (("device", "block", "02:00:00:00:ff:fe", "--until", "2099-01-01", "--for", "1h", "--reason", "x"), "not both"),
        (("device", "block", "02:00:00:00:ff:fe", "--for", "soon", "--reason", "x"), "'soon' is not a time"),
    ],
)
def test_faults_name_the_field(node: Node, arguments: tuple[str, ...], message: str) -> None:
    done = node.call(*arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
