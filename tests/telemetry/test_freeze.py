"""Freezing a report's inputs, and the present, from a real store."""

import itertools

import pytest

from hotspot.errors import ConfigError
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store, schema
from hotspot.store.city.revisions import activate, active
from hotspot.store.persons import complaints
from hotspot.store.telemetry import observed
from telemetry.measure.prober import keep
from telemetry.uptime.coverage import Counts, Inputs, cover
from telemetry.uptime.freeze import freeze
from telemetry.uptime.overview import overview
from telemetry.uptime.period import Period
from telemetry.uptime.states import Sample, State
from telemetry.web import create_app

from .worlds import NOVEMBER, SITES_TOML, inventory_of, utc

START, END = NOVEMBER
PROBE = inventory_of(SITES_TOML).probe


@pytest.fixture
def store(store: Store) -> Store:
    """A store with the example city active."""
    with store.core.write() as connection:
        activate(connection, SITES_TOML, "test", START)
    return store


def frozen(store: Store, now: int, period: str = "2026-11") -> Inputs:
    with store.core.read() as connection:
        revision = active(connection)
    assert revision is not None
    return freeze(store, revision, Period.parse(period), "id", now)


def session(store: Store, number: int, person: str | None, site: str, begin: int, end: int | None, down: int) -> None:
    with store.core.write() as connection:
        device = f"device-{number}"
        values = {"id": device, "lookup": bytes([number]) * 32, "sealed": b"", "randomised": False, "first_seen": begin}
        connection.execute(schema.device.insert().values(**values))
        if person is not None:
            known = schema.person.select().where(schema.person.c.id == person)
            if connection.execute(known).first() is None:
                connection.execute(schema.person.insert().values(id=person, kind="member", created_at=begin))
        connection.execute(
            schema.session.insert().values(
                id=f"session-{number}",
                gateway="tk1-gw",
                acct_session_id=str(number),
                device_id=device,
                ticket_id="",
                person_id=person,
                site=site,
                started_at=begin,
                last_at=end or begin + 600,
                seconds=(end or begin + 600) - begin,
                down=down,
                up=0,
                ended_at=end,
                start_seen=True,
                latest_start=begin,
                last_bytes=down,
                heard=1,
            )
        )


def test_sessions_are_split_at_the_months_edge_and_people_counted_once(store: Store) -> None:
    session(store, 1, "siti", "taman-kota-1", START - 3600, START + 3600, 1000)  # half of it is October's
    session(store, 2, "siti", "sman-2", START + 7200, START + 7800, 500)
    session(store, 3, "budi", "sman-2", END - 600, None, 70)  # still running when the month ends
    session(store, 4, "dewi", "sman-2", END + 600, END + 700, 9)
    session(store, 5, "dewi", "a-site-that-is-gone", START, START + 10, 9)
    inputs = frozen(store, END + 86400)
    assert inputs.usage == {
        "taman-kota-1": Counts(sessions=0, persons=1, devices=1, seconds=3600, down=500),
        "sman-2": Counts(sessions=2, persons=2, devices=2, seconds=1200, down=570),
    }
    assert inputs.city_usage == Counts(sessions=2, persons=2, devices=3, seconds=4800, down=1070)
    assert not any(name in inputs.model_dump_json() for name in ("siti", "budi", "device-1"))


def test_the_open_tail_belongs_to_the_report(store: Store) -> None:
    for at in range(START, START + 600, 60):
        keep(store, {"tk2-ap1": Sample(at, True)}, PROBE)
    inputs = frozen(store, START + 600)
    assert inputs.access_points == {"tk2-ap1": ((START, START + 600, State.UP),)}
    later = frozen(store, START + 3600)
    assert later.access_points == {
        "tk2-ap1": ((START, START + 690, State.UP), (START + 690, START + 3600, State.UNKNOWN))
    }
    assert cover(later).sites[1].states.strict.hundredths == 690 * 10000 // 3600


def test_what_lies_outside_the_period_is_cut_off(store: Store) -> None:
    for at in (START - 120, START - 60, START, START + 60, END - 60, END, END + 60):
        keep(store, {"tk2-ap1": Sample(at, True)}, PROBE)
    rows = frozen(store, END + 86400).access_points["tk2-ap1"]
    assert (rows[0][0], rows[-1][1]) == (START, END)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(rows))


