"""The decision to admit: who, where, under which plan, after which usage -> a Grant or a Denial. Pure."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from .plan import Plan

SHORTEST_SESSION: Final = 60
"""Seconds below which a session is not worth starting: gateways check their clocks every few seconds."""


MOST_WAITING: Final = 8
"""Devices of a person beyond their plan's that may be on their way to a gateway at a time: who comes first is let in,
and who has one code does not fill the store with them."""
FOREVER: Final = 2**62
"""A time that never comes, UTC seconds: the end of a block until it is lifted."""


@dataclass(frozen=True)
class Usage:
    """What a person has used in the current local day, over all devices, gateways and sites."""

    seconds: int = 0
    bytes: int = 0
    devices: frozenset[str] = frozenset()
    """Ids of the devices with a running session, or let in a moment ago."""
    waiting: frozenset[str] = frozenset()
    """Ids of those that were handed to their gateway a moment ago, which has not shown their ticket."""


@dataclass(unsafe_hash=True)  # a value, frozen only by custom: RADIUS makes thousands in a second
class Limits:
    """What a gateway is told to enforce. Rates in bit/s, down and up from the client's view; None is unlimited."""

    session: int
    idle: int
    down: int | None = None
    up: int | None = None
    total: int | None = None
    """Bytes in both directions."""
    interim: int = 300


@dataclass(slots=True, unsafe_hash=True)  # likewise
class Grant:
    """A person may use a site with a device from `starts_at` until `ends_at` (UTC seconds) within `limits`."""

    id: str
    person: str
    device: str
    site: str
    gateway: str
    plan: str
    method: str
    language: str
    starts_at: int
    ends_at: int
    limits: Limits


class Reason(StrEnum):
    """Why somebody is not admitted; the portal has a text for each."""

    CLOSED = "closed"
    TIME_USED_UP = "time-used-up"
    DATA_USED_UP = "data-used-up"
    TOO_MANY_DEVICES = "too-many-devices"
    ENTITLEMENT_ENDED = "entitlement-ended"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Denial:
    reason: Reason
    until: int | None = None
    """UTC seconds at which to try again, where that is known."""

    def told(self, zone: ZoneInfo) -> tuple[str, dict[str, str]]:
        """The key of its text in the catalogues, and the values that stand in it."""
        if self.reason is Reason.BLOCKED and self.until is not None:
            until = datetime.fromtimestamp(self.until, zone).strftime("%d-%m-%Y %H.%M")
            return "denied.blocked-until", {"until": until}
        return f"denied.{self.reason}", {}


@dataclass(frozen=True)
class Applicant:
    """Somebody who has proved who they are, by `method`, on one device."""

    person: str
    device: str
    method: str
    language: str
    plan: str
    """The plan that counts for them: the site's, or the one their voucher names."""
    entitled_until: int | None = None
    first: bool = False
    """Nobody has been in as this person before: there is nothing that they have used."""
    blocked_until: int | None = None
    """Before when neither they nor their device are let in."""


@lru_cache(maxsize=256)  # a second sees many logins
def local_day(now: int, zone: ZoneInfo) -> tuple[int, int]:
    """UTC seconds at which the local day of `now` began and ends."""
    today = datetime.fromtimestamp(now, zone).date()
    bounds = (datetime.combine(today + timedelta(days=offset), time(), zone) for offset in (0, 1))
    begin, end = (int(moment.timestamp()) for moment in bounds)
    return begin, end


def decide(
    grant_id: str,
    applicant: Applicant,
    site: str,
    gateway: str,
    plan: Plan,
    usage: Usage,
    now: int,
    zone: ZoneInfo,
) -> Grant | Denial:
    """Whether `applicant` may use `site` now, and for how long and how much.

    The session ends with the first of: the plan's session time, its time for the day, the closing hour, the end of the
    entitlement; where less than a minute is left until one of these, it is refused for that. Data left is what the day
    allows. At midnight the day's counts begin anew, so a session that its day's time or data limits stops there too:
    the phone logs in again with the new day's allowance.
    """
    midnight_before, midnight = day = local_day(now, zone)
    refused = _refused(applicant, plan, now, day)
    if refused is not None:
        return refused
    ends = [now + max(plan.session, SHORTEST_SESSION)]
    if plan.hours is not None:
        ends.append(midnight_before + plan.hours[1])
    if applicant.entitled_until is not None:
        ends.append(applicant.entitled_until)
    # Less than a session before midnight, what is left of the day goes on into the next one.
    ends_with_day = midnight if midnight - now >= SHORTEST_SESSION else local_day(midnight, zone)[1]
    total = None
    if plan.time_per_day is not None:
        left = plan.time_per_day - usage.seconds
        if left < SHORTEST_SESSION:
            return Denial(Reason.TIME_USED_UP, midnight)
        ends += [now + left, ends_with_day]
    if plan.data_per_day is not None:
        total = plan.data_per_day - usage.bytes
        if total <= 0:
            return Denial(Reason.DATA_USED_UP, midnight)
        ends.append(ends_with_day)
    if len(usage.devices - {applicant.device}) >= plan.devices:
        return Denial(Reason.TOO_MANY_DEVICES)
    if len(usage.waiting - {applicant.device}) >= plan.devices + MOST_WAITING:
        return Denial(Reason.TOO_MANY_DEVICES)
    ends_at = min(ends)
    limits = Limits(session=ends_at - now, idle=plan.idle, down=plan.down, up=plan.up, total=total)
    return Grant(
        id=grant_id,
        person=applicant.person,
        device=applicant.device,
        site=site,
        gateway=gateway,
        plan=applicant.plan,
        method=applicant.method,
        language=applicant.language,
        starts_at=now,
        ends_at=ends_at,
        limits=limits,
    )


def _refused(applicant: Applicant, plan: Plan, now: int, day: tuple[int, int]) -> Denial | None:
    """Why nobody is admitted whatever they have used: a block, the hours, the end of what entitles them."""
    if applicant.blocked_until is not None and now < applicant.blocked_until:
        return Denial(Reason.BLOCKED, applicant.blocked_until if applicant.blocked_until < FOREVER else None)
    if plan.hours is not None and not plan.hours[0] <= now - day[0] <= plan.hours[1] - SHORTEST_SESSION:
        opens_today = day[0] + plan.hours[0]
        return Denial(Reason.CLOSED, opens_today if now < opens_today else day[1] + plan.hours[0])
    if applicant.entitled_until is not None and applicant.entitled_until - now < SHORTEST_SESSION:
        return Denial(Reason.ENTITLEMENT_ENDED)
    return None


def exhausted(plan: Plan, usage: Usage, now: int, zone: ZoneInfo) -> Reason | None:
    """Why a running session under `plan` must end now; None while it may go on."""
    if plan.hours is not None and not plan.hours[0] <= now - local_day(now, zone)[0] < plan.hours[1]:
        return Reason.CLOSED
    if plan.time_per_day is not None and usage.seconds >= plan.time_per_day:
        return Reason.TIME_USED_UP
    if plan.data_per_day is not None and usage.bytes >= plan.data_per_day:
        return Reason.DATA_USED_UP
    return None
