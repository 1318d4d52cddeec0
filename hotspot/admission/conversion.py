"""How many of the login pages that a site shows let somebody in, and whether that is far below its usual. Pure.

A page that nobody gets past costs no error and no alarm elsewhere: a voucher batch that ran out, messages that do not
arrive, a text that nobody understands. What is usual differs from site to site, so each is compared with itself: the
median over days, which a few bad ones do not move.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

HOUR: Final = 3600
DAYS: Final = 14
"""Past days that are looked at."""
ENOUGH: Final = 20
"""Pages of an hour or a day below which their share says nothing."""
ENOUGH_DAYS: Final = 5
LOW: Final = 0.5
"""The part of the usual share below which something is wrong."""
WELL: Final = 0.75
"""The part above which it is over."""


@dataclass(frozen=True)
class Hour:
    """What a site showed, how many it handed to their gateway, and how many that let in, in the hour that began at `at`
    (UTC seconds). In is whom RADIUS has accepted, or whom the gateway itself says to be in."""

    site: str
    at: int
    shown: int
    admitted: int
    handed: int = 0


@dataclass(frozen=True)
class Conversion:
    """A site now, and usually."""

    site: str
    shown: int
    """Of the hour that is not over and the one before it, as `admitted`."""
    admitted: int
    usual: float | None
    """Admissions for each page on its usual day, where it is known."""
    handed: int = 0

    @property
    def unheard(self) -> int:
        """Handed to their gateway, and not heard of: on their way, gone, or held up by what is wrong there."""
        return max(0, self.handed - self.admitted)

    @property
    def share(self) -> float | None:
        return self.admitted / self.shown if self.shown else None

    def falls_below(self, part: float) -> bool | None:
        """Whether the share is below a part of the usual one; None where the numbers say nothing."""
        if self.usual is None or self.share is None or self.shown < ENOUGH:
            return None
        return self.share < part * self.usual


def conversions(hours: Iterable[Hour], now: int) -> dict[str, Conversion]:
    """Every site of these hours. Days are counted back from the hours that are looked at now."""
    begin = now - now % HOUR - HOUR
    recent: dict[str, tuple[int, int, int]] = {}
    past: dict[str, dict[int, tuple[int, int]]] = {}
    for one in hours:
        if one.at >= begin:
            shown, admitted, handed = recent.get(one.site, (0, 0, 0))
            recent[one.site] = shown + one.shown, admitted + one.admitted, handed + one.handed
        else:
            day = (begin - 1 - one.at) // (24 * HOUR)
            days = past.setdefault(one.site, {})
            shown, admitted = days.get(day, (0, 0))
            days[day] = shown + one.shown, admitted + one.admitted
    found = {}
    for site in sorted({*recent, *past}):
        shares = [
            admitted / shown for day, (shown, admitted) in past.get(site, {}).items() if day < DAYS and shown >= ENOUGH
        ]
        usual = median(shares) if len(shares) >= ENOUGH_DAYS else None
        shown, admitted, handed = recent.get(site, (0, 0, 0))
        found[site] = Conversion(site, shown, admitted, usual, handed)
    return found
