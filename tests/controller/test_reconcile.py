"""What `hotspot reconcile` decides, and what it does to a fleet of real SSH servers."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.commands.reconcile import LeasedPace
from controller.job import Outcome, Result
from controller.plan import Plan, State
from controller.reconcile import MOST_TRIES, Reason, Step, after, due, queued, queues, verdict
from hotspot.node.lease import KeptLease
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city import catch_up
from hotspot.store.city.catch_up import Waiting
from hotspot.store.telemetry import observed
from tests.bed.net import wait_until

from .fleet import City, FleetAp

NOW = 1_790_000_000
AWAY = Waiting("ap", 7, Reason.AWAY, "run", NOW - 3600)
DRIFTED = Waiting("ap", 7, Reason.DRIFTED, "", NOW)
CHANGED_THERE = Plan(State.DRIFTED, (), ("/etc/x",))


@pytest.mark.parametrize(
    ("plan", "entry", "policy", "expected"),
    [
        (Plan(State.IN_SYNC, ()), None, "repair", Step.NOTHING),
        (Plan(State.CHANGED, ()), None, "repair", Step.NOTHING),
        (Plan(State.NEW, ()), None, "repair", Step.NOTHING),
        (Plan(State.NEW, ()), AWAY, "report", Step.CATCH_UP),
        (CHANGED_THERE, AWAY, "report", Step.CATCH_UP),
        (CHANGED_THERE, None, "report", Step.REPORT),
        (CHANGED_THERE, None, "repair", Step.REPAIR),
        (CHANGED_THERE, replace(DRIFTED, next_at=NOW + 1), "repair", Step.WAIT),
        (CHANGED_THERE, replace(DRIFTED, next_at=NOW), "repair", Step.REPAIR),
        (CHANGED_THERE, replace(DRIFTED, given_up_at=NOW), "repair", Step.WAIT),
        (Plan(State.IN_SYNC, ()), replace(DRIFTED, next_at=NOW), "repair", Step.FORGET),
        (Plan(State.IN_SYNC, ()), replace(DRIFTED, next_at=NOW + 1), "repair", Step.NOTHING),
        (Plan(State.PENDING, (), (), "push x is applied"), AWAY, "repair", Step.WAIT),
    ],
)
def test_what_is_done(plan: Plan, entry: Waiting | None, policy: str, expected: Step) -> None:
    assert policy in ("repair", "report")
    assert verdict(plan, entry, "repair" if policy == "repair" else "report", NOW).step is expected


def test_what_is_said_while_waiting_stays_the_same_from_pass_to_pass() -> None:
    entry = replace(DRIFTED, next_at=NOW + 300, detail="reverted")
    said = {verdict(CHANGED_THERE, entry, "repair", NOW + seconds).why for seconds in (0, 60, 299)}
    assert said == {"changed there: /etc/x; next try after 2026-09-21 14:18:20 UTC (reverted)"}


def test_an_apply_queues_what_was_away_and_nothing_else() -> None:
    assert {one for one in Outcome if queues(one)} == {Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BROKEN}
    entry = queued(Result("ap", Outcome.TIMEOUT, "slow"), 3, "run", NOW)
    assert (entry.revision, entry.reason, entry.detail, due(entry, NOW)) == (3, Reason.AWAY, "timeout: slow", True)


def test_pauses_grow_and_a_push_that_is_refused_is_given_up() -> None:
    entry, now, pauses = replace(AWAY, queued_at=NOW), NOW, []
    while entry.given_up_at is None:
        assert due(entry, now)
        found = after(entry, Outcome.REVERTED, "a reload failed", now)
        assert found is not None
        entry = found
        pauses.append(entry.next_at - now)
        assert not due(entry, now)
        now = entry.next_at
    assert (len(pauses), pauses[:4]) == (MOST_TRIES, [300, 900, 3600, 14400])
    assert not due(entry, now + 10**6), "only an apply takes it up again"


def test_one_that_is_away_is_never_given_up() -> None:
    entry, now, looks = replace(AWAY, queued_at=NOW), NOW, 0
    while now < NOW + 30 * 86400 and looks < 10_000:
        found = after(entry, Outcome.UNREACHABLE, "", now)
        assert found is not None
        assert found.given_up_at is None
        assert 60 <= found.next_at - now <= 600
        entry, now, looks = found, found.next_at, looks + 1
    assert looks > 4000
    assert after(entry, Outcome.APPLIED, "", now) is None
    assert after(entry, Outcome.SKIPPED, "", now) == entry


def test_what_drifts_again_after_every_repair_is_given_up() -> None:
    entry, now = DRIFTED, NOW
    for number in range(1, MOST_TRIES + 1):
        assert verdict(CHANGED_THERE, entry, "repair", now).step is Step.REPAIR
        found = after(entry, Outcome.APPLIED, "", now)
        assert found is not None
        entry = found
        assert (entry.reason, entry.tries) == (Reason.REPAIRED, number)
        assert verdict(CHANGED_THERE, entry, "repair", now).step is Step.WAIT
        now = entry.next_at
    assert entry.given_up_at is not None
    assert "repaired 5 times and drifted again" in entry.detail
    assert verdict(CHANGED_THERE, entry, "repair", now + 10**6).step is Step.WAIT


def test_one_controller_at_a_time_and_the_next_when_it_is_dead(tmp_path: Path) -> None:
    store = Store.open(Settings.load(tmp_path, {}))
    clock = [NOW]
    first, second = (KeptLease(store, "reconcile", 60, lambda _: clock[0]) for _ in range(2))
    assert first.taken_by() == ""
    assert first.taken_by() == "", "it is ours still"
    assert second.taken_by() == first.holder
    clock[0] += 60
    assert second.taken_by() == "", "the first was not heard of for too long"
    assert first.taken_by() == second.holder
    second.lost.set()
    pace = LeasedPace(4, second)
    assert (pace.width(), pace.halted) == (0, "another controller has taken over")
    second.close()
    assert first.taken_by() == "", "it was given back"
    first.close()
    store.close()


# -- a fleet -----------------------------------------------------------------------------------------------------

COUNT = 3
FILE = "/usr/local/lib/nirkabel/net"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = City(tmp_path_factory.mktemp("reconcile"), COUNT)
    yield one
    one.close()


def states(city: City, *arguments: str, code: int = 0) -> dict[str, str]:
    answer = json.loads(city.run("reconcile", *arguments, "--json", code=code))
    return {one["ap"]: one["state"] for one in answer["access_points"]}


def activate(city: City, revision: int, drift: str) -> None:
    text = city.fleet.sites_toml(revision=revision)
    city.sites.write_text(text.replace('funding = "APBD"', f'funding = "APBD"\ndrift = "{drift}"'))
    city.run("activate", str(city.sites))


def back(city: City, ap: FleetAp) -> None:
    """It is there again, blank."""
    city.fleet.begin(ap, city.fleet.folder / "host_key")
    city.fleet.await_all()


def queue(city: City) -> dict[str, Waiting]:
    store = Store.open(Settings.load(city.state, {}))
    try:
        with store.core.read() as connection:
            return catch_up.waiting(connection)
    finally:
        store.close()


def holder(city: City) -> str | None:
    store = Store.open(Settings.load(city.state, {}))
    try:
        with store.telemetry.read() as connection:
            return observed.lease_holder(connection, "reconcile", int(time.time()))
    finally:
        store.close()


def requeue(city: City, entry: Waiting) -> None:
    store = Store.open(Settings.load(city.state, {}))
    with store.core.write() as connection:
        catch_up.put(connection, [entry])
    store.close()


def test_one_that_was_away_is_caught_up_with_what_was_applied_and_no_more(city: City) -> None:
    away = city.fleet.aps[1]
    away.close()
    done = city.call("apply", "--yes")
    assert done.returncode == 1
    assert "queued for `hotspot reconcile`: ap-1" in done.stdout
    assert states(city, code=1) == {"ap-0": "in-sync", "ap-1": "unreachable", "ap-2": "in-sync"}
    assert states(city, code=1)["ap-1"] == "waiting", "it is not asked in every pass"
    back(city, away)
    city.activate(2)  # which nobody has applied
    requeue(city, replace(queue(city)["ap-1"], next_at=0))
    assert states(city, "--dry-run", code=1) == {"ap-0": "in-sync", "ap-1": "catch-up", "ap-2": "in-sync"}
    assert states(city) == {"ap-0": "in-sync", "ap-1": "applied", "ap-2": "in-sync"}
    assert "lan1" in away.path(FILE).read_text()
    assert queue(city) == {}
    assert states(city, "ap-1") == {"ap-1": "in-sync"}
    assert "reconcile  applied" in city.run("audit", "list", "ap-1", "--last", "1")


def test_drift_is_reported_or_repaired_as_the_site_says(city: City) -> None:
    file = city.fleet.aps[0].path(FILE)
    whole = file.read_text()
    file.write_text("# by hand\n")
    activate(city, 2, "report")
    assert states(city, code=1)["ap-0"] == "drifted"
    assert file.read_text() == "# by hand\n"
    activate(city, 2, "repair")
    assert states(city)["ap-0"] == "applied"
    assert file.read_text() == whole, "what it carried, not the revision that nobody applied"
    file.write_text("# again\n")
    assert states(city, code=1)["ap-0"] == "waiting"
    assert file.read_text() == "# again\n"
    city.run("apply", "ap-0", "--yes")
    assert queue(city) == {}


def test_one_that_reverts_is_not_tried_again_and_again_and_given_up_to_a_person(city: City) -> None:
    ap = city.fleet.aps[2]
    ap.path("/run/broken").touch()
    ap.path(FILE).write_text("# by hand\n")
    assert states(city, "ap-2", code=1) == {"ap-2": "reverted"}
    pushes = [line for line in city.run("audit", "list", "ap-2").splitlines() if "reconcile" in line]
    assert states(city, "ap-2", code=1) == {"ap-2": "waiting"}
    assert [line for line in city.run("audit", "list", "ap-2").splitlines() if "reconcile" in line] == pushes
    requeue(city, replace(queue(city)["ap-2"], tries=MOST_TRIES - 1, next_at=0))
    said = city.run("reconcile", "ap-2", code=1)
    assert "ap-2: given-up: reverted: " in said
    assert "then `hotspot apply ap-2`" in said
    assert "reconcile.given-up" in city.run("audit", "list", "ap-2", "--last", "1")
    requeue(city, replace(queue(city)["ap-2"], next_at=0))
    assert states(city, "ap-2", code=1) == {"ap-2": "given-up"}
    ap.path("/run/broken").unlink()
    city.run("apply", "ap-2", "--yes")
    assert states(city, "ap-2") == {"ap-2": "in-sync"}


def test_a_rolled_back_run_is_caught_up_nowhere(city: City) -> None:
    city.activate(3)
    city.fleet.aps[1].close()
    city.run("apply", "--yes", code=1)
    assert set(queue(city)) == {"ap-1"}
    city.run("rollback", "--last", "--yes")
    assert queue(city) == {}
    back(city, city.fleet.aps[1])
    assert states(city, "ap-1") == {"ap-1": "new"}


def test_a_watching_controller_works_alone_and_ends_at_once_when_it_is_told(city: City) -> None:
    activate(city, 4, "repair")
    city.run("apply", "--yes")
    watching = city.start("reconcile", "--watch", "--every", "1s", "--json")
    file = city.fleet.aps[0].path(FILE)
    whole = file.read_text()
    try:
        wait_until(lambda: holder(city) is not None, "the lease is taken")
        assert "reconciles this store already" in city.call("reconcile").stderr
        file.write_text("# by hand\n")
        wait_until(lambda: file.read_text() == whole, "it is repaired")
        watching.send_signal(signal.SIGINT)
        said, errors = watching.communicate(timeout=120)
    finally:
        watching.kill()
    assert (watching.returncode, errors) == (0, "")
    passes = [json.loads(line) for line in said.splitlines()]
    assert any(one["state"] == "applied" for each in passes for one in each["access_points"])
    assert states(city)["ap-0"] == "in-sync", "the lease was given back"
