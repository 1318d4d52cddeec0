"""Runs as an admin types them, over a fleet of real SSH servers: crashes, Ctrl-C, resuming, rolling back."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.net import wait_until

from .fleet import City, FleetAp

COUNT = 5


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = City(tmp_path_factory.mktemp("runs"), COUNT)
    yield one
    one.close()


def slow(city: City, *numbers: int) -> list[Path]:
    """Makes reloads there take until the marks are removed, half a minute at most."""
    marks = [city.fleet.aps[number].path("/run/slow") for number in numbers]
    for mark in marks:
        mark.touch()
    return marks


def pending(city: City) -> list[str]:
    return [ap.name for ap in city.fleet.aps if ap.path("/var/lib/nirkabel/pending").exists()]


def port_of(city: City, number: int) -> str:
    return city.fleet.aps[number].path("/usr/local/lib/nirkabel/net").read_text()


def test_a_killed_controller_is_resumed_and_what_waits_is_confirmed(city: City) -> None:
    marks = slow(city, 1, 2, 3)
    process = city.start("apply", "--yes", "--wave", "60%")
    wait_until(lambda: len(pending(city)) >= 3, "a wave is under way")
    process.kill()
    process.communicate()
    assert not any("apply" in line for line in city.run("audit", "list", "ap-1").splitlines())
    for mark in marks:
        mark.unlink()
    result = city.outcomes("apply", "--resume", "--yes")
    assert result == {f"ap-{number}": "applied" for number in (1, 2, 3, 4)}, "the canary is done"
    audit = city.run("audit", "list", "ap-1", "--last", "1")
    assert "apply  applied" in audit
    assert set(city.outcomes("plan").values()) == {"in-sync"}
    assert "nothing is left" in city.call("apply", "--resume", "--yes").stderr
    assert city.call("apply", "--resume", "--yes").returncode == 1
    assert not list(city.state.glob("run-*.lock"))


def test_a_run_of_another_revision_or_of_another_process_is_not_resumed(city: City) -> None:
    city.activate(2)
    done = city.call("apply", "--resume", "--yes")
    assert done.returncode == 2
    assert "pushed revision 1, and 2 is active now" in done.stderr
    mark = slow(city, 0)[0]
    process = city.start("apply", "ap-0", "--yes", "--quiet")
    wait_until(lambda: bool(pending(city)), "it is under way")
    done = city.call("apply", "--resume", "--yes")
    assert (done.returncode, "is under way in another process" in done.stderr) == (2, True)
    mark.unlink()
    assert process.wait(120) == 0
    assert process.communicate()[0] == "", "nothing failed"
    assert city.call("apply", "--resume", "0" * 32, "--yes").returncode == 2


def test_ctrl_c_ends_between_access_points_and_says_how_to_go_on(city: City) -> None:
    mark = slow(city, 1)[0]
    process = city.start("apply", "ap-1", "ap-2", "ap-3", "ap-4", "--yes")
    wait_until(lambda: bool(pending(city)), "the canary is under way")
    process.send_signal(signal.SIGINT)
    time.sleep(1)  # it hears of it while the canary is still under way
    mark.unlink()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "ap-1: applied" in said
    assert "ap-4: skipped: not touched: interrupted" in said
    run = said.strip().splitlines()[-1].removeprefix("the rest: hotspot apply --resume ")
    assert city.outcomes("apply", "--resume", run, "--yes") == {f"ap-{n}": "applied" for n in (2, 3, 4)}


def test_rolling_back_gives_the_revision_before(city: City) -> None:
    before = port_of(city, 0)
    city.activate(3)
    assert "lan2" in before
    assert city.outcomes("apply", "ap-0", "ap-1", "--yes") == {"ap-0": "applied", "ap-1": "applied"}
    assert "lan3" in port_of(city, 0)
    assert city.outcomes("rollback", "--last", "--yes") == {"ap-0": "applied", "ap-1": "applied"}
    assert port_of(city, 0) == before
    assert city.outcomes("plan", "ap-0") == {"ap-0": "changed"}
    assert "rollback  applied" in city.run("audit", "list", "ap-0", "--last", "1")
    assert city.outcomes("rollback", "ap-0", "--yes") == {"ap-0": "applied"}
    assert "lan3" in port_of(city, 0), "once more is back again"
    assert city.call("rollback", "--yes").returncode == 2


def test_rolling_back_undoes_what_waits_for_its_confirmation(city: City) -> None:
    before = port_of(city, 4)
    mark = slow(city, 4)[0]
    process = city.start("apply", "ap-4", "--yes")
    wait_until(lambda: bool(pending(city)), "it is armed")
    process.kill()
    process.communicate()
    mark.unlink()
    assert city.outcomes("rollback", "ap-4", "--yes") == {"ap-4": "withdrawn"}
    assert port_of(city, 4) == before
    assert not pending(city)


def test_a_trail_of_all_this_is_whole(city: City) -> None:
    assert "chains are whole" in city.run("audit", "verify")


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])
def test_an_outcome_for_each_of_many_and_resuming_touches_only_the_rest(tmp_path: Path, count: int) -> None:
    """10 % dead, 5 % with another key, 5 % failing: the good ones are done."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    city = City(tmp_path, count)
    try:
        aps = city.fleet.aps
        dead, foreign, failing = aps[3::10], aps[7::20], aps[11::20]
        for ap in foreign:
            change_host_key(city, ap)
        for ap in dead:
            ap.close()
        for ap in failing:
            ap.path("/run/broken").touch()
        expected = {ap.name: "applied" for ap in aps}
        expected |= {ap.name: "unreachable" for ap in dead} | {ap.name: "wrong-host-key" for ap in foreign}
        expected |= {ap.name: "reverted" for ap in failing}
        assert city.outcomes("apply", "--yes", "--halt-after", str(count), code=1) == expected
        for ap in failing:
            ap.path("/run/broken").unlink()
        logins = city.fleet.logins()
        told = city.run("apply", "--resume", "--yes", "--halt-after", str(count), code=1).splitlines()
        rest = {ap.name: "unreachable" for ap in dead} | {ap.name: "wrong-host-key" for ap in foreign}
        rest |= {ap.name: "applied" for ap in failing}
        assert dict(line.split(": ")[:2] for line in told if line.startswith("ap-")) == rest
        assert any(f": {len(failing)} of {len(rest)} as wanted" in line for line in told)
        assert city.fleet.logins() == logins + 2 * len(failing), "nobody else was touched"
    finally:
        city.close()


def change_host_key(city: City, ap: FleetAp) -> None:
    """The access point is set up anew: it shows another key than the pinned one."""
    ap.close()
    folder = city.fleet.folder
    if not (folder / "other_key").exists():
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", folder / "other_key"], check=True, capture_output=True)
    city.fleet.begin(ap, folder / "other_key")
    city.fleet.await_all()
