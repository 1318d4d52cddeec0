"""What ends or changes sessions: with a record (enforcement) and without one (watch). On both engines."""

from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from hotspot.admission.grant import FOREVER, Applicant, Denial, Grant, Limits, Reason
from hotspot.admission.session import RecordKind
from hotspot.city.sites import Inventory
from hotspot.people.identity import Keys, new_id
from hotspot.rules import watch
from hotspot.rules.decision import decided
from hotspot.rules.enforcement import enforce
from hotspot.rules.watch import AGAIN, Looked
from hotspot.settings import Settings
from hotspot.store import Store, schema
from hotspot.store.city.revisions import activate
from hotspot.store.persons import blocks
from hotspot.store.persons.blocks import Blocked
from hotspot.store.stays import grants as admission
from hotspot.store.stays import ledger, orders
from hotspot.store.stays.grants import OVERDUE

from .city import activated, city
from .test_admission import a_grant, at_once, record

NOON = 1_795_280_400 - (1_795_280_400 + 7 * 3600) % 86400 + 12 * 3600
"""Midday in Jakarta, so that nothing here happens across midnight."""


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def given(store: Store, keys: Keys, mac: str = "02:00:00:00:00:01", **changes: Any) -> Grant:
    values = {"starts_at": NOON, "ends_at": NOON + 7200, "limits": Limits(session=7200, idle=900), **changes}
    return a_grant(store, keys, mac, **values)


def heard(store: Store, inventory: Inventory, grant: Grant, at: int, **changes: Any) -> int:
    """How many sessions an accounting record puts out."""
    values = {"at": at, "seconds": at - grant.starts_at, "gateway": grant.gateway, "down": 0, "up": 0, **changes}
    with store.core.write() as connection:
        touched = ledger.apply(connection, [record(grant, grant.id[:8], **values)])
        return enforce(connection, inventory, touched.values(), at)


def ordered(store: Store) -> list[tuple[str, str]]:
    """Kind and reason of the pending orders."""
    with store.core.read() as connection:
        return sorted((row.kind, row.reason) for row in orders.listed(connection, pending=True))


def look(store: Store, revision: Any, now: int, limit: int = 50) -> Looked:
    with store.core.write() as connection:
        watch.follow(connection, revision, now)
        return watch.look(connection, revision, now, limit)


def due_at(store: Store, grant: Grant) -> int | None:
    with store.core.read() as connection:
        row = connection.execute(select(schema.grant).where(schema.grant.c.id == grant.id)).one()
    return None if row.due_at is None else int(row.due_at)


# -- with a record -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "crossing", "reason"),
    [
        ('data_per_day = "1 GB"', {"down": 10**9 - 1, "up": 1}, Reason.DATA_USED_UP),
        ('time_per_day = "10m"', {}, Reason.TIME_USED_UP),
        ('hours = "05:00-12:10"', {}, Reason.CLOSED),
    ],
)
def test_the_record_that_crosses_the_line_puts_all_of_the_persons_sessions_out(
    store: Store, keys: Keys, plan: str, crossing: dict[str, Any], reason: str
) -> None:
    """Over devices, gateways and sites; and the one before it puts nobody out."""
    inventory = city(f"devices = 2\n{plan}")
    phone = given(store, keys)
    laptop = given(store, keys, "02:00:00:00:00:02", person=phone.person, gateway="agent", starts_at=NOON + 599)
    stranger = given(store, keys, "02:00:00:00:00:03", plan="luas")
    for grant in (laptop, stranger):
        assert heard(store, inventory, grant, NOON + 599) == 0
    assert heard(store, inventory, phone, NOON + 599) == 0
    assert heard(store, inventory, phone, NOON + 600, **crossing) == 2
    assert ordered(store) == [("disconnect", reason)] * 2


