"""Forgetting people and devices, on both engines: who, when, and what stays."""

from dataclasses import astuple, replace

import pytest
from sqlalchemy import Table, func, insert, select, update

from hotspot.admission.grant import Grant, Limits
from hotspot.admission.ticket import Ticket
from hotspot.city.inventory import check, load
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.rules import retention
from hotspot.rules.retention import Forgotten, Terms
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import consents, people, vouchers
from hotspot.store.schema import block, consent, device, grant, identity, person, session, ticket
from hotspot.store.stays import grants as admission
from portal.jobs import forget_all
from tests.node import EXAMPLE

DAY = 86400
NOW = 1_760_000_000
CITY = load(EXAMPLE.read_text())
LIMITS = Limits(session=3600, idle=900, down=None, up=None, total=None)


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def terms(now: int) -> Terms:
    return retention.terms_of(CITY, now)


def visit(
    store: Store, keys: Keys, who: str, kind: PersonKind = PersonKind.PHONE, *, at: int = NOW,
    site: str = "taman-kota-1", ended: bool = True,
) -> tuple[str, str, str]:  # fmt: skip
    """Somebody is let in and uses the network for an hour: (person, device, session)."""
    mac = "02:" + ":".join(f"{byte:02x}" for byte in keys.index("test", who)[:5])
    with store.core.write() as connection:
        if kind is PersonKind.MEMBER and people.find_member(connection, keys, who) is None:
            people.add_member(connection, keys, who, "x", at)
        someone = people.find_or_create(connection, keys, kind, who, at)
        phone = people.see_device(connection, keys, mac, at)
        made = Grant(new_id(), someone, phone, site, "tk1-gw", "umum", "code", "id", at, at + 3600, LIMITS)
        admission.add_grant(connection, made, 1)
        admission.add_ticket(connection, Ticket(new_id(), made.id, "tk1-gw", at + 60))
        terms_ = {"purpose": "service", "text_version": "1", "text_sha256": "0" * 64, "language": "id"}
        consents.record(connection, someone, **terms_, site=site, now=at)
        used = new_id()
        connection.execute(
            insert(session).values(
                id=used, gateway="tk1-gw", acct_session_id=used, device_id=phone, ticket_id=new_id(),
                grant_id=made.id, person_id=someone, site=site, started_at=at, last_at=at + 3600, seconds=3600,
                down=1, up=1, ended_at=at + 3600 if ended else None, start_seen=True, latest_start=at, last_bytes=2,
                heard=1,
            )
        )  # fmt: skip
    return someone, phone, used


def known(store: Store) -> tuple[set[str], set[str]]:
    with store.core.read() as connection:
        persons = set(connection.execute(select(identity.c.person_id)).scalars())
        return persons, set(connection.execute(select(device.c.id)).scalars())


def number_of(store: Store, table: Table) -> int:
    with store.core.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def forgotten(store: Store, now: int) -> tuple[int, ...]:
    """(grants, devices, persons) that are forgotten; a dry run before says the same."""
    with store.core.read() as connection:
        expected = retention.count(connection, terms(now))
    found = forget_all(store, terms(now))
    assert found == expected
    assert not forget_all(store, terms(now))
    return astuple(found)


def test_after_the_term_names_go_and_statistics_stay(store: Store, keys: Keys) -> None:
    someone = visit(store, keys, "+628120000001")
    last = NOW + 3600
    assert forgotten(store, last + 90 * DAY) == (0, 0, 0), "to the second"
    assert forgotten(store, last + 90 * DAY + 1) == (1, 1, 1)
    assert known(store) == (set(), set())
    assert (number_of(store, ticket), number_of(store, grant)) == (0, 0)
    assert number_of(store, consent) == number_of(store, person) == 1, "proof of a consent, nobody's"
    with store.core.read() as connection:
        row = connection.execute(select(session)).one()
    assert (row.person_id, row.device_id, row.id, row.down) == (*someone, 1)
    again = visit(store, keys, "+628120000001", at=NOW + 100 * DAY)
    assert set(again).isdisjoint(someone), "nobody knows that they were here before"


