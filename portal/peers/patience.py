"""Servers that ask to be left alone for a while (429, 503 and Retry-After; RFC 6585, section 4, RFC 9110, 10.2.3)."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

from hotspot.errors import PeerError

from .web import Answer, Request, send

LONGEST: Final = 3600
"""Seconds that a server may ask for at most: one that is wrong, or whose clock is, does not silence us for ever."""
AT_ONCE: Final = 2
"""Seconds that somebody who waits at a page can wait for."""
_UNSAID: Final = 30
"""Seconds that a 429 stands for which names none."""
_FIRST: Final = 5
_SLOWEST: Final = 300


def asked_for(answer: Answer, now: float) -> int | None:
    """How many seconds a server asks for before the next request; None where it asks for nothing."""
    if answer.status not in (429, 503):
        return None
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), LONGEST)
    try:
        return max(0, min(round(parsedate_to_datetime(said).timestamp() - now), LONGEST))
    except (ValueError, TypeError, OverflowError):
        return _UNSAID if answer.status == 429 else None


def send_patiently(request: Request, *, fingerprint: str | None = None) -> Answer:
    """The answer to a request that somebody waits for; a server that asks for a moment is asked once more after it."""
    answer = send(request, fingerprint=fingerprint)
    seconds = asked_for(answer, time.time())
    if seconds is None or seconds > AT_ONCE:
        return answer
    time.sleep(seconds)
    return send(request, fingerprint=fingerprint)


class Patience:
    """When one server may be asked again: as it said, or later each time that it refuses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._until = 0.0
        self._why = ""
        self._refusals = 0

    def check(self) -> None:
        """PeerError, always in the same words, while the server is to be left alone."""
        if self._clock() < self._until:
            raise PeerError(self._why)

    def leave_alone(self, seconds: float, why: str) -> PeerError:
        """What to raise; nothing is asked for so many seconds."""
        self._until, self._why = self._clock() + seconds, why
        return PeerError(why)

    def refused(self, why: str) -> PeerError:
        """What to raise; after each refusal in a row the pause is twice as long, up to five minutes."""
        self._refusals += 1
        return self.leave_alone(min(_FIRST * 2 ** (self._refusals - 1), _SLOWEST), why)

    def well(self) -> None:
        """It does what it is asked for."""
        self._refusals = 0
