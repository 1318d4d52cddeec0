"""What a session that runs may still use: when to look at it again, and what a changed plan leaves to it. Pure."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from .grant import SHORTEST_SESSION, Applicant, Denial, Grant, Reason, Usage, decide
from .plan import Plan


def time_ends_at(plan: Plan, seconds: int, running: int, now: int) -> int | None:
    """When a person's time of the day is used up if all goes on: `seconds` are used, `running` devices use more.

    None where the plan does not limit it.
    """
    if plan.time_per_day is None:
        return None
    return now + max(0, -(-(plan.time_per_day - seconds) // max(1, running)))


def amended(
    held: Grant,
    site: str,
    plan: Plan,
    usage: Usage,
    spent: int,
    now: int,
    zone: ZoneInfo,
    entitled_until: int | None = None,
) -> Grant | Denial:
    """A grant in force as `plan` has it now; a Denial where nothing is left.

    `spent` are the bytes that were used under it. Its time and data count from its start, as those of any grant do.
    """
    left = held.starts_at + plan.session - now
    if left < SHORTEST_SESSION:
        return Denial(Reason.ENTITLEMENT_ENDED)
    applicant = Applicant(held.person, held.device, held.method, held.language, held.plan, entitled_until)
    rest = plan.model_copy(update={"session": left})
    fresh = decide(held.id, applicant, site, held.gateway, rest, usage, now, zone)
    if isinstance(fresh, Denial):
        return fresh
    limits = replace(
        fresh.limits,
        session=fresh.ends_at - held.starts_at,
        total=None if fresh.limits.total is None else fresh.limits.total + spent,
        interim=held.limits.interim,
    )
    return replace(fresh, starts_at=held.starts_at, limits=limits)
