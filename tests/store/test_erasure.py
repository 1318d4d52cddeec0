"""Erasing one person, and keeping what must be kept, on both engines."""

import json

import pytest
from sqlalchemy import func, select

from hotspot.admission.grant import FOREVER, Grant
from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.rules import erasure
from hotspot.rules.erasure import PATIENCE, Erasure
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import blocks, complaints, consents, holds, people, subject, vouchers
from hotspot.store.persons.blocks import Blocked
from hotspot.store.schema import consent, grant, identity, member, session, ticket, voucher
from hotspot.store.stays import grants
from portal.jobs import erase_people, forget_all

from .test_retention import CITY, DAY, LIMITS, NOW, known, terms, visit

NUMBER = "+628120000001"


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def ask(store: Store, keys: Keys, person_id: str, now: int = NOW + 7200) -> Erasure:
    with store.core.write() as connection:
        return erasure.ask(connection, keys, CITY, person_id, "tester", now)


def test_names_go_and_statistics_stay(store: Store, keys: Keys) -> None:
    someone, phone, used = visit(store, keys, NUMBER)
    other = visit(store, keys, "+628120000002")
    with store.core.write() as connection:
        mac = people.device_mac(connection, keys, phone)
        day = people.find_or_create(connection, keys, PersonKind.DEVICE_DAY, f"{mac}|2025-10-09", NOW)
        made = Grant(new_id(), day, phone, "taman-kota-1", "tk1-gw", "umum", "code", "id", NOW, NOW + 60, LIMITS)
        grants.add_grant(connection, made, 1)
        mine, _ = (
            complaints.add(
                connection, keys, site="taman-kota-1", category="slow", text="Lambat", contact=contact, language="id",
                now=NOW,
            )
            for contact in ("Sari, 0812-000-0001", "0812 000 0002")
        )  # fmt: skip
        whose = subject.of(connection, someone)
        expected = erasure.count(connection, keys, whose)
        exported = subject.known(connection, keys, whose)
    assert (whose.devices, whose.shared) == ((), (phone,)), "an address leads from one person to no other"
    assert len(exported["grants"]) == 1, "nor are another's days theirs to see"
    assert json.dumps(exported), "can be written down"
    assert (exported["known_as"], exported["devices"][0]["address"]) == (NUMBER, mac)
    assert [one["number"] for one in exported["faults"]] == [mine]
    done = ask(store, keys, someone)
    assert done.erased == expected
    assert (expected.names, expected.devices, expected.grants, expected.consents, expected.faults) == (1, 0, 1, 1, 1)
    assert known(store) == ({other[0], day}, {other[1], phone}), "and not theirs to erase"
    with store.core.read() as connection:
        row = connection.execute(select(session).where(session.c.id == used)).one()
        assert (row.person_id, row.device_id, row.down) == (someone, phone, 1), "leads to nobody"
        assert subject.name(connection, keys, someone) is None
        assert connection.execute(select(func.count()).select_from(grant)).scalar_one() == 2
        assert connection.execute(select(func.count()).select_from(ticket)).scalar_one() == 1
        proof = connection.execute(select(consent).where(consent.c.person_id == someone)).one()
        assert proof.withdrawn_at == NOW + 7200
        contacts = {one.number: one.contact for one in complaints.listed(connection, keys)}
        assert contacts.pop(mine) is None
        assert list(contacts.values()) == ["0812 000 0002"]
        empty = subject.known(connection, keys, subject.of(connection, someone))
    assert (empty["known_as"], len(empty["devices"]), empty["grants"]) == (None, 1, [])
    again = visit(store, keys, NUMBER, at=NOW + DAY)
    assert set(again).isdisjoint((someone, used))


def test_a_member_and_a_voucher(store: Store, keys: Keys) -> None:
    sari = visit(store, keys, "sari", PersonKind.MEMBER)
    with store.core.write() as connection:
        _, [code] = vouchers.create(
            connection, keys, site="taman-kota-1", plan="umum", count=1, valid=DAY, expires_at=NOW + DAY, now=NOW
        )
        carded = vouchers.use(connection, keys, code, "taman-kota-1", NOW).person
    ask(store, keys, sari[0])
    ask(store, keys, carded)
    with store.core.read() as connection:
        assert connection.execute(select(member)).all() == []
        assert connection.execute(select(identity)).all() == []
        row = connection.execute(select(voucher)).one()
        assert (row.person_id, row.used_at, row.revoked_at) == (None, NOW, NOW + 7200)
        with pytest.raises(RequestError, match="voucher-revoked"):
            vouchers.use(connection, keys, code, "taman-kota-1", NOW + 7300)


