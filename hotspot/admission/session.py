"""One accounting session, folded from the records that a gateway sends about it. Pure.

Gateways repeat records, lose them and send them out of order. `fold` therefore takes maxima and minima of what the
records of one stay say, so that every order and every repetition of them ends in the same session. Counters are
64-bit; down and up are the client's view. What maxima would hide (a lost Start, a silence, counters that went
backwards) is kept beside them, for `hotspot.admission.gaps` to tell.

Two things make a gateway's figures smaller without being disorder, and add to what was counted before them:

- *A stay begun anew* under the same Acct-Session-Id and Class: after a restart, after a Stop, by MAC re-authentication.
  Its count of time is smaller than the last one, and it began after the last word of the stay before.
- *A turn*: a counter of 32 bits without Acct-*-Gigawords (RFC 2869, section 5.1) begins again at 0 while the count of
  time goes on. It must be plausible: no more than ten times what the session has used so far in the same time, nor more
  than 1 Gbit/s. A smaller step back is a gateway that lost its counters.

Records and sessions are values: nobody changes one. They are not frozen only because making a frozen one takes three
times as long, and every accounting packet makes both.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SAME_START: Final = 30
"""Seconds within which two derived start times mean the same session, where the gateway sends no Class."""


LARGEST: Final = 2**63 - 1
"""What a counter can hold in a database."""

HEARD: Final = 900
"""Seconds of one bit of `Session.heard`."""
HEARD_BITS: Final = 63
"""How many there are: what a database's signed integer has. They tell of the last 15 hours and 45 minutes."""


_TURN: Final = 2**32
_ANEW: Final = 5
"""Seconds by which a stay may seem to have begun before the last word of the stay before it: what records take to
arrive."""
_STRAYS: Final = 30
"""Seconds by which a stay's derived start may stray between its records."""
_FASTEST: Final = 125_000_000
"""Bytes a second that one client can move: 1 Gbit/s."""
_BURST: Final = 10
"""How many times its average so far."""


class RecordKind(StrEnum):
    START = "start"
    INTERIM = "interim"
    STOP = "stop"


@dataclass(slots=True, unsafe_hash=True)
class Record:
    """One Accounting-Request, or one report of an agent, in the domain's terms."""

    kind: RecordKind
    gateway: str
    acct_session_id: str
    device: str
    """The device's id."""
    ticket: str | None
    """The Class we sent: the ticket that the session was admitted with; the grant where the gateway has no RADIUS."""
    site: str
    """Where the gateway says it is; the grant's site is stronger."""
    at: int
    """UTC seconds at which it happened."""
    seconds: int = 0
    down: int = 0
    up: int = 0
    cause: str | None = None
    """Acct-Terminate-Cause by its RFC 2866 name, of a Stop."""

    @property
    def started_at(self) -> int:
        return self.at - self.seconds

    @property
    def bytes(self) -> int:
        return min(self.down + self.up, LARGEST)

    @property
    def heard(self) -> int:
        """The bit of `Session.heard` that says that there was a record in its quarter of an hour."""
        return 1 << self.at // HEARD % HEARD_BITS


@dataclass(slots=True, unsafe_hash=True)
class Session:
    """What is known of one session. `ended_at` is None while it runs."""

    gateway: str
    acct_session_id: str
    device: str
    ticket: str | None
    started_at: int
    last_at: int
    seconds: int
    down: int
    up: int
    stopped: tuple[int, str] | None = None
    """When and why, as its gateway's Stop said."""
    presumed: tuple[int, str] | None = None
    """When and why we presumed its end (Accounting-On, silence). Any later record takes it back."""
    start_seen: bool = False
    """Whether there was a Start among its records."""
    latest_start: int = 0
    """The latest start that a record implies. Far from `started_at`, its count of time did not go with the clock."""
    last_bytes: int = 0
    """Bytes, down and up, in the newest record. Less than `bytes`, its counters went backwards."""
    heard: int = 0
    """In which quarters of an hour there were records: bit `at // HEARD % HEARD_BITS`. A hole is a silence."""
    base_seconds: int = 0
    """What earlier stays add to the gateway's own count of time ..."""
    base_down: int = 0
    base_up: int = 0
    """... and what they and the turns of its counters add to its counters."""

    @property
    def end(self) -> tuple[int, str] | None:
        """When and why it ended, None while it runs."""
        if self.stopped is not None:
            return self.stopped
        if self.presumed is not None and self.presumed[0] >= self.last_at:
            return self.presumed
        return None

    @property
    def bytes(self) -> int:
        return min(self.down + self.up, LARGEST)

    @property
    def counted(self) -> int:
        """Bytes in the largest reading of the present stay."""
        return min(self.down - self.base_down + self.up - self.base_up, LARGEST)


def belongs(session: Session, record: Record) -> bool:
    """Whether a record of the same gateway, Acct-Session-Id and device is of this session or of a later one.

    With our Class there is no doubt. Without it a gateway may use an Acct-Session-Id again after a reboot; then the
    start that the record's Acct-Session-Time implies decides.
    """
    if record.ticket is not None or session.ticket is not None:
        return record.ticket == session.ticket
    return abs(session.started_at - record.started_at) <= SAME_START


