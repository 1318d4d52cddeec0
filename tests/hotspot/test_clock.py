"""A node whose clock is wrong: told of beyond 5 seconds, and beyond 60 it goes by the store's."""

import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from hotspot.admission.grant import Grant, Limits
from hotspot.admission.ticket import LIFETIME, Ticket
from hotspot.admission.ticket import new_id as new_ticket
from hotspot.node.clock import Clock
from hotspot.people.identity import new_id
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import people
from hotspot.store.stays import grants, redemption
from hotspot.store.stays.redemption import Claim, Redeemed
from tests.conftest import settings_in

MAC = "02:00:00:00:00:01"


@pytest.fixture
def shared(fresh_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that several nodes share."""
    folder = tmp_path_factory.mktemp("node")
    store = Store.open(settings_in(folder, HOTSPOT_CORE_URL=fresh_postgres(), HOTSPOT_TELEMETRY_URL=fresh_postgres()))
    yield store
    store.close()


def node(store: Store, ahead: float) -> Clock:
    """A node whose clock is that many seconds ahead of the truth."""
    clock = Clock(store, lambda: time.time() + ahead)
    clock.measure()
    return clock


@pytest.mark.parametrize(
    ("ahead", "told", "corrected"),
    [(0, False, False), (3, False, False), (8, True, False), (-8, True, False), (50, True, False),
     (90, True, True), (-90, True, True), (3600, True, True), (-86400 * 365, True, True)],
)  # fmt: skip
def test_what_differs_is_told_and_corrected(shared: Store, ahead: int, told: bool, corrected: bool) -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        clock = node(shared, ahead)
    said = [line for line in lines if line["event"] == "this node's clock is wrong"]
    assert bool(said) is told
    if said:
        assert said[0]["log_level"] == "error"
        assert abs(said[0]["seconds_ahead"] - ahead) < 2
        assert (said[0]["goes_by"] == "the store's clock") is corrected
    assert abs(clock.now() - time.time() - (0 if corrected else ahead)) < 3


def test_a_clock_that_is_set_meanwhile_is_noticed_at_once(shared: Store) -> None:
    ahead = [0.0]
    clock = Clock(shared, lambda: time.time() + ahead[0])
    clock.measure()
    ahead[0] = 3600.0
    assert abs(clock.now() - time.time()) < 3
    structlog.reset_defaults()
    with capture_logs() as lines:
        clock.measure()
        ahead[0] = 0.0
        clock.measure()
    assert [line["event"] for line in lines] == ["this node's clock is wrong", "this node's clock is right again"]


def test_a_store_that_is_away_leaves_what_is_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("away")
    away = Store.open(settings_in(folder, HOTSPOT_CORE_URL=f"postgresql:///x?host={folder}"), migrate=False)
    clock = Clock(away, lambda: 1000.0)
    clock.start()
    assert clock.now() == 1000
    clock.close()
    away.close()


def test_sqlite_goes_by_its_machines_clock(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = Store.open(settings_in(tmp_path_factory.mktemp("one")))
    clock = Clock(store, lambda: 1000.0)
    clock.start()
    assert clock.now() == 1000
    clock.close()
    store.close()


@pytest.mark.parametrize(("portal", "radius"), [(3600, 0), (0, 3600), (-3600, 0), (0, -3600), (3600, -3600), (40, 0)])
def test_what_one_node_issues_another_redeems(shared: Store, portal: int, radius: int, settings_of: Settings) -> None:
    issued, redeemed = node(shared, portal).now(), node(shared, radius).now()
    keys = settings_of.keys()
    with shared.core.write() as connection:
        person = people.find_or_create(connection, keys, "device-day", new_id(), issued)  # type: ignore[arg-type]
        device = people.see_device(connection, keys, MAC, issued)
        grant = Grant(
            new_id(), person, device, "park", "gw", "umum", "voucher", "id", issued, issued + 3600, Limits(3600, 900)
        )
        grants.add_grant(connection, grant, 1)
        made = Ticket(new_ticket(issued), grant.id, "gw", issued + LIFETIME)
        grants.add_ticket(connection, made)
        [found] = redemption.redeem(connection, [Claim(made.id, "gw", b"a" * 16)], redeemed)
    assert isinstance(found, Redeemed)


@pytest.fixture
def settings_of(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("keys"))