def test_a_plans_devices(store: Store, keys: Keys) -> None:
    """Who came last goes: two devices that were let in at the same moment on two nodes."""
    inventory = city("devices = 2")
    first = given(store, keys)
    others = [given(store, keys, f"02:00:00:00:00:0{i}", person=first.person, starts_at=NOON + i) for i in (2, 3)]
    assert [heard(store, inventory, grant, NOON + 60) for grant in (others[1], first, others[0])] == [0, 0, 1]
    with store.core.read() as connection:
        [order] = orders.listed(connection)
        late = connection.execute(select(schema.session.c.device_id).where(schema.session.c.id == order.session_id))
        assert (order.reason, late.scalar_one()) == (Reason.TOO_MANY_DEVICES, others[1].device)


def test_a_dead_pass_pushes_out_nobody(store: Store, keys: Keys) -> None:
    """Only what the gateway has confirmed is a device; the agent's answer puts the other out."""
    inventory = city("devices = 1")
    hoarded = given(store, keys, gateway="agent")
    rightful = given(store, keys, "02:00:00:00:00:02", person=hoarded.person, gateway="agent", starts_at=NOON + 300)
    with store.core.write() as connection:
        admission.confirm(connection, {rightful.id}, NOON + 310)
    assert [heard(store, inventory, grant, NOON + 320) for grant in (hoarded, rightful)] == [0, 0]
    with store.core.write() as connection:
        admission.confirm(connection, {hoarded.id}, NOON + 330)
    assert heard(store, inventory, rightful, NOON + 340) == 1


def test_a_session_that_outlives_its_grant_is_put_out_with_its_next_record(store: Store, keys: Keys) -> None:
    grant = given(store, keys, ends_at=NOON + 600)
    assert heard(store, city(), grant, NOON + 600 + OVERDUE - 1) == 0
    assert heard(store, city(), grant, NOON + 600 + OVERDUE) == 1
    assert ordered(store) == [("disconnect", "grant-ended")]


def test_a_session_that_used_what_its_grant_allows_is_put_out(store: Store, keys: Keys) -> None:
    """A day's limit of the plan that is far from reached makes it be looked at."""
    grant = given(store, keys, limits=Limits(session=7200, idle=900, total=1000))
    inventory = city('data_per_day = "1 kB"')
    assert heard(store, inventory, grant, NOON + 60, down=999) == 0
    assert heard(store, inventory, grant, NOON + 90, down=1000) == 1


def test_a_gateway_that_cannot_be_told_gets_no_order(store: Store, keys: Keys) -> None:
    grant = given(store, keys, gateway="deaf")
    assert heard(store, city('time_per_day = "1m"'), grant, NOON + 60) == 0
    assert ordered(store) == []


# -- without a record --------------------------------------------------------------------------------------------


def test_nothing_is_looked_at_before_it_is_due(store: Store, keys: Keys) -> None:
    revision = activated(store, NOON)
    grant = given(store, keys)
    heard(store, revision.inventory, grant, NOON + 60)
    assert due_at(store, grant) == grant.ends_at + OVERDUE
    assert look(store, revision, grant.ends_at + OVERDUE - 1) == Looked()


def test_a_session_that_its_gateway_does_not_end_is_put_out_soon_after_its_grant(store: Store, keys: Keys) -> None:
    revision = activated(store, NOON)
    grant = given(store, keys)
    heard(store, revision.inventory, grant, NOON + 7100)
    over = grant.ends_at + OVERDUE
    assert look(store, revision, over) == Looked(grants=1, ended=1)
    assert ordered(store) == [("disconnect", "grant-ended")]
    assert look(store, revision, over + 1) == Looked()
    assert look(store, revision, over + AGAIN) == Looked(grants=1, ended=1)


