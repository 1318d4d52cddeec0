"""Backups: their form, and a whole way there and back over real SSH servers."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.backup import Head, carried, masked_as, octal, opened, sealed
from controller.desired import Desired, File, Reload
from controller.payload import manifest
from controller.plan import Observed, stamp
from hotspot.errors import ConfigError
from hotspot.people.identity import Keys

from .fleet import City

KEYS = Keys(bytes(range(32)))
HEAD = Head("tk2-ap1", "debian", 1_790_000_000, "0" * 64, 7)
DESIRED = Desired(
    files=(File("/etc/a", b"key = hunter2-hunter2\n", 0o600), File("/usr/b", bytes(range(256)), 0o755)),
    checks=("sh -n usr/b",),
    reloads=(Reload("systemctl daemon-reload"), Reload("systemctl restart b", ("/etc/a", "/usr/b"))),
    undo=("systemctl disable b",),
    restored=("wifi reload",),
)


def content(desired: Desired) -> list[tuple[str, bytes, int]]:
    return [(file.path, file.data, file.mode) for file in desired.files]


def test_what_is_sealed_is_opened_again_and_hides_what_it_holds() -> None:
    data = sealed(HEAD, DESIRED, KEYS)
    assert b"hunter2" not in data
    assert b"/etc/a" not in data
    head, found = opened(data, KEYS)
    assert (head, content(found), manifest(found)) == (HEAD, content(DESIRED), manifest(DESIRED))
    assert sealed(HEAD, DESIRED, KEYS) != data, "a nonce is used once"


@pytest.mark.parametrize("at", [3, 25, 60, -20, -1])
def test_a_changed_byte_anywhere_is_noticed(at: int) -> None:
    data = bytearray(sealed(HEAD, DESIRED, KEYS))
    data[at] ^= 1
    with pytest.raises(ConfigError, match=r"is no backup|was changed"):
        opened(bytes(data), KEYS)


def test_another_master_key_opens_nothing() -> None:
    with pytest.raises(ConfigError, match="another master key"):
        opened(sealed(HEAD, DESIRED, KEYS), Keys(bytes(32)))
    for data in (b"", b"nirkabel backup 1\n", b"nirkabel backup 1\n{}\n", os.urandom(300)):
        with pytest.raises(ConfigError, match="is no backup"):
            opened(data, KEYS)


def test_what_an_access_point_carries_is_read_from_its_own_manifest_and_its_live_files() -> None:
    stamps = {file.path: stamp(file) for file in DESIRED.files}
    header = "tx 00\ndeadline 5\nboot x\ndigest 00\n"
    contents = {file.path: file.data for file in DESIRED.files} | {
        "/etc/a": b"by hand\n",
        "/var/lib/nirkabel/current": (header + manifest(DESIRED)).encode(),
    }
    found = carried(Observed("00", stamps, stamps), contents)
    assert content(found) == [("/etc/a", b"by hand\n", 0o600), ("/usr/b", bytes(range(256)), 0o755)]
    by_hand = replace(DESIRED, files=(File("/etc/a", b"by hand\n", 0o600), DESIRED.files[1]))
    assert manifest(found) == manifest(by_hand)
    del contents["/var/lib/nirkabel/current"]
    with pytest.raises(ConfigError, match="did not give its manifest"):
        carried(Observed("00", stamps, stamps), contents)


def test_modes_are_read_and_secrets_stay_masked() -> None:
    assert (octal("-rw-r-----"), octal("-rwxr-xr-x"), octal("-rw-------")) == (0o640, 0o755, 0o600)
    for odd in ("lrwxrwxrwx", "-rwsr-xr-x", ""):
        with pytest.raises(ConfigError):
            octal(odd)
    masks = {
        file.path: file.masks for file in masked_as(DESIRED, Desired((replace(DESIRED.files[0], masks=("x",)),))).files
    }
    assert masks == {"/etc/a": ("x",), "/usr/b": (r"^().+$",)}


# -- there and back ----------------------------------------------------------------------------------------------

FILE = "/usr/local/lib/nirkabel/net"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = City(tmp_path_factory.mktemp("backup"), 2)
    yield one
    one.close()


def test_a_backup_is_restored_through_the_confirmed_way(city: City, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    assert "ap-0: failed: it carries nothing of ours" in city.run("backup", "ap-0", "--to", str(folder), code=1)
    city.run("apply", "--yes")
    file = city.fleet.aps[0].path(FILE)
    before = file.read_text()
    assert "would be kept in" in city.run("backup", "ap-*", "--to", str(folder), "--dry-run")
    assert not list(folder.iterdir())
    city.run("backup", "ap-*", "--to", str(folder))
    first, second = sorted(folder.iterdir())
    assert first.stat().st_mode & 0o777 == 0o600
    [entry] = json.loads(city.run("audit", "list", "ap-0", "--last", "1", "--json"))
    assert (entry["action"], entry["detail"]["file"]) == ("backup", first.name)

    city.activate(2)
    city.run("apply", "--yes")
    assert file.read_text() != before
    assert "changed" in city.run("restore", "ap-0", str(first), "--dry-run")
    assert file.read_text() != before
    done = city.call("restore", "ap-0", str(first), "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_text() == before
    assert city.outcomes("plan", "ap-0") == {"ap-0": "changed"}
    assert "restore  applied" in city.run("audit", "list", "ap-0", "--last", "1")

    refused = city.call("restore", "ap-0", str(second), "--yes")
    assert (refused.returncode, "is a backup of ap-1, not of ap-0" in refused.stderr) == (2, True)


def test_a_restore_that_the_access_point_cannot_carry_reverts(city: City, tmp_path: Path) -> None:
    city.run("apply", "ap-1", "--yes")
    city.run("backup", "ap-1", "--to", str(tmp_path))
    [file] = tmp_path.iterdir()
    city.activate(3)
    city.run("apply", "ap-1", "--yes")
    carries = city.fleet.aps[1].path(FILE).read_text()
    city.fleet.aps[1].path("/run/broken").touch()
    city.run("restore", "ap-1", str(file), "--yes", code=1)
    city.fleet.aps[1].path("/run/broken").unlink()
    assert city.fleet.aps[1].path(FILE).read_text() == carries


def test_dry_runs_touch_nothing(city: City) -> None:
    trail = city.run("audit", "list", "ap-0")
    keys = city.fleet.aps[0].path("/root/.ssh/authorized_keys").read_text()
    boot = city.fleet.aps[0].path("/run/boot_id").read_text()
    city.fleet.aps[0].path(FILE).write_text("# by hand\n")
    assert city.outcomes("apply", "ap-0", "--dry-run") == {"ap-0": "drifted"}
    assert "would get back revision" in city.run("rollback", "ap-0", "--dry-run")
    assert "would run 'reboot'" in city.run("exec", "reboot", "ap-0", "--dry-run")
    assert "would be restarted" in city.run("reboot", "ap-0", "--dry-run")
    assert "would blink for 60 s" in city.run("locate", "ap-0", "--dry-run")
    assert "would be given up" in city.run("retire", "ap-0", "--dry-run")
    assert "would get a new key" in city.run("keys", "rotate", "--dry-run")
    assert "was pinned already" in city.run("adopt", "ap-0", "--dry-run")
    city.sites.write_text(city.sites.read_text() + "\n# another text\n")
    assert "it would become revision 4" in city.run("activate", str(city.sites), "--dry-run")
    assert city.run("audit", "list", "ap-0") == trail
    assert city.fleet.aps[0].path(FILE).read_text() == "# by hand\n"
    assert city.fleet.aps[0].path("/root/.ssh/authorized_keys").read_text() == keys
    assert city.fleet.aps[0].path("/run/boot_id").read_text() == boot
    assert not list(city.state.glob("*.next"))


def test_adopting_says_what_it_is_and_what_sites_toml_has_otherwise(city: City) -> None:
    done = city.call("adopt", "ap-1", "--json")
    answer = json.loads(done.stdout)
    assert (answer["pinned"], answer["facts"]["kind"]) == (False, "debian")
    assert answer["differs"] == [
        "none of its interfaces has the MAC 02:00:00:00:00:01; it has 02:00:00:00:00:00",
    ]
    assert "warning: ap-1: none of its interfaces" in done.stderr
    keys = city.fleet.aps[1].path("/root/.ssh/authorized_keys")
    before = keys.read_text()
    keys.write_text("")
    done = city.call("adopt", "ap-1")
    keys.write_text(before)
    assert (done.returncode, "ap-1 was not asked what it is: it refuses" in done.stderr) == (0, True)
