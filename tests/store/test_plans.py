"""What is done for every phone, by every job and for who asks for a list reads no table of a city's history whole."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from hotspot.people.identity import PersonKind, new_id
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city import pushes
from hotspot.store.city.revisions import Revision, activate, active
from hotspot.store.keyed import open_keyed
from hotspot.store.persons import people, subject, vouchers
from hotspot.store.stays import redemption, sessions
from hotspot.store.stays.redemption import Claim
from hotspot.store.telemetry import observed
from portal.app import create
from portal.desk import Desk
from radius.orders import Sender
from radius.service import Service
from telemetry.jobs import declared
from telemetry.uptime.overview import overview
from tests.bench.city.nas import access_request, accounting_request, attribute, status_server
from tests.bench.large.seed import seed
from tests.conftest import ENGINES, settings_in
from tests.radius.city import address
from tests.radius.city import text as city_text
from tests.radius.test_central import SECRET, Controller

from .plans import Plans, recorded

VISITS = 12_000
ACCEPTED: dict[str, str] = {
    "SELECT max(audit.id) AS max_1 FROM audit": "the last entry of the index, where there are any (PostgreSQL, MinMax)"
}
"""Statements that may read a growing table whole, with why."""


@pytest.fixture(scope="module", params=ENGINES)
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Store]]:
    """A store with years of visits, and its node."""
    urls = {}
    if request.param == "postgresql":
        fresh: Callable[[], str] = request.getfixturevalue("module_postgres")
        urls = {"HOTSPOT_CORE_URL": fresh(), "HOTSPOT_TELEMETRY_URL": fresh()}
    settings = settings_in(tmp_path_factory.mktemp("large"), CISCO_RADIUS=SECRET.decode(), **urls)
    store, _ = open_keyed(settings)
    now = int(time.time())
    with store.core.write() as connection:
        activate(connection, city_text(', coa = "127.0.0.1:9"'), "test", now)
    seed(store.core, VISITS, now)
    with store.telemetry.write() as connection:
        _observed(connection, now)
    yield settings, store
    store.close()


def _observed(connection: object, now: int) -> None:
    rows = [
        observed.SampleRow(now - 60 * number, f"ap-{ap}", True, True, 9) for number in range(600) for ap in range(10)
    ]
    closed = [
        observed.IntervalRow(f"ap-{ap}", now - 86400 * (number + 1), now - 86400 * number, "up", "")
        for number in range(600)
        for ap in range(10)
    ]
    observed.keep_round(connection, rows, closed, {})  # type: ignore[arg-type]
    connection.execute(text("ANALYZE"))  # type: ignore[attr-defined]


def whole(store: Store, work: Callable[[], object]) -> dict[str, str]:
    """What reads a growing table whole of what a work runs."""
    plans: list[Plans] = []
    with recorded(store.core) as core, recorded(store.telemetry) as telemetry:
        work()
        plans = [core, telemetry]
    assert core.seen, "nothing was recorded"
    return {name: how for one in plans for name, how in one.whole.items() if name not in ACCEPTED}


def revision_of(store: Store) -> Revision:
    with store.core.read() as connection:
        found = active(connection)
    assert found is not None
    return found


def test_no_job(large: tuple[Settings, Store]) -> None:
    settings, store = large
    now = int(time.time())

    def work() -> None:
        for job in declared():
            job.run(store, settings, now)

    found = whole(store, work)
    assert not found, "\n" + "\n".join(found.values())


def test_no_login_and_no_accounting(large: tuple[Settings, Store]) -> None:
    settings, store = large
    keys, inventory = settings.keys(), revision_of(store).inventory

    def work() -> None:
        service = Service(settings, store, keys)
        controller, phone = Controller(service), create(Desk(settings, store, keys)).test_client()
        mac = "02-00-00-00-07-01"
        _, told = controller.ask(mac)
        [url] = [pair.partition("=")[2] for pair in told["Cisco-AVPair"] if pair.startswith("url-redirect=")]
        page = phone.get(url.removeprefix("https://wifi.example.go.id") + "&redirect=http://internet.test/")
        form = page.text.partition('name="form" value="')[2].partition('"')[0]
        done = phone.post("/login", data={"form": form, "method": "click-through"})
        assert phone.get(done.headers["Location"].removeprefix("https://wifi.example.go.id")).status_code == 200
        sender = Sender(settings, store, keys, lambda: inventory)
        sender.step()
        sender.close()
        controller.ask(mac)
        _account(service, mac)
        service.close()
        with store.core.write() as connection:
            redemption.redeem(connection, [Claim(new_id(), "gw-1", secrets.token_bytes(16))] * 2, int(time.time()))
            redemption.unexpired(connection, [keys.device_index("02:00:00:00:07:01")], int(time.time()))

    found = whole(store, work)
    assert not found, "\n" + "\n".join(found.values())


def _account(service: Service, mac: str) -> None:
    """A session from its Start to its Stop, one without Class, a restart of the gateway, Status-Server."""
    source = (address("cisco"), 1646)
    for number, (kind, stay, with_class) in enumerate(
        [(1, "s1", True), (3, "s1", True), (2, "s1", True), (1, "s2", False), (2, "s2", False), (7, "", False)]
    ):
        body = attribute(40, kind) + attribute(44, stay) + attribute(31, mac) + attribute(42, 1000 * number)
        body += attribute(25, hashlib.md5(stay.encode()).hexdigest()) if with_class else b""
        request = accounting_request(number, SECRET, body)
        assert service.handle([(request, source, 1)], int(time.time()))
    service.handle([(status_server(9, SECRET), source, 0)], int(time.time()))
    login = access_request(10, SECRET, attribute(1, new_id()) + attribute(31, mac), "0" * 16)
    service.handle([(login, source, 0)], int(time.time()))


def test_no_list_and_no_screen(large: tuple[Settings, Store]) -> None:
    settings, store = large
    keys, now, revision = settings.keys(), int(time.time()), revision_of(store)

    def work() -> None:
        overview(store, revision, now)
        with store.core.read() as connection:
            for site in (None, "site-7"):
                for place in (None, (now - 86400, "0")):
                    sessions.listed(connection, running=True, site=site, limit=100, after=place)
                    sessions.listed(connection, running=False, site=site, limit=100, after=place)
                vouchers.counted(connection, now, site=site, limit=20)
                vouchers.count_batches(connection, site)
                sessions.count(connection, running=True, site=site)
            observed.active_sessions(connection, now)
            list(observed.sessions(connection, (now - 86400, now)))
            vouchers.batches(connection, "000000000007" + "0" * 17)
            sessions.find(connection, "000000000005" + "0" * 17)
            people.persons_like(connection, "000000000001" + "0" * 17)
            people.devices_like(connection, "000000000002" + "0" * 17)
            one = subject.of(connection, "000000000001" + "0" * 20)
            subject.known(connection, keys, one)
            subject.running(connection, one)
            people.find(connection, keys, PersonKind.PHONE, "+628120000001")
            pushes.pinned(connection)
            vouchers.plan_of(connection, new_id())

    found = whole(store, work)
    assert not found, "\n" + "\n".join(found.values())


def test_what_reads_a_table_whole_is_found(large: tuple[Settings, Store]) -> None:
    _, store = large

    def work() -> None:
        with store.core.read() as connection:
            connection.execute(text("SELECT count(*) FROM session WHERE up > 5"))

    [found] = whole(store, work).values()
    assert found.startswith("session whole")
