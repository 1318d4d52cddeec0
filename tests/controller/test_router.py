"""Pushes to a double of RouterOS, by real SSH and SFTP. No RouterOS is to be had: what a real one does is not shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.job import Job, Outcome
from controller.mikrotik.trial import (
    Router,
    Seen,
    back,
    keep_script,
    parse_router,
    probe,
    refusal,
    script_for,
    try_script,
)
from controller.plan import State
from controller.transport.ssh import Target
from hotspot.errors import PeerError
from tests.doubles.routeros import Items, RouterosDouble
from tests.node import free_port

from .local import eventually
from .routers import AP, FIRST, SECOND, Admin


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    one = Admin(tmp_path)
    yield one
    one.router.close()


def tries(router: RouterosDouble) -> list[str]:
    return [name for name in router.named("/system/scheduler") if name.startswith("nirkabel")]


def test_a_double_is_configured_in_one_push_and_tells_what_it_carries(admin: Admin) -> None:
    router = admin.router
    router.silent.add("203.0.113.11")  # one RADIUS server that is there is enough
    assert admin.state(FIRST) is State.NEW
    result = admin.contact().apply(admin.job(FIRST))
    assert (result.outcome, tries(router), router.restarts) == (Outcome.APPLIED, [], 0)
    assert [one["address"] for one in router.items["/ip/address"]] == ["10.211.0.1/24"]
    left = {name for name in router.files if name.endswith(".rsc") and "keep" not in name}
    assert left == set(), "secrets are left there"
    assert not any("secret" in one for one in router.commands)
    assert admin.state(FIRST) is State.IN_SYNC
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.IN_SYNC
    assert admin.state(SECOND) is State.CHANGED
    pages = {name for name in router.files if name.endswith(".html")}
    assert admin.contact().apply(admin.job(SECOND)).outcome is Outcome.APPLIED
    assert {name for name in router.files if name.endswith(".html")} == pages
    assert [one["address"] for one in router.items["/ip/address"]] == ["10.212.0.1/24"]


def test_what_somebody_changes_on_a_double_is_drift(admin: Admin) -> None:
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.APPLIED
    admin.router.items["/ip/firewall/filter"] = [{"chain": "input", "comment": "the admin's own"}]
    assert admin.state(FIRST) is State.IN_SYNC
    admin.router.items["/ip/pool"][0]["ranges"] = "10.211.0.2-10.211.0.9"
    page = next(name for name in admin.router.files if name.endswith("login.html"))
    admin.router.files[page] = admin.router.files[page].swapcase()
    found = admin.contact().plan(admin.job(FIRST)).plan
    assert found is not None
    assert (found.state, found.drifted) == (State.DRIFTED, (f"/{page}", "/nirkabel.rsc"))
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.APPLIED
    assert admin.state(FIRST) is State.IN_SYNC


def test_what_a_double_refuses_is_taken_back_at_once(admin: Admin) -> None:
    admin.router.refuses = "/ip/hotspot"
    result = admin.contact().apply(admin.job(FIRST))
    assert result.outcome is Outcome.REVERTED
    assert "not possible here" in result.detail
    eventually(lambda: admin.router.restarts == 1)
    assert admin.state(FIRST) is State.NEW
    assert tries(admin.router) == []
    assert admin.router.items.get("/ip/address", []) == []
    assert [name for name in admin.router.files if b"secret" in admin.router.files[name]] == []


def cut_off(items: Items) -> bool:
    return any(one["address"].startswith("10.212.") for one in items.get("/ip/address", ()))


def test_a_double_that_is_cut_off_goes_back_by_itself(admin: Admin) -> None:
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.APPLIED
    admin.router.cut_off_by = cut_off
    result = admin.contact(confirm=1).apply(admin.job(SECOND))
    assert result.outcome in (Outcome.UNCONFIRMED, Outcome.REVERTED)
    eventually(lambda: admin.router.restarts == 1)
    assert admin.state(FIRST) is State.IN_SYNC
    assert tries(admin.router) == []


def test_what_does_not_work_on_a_double_is_taken_back(admin: Admin) -> None:
    admin.router.invalid = "/ip/hotspot"
    admin.router.silent = {"203.0.113.11", "203.0.113.12"}
    result = admin.contact(confirm=6).apply(admin.job(FIRST))
    assert result.outcome is Outcome.REVERTED
    assert result.detail == (
        "it does not work: its Hotspot is invalid or not in use; no RADIUS server answers its ping"
    )
    eventually(lambda: admin.router.restarts == 1)
    assert admin.state(FIRST) is State.NEW
    assert admin.router.named("/ip/hotspot") == []


def test_a_probe_that_is_not_answered_speaks_against_a_push() -> None:
    probes = (probe("1 = 1", "one is not one"), probe("1 = 2", "one is not two"))
    told = "SEQ HOST\n0 203.0.113.11\nnirkabel answers yes\nnirkabel answers no one is not two\n"
    assert refusal(probes, told) == "one is not two"
    assert refusal(probes, "nirkabel answers yes\nnirkabel answers yes\n") == ""
    assert "expected end of command" in refusal(probes, "nirkabel answers yes\nexpected end of command\n")


def test_a_try_that_nobody_kept_is_busy_to_others_and_kept_by_who_knows_it(admin: Admin) -> None:
    admin.router.files["nirkabel-aa.rsc"] = next(one.data for one in FIRST.files if one.path == "/nirkabel.rsc")
    admin.router.files["try"] = try_script("aa", 60).encode()
    admin.run('/import file-name="try"')
    assert admin.state(FIRST) is State.PENDING
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.BUSY
    admin.router.files |= {one.path[1:]: one.data for one in FIRST.files if one.path.endswith(".html")}
    assert admin.contact().apply(admin.job(FIRST, earlier=("aa",))).outcome is Outcome.APPLIED
    assert tries(admin.router) == []


def test_a_double_keeps_in_its_flash_what_must_outlive_a_restart(admin: Admin) -> None:
    router = admin.router
    router.has_flash = True
    assert admin.contact().apply(admin.job(FIRST)).outcome is Outcome.APPLIED
    [profile] = router.items["/ip/hotspot/profile"]
    assert f"{profile['html-directory']}/login.html" in router.files
    router.refuses = "/ip/hotspot"
    assert admin.contact().apply(admin.job(SECOND)).outcome is Outcome.REVERTED
    eventually(lambda: router.restarts == 1)
    assert admin.state(FIRST) is State.IN_SYNC
    assert {name.partition("/")[0] for name in router.files} == {"flash"}
    assert 'load name=\\"flash/nirkabel-before\\"' in try_script("aa", 60, "flash/")
    assert b'html-directory="nirkabel-' in script_for(FIRST, "")


def test_a_pending_try_of_a_double_is_withdrawn(admin: Admin) -> None:
    admin.router.files["nirkabel-aa.rsc"] = b"/system/identity\nset name=x\n"
    admin.router.files["try"] = try_script("aa", 60).encode()
    admin.run('/import file-name="try"')
    result, _ = admin.contact().stand(admin.job(FIRST))
    assert result.outcome is Outcome.WITHDRAWN
    eventually(lambda: admin.router.restarts == 1)
    assert admin.state(FIRST) is State.NEW


def test_a_wrong_host_key_gets_no_file(admin: Admin) -> None:
    other = RouterosDouble("x y", free_port())
    try:
        job = admin.job(FIRST)
        assert job.target is not None
        target = Target("127.0.0.1", other.port, "admin", job.target.host_key, routeros=True)
        assert admin.contact().apply(Job(AP, target, FIRST)).outcome is Outcome.WRONG_KEY
        assert other.files == {}
    finally:
        other.close()


def test_scripts_of_a_try_keep_the_way_back_before_anything_changes() -> None:
    lines = try_script("aa", 180).splitlines()
    assert lines.index('save name="nirkabel-before" dont-encrypt=yes') < lines.index(
        '/import file-name="nirkabel-aa.rsc"'
    )
    going = back("").replace('"', '\\"')
    assert sum(going in line for line in lines) == 2, "at the deadline, and at the next start"
    found = Router("e" * 64, files={"nirkabel-0/old.html": Seen("nirkabel-0/old.html", 1)})
    kept = keep_script("aa", FIRST, found).splitlines()
    assert kept[1] == 'get [find name="nirkabel-trying" comment="aa applied"] name'
    assert kept[-2:] == ['remove [find name="nirkabel-0/old.html"]', 'remove [find name="nirkabel-0"]']


@pytest.mark.parametrize("text", ["", "nirkabel 0", "bad command\nexport\nnirkabel end", "nirkabel 0\nexport\n"])
def test_what_is_no_answer_of_a_router_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        parse_router(text)
