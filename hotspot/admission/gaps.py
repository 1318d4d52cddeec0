"""What is missing in the accounting of a session. Pure.

Gateways lose records and restart. The ledger keeps what they said and invents nothing for what they did not; this
module says where that is, from what `hotspot.admission.session.fold` keeps beside the totals. A gap changes no total:
counters that were lost within one stay show the larger reading only, and a lost Stop ends a session at its last word.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .session import HEARD, HEARD_BITS, Session

RESTARTS: Final = frozenset({"NAS-Reboot", "Admin-Reboot"})
"""Causes of the ends that an Accounting-On or -Off makes us presume (RFC 2866 section 5.10)."""
DRIFT: Final = 120
"""Seconds by which a session's own count of time may stray from the clock: retransmissions and a clock being set."""


class GapKind(StrEnum):
    LOST_START = "lost-start"
    """The first that was heard of it was no Start."""
    LOST_STOP = "lost-stop"
    """It fell silent; its last minutes are unknown."""
    RESTART = "restart"
    """Its gateway said Accounting-On or -Off while it ran; its last minutes are unknown."""
    OUTLIVED = "outlived"
    """It went on after its gateway had said Accounting-On or -Off."""
    SILENCE = "silence"
    """Nothing was heard of it for longer than three reports, then it was heard again. Its totals are whole."""
    TIME = "time-restarted"
    """Its Acct-Session-Time did not go with the clock: it alone began anew, or a clock was set."""
    COUNTERS = "counters-backwards"
    """Its newest counters are lower than earlier ones: what was counted in between is lost."""
    AMBIGUOUS = "ambiguous"
    """Without Class, two sessions with one Acct-Session-Id at the same time: a record may be the other's."""


@dataclass(frozen=True)
class Gap:
    """Something that is not known about the time from `from_at` until `to_at`, UTC seconds."""

    kind: GapKind
    from_at: int
    to_at: int


def gaps(session: Session, *, patience: int, announces: bool = True) -> list[Gap]:
    """What is missing of one session, oldest first.

    `patience` is the seconds after which a silence is no longer a matter of one lost report; `announces` whether its
    gateway sends Starts at all: one that is polled does not.
    """
    return sorted(_found(session, patience, announces), key=lambda gap: (gap.from_at, gap.to_at, gap.kind))


def _found(session: Session, patience: int, announces: bool) -> Iterator[Gap]:
    started_at, last_at = session.started_at, session.last_at
    if announces and not session.start_seen:
        yield Gap(GapKind.LOST_START, started_at, started_at)
    if session.stopped is None and session.end is not None:
        kind = GapKind.RESTART if session.end[1] in RESTARTS else GapKind.LOST_STOP
        yield Gap(kind, last_at, session.end[0])
    if session.presumed is not None and session.presumed[1] in RESTARTS and session.presumed[0] < last_at:
        yield Gap(GapKind.OUTLIVED, session.presumed[0], last_at)
    stays = session.base_seconds > 0 and session.base_down + session.base_up > 0
    if session.latest_start - started_at > DRIFT and not stays:
        yield Gap(GapKind.TIME, started_at, session.latest_start)
    if session.last_bytes < session.counted:
        yield Gap(GapKind.COUNTERS, started_at, last_at)
    yield from (Gap(GapKind.SILENCE, *hole) for hole in silences(session) if hole[1] - hole[0] >= patience)


def silences(session: Session) -> list[tuple[int, int]]:
    """The whole quarters of an hour without a record between a session's start and its last word, joined.

    A silence of more than half an hour is sure to show. Of a session longer than the bits can tell apart, those of
    its last 15 hours and 45 minutes show in which no earlier record happens to stand.
    """
    last = session.last_at // HEARD
    first = max(session.started_at // HEARD + 1, last - HEARD_BITS + 1)
    holes: list[tuple[int, int]] = []
    for quarter in range(first, last):
        if session.heard >> quarter % HEARD_BITS & 1:
            continue
        begin, end = quarter * HEARD, (quarter + 1) * HEARD
        if holes and holes[-1][1] == begin:
            holes[-1] = (holes[-1][0], end)
        else:
            holes.append((begin, end))
    return holes


def ambiguous(sessions: Iterable[Session]) -> list[tuple[Session, Session]]:
    """Each session that began while an earlier one ran, with that one, among sessions without Class of one gateway,
    Acct-Session-Id and device."""
    found: list[tuple[Session, Session]] = []
    longest: Session | None = None
    for session in sorted(sessions, key=lambda session: (session.started_at, session.last_at)):
        if longest is not None and session.started_at <= longest.last_at:
            found.append((longest, session))
        if longest is None or session.last_at > longest.last_at:
            longest = session
    return found