def test_a_device_that_others_use_too_stays(store: Store, keys: Keys) -> None:
    sari = visit(store, keys, "sari", PersonKind.MEMBER)
    budi = visit(store, keys, "budi", PersonKind.MEMBER)
    with store.core.write() as connection:
        connection.execute(grant.update().where(grant.c.person_id == budi[0]).values(device_id=sari[1]))
    done = ask(store, keys, sari[0])
    assert (done.subject.devices, done.subject.shared) == ((), (sari[1],))
    assert known(store) == ({budi[0]}, {sari[1], budi[1]})


def test_it_waits_for_the_end_of_a_session_but_not_for_ever(store: Store, settings: Settings, keys: Keys) -> None:
    now = NOW + 600
    someone, phone, _ = visit(store, keys, NUMBER, ended=False)
    third, _, _ = visit(store, keys, "+628120000003", ended=False)
    done = ask(store, keys, someone, now)
    assert (done.sessions, done.erased) == (1, None)
    ask(store, keys, third, now)
    with store.core.read() as connection:
        assert set(connection.execute(select(grant.c.ends_at)).scalars()) == {now}, "they are being put out"
    erase_people(store, settings, now + 60)
    assert known(store)[0] == {someone, third}
    with store.core.write() as connection:
        connection.execute(session.update().where(session.c.person_id == someone).values(ended_at=now + 70))
    erase_people(store, settings, now + 120)
    assert known(store)[0] == {third}
    assert phone not in known(store)[1]
    erase_people(store, settings, now + PATIENCE - 1)
    assert known(store)[0] == {third}
    erase_people(store, settings, now + PATIENCE)
    assert known(store) == (set(), set())
    with store.core.read() as connection:
        assert erasure.due(connection) == []


def test_what_is_held_or_blocked_is_not_erased(store: Store, settings: Settings, keys: Keys) -> None:
    someone, phone, _ = visit(store, keys, NUMBER, ended=False)
    ask(store, keys, someone, NOW + 600)
    with store.core.write() as connection:
        holds.place(connection, someone, NOW + 200 * DAY, "LP/B/12", "tester", NOW + 700)
        connection.execute(session.update().values(ended_at=NOW + 700))
    erase_people(store, settings, NOW + 800)
    assert known(store) == ({someone}, {phone}), "the hold came before the end of the session"
    with pytest.raises(RequestError, match="erase-held"):
        ask(store, keys, someone)
    assert not forget_all(store, terms(NOW + 150 * DAY))
    assert known(store) == ({someone}, {phone})
    with store.core.write() as connection:
        assert connection.execute(select(func.count()).select_from(grant)).scalar_one() == 1
        assert holds.count(connection, NOW + 150 * DAY) == 1
        assert holds.lift(connection, someone, "tester", NOW + 150 * DAY)
        assert not holds.lift(connection, someone, "tester", NOW + 150 * DAY)
        assert holds.listed(connection, NOW + 150 * DAY) == []
        assert len(holds.listed(connection, NOW + 150 * DAY, everything=True)) == 1
        blocks.add(connection, Blocked.DEVICE, phone, FOREVER, "x", "tester", NOW)
    with pytest.raises(RequestError, match="erase-blocked"):
        ask(store, keys, someone)
    with store.core.write() as connection:
        blocks.lift(connection, phone, "tester", NOW + 7000)
    erase_people(store, settings, NOW + 150 * DAY)
    assert known(store) == (set(), set()), "asked for before the hold, done after it"


def test_a_hold_that_is_over_keeps_nothing(store: Store, keys: Keys) -> None:
    someone, _, _ = visit(store, keys, NUMBER)
    with store.core.write() as connection:
        holds.place(connection, someone, NOW + 100 * DAY, "x", "tester", NOW)
    assert not forget_all(store, terms(NOW + 99 * DAY))
    assert forget_all(store, terms(NOW + 101 * DAY)).persons == 1


def test_consents_are_withdrawn_and_given_anew(store: Store, keys: Keys) -> None:
    someone, _, _ = visit(store, keys, NUMBER)
    with store.core.write() as connection:
        assert consents.withdraw(connection, [someone], NOW + 5, "phone") == 0
        assert consents.withdraw(connection, [someone], NOW + 5, "service") == 1
        assert consents.withdraw(connection, [someone], NOW + 6) == 0, "once"
        assert consents.listed(connection, withdrawn=False) == []
    visit(store, keys, NUMBER, at=NOW + DAY)
    visit(store, keys, NUMBER, at=NOW + 2 * DAY)
    with store.core.read() as connection:
        rows = consents.listed(connection, persons=[someone], purpose="service")
    assert [(row.given_at, row.withdrawn_at) for row in rows] == [(NOW + DAY, None), (NOW, NOW + 5)]