def test_a_grant_that_nobody_uses_any_more_is_looked_at_once(store: Store, keys: Keys) -> None:
    revision = activated(store, NOON)
    used, unused = given(store, keys), given(store, keys, "02:00:00:00:00:02")
    heard(store, revision.inventory, used, NOON + 60, kind=RecordKind.STOP, cause="User-Request")
    assert look(store, revision, used.ends_at + OVERDUE) == Looked(grants=2)
    assert (due_at(store, used), due_at(store, unused)) == (None, None)


def test_the_time_of_two_devices_runs_out_between_their_reports(store: Store, keys: Keys) -> None:
    """An hour a day: after 20 minutes of one, two have 20 minutes left, and neither gateway knows."""
    revision = activated(store, NOON, 'devices = 2\ntime_per_day = "1h"')
    phone = given(store, keys, ends_at=NOON + 3600)
    heard(store, revision.inventory, phone, NOON + 1200)
    laptop = given(store, keys, "02:00:00:00:00:02", person=phone.person, starts_at=NOON + 1200, ends_at=NOON + 3600)
    heard(store, revision.inventory, laptop, NOON + 1200, kind=RecordKind.START)
    assert look(store, revision, NOON + 1202).grants == 2  # their time runs faster from now on
    assert due_at(store, phone) == due_at(store, laptop) == NOON + 1202 + (3600 - 1200 - 2 * 2) // 2
    heard(store, revision.inventory, phone, NOON + 2100)
    heard(store, revision.inventory, laptop, NOON + 2100)
    assert look(store, revision, NOON + 2400) == Looked(grants=2, ended=2)
    assert ordered(store) == [("disconnect", "time-used-up")] * 2


def test_a_closing_hour_that_its_gateway_does_not_keep(store: Store, keys: Keys) -> None:
    revision = activated(store, NOON, 'hours = "05:00-13:00"')
    grant = given(store, keys, ends_at=NOON + 3600)
    heard(store, revision.inventory, grant, NOON + 3500)
    assert look(store, revision, NOON + 3600 + OVERDUE).ended == 1


def test_many_that_are_due_are_looked_at_in_portions(store: Store, keys: Keys) -> None:
    revision = activated(store, NOON)
    for i in range(5):
        given(store, keys, f"02:00:00:00:00:{i:02x}")
    assert [look(store, revision, NOON + 7200 + OVERDUE, 2).grants for _ in range(4)] == [2, 2, 1, 0]


def test_a_look_costs_what_is_due_and_not_what_runs(store: Store, keys: Keys) -> None:
    """The index answers: among thousands that run, what is not due is not even read."""
    revision = activated(store, NOON)
    grant = given(store, keys)
    row = dict.fromkeys(("handback", "confirmed_at", "down", "up", "total"))
    with store.core.write() as connection:
        known = dict(connection.execute(select(schema.grant)).one()._mapping)
        rows = [{**known, **row, "id": new_id(), "due_at": NOON + 9000 + i} for i in range(5000)]
        connection.execute(insert(schema.grant), rows)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE access_grant")
            plan = "EXPLAIN SELECT * FROM access_grant WHERE due_at <= 1795280000 ORDER BY due_at LIMIT 50"
        else:
            plan = "EXPLAIN QUERY PLAN SELECT * FROM access_grant WHERE due_at <= 1795280000 ORDER BY due_at LIMIT 50"
        told = str(connection.exec_driver_sql(plan).all())
    assert "ix_access_grant_due_at" in told, told
    assert look(store, revision, grant.ends_at + OVERDUE).grants == 1


# -- a new revision ----------------------------------------------------------------------------------------------


def limits_of(store: Store, grant: Grant) -> Grant:
    with store.core.read() as connection:
        found = admission.find_grant(connection, grant.id)
    assert found is not None
    return found


