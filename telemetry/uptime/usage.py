"""Usage of sites in a window, from accounting sessions. Pure.

A session counts where it began; its seconds and bytes are split over windows in proportion to the time, so that the
months of a year add up to the year. People and devices are counted wherever a session touches the window.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hotspot.admission.session import share

from .spans import Window


@dataclass(frozen=True)
class Use:
    """One accounting session as statistics see it: ids that name nobody, UTC seconds, bytes from the client's view."""

    site: str
    person: str | None
    device: str
    started_at: int
    ended_at: int
    """Its end, or its last record while it runs."""
    seconds: int
    down: int
    up: int


@dataclass(frozen=True)
class Usage:
    """What was used in a window. `devices` is an estimate: phones change their addresses."""

    sessions: int = 0
    persons: int = 0
    devices: int = 0
    seconds: int = 0
    down: int = 0
    up: int = 0


def usage(uses: Iterable[Use], window: Window) -> Usage:
    """The usage of all given sessions within one window."""
    sessions = seconds = down = up = 0
    persons: set[str] = set()
    devices: set[str] = set()
    for use in uses:
        before = use.started_at < window[0] and use.ended_at <= window[0]
        if before or use.started_at >= window[1]:
            continue
        sessions += window[0] <= use.started_at
        devices.add(use.device)
        if use.person is not None:
            persons.add(use.person)
        span = (use.started_at, use.ended_at)
        seconds += share(*span, use.seconds, window)
        down += share(*span, use.down, window)
        up += share(*span, use.up, window)
    return Usage(sessions, len(persons), len(devices), seconds, down, up)


def by_site(uses: Iterable[Use]) -> dict[str, list[Use]]:
    """Sessions under the id of their site."""
    grouped: dict[str, list[Use]] = {}
    for use in uses:
        grouped.setdefault(use.site, []).append(use)
    return grouped
