"""The prober against real sockets on loopback, and what it leaves in a real store."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hotspot.city.sites import Inventory
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Following, activate
from hotspot.store.telemetry import observed
from telemetry import jobs
from telemetry.measure.device import Devices, Target
from telemetry.measure.prober import Prober, _next_beat, keep, probe_round, targets
from telemetry.uptime.freeze import states
from telemetry.uptime.states import Sample, State
from tests.node import free_port

from .access_points import Dropbear
from .worlds import inventory_of, text_of, utc

NOW = utc("2026-11-21 03:00")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what else knocks, as a host does that is switched off."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


def test_only_access_points_in_life_are_probed() -> None:
    text = text_of({"tk1-ap1": 1, "tk2-ap1": 2}).replace('id = "tk2-ap1"', 'id = "tk2-ap1"\nuntil = 2026-11-01')
    found = targets(inventory_of(text), {"tk1-ap1": "ssh-ed25519 AAAA"}, NOW)
    assert "tk2-ap1" not in found
    assert found["tk1-ap1"] == Target("127.0.0.1", 1, False, "ssh-ed25519 AAAA", ("tk1-ap1", "127.0.0.1"))


def round_of(inventory: Inventory, pinned: dict[str, str] | None = None) -> dict[str, Sample]:
    with ThreadPoolExecutor() as threads:
        return asyncio.run(probe_round(inventory, NOW, Devices(threads), pinned or {}))


def test_one_round_over_the_city(dropbear: Dropbear, silent: int) -> None:
    refusing = free_port()
    ports = {"tk1-ap1": dropbear.port, "tk1-ap2": refusing, "tk2-ap1": silent, "smpn11-ap1": dropbear.port}
    another = "ssh-ed25519 " + dropbear.key.split()[1][:-4] + "AAAA"
    samples = round_of(inventory_of(text_of(ports)), {"tk1-ap1": dropbear.key, "smpn11-ap1": another})
    assert {ap: (samples[ap].good, samples[ap].monitor) for ap in ports} == {
        "tk1-ap1": (True, True),
        "tk1-ap2": (False, False),  # a refusal: neither up nor down
        "tk2-ap1": (False, True),
        "smpn11-ap1": (False, True),  # another one answers
    }
    assert all(sample.at == NOW for sample in samples.values())


def test_a_dead_uplink_makes_failures_meaningless(dropbear: Dropbear, silent: int) -> None:
    inventory = inventory_of(text_of({"tk1-ap1": dropbear.port, "tk2-ap1": silent}, uplink=silent))
    samples = round_of(inventory)
    assert (samples["tk1-ap1"].good, samples["tk2-ap1"].good) == (True, False)
    assert not any(sample.monitor for sample in samples.values())


def feed(store: Store, pattern: str, start: int = NOW) -> None:
    settings = inventory_of(text_of({})).probe
    for position, letter in enumerate(pattern):
        if letter != " ":
            keep(store, {"tk1-ap1": Sample(start + position * 60, letter == "+")}, settings)


def test_states_survive_a_restart(store: Store) -> None:
    feed(store, "+++")
    feed(store, "----", NOW + 180)  # each call reads its trackers back, as a new process does
    found = states(store, (NOW, NOW + 420), NOW + 420)["tk1-ap1"]
    assert [(i.from_at - NOW, i.to_at - NOW, i.state) for i in found] == [(0, 180, State.UP), (180, 420, State.DOWN)]


def test_the_time_a_monitor_was_away_is_unknown(store: Store) -> None:
    feed(store, "+++")
    feed(store, "++", NOW + 3600)
    found = states(store, (NOW, NOW + 3720), NOW + 3720)["tk1-ap1"]
    assert [(i.from_at - NOW, i.to_at - NOW, i.state, i.cause) for i in found] == [
        (0, 270, State.UP, ""),
        (270, 3600, State.UNKNOWN, "pemantau"),
        (3600, 3720, State.UP, ""),
    ]


def test_a_clock_that_goes_back_adds_nothing(store: Store) -> None:
    feed(store, "++")
    feed(store, "-", NOW)
    with store.telemetry.read() as connection:
        assert len(observed.samples_between(connection, 0, 2**40, 10)) == 2


def activated(store: Store, text: str) -> None:
    with store.core.write() as connection:
        activate(connection, text, "test", NOW)


def test_rounds_follow_the_active_inventory_and_the_lease(store: Store, dropbear: Dropbear) -> None:
    activated(store, text_of({"tk1-ap1": dropbear.port}))
    prober = Prober(store, Following(store), lambda _: NOW)
    inventory = Following(store).inventory()

    def kept() -> bool:
        async def scene() -> bool:
            return await prober.round(inventory, asyncio.Event())

        return asyncio.run(scene())

    with store.telemetry.write() as connection:
        assert observed.take_lease(connection, "prober", "another-node", NOW - 100, NOW + 50)
    assert not kept(), "another node has it"
    with store.telemetry.write() as connection:
        assert observed.take_lease(connection, "prober", "another-node", NOW - 100, NOW - 1)
    assert kept()
    with store.telemetry.read() as connection:
        assert observed.last_sample_at(connection) == NOW


def last_sample(store: Store) -> int | None:
    with store.telemetry.read() as connection:
        return observed.last_sample_at(connection)


def run_until(store: Store, enough: Callable[[], bool]) -> None:
    """Runs a prober until then. It ends soon after, whatever it is at."""

    async def scene() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Prober(store, Following(store), lambda _: NOW).run(stop))
        while not enough():
            await asyncio.sleep(0.1)
        stop.set()
        await asyncio.wait_for(task, 30)

    asyncio.run(asyncio.wait_for(scene(), 90))


def test_a_running_prober_stops_at_once(store: Store, dropbear: Dropbear) -> None:
    activated(store, text_of({"tk1-ap1": dropbear.port}))
    run_until(store, lambda: last_sample(store) is not None)
    assert last_sample(store) == NOW


def test_a_round_that_is_under_way_is_given_up(store: Store, silent: int) -> None:
    activated(store, text_of({"tk1-ap1": silent}).replace('timeout = "1s"', 'timeout = "60s"'))
    a_second_later = time.monotonic() + 1
    run_until(store, lambda: time.monotonic() > a_second_later)
    assert last_sample(store) is None


def test_beats_are_steady_and_missed_ones_are_skipped() -> None:
    assert _next_beat(100.0, 60, 100.0) == 160
    assert _next_beat(100.0, 60, 159.0) == 160
    assert _next_beat(100.0, 60, 161.0) == 220
    assert _next_beat(100.0, 60, 1000.0) == 1000


def test_old_samples_go_and_states_stay(store: Store, settings: Settings) -> None:
    feed(store, "++----", NOW - 40 * 86400)
    feed(store, "++", NOW)
    assert done(store, settings, NOW + 60)
    with store.telemetry.read() as connection:
        left = observed.samples_between(connection, 0, 2**40, 100)
        assert [row.at for row in left] == [NOW, NOW + 60]
        assert observed.first_observed(connection) == NOW - 40 * 86400


def done(store: Store, settings: Settings, now: int) -> bool:
    """Whether a node, which ends then, did the job at a time of the store's."""
    turns = jobs.Turns(store, settings, lambda _: now)
    try:
        return turns.turn(jobs.RETENTION)
    finally:
        turns.close()


