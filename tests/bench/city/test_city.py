"""A city's day over a bad network: what the ledger holds in the evening is what the gateways said, to the byte."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node import Node

from .city import World
from .script import Scale, write

SMALL = Scale(gateways=20, devices=500, seed=2)
WHOLE = Scale(gateways=1000, devices=50_000)


def lived(folder: Path, scale: Scale, urls: dict[str, str]) -> tuple[object, object]:
    """Lives through a day of this size: the sessions of the script, and those of the evening's ledger."""
    node = Node(folder)
    node.environment.update(urls)
    day = write(scale)
    world = World.build(node, day, int(time.time()))
    began = time.monotonic()
    with node.service("radius") as service:
        seen = world.live()
        assert service.stop() == 0
    took = time.monotonic() - began
    logins, reports = len(day.visits), sum(len(visit.reports) for visit in day.visits)
    restarts = sum(gateway.back is not None for gateway in day.gateways)
    assert seen["answered"] == logins + reports + restarts
    assert min(seen[what] for what in ("lost", "repeated", "held back", "answers lost")) > 0.03 * seen["sent"]
    print(f"{logins} logins, {reports} reports in {took:.0f} s: {seen}")

    store = node.store()
    told, kept = world.told(), world.kept(store, int(time.time()))
    assert world.gaps(store) == world.told_gaps()
    assert {"lost-start", "lost-stop", "restart", "silence"} == set().union(*world.told_gaps().values())
    assert world.per_site(store) == world.told_per_site()
    some = range(0, day.persons, max(1, day.persons // 2000))
    by_script = world.told_per_person()
    assert world.per_person(store, some) == [by_script[i] for i in some]
    assert max(down for down, _ in world.per_site(store).values()) > 2**32
    store.close()
    return told, kept


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    fresh: Callable[[], str] = request.getfixturevalue("fresh_postgres")
    return {"HOTSPOT_CORE_URL": fresh(), "HOTSPOT_TELEMETRY_URL": fresh()}


def test_a_small_city(tmp_path: Path, urls: dict[str, str]) -> None:
    told, kept = lived(tmp_path, SMALL, urls)
    assert kept == told


@pytest.mark.long
def test_the_whole_city(tmp_path: Path, urls: dict[str, str]) -> None:
    told, kept = lived(tmp_path, WHOLE, urls)
    assert kept == told