def test_a_plan_that_changes_changes_who_uses_it(store: Store, keys: Keys) -> None:
    first = activated(store, NOON, 'down = "5 Mbit/s"')
    phone = given(store, keys, method="member")
    other = given(store, keys, "02:00:00:00:00:02", plan="luas", method="member")
    for grant in (phone, other):
        heard(store, first.inventory, grant, NOON + 60, down=700, up=300)
    assert look(store, first, NOON + 60) == Looked()
    second = activated(store, NOON + 90, 'down = "1 Mbit/s"\nidle = "5m"\ndata_per_day = "1 GB"')
    assert look(store, second, NOON + 100) == Looked(grants=2, changed=1)
    assert ordered(store) == [("change", "plan")]
    told = limits_of(store, phone).limits
    assert (told.down, told.idle, told.total) == (10**6, 300, 10**9)  # 1000 bytes of the day are used, and by it
    assert limits_of(store, phone).ends_at == phone.ends_at
    assert limits_of(store, other) == other
    assert look(store, second, NOON + 110) == Looked()


def test_a_plan_that_allows_less_ends_who_has_had_more(store: Store, keys: Keys) -> None:
    first = activated(store, NOON)
    grants = [given(store, keys, f"02:00:00:00:00:0{i}", method="member") for i in (1, 2)]
    heard(store, first.inventory, grants[0], NOON + 1000, down=10**9)
    heard(store, first.inventory, grants[1], NOON + 1000)
    look(store, first, NOON + 1000)
    second = activated(store, NOON + 1000, 'data_per_day = "500 MB"')
    assert look(store, second, NOON + 1001) == Looked(grants=2, ended=1, changed=1)


def test_other_hours_move_the_end(store: Store, keys: Keys) -> None:
    first = activated(store, NOON, 'hours = "05:00-23:00"')
    grant = given(store, keys, method="member")
    heard(store, first.inventory, grant, NOON + 1000)
    look(store, first, NOON + 1000)
    second = activated(store, NOON + 1000, 'hours = "05:00-12:30"')
    assert look(store, second, NOON + 1001) == Looked(grants=1, changed=1)
    assert limits_of(store, grant).ends_at == NOON + 1800


def test_a_site_that_gets_another_plan_takes_its_people_along_but_no_vouchers(store: Store, keys: Keys) -> None:
    first = activated(store, NOON)
    member, voucher = given(store, keys, method="member"), given(store, keys, "02:00:00:00:00:02", method="voucher")
    for grant in (member, voucher):
        heard(store, first.inventory, grant, NOON + 60)
    look(store, first, NOON + 60)
    second = activated(store, NOON + 90, site_plan="luas")
    assert look(store, second, NOON + 100) == Looked(grants=2, changed=1)
    assert (limits_of(store, member).plan, limits_of(store, voucher).plan) == ("luas", "umum")
    assert limits_of(store, member).ends_at == NOON + 8 * 3600


def test_a_changed_plan_lengthens_no_voucher(store: Store, keys: Keys) -> None:
    first = activated(store, NOON)
    grant = given(store, keys, method="voucher", ends_at=NOON + 1800)
    heard(store, first.inventory, grant, NOON + 60)
    look(store, first, NOON + 60)
    second = activated(store, NOON + 90, 'down = "1 Mbit/s"')
    assert look(store, second, NOON + 100).changed == 1
    assert limits_of(store, grant).ends_at == NOON + 1800


def test_a_revision_that_changes_no_plan_makes_nothing_due(store: Store, keys: Keys) -> None:
    first = activated(store, NOON)
    given(store, keys)
    look(store, first, NOON + 1)
    with store.core.write() as connection:
        renamed = activate(connection, first.text.replace("Kota Contoh", "Kota Lain"), "test", NOON)
        assert watch.follow(connection, renamed, NOON + 2) == 0


# -- blocks ------------------------------------------------------------------------------------------------------


def decide(store: Store, inventory: Inventory, person: str, device: str, now: int) -> Grant | Denial:
    site = inventory.find_site("park")
    assert site is not None
    with store.core.write() as connection:
        return decided(connection, inventory, Applicant(person, device, "member", "id", "umum"), site, "gw", now)