def test_a_job_runs_on_one_node_at_a_time(store: Store, settings: Settings) -> None:
    with store.telemetry.write() as connection:
        assert observed.take_lease(connection, "jobs", "another-node", NOW, NOW + 10)
    assert not done(store, settings, NOW + 9)
    assert done(store, settings, NOW + 10)


def test_a_job_that_another_node_has_just_done_waits_for_its_time(store: Store, settings: Settings) -> None:
    assert done(store, settings, NOW)
    assert not done(store, settings, NOW + 60), "the one that did it ended, and gave the lease back"
    assert done(store, settings, NOW + 3600)
    assert not done(store, settings, NOW + 3600)
    assert done(store, settings, NOW), "what was told by a clock that has been set right counts no more"


def test_a_clock_that_ran_ahead_blinds_nobody(store: Store) -> None:
    feed(store, "+++")
    feed(store, "+++", NOW + 30 * 86400)
    feed(store, "+++", NOW + 240)
    found = states(store, (NOW, NOW + 420), NOW + 420)["tk1-ap1"]
    assert found[-1].state is State.UP
    assert (found[0].state, found[0].from_at) == (State.UP, NOW)
    assert all(interval.to_at <= NOW + 420 for interval in found)


@pytest.mark.parametrize(("letters", "state"), [("+" * 60, State.UP), ("-" * 60, State.DOWN)])
def test_a_clock_that_is_set_back_erases_nothing_that_was_known(store: Store, letters: str, state: State) -> None:
    """What was open before the new time stays open from where it began, for every access point at once."""
    feed(store, letters)
    feed(store, letters[:3], NOW + 1800)
    [found] = states(store, (NOW, NOW + 1980), NOW + 1980)["tk1-ap1"]
    assert (found.state, found.from_at, found.to_at) == (state, NOW, NOW + 1980)


def test_the_retention_job_is_declared() -> None:
    assert jobs.RETENTION in jobs.declared()