def fold(session: Session | None, record: Record) -> Session:
    """The session with one more record known. A record that is known already changes nothing, and the order of a stay's
    records does not matter, save across a turn: what comes late then is older than what was counted."""
    if session is None:
        return _begun(record)
    if _anew(session, record):
        return _next_stay(session, record)
    heard = session.heard | record.heard
    if session.base_seconds and record.started_at < session.latest_start - _STRAYS:  # of a stay before the present one
        return replace(session, heard=heard, started_at=min(session.started_at, record.started_at))
    newest = max((session.last_at, session.last_bytes), (record.at, record.bytes))
    stops = [value for value in (session.stopped, _stop(record)) if value is not None]
    elapsed = record.seconds - (session.seconds - session.base_seconds)
    later = record.at > session.last_at and elapsed >= 0
    room = min(_FASTEST, _BURST * session.bytes // max(session.seconds, 1)) * elapsed if later else 0
    down, base_down = _counted(session.down, session.base_down, record.down, later, room)
    up, base_up = _counted(session.up, session.base_up, record.up, later, room)
    return replace(
        session,
        started_at=min(session.started_at, record.started_at),
        last_at=newest[0],
        seconds=max(session.seconds, session.base_seconds + record.seconds),
        down=down,
        up=up,
        stopped=max(stops, default=None),
        start_seen=session.start_seen or record.kind is RecordKind.START,
        latest_start=max(session.latest_start, record.started_at),
        last_bytes=newest[1],
        heard=heard,
        base_down=base_down,
        base_up=base_up,
    )


def _begun(record: Record) -> Session:
    return Session(
        gateway=record.gateway,
        acct_session_id=record.acct_session_id,
        device=record.device,
        ticket=record.ticket,
        started_at=record.started_at,
        last_at=record.at,
        seconds=record.seconds,
        down=record.down,
        up=record.up,
        stopped=_stop(record),
        start_seen=record.kind is RecordKind.START,
        latest_start=record.started_at,
        last_bytes=record.bytes,
        heard=record.heard,
    )


def _stop(record: Record) -> tuple[int, str] | None:
    return (record.at, record.cause or "") if record.kind is RecordKind.STOP else None


def _anew(session: Session, record: Record) -> bool:
    """Whether a record is of a stay that began after the session's last word. Without Class the two are two sessions
    (`belongs`). A reading that is known already is a repetition, however late it comes, and the first Start that is
    heard is the one that was missing."""
    if record.kind is RecordKind.START and not session.start_seen:
        return False
    if record.ticket is None or record.at <= session.last_at or record.started_at < session.last_at - _ANEW:
        return False
    seconds = session.seconds - session.base_seconds
    if record.seconds == seconds and record.bytes == session.last_bytes:
        return False
    return record.seconds < seconds or session.stopped is not None


def _next_stay(session: Session, record: Record) -> Session:
    """Its time adds up, and so do its counters where they began anew. Where they did not (a reading no smaller than the
    last one), they went on, and only the time began anew."""
    down, up = session.down - session.base_down, session.up - session.base_up
    base_down = session.base_down + (down if record.down < down else 0)
    base_up = session.base_up + (up if record.up < up else 0)
    return replace(
        session,
        last_at=record.at,
        seconds=session.seconds + record.seconds,
        down=min(base_down + record.down, LARGEST),
        up=min(base_up + record.up, LARGEST),
        stopped=_stop(record),
        start_seen=session.start_seen or record.kind is RecordKind.START,
        latest_start=max(session.latest_start, record.started_at),
        last_bytes=record.bytes,
        heard=session.heard | record.heard,
        base_seconds=session.seconds,
        base_down=base_down,
        base_up=base_up,
    )


def _counted(total: int, base: int, value: int, later: bool, room: int) -> tuple[int, int]:
    """A counter and its base after one more reading."""
    before = total - base
    if value >= before:
        return (min(base + value, LARGEST), base) if later or not base else (total, base)
    if later and before < _TURN and value + _TURN - before <= room:
        return base + _TURN + value, base + _TURN
    return total, base


def presume_ended(session: Session, at: int, cause: str) -> Session:
    """The session as ended at `at` for want of better knowledge. The gateway's own word stays stronger, and so does any
    record of a later time, whether it is known already or comes yet: the order in which both are told does not matter.
    """
    return replace(session, presumed=max(session.presumed or (0, ""), (at, cause)))


def share(started_at: int, ended_at: int, value: int, window: tuple[int, int]) -> int:
    """The part of `value` that falls into a window, in proportion to the time; a session across midnight is split.

    Parts of adjoining windows add up to the whole, to the unit.
    """
    length = ended_at - started_at
    if length <= 0:
        return value if window[0] <= started_at < window[1] else 0

    def until(moment: int) -> int:
        return value * (min(max(moment, started_at), ended_at) - started_at) // length

    return until(window[1]) - until(window[0])
