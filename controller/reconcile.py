"""What `hotspot reconcile` does about each access point, and when it leaves one alone. Pure: `now` comes in.

A revision gets to an access point only after an admin applied it: what is caught up is what an `apply` could not
deliver because the access point was away, and what is repaired is what the access point was last brought to.

    away      an apply did not reach it: it is asked again and again, and brought to that revision when it is back
    drifted   somebody changed a managed file there, and its site says `drift = "repair"`
    repaired  it was repaired; until `next_at` it is not repaired again

What speaks against the push (a revert, a file or a login that is refused) is tried again after pauses that grow, and so
is what drifts again after a repair. After `MOST_TRIES` it is given up to a person, until the next `apply`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

from hotspot.store.city.catch_up import Waiting

from .job import Outcome, Result
from .plan import Plan, State

MOST_TRIES: Final = 5
PAUSES: Final = (300, 900, 3600, 4 * 3600)
"""Seconds after each failure but the last."""
_LONGEST_AWAY: Final = 600
"""Seconds between two looks after one that is away for long."""

Policy = Literal["repair", "report"]


class Reason(StrEnum):
    AWAY = "away"
    DRIFTED = "drifted"
    REPAIRED = "repaired"


class Step(StrEnum):
    """What is to be done now."""

    NOTHING = "nothing"
    CATCH_UP = "catch-up"
    REPAIR = "repair"
    REPORT = "report"
    WAIT = "wait"
    """Not now: a push is under way there, or its pause is not over."""
    FORGET = "forget"
    """Its entry in the queue is done with."""


@dataclass(frozen=True)
class Verdict:
    step: Step
    why: str = ""


def is_away(outcome: Outcome) -> bool:
    """Whether it says nothing about the push: the access point was not there, or was busy."""
    return outcome in (Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BROKEN, Outcome.BUSY)


def queues(outcome: Outcome) -> bool:
    """Whether an apply that ended so is to be caught up."""
    return is_away(outcome) and outcome is not Outcome.BUSY


def queued(result: Result, revision: int, run: str, now: int) -> Waiting:
    """The entry of an access point that an apply did not reach."""
    return Waiting(result.ap, revision, Reason.AWAY, run, now, detail=f"{result.outcome}: {result.detail}")


def due(entry: Waiting | None, now: int) -> bool:
    """Whether an access point is to be asked at all in this pass."""
    if entry is None or entry.reason != Reason.AWAY:
        return True
    return entry.given_up_at is None and entry.next_at <= now


def verdict(plan: Plan, entry: Waiting | None, policy: Policy, now: int) -> Verdict:
    """What to do about an access point that answered; `plan` needs no desired files, its drift alone counts."""
    if plan.state is State.PENDING:
        return Verdict(Step.WAIT, plan.note)
    if entry is not None and entry.reason == Reason.AWAY:
        return Verdict(Step.CATCH_UP, f"to revision {entry.revision}")
    if plan.state is not State.DRIFTED:
        return Verdict(Step.FORGET if entry is not None and entry.next_at <= now else Step.NOTHING)
    return _about_drift(plan, entry, policy, now)


def _about_drift(plan: Plan, entry: Waiting | None, policy: Policy, now: int) -> Verdict:
    changed = ", ".join(plan.drifted)
    if policy == "report":
        return Verdict(Step.REPORT, f"changed there: {changed}")
    if entry is not None and entry.given_up_at is not None:
        return Verdict(Step.WAIT, f"given up: {entry.detail}")
    if entry is not None and entry.next_at > now:
        at = datetime.fromtimestamp(entry.next_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        return Verdict(Step.WAIT, f"changed there: {changed}; next try after {at} UTC ({entry.detail})")
    return Verdict(Step.REPAIR, f"changed there: {changed}")


def after(entry: Waiting, outcome: Outcome, detail: str, now: int) -> Waiting | None:
    """The entry after a contact or a push that ended so; None when it is done with."""
    told = f"{outcome}: {detail}" if detail else str(outcome)
    if is_away(outcome):
        pause = max(60, min(_LONGEST_AWAY, (now - entry.queued_at) // 10))
        return replace(entry, next_at=now + pause, detail=told)
    if outcome is Outcome.SKIPPED:
        return entry
    if outcome.good and entry.reason == Reason.AWAY:
        return None
    tries = entry.tries + 1
    given_up = tries >= MOST_TRIES
    if given_up and outcome.good:
        told = f"it was repaired {tries} times and drifted again"
    return replace(
        entry,
        reason=Reason.REPAIRED if outcome.good else entry.reason,
        tries=tries,
        next_at=now + PAUSES[min(tries, len(PAUSES)) - 1],
        detail=told,
        given_up_at=now if given_up else None,
    )
