from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hotspot.admission.grant import Applicant, Denial, Grant, Reason, Usage, decide, exhausted, local_day
from hotspot.admission.plan import Plan
from hotspot.city.inventory import load

CITY = load((Path(__file__).parents[2] / "sites.toml").read_text())
SITE = CITY.site[0]
ZONE = ZoneInfo("Asia/Jakarta")


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"2026-11-21 {clock}").replace(tzinfo=ZONE).timestamp())


def plan(**changes: object) -> Plan:
    return Plan.model_validate({"session": "2h", "devices": 2, "idle": "15m", **changes})


def decided(now: int, limits: Plan, usage: Usage | None = None, until: int | None = None) -> Grant | Denial:
    applicant = Applicant("p", "d", "voucher", "id", "umum", until)
    return decide("g", applicant, SITE.id, "tk1-gw", limits, usage or Usage(), now, ZONE)


def granted(*args: object, **kwargs: object) -> Grant:
    grant = decided(*args, **kwargs)  # type: ignore[arg-type]
    assert isinstance(grant, Grant)
    return grant


def test_a_plain_session() -> None:
    grant = granted(at("10:00"), plan(down="5 Mbit/s"))
    assert grant.ends_at == at("12:00")
    assert (grant.limits.session, grant.limits.down, grant.limits.up, grant.limits.total) == (
        7200,
        5_000_000,
        None,
        None,
    )


def test_the_first_limit_ends_it() -> None:
    assert granted(at("21:30"), plan(hours="05:00-22:00")).ends_at == at("22:00")
    assert granted(at("10:00"), plan(time_per_day="3h"), Usage(seconds=9000)).ends_at == at("10:30")
    assert granted(at("10:00"), plan(), until=at("10:20")).ends_at == at("10:20")
    assert granted(at("23:30"), plan(data_per_day="1 GB")).ends_at == local_day(at("23:30"), ZONE)[1]
    assert granted(at("10:00"), plan(data_per_day="1 GB"), Usage(bytes=10**8)).limits.total == 9 * 10**8


@pytest.mark.parametrize(
    ("clock", "limits", "usage", "until", "denial"),
    [
        ("04:00", {"hours": "05:00-22:00"}, Usage(), None, Denial(Reason.CLOSED, at("05:00"))),
        ("22:00", {"hours": "05:00-22:00"}, Usage(), None, Denial(Reason.CLOSED, at("05:00") + 86400)),
        ("10:00", {"time_per_day": "1h"}, Usage(seconds=3541), None, Denial(Reason.TIME_USED_UP, at("00:00") + 86400)),
        ("10:00", {"data_per_day": "1 MB"}, Usage(bytes=10**6), None, Denial(Reason.DATA_USED_UP, at("00:00") + 86400)),
        ("10:00", {}, Usage(devices=frozenset({"a", "b"})), None, Denial(Reason.TOO_MANY_DEVICES)),
        ("10:00", {}, Usage(), at("10:00"), Denial(Reason.ENTITLEMENT_ENDED)),
    ],
)
def test_denials(clock: str, limits: dict[str, str], usage: Usage, until: int | None, denial: Denial) -> None:
    assert decided(at(clock), plan(**limits), usage, until) == denial


def test_the_own_device_is_not_one_too_many() -> None:
    assert granted(at("10:00"), plan(), Usage(devices=frozenset({"a", "d"}))).device == "d"


def test_when_a_running_session_is_over() -> None:
    now = at("10:00")
    assert exhausted(plan(data_per_day="1 GB"), Usage(bytes=10**9), now, ZONE) is Reason.DATA_USED_UP
    assert exhausted(plan(data_per_day="1 GB"), Usage(bytes=10**9 - 1), now, ZONE) is None
    assert exhausted(plan(time_per_day="1h"), Usage(seconds=3600), now, ZONE) is Reason.TIME_USED_UP
    assert exhausted(plan(hours="05:00-10:00"), Usage(), now, ZONE) is Reason.CLOSED


@pytest.mark.parametrize(("zone", "utc_hour"), [("Asia/Jakarta", 17), ("Asia/Makassar", 16), ("Asia/Jayapura", 15)])
def test_days_are_local(zone: str, utc_hour: int) -> None:
    midnight = int(datetime.fromisoformat(f"2025-12-31T{utc_hour}:00:00+00:00").timestamp())
    assert local_day(midnight, ZoneInfo(zone)) == (midnight, midnight + 86400)
    assert local_day(midnight - 1, ZoneInfo(zone)) == (midnight - 86400, midnight)


# -- at the moments at which days, months and years turn ---------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
@pytest.mark.parametrize("hours", ["00:00-24:00", "05:00-23:00", "06:00-17:00", "00:00-00:05", "23:50-24:00"])
def test_hours_are_kept_at_any_moment(moment: int, zone: str, hours: str) -> None:
    """Inside them somebody gets in and stays until the closing hour at most; outside they are told when it opens."""
    place, limits = ZoneInfo(zone), plan(hours=hours, session="24h", data_per_day="1 GB")
    applicant = Applicant("p", "d", "voucher", "id", "umum")
    local = datetime.fromtimestamp(moment, place)
    opens, closes = hours.split("-")
    found = decide("g", applicant, SITE.id, "tk1-gw", limits, Usage(), moment, place)
    if opens <= local.strftime("%H:%M") < closes:
        assert isinstance(found, Grant)
        assert datetime.fromtimestamp(found.ends_at, place).strftime("%H:%M") == closes.replace("24:00", "00:00")
        assert 0 < found.ends_at - moment <= 86400
        return
    assert isinstance(found, Denial)
    assert found.reason is Reason.CLOSED
    assert found.until is not None
    assert 0 < found.until - moment < 86400
    assert datetime.fromtimestamp(found.until, place).strftime("%H:%M") == opens
    assert isinstance(decide("g", applicant, SITE.id, "tk1-gw", limits, Usage(), found.until, place), Grant)


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura"])
def test_a_day_is_one_day_at_any_moment(moment: int, zone: str) -> None:
    begin, end = local_day(moment, ZoneInfo(zone))
    assert begin <= moment < end == begin + 86400
    assert local_day(end, ZoneInfo(zone))[0] == end