@pytest.mark.parametrize("kind", Blocked)
def test_a_block_ends_what_runs_and_lets_nobody_in_until_its_time(store: Store, keys: Keys, kind: Blocked) -> None:
    inventory = city()
    grant = given(store, keys)
    heard(store, inventory, grant, NOON + 60)
    subject = grant.person if kind is Blocked.PERSON else grant.device
    with store.core.write() as connection:
        ended = watch.block(connection, inventory, kind, subject, NOON + 500, "abuse", "admin", NOON + 100)
    assert ended == 1
    assert ordered(store) == [("disconnect", "blocked")]
    with store.core.read() as connection:
        [order] = orders.listed(connection)
    assert order.expires_at == grant.ends_at  # until when its gateway believes in the grant
    assert limits_of(store, grant).ends_at == NOON + 100
    denied = decide(store, inventory, grant.person, grant.device, NOON + 499)
    assert denied == Denial(Reason.BLOCKED, NOON + 500)
    assert isinstance(decide(store, inventory, grant.person, grant.device, NOON + 500), Grant)


def test_a_block_without_an_end_lasts_until_it_is_lifted(store: Store, keys: Keys) -> None:
    grant = given(store, keys)
    with store.core.write() as connection:
        blocks.add(connection, Blocked.PERSON, grant.person, FOREVER, "abuse", "admin", NOON)
        assert [row.until for row in blocks.listed(connection, NOON)] == [FOREVER]
    assert decide(store, city(), grant.person, grant.device, NOON + 10**9) == Denial(Reason.BLOCKED)
    with store.core.write() as connection:
        assert blocks.lift(connection, grant.person, "admin", NOON + 9)
        assert not blocks.lift(connection, grant.person, "admin", NOON + 9)
        assert blocks.listed(connection, NOON + 9) == []
        [row] = blocks.listed(connection, NOON + 9, everything=True)
    assert (row.lifted_at, row.lifted_by, row.reason) == (NOON + 9, "admin", "abuse")
    assert isinstance(decide(store, city(), grant.person, grant.device, NOON + 10), Grant)


def test_a_new_block_takes_the_place_of_the_old(store: Store, keys: Keys) -> None:
    person = given(store, keys).person
    with store.core.write() as connection:
        blocks.add(connection, Blocked.PERSON, person, FOREVER, "a", "admin", NOON)
        blocks.add(connection, Blocked.PERSON, person, NOON + 60, "b", "admin", NOON + 1)
        assert [row.reason for row in blocks.listed(connection, NOON + 2)] == ["b"]
        assert blocks.until(connection, {person, "somebody"}, NOON + 2) == NOON + 60


def test_who_is_being_let_in_while_they_are_blocked_is_blocked(store: Store, keys: Keys) -> None:
    """Whichever comes first: either the decision sees the block, or the block sees the grant."""
    inventory = city()
    for i in range(6):
        grant = given(store, keys, f"02:00:00:00:00:{i:02x}", ends_at=NOON + 1)
        at_once(2, partial(_admit_or_block, store, inventory, grant))
        with store.core.read() as connection:
            count = func.count(schema.grant.c.id)
            theirs = select(count).where(schema.grant.c.person_id == grant.person, schema.grant.c.ends_at > NOON + 10)
            assert connection.execute(theirs).scalar_one() == 0


def _admit_or_block(store: Store, inventory: Inventory, grant: Grant, side: int) -> None:
    site = inventory.find_site("park")
    assert site is not None
    with store.core.write() as connection:
        if side:
            watch.block(connection, inventory, Blocked.DEVICE, grant.device, NOON + 999, "abuse", "admin", NOON + 10)
        else:
            applicant = Applicant(grant.person, grant.device, "member", "id", "umum")
            decision = decided(connection, inventory, applicant, site, "gw", NOON + 10)
            if isinstance(decision, Grant):
                admission.add_grant(connection, decision, 1)
