"""Allowances, hours, vouchers and retention at the moments at which days, months and years turn. On both engines."""

from zoneinfo import ZoneInfo

import pytest

from hotspot.admission.grant import Grant, Limits, Reason, local_day
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.rules.enforcement import enforce
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import people, vouchers
from hotspot.store.stays import grants, ledger, orders

from .city import activated
from .test_admission import record
from .test_retention import DAY, forgotten, visit

HOUR = 3600
ZONES = [ZoneInfo(f"Asia/{name}") for name in ("Jakarta", "Makassar", "Jayapura")]


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def used_since(store: Store, keys: Keys, since: int, now: int, down: int = 1000) -> Grant:
    """Somebody who was let in at `since` and has used so many bytes up to `now`, evenly."""
    with store.core.write() as connection:
        person = people.find_or_create(connection, keys, PersonKind.MEMBER, new_id(), since)
        device = people.see_device(connection, keys, "02:00:00:00:00:01", since)
        limits = Limits(session=9 * HOUR, idle=900)
        grant = Grant(
            new_id(), person, device, "park", "gw", "umum", "member", "id", since, since + 9 * HOUR, limits
        )  # fmt: skip
        grants.add_grant(connection, grant, 1)
        ledger.apply(connection, [record(grant, at=now, seconds=now - since, down=down, up=0)])
    return grant


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_day_counts_from_its_own_midnight(store: Store, keys: Keys, moment: int, zone: ZoneInfo) -> None:
    midnight = local_day(moment, zone)[0]
    since = moment - 5 * HOUR
    grant = used_since(store, keys, since, moment)
    today = moment - max(since, midnight)
    with store.core.read() as connection:
        found = grants.usage(connection, grant.person, moment, zone)
    assert found.seconds == today
    assert abs(found.bytes - 1000 * today / (5 * HOUR)) <= 1


def put_out(store: Store, keys: Keys, inventory: Inventory, now: int, seconds: int) -> list[str]:
    """Why somebody who has used 1 GB in the last `seconds` is put out."""
    grant = used_since(store, keys, now - seconds, now, 10**9)
    with store.core.write() as connection:
        last = record(grant, at=now, seconds=seconds, down=10**9, up=0)
        enforce(connection, inventory, ledger.apply(connection, [last]).values(), now)
        return [row.reason for row in orders.listed(connection, pending=True)]


def test_yesterdays_bytes_put_nobody_out_today(store: Store, keys: Keys, moment: int) -> None:
    inventory = activated(store, moment - DAY, 'data_per_day = "1 GB"').inventory
    zone = inventory.city.zone
    fits = moment - local_day(moment, zone)[0] >= 4 * HOUR
    assert put_out(store, keys, inventory, moment, 4 * HOUR) == ([Reason.DATA_USED_UP] if fits else [])


def test_whoever_is_in_when_it_closes_is_put_out_at_any_moment(store: Store, keys: Keys, moment: int) -> None:
    """Between the opening hours of whatever day it is."""
    inventory = activated(store, moment - DAY, 'hours = "06:00-22:00"').inventory
    clock = moment - local_day(moment, inventory.city.zone)[0]
    open_ = 6 * HOUR <= clock < 22 * HOUR
    assert put_out(store, keys, inventory, moment, 600) == ([] if open_ else [Reason.CLOSED])


def test_a_voucher_may_first_be_used_up_to_its_last_second(store: Store, keys: Keys, moment: int) -> None:
    with store.core.write() as connection:
        _, [code, other] = vouchers.create(
            connection, keys, site="park", plan="umum", count=2, valid=DAY, expires_at=moment, now=moment - DAY
        )
        assert vouchers.use(connection, keys, code, "park", moment - 1).until == moment - 1 + DAY
        with pytest.raises(RequestError, match="voucher-expired"):
            vouchers.use(connection, keys, other, "park", moment)


def test_a_term_of_days_is_so_many_days_at_any_moment(store: Store, keys: Keys, moment: int) -> None:
    visit(store, keys, "+628120000001", at=moment - 90 * DAY - HOUR)
    assert forgotten(store, moment) == (0, 0, 0)
    assert forgotten(store, moment + 1) == (1, 1, 1)