def test_whoever_comes_back_is_known_until_a_term_after_their_last_visit(store: Store, keys: Keys) -> None:
    regular = visit(store, keys, "+628120000001")
    visit(store, keys, "+628120000001", at=NOW + 60 * DAY)
    assert forgotten(store, NOW + 100 * DAY) == (1, 0, 0), "the old grant alone"
    assert known(store) == ({regular[0]}, {regular[1]})
    assert forgotten(store, NOW + 151 * DAY) == (1, 1, 1)


def test_schools_forget_sooner(store: Store, keys: Keys) -> None:
    visit(store, keys, "A" * 11, PersonKind.VOUCHER, site="sman-2")
    both = visit(store, keys, "B" * 11, PersonKind.VOUCHER, site="sman-2")
    visit(store, keys, "B" * 11, PersonKind.VOUCHER, site="taman-kota-1")
    assert forgotten(store, NOW + 35 * DAY) == (0, 0, 0)
    assert forgotten(store, NOW + 36 * DAY) == (2, 1, 1)
    assert known(store) == ({both[0]}, {both[1]}), "seen at a park too"


def test_who_is_kept(store: Store, keys: Keys) -> None:
    member = visit(store, keys, "dewi", PersonKind.MEMBER)
    blocked = visit(store, keys, "+628120000002")
    running = visit(store, keys, "+628120000003", ended=False)
    with store.core.write() as connection:
        for subject, kind in ((blocked[0], "person"), (blocked[1], "device")):
            row = {"id": new_id(), "kind": kind, "subject": subject, "until": NOW + 200 * DAY, "reason": "x"}
            connection.execute(insert(block).values(created_at=NOW, created_by="x", **row))
    assert forgotten(store, NOW + 100 * DAY) == (2, 1, 0)
    assert known(store) == ({member[0], blocked[0], running[0]}, {blocked[1], running[1]})
    with store.core.write() as connection:
        connection.execute(update(session).values(ended_at=NOW))
        connection.execute(update(block).values(lifted_at=NOW, lifted_by="x"))
    assert forgotten(store, NOW + 100 * DAY) == (1, 2, 2)
    assert known(store) == ({member[0]}, set())


def test_whoever_is_new_is_not_forgotten_before_their_first_session(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        people.see_device(connection, keys, "02:00:00:00:00:01", NOW)
        people.find_or_create(connection, keys, PersonKind.PHONE, "+628120000001", NOW)
    assert forgotten(store, NOW + 2 * DAY) == (0, 0, 0)
    assert forgotten(store, NOW + 3 * DAY) == (0, 1, 1)


def test_a_long_voucher_works_on_when_its_person_was_forgotten(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        made = vouchers.create(
            connection, keys, site="sman-2", plan="sekolah", count=1, valid=180 * DAY, expires_at=NOW + DAY, now=NOW
        )
        first = vouchers.use(connection, keys, made[1][0], "sman-2", NOW)
    assert forgotten(store, NOW + 60 * DAY) == (0, 0, 1)
    with store.core.write() as connection:
        assert first.first
        assert vouchers.use(connection, keys, made[1][0], "sman-2", NOW + 60 * DAY) == replace(first, first=False)


def test_many_go_in_short_transactions(store: Store, keys: Keys) -> None:
    for number in range(12):
        visit(store, keys, f"+62812000{number:04d}")
    later, found, places = terms(NOW + 100 * DAY), [], []
    for step in (retention.forget_grants, retention.forget_devices, retention.forget_persons):
        with store.core.write() as connection:
            gone, place = step(connection, later, 5, retention.START)
        found.append(gone)
        places.append(place)
    assert found == [Forgotten(grants=5), Forgotten(devices=5), Forgotten(persons=5)]
    assert None not in places, "there is more"
    assert forgotten(store, NOW + 100 * DAY) == (7, 7, 7)
    assert known(store) == (set(), set())


def test_a_school_asks_no_child_who_it_is() -> None:
    text = EXAMPLE.read_text().replace('admit = ["voucher"]', 'admit = ["voucher", "member"]', 1)
    [fault] = check(text).faults
    assert fault.path == "site[2].admit"
    assert "voucher" in fault.message
