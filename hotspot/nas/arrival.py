"""What a phone brings along from its gateway, in one form for all dialects."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_SILENCE: Final = re.compile(
    r"(radius|server|aaa)\b.*\b(not respond\w*|no (response|reply|answer)|timed? ?-?out)", re.I
)


def tells_silence(text: str) -> bool:
    """Whether a gateway's own words for people say that RADIUS did not answer, as RouterOS's errors.txt and others
    have them; most kinds do not tell why nobody was let in."""
    return _SILENCE.search(text) is not None


class Stage(StrEnum):
    """Why the gateway sent the phone to the portal."""

    WANTS_IN = "wants-in"
    REFUSED = "refused"
    ADMITTED = "admitted"
    LEFT = "left"


@dataclass(frozen=True)
class Arrival:
    """A phone at the portal's door. `mac` is in `parse_mac` form.

    `data` is what this dialect needs to hand the phone back: texts only, kept in the signed form.
    """

    gateway: str
    stage: Stage
    mac: str
    ip: str
    ap_mac: str | None = None
    message: str = ""
    unanswered: bool = False
    """Whether it was refused since the gateway's question to RADIUS had no answer: nobody's login is at fault."""
    proven: bool = True
    """Whether only the gateway can have written this, and just now; otherwise whoever holds the phone may have."""
    mark: str = ""
    """Of what is signed and holds no time: what tells this redirect from every other, so that it is worth something
    once."""
    data: Mapping[str, str] = field(default_factory=dict)
