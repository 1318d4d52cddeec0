"""A double of RouterOS beside its configuration, by real SSH and SFTP; what a real one answers is not shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.hands import Hands, Start, until_restarted
from controller.job import Outcome, Ran
from controller.mikrotik import console
from controller.push import Contact
from controller.transport.ssh import create_key, load_key
from hotspot.errors import PeerError

from .local import eventually
from .routers import FIRST, Admin


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    one = Admin(tmp_path)
    yield one
    one.router.close()


def test_a_double_says_what_it_is(admin: Admin) -> None:
    ran, facts = admin.contact().facts(admin.job(FIRST))
    assert facts is not None, ran
    assert (facts.values["model"], facts.values["guests"], facts.values["stations"]) == ("C52iG", "3", "4")
    assert 1_000_000 <= int(facts.values["uptime"]) < 1_000_100
    assert (facts.macs, facts.versions) == (
        {"ether1": "02:00:5e:bb:00:01"},
        {"routeros": "7.15.3", "wifi-qcom": "7.15.3"},
    )
    assert facts.differs_from("routeros", "02:00:5e:bb:00:01") == []


def test_a_command_of_a_double_runs_as_it_is_and_a_failure_is_told(admin: Admin) -> None:
    def typed(text: str) -> Ran:
        return admin.contact().does(admin.job(FIRST), lambda hands: hands.run(text, 10))

    ran = typed(':put "two words"')
    assert (ran.outcome, ran.output, ran.code) == (Outcome.DONE, b"two words\n", None)
    ran = typed('/ip/address get [find comment="none"] address')
    assert (ran.outcome, ran.detail) == (Outcome.FAILED, "it did not run to its end")
    assert b"no such item" in ran.output


def test_a_double_restarts_and_is_waited_for(admin: Admin) -> None:
    def restarted(hands: Hands, wait: float) -> Ran:
        before = hands.start()
        hands.reboot()
        last = until_restarted(hands, before, wait)
        return Ran("", Outcome.FAILED if last else Outcome.APPLIED, last)

    ran = admin.contact().does(admin.job(FIRST), lambda hands: restarted(hands, 10))
    assert (ran.outcome, admin.router.restarts) == (Outcome.APPLIED, 1)
    admin.router.never_comes_back = True
    ran = admin.contact().does(admin.job(FIRST), lambda hands: restarted(hands, 0.5))
    assert ran.outcome is not Outcome.APPLIED


def test_the_ports_of_a_double_blink_where_it_has_some(admin: Admin) -> None:
    def located() -> Ran:
        return admin.contact().does(admin.job(FIRST), lambda hands: hands.locate(60))

    assert located().outcome is Outcome.DONE
    eventually(lambda: admin.router.blinked == 60)
    admin.router.ports = 0
    ran = located()
    assert (ran.outcome, "no Ethernet port" in ran.detail) == (Outcome.FAILED, True)


def test_a_new_key_opens_a_double_and_the_old_one_no_more(admin: Admin, tmp_path: Path) -> None:
    create_key(tmp_path / "fresh")
    fresh = load_key((tmp_path / "fresh").read_bytes())
    admin.router.keys += [("AAAA", "someone@else")]
    old, new = Contact(admin.key, 20), Contact(fresh, 20)
    job = admin.job(FIRST)
    assert new.does(job, lambda hands: hands.prove()).outcome is Outcome.REFUSED
    assert old.does(job, lambda hands: hands.let_in(admin.key, fresh)).outcome is Outcome.DONE
    assert [name for name in admin.router.files if name.endswith(".pub")] == []
    assert new.does(job, lambda hands: hands.prove()).outcome is Outcome.DONE
    assert new.does(job, lambda hands: hands.shut_out(admin.key, fresh)).outcome is Outcome.DONE
    assert old.does(job, lambda hands: hands.prove()).outcome is Outcome.REFUSED
    assert new.does(job, lambda hands: hands.shut_out(fresh)).outcome is Outcome.DONE
    assert admin.router.keys == [("AAAA", "someone@else")]


def test_a_key_that_a_double_keeps_is_told(admin: Admin) -> None:
    admin.router.keys = [(admin.key.get_base64(), "the admin's own comment")]
    ran = admin.contact().does(admin.job(FIRST), lambda hands: hands.shut_out(admin.key))
    assert (ran.outcome, "still lets that key in" in ran.detail) == (Outcome.FAILED, True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:07", 7), ("1w2d03:04:05", 788645), ("3d00:00:01", 259201), ("4m5s", 245), ("2h", 7200), ("1w", 604800)],
)
def test_times_as_routeros_writes_them(text: str, seconds: int) -> None:
    assert console.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "kind routeros\nuptime 00:00:01\n", "nirkabel end", "uptime soon\nnirkabel end"])
def test_what_is_no_answer_to_what_it_is_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        console.parse(text)


def test_a_start_is_another_one_by_its_id_or_by_an_uptime_that_is_too_short() -> None:
    assert Start("a").is_not(Start("b"))
    assert not Start("a").is_not(Start("a"))
    before = Start("", uptime=1000, at=50)
    assert not before.is_not(Start("", uptime=1009, at=60)), "asked over a slow line"
    assert before.is_not(Start("", uptime=3, at=60))
    assert Start("", uptime=1, at=50).is_not(Start("", uptime=2, at=80)), "it had just started, and did again"
