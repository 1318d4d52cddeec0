"""What versions of a gateway's software are known not to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lack:
    """Versions below `before`, (1, 9) say, do not do this; `concerns` is the part of the set-up that it is about."""

    before: tuple[int, ...]
    concerns: str
    what: str
    remedy: str
