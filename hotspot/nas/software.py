"""Which software a gateway says that it runs, and what that version is known not to do. Pure.

A version is evidence, not proof of anything: it is believed from packets that only the gateway can have sent, shown as
it came, and decides nothing by itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from . import coovachilli
from .lack import Lack

_KINDS: Final[tuple[ModuleType, ...]] = (coovachilli,)
_TELLING: Final = {kind.NAME: kind for kind in _KINDS}
_NUMBERS: Final = re.compile(r"v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?(?![0-9.])", re.ASCII)
LONGEST: Final = 64
"""Characters of a version that are kept."""


@dataclass(frozen=True)
class Software:
    """What a gateway tells of itself. Times in UTC seconds: since when it tells this version, and when it last did."""

    version: str
    since: int
    at: int


def attribute(kind: str) -> str | None:
    """The RADIUS attribute in which gateways of a kind tell their version; None where they do not."""
    telling = _TELLING.get(kind)
    return None if telling is None else str(telling.VERSION)


def parsed(version: str) -> tuple[int, ...] | None:
    """(1, 9) of "1.9", "1.9-rc1", "v1.9"; None for what is no version."""
    found = _NUMBERS.match(version)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None


def lacks(kind: str, version: str) -> Iterable[Lack]:
    """What this version of a kind is known not to do; nothing where the version says nothing."""
    numbers, telling = parsed(version), _TELLING.get(kind)
    if numbers is None or telling is None:
        return ()
    return tuple(lack for lack in telling.LACKS if numbers < lack.before)
