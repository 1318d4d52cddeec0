"""What a phone brings along from its gateway, in one form for all dialects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    proven: bool = True
    """Whether only the gateway can have written this, and just now; otherwise whoever holds the phone may have."""
    mark: str = ""
    """Of what is signed and holds no time: what tells this redirect from every other, so that it is worth something
    once."""
    data: Mapping[str, str] = field(default_factory=dict)
