"""One table of the limits of time and data: what holds at the second before each, at it, and after it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hotspot.admission.allowance import amended
from hotspot.admission.grant import Applicant, Denial, Grant, Reason, Usage, decide, exhausted, local_day
from hotspot.admission.plan import Plan
from hotspot.city.inventory import load
from hotspot.people.voucher import VoucherState, state

CITY = load((Path(__file__).parents[2] / "sites.toml").read_text())
SITE = CITY.site[0]
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
DAY = 86_400
UNUSED = Usage()


@dataclass(frozen=True)
class Limit:
    """A plan, the clock (seconds of the local day), what was used: until when the session may last (seconds from the
    day's begin; None where it is refused), why it is refused, and why one that runs must end."""

    name: str
    plan: dict[str, object]
    clock: int
    ends: int | None
    refused: Reason | None = None
    over: Reason | None = None
    usage: Usage = UNUSED
    until: int | None = None
    """When the entitlement ends: a voucher's, an earlier grant's."""


def clock(text: str, seconds: int = 0) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + seconds


OPEN, CLOSE = clock("05:00"), clock("22:00")
HOURS: dict[str, object] = {"hours": "05:00-22:00"}
TIME: dict[str, object] = {"time_per_day": "1h"}
DATA: dict[str, object] = {"data_per_day": "1 GB"}
SESSION = 7200
NOON = clock("12:00")

LIMITS = (
    Limit("before opening", HOURS, OPEN - 1, None, Reason.CLOSED, Reason.CLOSED),
    Limit("opening", HOURS, OPEN, OPEN + SESSION),
    Limit("after opening", HOURS, OPEN + 1, OPEN + 1 + SESSION),
    Limit("closing far away", HOURS, CLOSE - SESSION, CLOSE),
    Limit("a minute and a second to closing", HOURS, CLOSE - 61, CLOSE),
    Limit("a minute to closing", HOURS, CLOSE - 60, CLOSE),
    Limit("less than a minute to closing", HOURS, CLOSE - 59, None, Reason.CLOSED),
    Limit("before closing", HOURS, CLOSE - 1, None, Reason.CLOSED),
    Limit("closing", HOURS, CLOSE, None, Reason.CLOSED, Reason.CLOSED),
    Limit("after closing", HOURS, CLOSE + 1, None, Reason.CLOSED, Reason.CLOSED),
    Limit("time: a minute and a second left", TIME, NOON, NOON + 61, usage=Usage(seconds=3539)),
    Limit("time: a minute left", TIME, NOON, NOON + 60, usage=Usage(seconds=3540)),
    Limit("time: less than a minute left", TIME, NOON, None, Reason.TIME_USED_UP, usage=Usage(seconds=3541)),
    Limit("time: a second left", TIME, NOON, None, Reason.TIME_USED_UP, usage=Usage(seconds=3599)),
    Limit("time: used up", TIME, NOON, None, Reason.TIME_USED_UP, Reason.TIME_USED_UP, usage=Usage(seconds=3600)),
    Limit("time: more than used up", TIME, NOON, None, Reason.TIME_USED_UP, Reason.TIME_USED_UP, Usage(seconds=3601)),
    Limit("data: a byte left", DATA, NOON, NOON + SESSION, usage=Usage(bytes=10**9 - 1)),
    Limit("data: used up", DATA, NOON, None, Reason.DATA_USED_UP, Reason.DATA_USED_UP, usage=Usage(bytes=10**9)),
    Limit("data: more", DATA, NOON, None, Reason.DATA_USED_UP, Reason.DATA_USED_UP, usage=Usage(bytes=10**9 + 1)),
    Limit("midnight: a minute and a second away", DATA, DAY - 61, DAY),
    Limit("midnight: a minute away", TIME, DAY - 60, DAY),
    Limit("midnight: less than a minute away", DATA, DAY - 59, DAY - 59 + SESSION),
    Limit("midnight: the last second", TIME, DAY - 1, DAY - 1 + 3600),
    Limit("midnight: the last second, little left", TIME, DAY - 1, DAY - 1 + 60, usage=Usage(seconds=3540)),
    Limit("midnight: the new day's first second", TIME, 0, 3600),
    Limit("midnight: no limit of the day", {}, DAY - 1, DAY - 1 + SESSION),
    Limit("entitled for a minute and a second", {}, NOON, NOON + 61, until=NOON + 61),
    Limit("entitled for a minute", {}, NOON, NOON + 60, until=NOON + 60),
    Limit("entitled for less", {}, NOON, None, Reason.ENTITLEMENT_ENDED, until=NOON + 59),
    Limit("entitled for a second", {}, NOON, None, Reason.ENTITLEMENT_ENDED, until=NOON + 1),
    Limit("entitled until now", {}, NOON, None, Reason.ENTITLEMENT_ENDED, until=NOON),
    Limit("entitled until before", {}, NOON, None, Reason.ENTITLEMENT_ENDED, until=NOON - 1),
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit(limit: Limit, zone: str) -> None:
    where = ZoneInfo(zone)
    begin = local_day(int(datetime(2026, 11, 21, 12, tzinfo=where).timestamp()), where)[0]
    now = begin + limit.clock
    until = None if limit.until is None else begin + limit.until
    plan = Plan.model_validate({"session": "2h", **limit.plan})
    applicant = Applicant("p", "d", "voucher", "id", "umum", until)
    found = decide("g", applicant, SITE.id, "tk1-gw", plan, limit.usage, now, where)
    if limit.ends is None:
        assert isinstance(found, Denial)
        assert found.reason is limit.refused
        assert found.until is None or found.until > now, "the time to try again is still to come"
    else:
        assert isinstance(found, Grant)
        assert found.ends_at == begin + limit.ends
        assert found.limits.session == found.ends_at - now >= 60
        assert found.limits.total is None or found.limits.total > 0
        again = amended(found, SITE.id, plan, limit.usage, 0, now, where, until)
        assert isinstance(again, Grant)
        assert again.ends_at == found.ends_at, "what was given holds under the same plan"
    assert exhausted(plan, limit.usage, now, where) is limit.over


@pytest.mark.parametrize(
    ("second", "found"), [(-1, VoucherState.NEW), (0, VoucherState.EXPIRED), (1, VoucherState.EXPIRED)]
)
def test_a_vouchers_last_day(second: int, found: VoucherState) -> None:
    assert state(1000 + second, used_at=None, expires_at=1000, valid=600, revoked_at=None) is found


@pytest.mark.parametrize(
    ("second", "found"), [(-1, VoucherState.ACTIVE), (0, VoucherState.USED_UP), (1, VoucherState.USED_UP)]
)
def test_a_vouchers_end(second: int, found: VoucherState) -> None:
    assert state(1600 + second, used_at=1000, expires_at=1100, valid=600, revoked_at=None) is found
