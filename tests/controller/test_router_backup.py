"""Backups of a double of RouterOS, and the way back, by real SSH and SFTP; a real one's files are not shown."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.desired import Desired
from controller.job import Outcome, Result
from controller.mikrotik.router_backup import BINARY, EXPORT, save_script
from controller.plan import State
from tests.doubles.routeros import Items

from .local import eventually
from .routers import FIRST, SECOND, Admin


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    one = Admin(tmp_path)
    assert one.contact().apply(one.job(FIRST)).outcome is Outcome.APPLIED
    yield one
    one.router.close()


def backup_of(admin: Admin, confirm: int = 20) -> tuple[Result, Desired | None]:
    contact = admin.contact(confirm)
    _, observed = contact.observe(admin.job(FIRST))
    assert observed is not None
    return contact.kept(admin.job(FIRST), observed, "pw0123")


def restored(admin: Admin, backup: Desired, *, confirm: int = 20, known: bool = True) -> Result:
    return admin.contact(confirm).apply(replace(admin.job(backup), password="pw0123" if known else "another"))


def test_a_double_gets_back_all_that_a_backup_holds(admin: Admin) -> None:
    admin.router.items["/ip/firewall/filter"] = [{"chain": "input", "comment": "the admin's own"}]
    before = set(admin.router.files)
    _, backup = backup_of(admin)
    assert backup is not None
    assert {BINARY, EXPORT} < set(backup.paths)
    assert any(path.endswith("/login.html") for path in backup.paths)
    assert set(admin.router.files) == before, "files of the backup are left there"
    assert not any("pw0123" in one for one in admin.router.commands)
    admin.router.items["/ip/firewall/filter"] = []
    assert admin.contact().apply(admin.job(SECOND)).outcome is Outcome.APPLIED
    found = admin.contact().plan(admin.job(backup)).plan
    assert found is not None
    assert "restart" in found.summary
    result = restored(admin, backup)
    assert (result.outcome, admin.router.restarts) == (Outcome.APPLIED, 1), result.detail
    assert admin.state(FIRST) is State.IN_SYNC
    assert admin.router.items["/ip/firewall/filter"][0]["comment"] == "the admin's own"
    assert not [name for name in admin.router.named("/system/scheduler") if name.startswith("nirkabel")]
    assert not [name for name in admin.router.files if b"pw0123" in admin.router.files[name]]


def cut_off(items: Items) -> bool:
    return any(one["address"].startswith("10.211.") for one in items.get("/ip/address", ()))


def test_a_double_that_a_backup_cuts_off_goes_back_by_itself(admin: Admin) -> None:
    _, backup = backup_of(admin, confirm=1)
    assert backup is not None
    assert admin.contact().apply(admin.job(SECOND)).outcome is Outcome.APPLIED
    admin.router.cut_off_by = cut_off
    assert restored(admin, backup, confirm=1).outcome is Outcome.UNCONFIRMED
    eventually(lambda: admin.router.restarts == 2)
    assert admin.state(SECOND) is State.IN_SYNC


def test_a_backup_with_another_password_changes_nothing_on_a_double(admin: Admin) -> None:
    _, backup = backup_of(admin)
    assert backup is not None
    assert restored(admin, backup, confirm=1, known=False).outcome is Outcome.UNCONFIRMED
    assert (admin.router.restarts, admin.state(FIRST)) == (0, State.IN_SYNC)


def test_a_double_that_makes_no_backup_says_so_and_keeps_no_schedule(admin: Admin) -> None:
    admin.router.refuses = "/system/backup"
    result, backup = backup_of(admin, confirm=2)
    assert (result.outcome, backup) == (Outcome.FAILED, None)
    assert "it made no backup" in result.detail
    assert admin.state(FIRST) is State.IN_SYNC


def test_the_schedule_is_there_while_the_backup_is_made_and_not_after() -> None:
    lines = save_script("aa", "pw", 180).splitlines()
    [made] = [number for number, line in enumerate(lines) if "/system/backup save" in line]
    assert lines[made - 1].startswith('add name="nirkabel-restored" comment="aa applied" start-time=startup')
    assert lines[made + 1] == 'remove [find name="nirkabel-restored"]'