def test_maintenance_is_frozen_without_its_author(store: Store) -> None:
    row = observed.MaintenanceRow("f" * 32, "sman-2", START + 60, START + 120, "T", "R", "pak-joko", START, None)
    with store.telemetry.write() as connection:
        observed.announce(connection, row)
    keep(store, {"tk2-ap1": Sample(START, True)}, PROBE)
    inputs = frozen(store, END)
    assert [work.ticket for work in inputs.maintenance] == ["T"]
    assert "pak-joko" not in inputs.model_dump_json()


def test_reported_faults_are_frozen_without_their_words(store: Store) -> None:
    keys = Keys(b"k" * 32)
    for at, done in ((START - 1, START + 5), (START, START + 7200), (END - 1, None), (END, None)):
        with store.core.write() as connection:
            number = complaints.add(
                connection,
                keys,
                site="taman-kota-1",
                category="slow",
                text="Budi",
                contact="0812",
                language="id",
                now=at,
            )
            one = complaints.find(connection, keys, number)
            assert one
            if done:
                complaints.resolve(connection, one.id, "Sudah.", done)
    session(store, 9, None, "taman-kota-1", START + 60, START + 120, 1)
    assert frozen(store, END + 60).complaints == ((START, START + 7200), (END - 1, None))
    assert frozen(store, END - 1).complaints == ((START, START + 7200),), "as known then"


def test_periods_without_anything_to_report(store: Store) -> None:
    with pytest.raises(ConfigError, match="nothing is recorded yet"):
        frozen(store, END)
    keep(store, {"tk2-ap1": Sample(START + 60, True)}, PROBE)
    with pytest.raises(ConfigError, match="ended before the first record"):
        frozen(store, END, "2026-10")
    with pytest.raises(ConfigError, match="has not begun"):
        frozen(store, END, "2026-12")
    assert frozen(store, END, "2026").period == "2026"


def test_the_present(store: Store) -> None:
    now = utc("2026-11-21 03:00")
    for at in range(now - 600, now + 1, 60):
        keep(store, {"tk1-ap1": Sample(at, True), "tk2-ap1": Sample(at, at < now - 300)}, PROBE)
    session(store, 1, None, "taman-kota-1", now - 1200, None, 4000)
    work = observed.MaintenanceRow("f" * 32, "sman-2", now - 60, now + 60, "T", "R", "x", now - 90, None)
    with store.telemetry.write() as connection:
        observed.announce(connection, work)
    with store.core.read() as connection:
        revision = active(connection)
    assert revision is not None
    found = overview(store, revision, now)
    park, second, school = found.sites[:3]
    assert found.last_sample_at == now
    assert (park.state, park.since, park.sessions, park.today.down) == (State.UP, now - 600, 1, 4000)
    assert park.access_points == {"tk1-ap1": True, "tk1-ap2": None}
    assert (second.state, second.since) == (State.DOWN, now - 300)
    assert (school.state, school.since) == (State.EXCLUDED, now - 60)
    assert second.month.up == 300
    assert not park.longer


# -- at the moments at which days, months and years turn ---------------------------------------------------------------


def test_the_present_shows_every_site_at_any_moment(store: Store, moment: int) -> None:
    with store.core.read() as connection:
        revision = active(connection)
    assert revision is not None
    for at in (moment - 120, moment - 60):
        keep(store, {"tk1-ap1": Sample(at, True)}, PROBE)
    found = {site.site.id: site for site in overview(store, revision, moment).sites}
    assert len(found) == 6
    assert (found["taman-kota-1"].state, found["taman-kota-1"].since) == (State.UP, moment - 120)
    assert found["sman-2"].month.base <= found["taman-kota-1"].month.base <= 31 * 86400


def test_the_dashboard_is_shown_at_any_moment(store: Store, settings: Settings, moment: int) -> None:
    client = create_app(settings, lambda: moment).test_client()
    page = client.get("/?lang=id")
    assert page.status_code == 200
    assert page.text.count("Negeri") >= 2, "also while the schools are closed"
    assert client.get("/metrics").status_code == 200
