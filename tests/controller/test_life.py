"""Access points beside their configuration, over real SSH servers; restart, LED and interface are stand-ins."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copy2

import pytest

from controller.transport import remote
from tests.bed.net import wait_until

from .fleet import City


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = City(tmp_path_factory.mktemp("life"), 3)
    yield one
    one.close()


def trail(city: City, ap: str, count: int) -> list[tuple[str, dict[str, object]]]:
    entries = json.loads(city.run("audit", "list", ap, "--last", str(count), "--json"))
    return [(entry["action"], entry["detail"]) for entry in entries]


def test_a_command_is_run_told_and_recorded(city: City) -> None:
    said = city.run("exec", "echo out; echo err >&2; printf 'no end'", "ap-0")
    assert said == "ap-0: done\n  out\n  err\n  no end\n"
    done = city.call("exec", "exit 3", "ap-0", "ap-1", "--yes", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert {one["ap"]: (one["outcome"], one["code"]) for one in answer} == {
        "ap-0": ("failed", 3), "ap-1": ("failed", 3)
    }  # fmt: skip
    assert trail(city, "ap-0", 2) == [
        ("exec", {"command": "exit 3"}),
        ("exec.end", {"outcome": "failed", "detail": "exit code 3", "code": 3}),
    ]


def test_a_command_for_many_is_asked_for(city: City) -> None:
    before = trail(city, "ap-1", 1)
    assert city.call("exec", "touch /run/done", "--all").returncode == 1, "nobody said yes"
    assert city.call("exec", "touch /run/done").returncode == 2
    assert not city.fleet.aps[1].path("/run/done").exists()
    assert trail(city, "ap-1", 1) == before
    city.run("exec", "touch /run/done", "--all", "--yes")
    assert all(ap.path("/run/done").exists() for ap in city.fleet.aps)


def test_a_command_that_hangs_ends_in_time(city: City) -> None:
    assert "ap-0: timeout" in city.run("exec", "sleep 30", "ap-0", "--timeout", "2s", code=1)


def test_a_restart_waits_until_it_is_back(city: City) -> None:
    ids = [ap.path("/run/boot_id").read_text() for ap in city.fleet.aps]
    said = city.run("reboot", "ap-0", "ap-1", "--yes", "--wait", "120s")
    assert said == "ap-0: applied\nap-1: applied\n2 of 2 done\n"
    after = [ap.path("/run/boot_id").read_text() for ap in city.fleet.aps]
    assert [one != other for one, other in zip(ids, after, strict=True)] == [True, True, False]
    city.fleet.aps[0].path("/run/dead").touch()
    said = city.run("reboot", "ap-0", "ap-1", "--yes", "--wait", "3s", code=1)
    assert "ap-0: failed: not back after 3 s" in said
    assert "ap-1: skipped: not touched: the canary ap-0 failed" in said
    assert city.fleet.aps[1].path("/run/boot_id").read_text() == after[1]


def test_the_led_blinks_and_goes_on_as_before(city: City) -> None:
    trigger = city.fleet.aps[0].path("/sys/class/leds/green/trigger")
    locating = city.start("locate", "ap-0", "--for", "2s")  # which need not end while it blinks
    wait_until(lambda: trigger.read_text() == "timer\n", "it blinks")
    _, errors = locating.communicate(timeout=60)
    assert locating.returncode == 0, errors
    wait_until(lambda: trigger.read_text() == "netdev\n", "it does what it did before")
    for ap in city.fleet.aps[1:2]:
        for file in ap.path("/sys/class/leds/green").iterdir():
            file.unlink()
        assert "no LED" in city.run("locate", ap.name, code=1)


def test_what_an_access_point_says_of_itself(city: City) -> None:
    assert "carries    nothing of ours" in city.run("status", "ap-0")
    assert city.outcomes("apply", "ap-0", "--yes") == {"ap-0": "applied"}
    [answer] = json.loads(city.run("status", "ap-0", "--json"))
    assert (answer["carries"], answer["differs"], answer["pending"]) == ("revision 1", [], None)
    assert answer["facts"]["kind"] == "debian"
    assert int(answer["facts"]["uptime"]) > 0
    assert int(answer["facts"]["flash_kb"]) > 0
    assert answer["facts"]["macs"] == {"eth0": "02:00:00:00:00:00"}
    assert "none of its interfaces has the MAC 02:00:00:00:00:01" in city.call("status", "ap-1").stderr
    several = city.run("status", "ap-[01]")
    assert [line.split()[0] for line in several.splitlines()] == ["AP", "ap-0", "ap-1"]
    assert "revision 1" in several


def test_the_documented_backup_restores_a_city_that_can_still_push(city: City) -> None:
    """docs/operator.md, "The state folder": these files, copied so, and put back so."""
    assert set(city.outcomes("apply", "--yes").values()) <= {"applied", "in-sync"}
    kept = city.state.with_name("kept")
    kept.mkdir()
    for name in ("core.db", "telemetry.db"):
        with closing(sqlite3.connect(city.state / name)) as source, closing(sqlite3.connect(kept / name)) as target:
            source.backup(target)
    for name in ("hotspot.env", "ssh_ed25519"):
        copy2(city.state / name, kept / name)
    documented = (Path(__file__).parents[2] / "docs" / "operator.md").read_text()
    assert all(path.name in documented for path in kept.iterdir())
    city.state.rename(city.state.with_name("lost"))
    kept.rename(city.state)
    assert set(city.outcomes("plan").values()) == {"in-sync"}
    assert set(city.outcomes("apply", "--yes").values()) == {"in-sync"}
    assert "chains are whole" in city.run("audit", "verify")
    (city.state / "ssh_ed25519").rename(city.state / "elsewhere")
    for command in (["keys", "show"], ["keys", "create"]):
        done = city.call(*command)
        assert (done.returncode, "from the backup" in done.stderr) == (2, True)
        assert not (city.state / "ssh_ed25519").exists(), "no new key beside access points that know the old one"
    assert city.run("keys", "create", "--replace").startswith("ssh-ed25519 ")
    (city.state / "elsewhere").replace(city.state / "ssh_ed25519")


def test_a_key_is_changed_only_when_the_new_one_opens_every_access_point(city: City) -> None:
    assert "root logs in there: name an account" in city.call("keys", "account", "ap-0").stderr
    keys = [ap.path("/root/.ssh/authorized_keys") for ap in city.fleet.aps]
    old = city.run("keys", "show").strip()
    keys[1].write_text("")
    done = city.call("keys", "rotate", "--yes")
    assert done.returncode == 1
    assert "ap-1: login-refused" in done.stdout
    assert "the old key stays in use" in done.stderr
    assert city.run("keys", "show").strip() == old
    assert "ap-0: done" in city.run("exec", "true", "ap-0")
    keys[1].write_text(old + "\n")
    assert "3 of 3 done" in city.run("keys", "rotate", "--yes")
    new = city.run("keys", "show").strip()
    assert new != old
    assert [key.read_text() for key in keys] == [f"{new}\n"] * 3
    assert "ap-1: done" in city.run("exec", "true", "ap-1")
    assert [action for action, _ in trail(city, "ap-1", 4)][:2] == ["keys.rotate", "keys.rotate.end"]


def test_a_retired_access_point_lets_the_controller_in_no_more(city: City) -> None:
    keys = city.fleet.aps[2].path("/root/.ssh/authorized_keys")
    keys.write_text(keys.read_text() + "ssh-ed25519 AAAA someone@else\n")
    assert city.call("retire", "ap-2").returncode == 1, "nobody said yes"
    city.run("retire", "ap-2", "--yes")
    assert keys.read_text() == "ssh-ed25519 AAAA someone@else\n"
    assert city.outcomes("plan", "ap-2", code=1) == {"ap-2": "not-adopted"}
    city.run("adopt", "ap-2", "--yes")
    assert city.outcomes("plan", "ap-2", code=1) == {"ap-2": "login-refused"}
    assert "ap-2: login-refused" in city.run("retire", "ap-2", "--yes", code=1)
    city.run("retire", "ap-2", "--yes", "--gone")
    assert city.outcomes("plan", "ap-2", code=1) == {"ap-2": "not-adopted"}
    assert "chains are whole" in city.run("audit", "verify")


def test_versions_are_those_of_a_stand_in_package_manager(tmp_path: Path) -> None:
    opkg = tmp_path / "opkg"
    opkg.write_text("#!/bin/sh\necho 'dropbear - 2022.82-2'; echo 'luci - 1'; echo 'opennds - 10.1.3-1'\n")
    opkg.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", remote.FACTS],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    facts = remote.parse_facts(done.stdout)
    assert facts.versions == {"dropbear": "2022.82-2", "opennds": "10.1.3-1"}
    assert facts.values["kind"] == "debian"


def test_facts_are_read_whatever_is_missing() -> None:
    facts = remote.parse_facts("kind openwrt\nmodel \nmac 02:00:00:AA:BB:01 lan1\nhas dropbear\n\nresult exit 0\n")
    assert facts.values == {"kind": "openwrt", "model": ""}
    assert facts.differs_from("openwrt", "02:00:00:aa:bb:01") == []
    assert len(facts.differs_from("debian", "02:00:00:aa:bb:02")) == 2
    assert remote.parse_facts("").differs_from("debian", "02:00:00:aa:bb:02") == []
