"""What is to be done with one access point, and how it ended: the words that every command shares. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from hotspot.errors import ConfigError, PeerError

from .desired import Desired
from .payload import digest, manifest
from .plan import Plan
from .transport.ssh import Target


class Outcome(StrEnum):
    """How one access point fared. The first five are good."""

    PLANNED = "planned"
    IN_SYNC = "in-sync"
    APPLIED = "applied"
    WITHDRAWN = "withdrawn"
    DONE = "done"
    INVALID = "invalid"
    BUSY = "busy"
    REVERTED = "reverted"
    UNCONFIRMED = "unconfirmed"
    DAMAGED = "damaged"
    FAILED = "failed"
    NOT_ADOPTED = "not-adopted"
    CONFIG = "configuration"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"
    WRONG_KEY = "wrong-host-key"
    REFUSED = "login-refused"
    TIMEOUT = "timeout"
    BROKEN = "broken-off"
    TOO_MUCH = "too-much"

    @property
    def good(self) -> bool:
        return self in (Outcome.PLANNED, Outcome.IN_SYNC, Outcome.APPLIED, Outcome.WITHDRAWN, Outcome.DONE)

    @property
    def blames_push(self) -> bool:
        """Whether it speaks against what was pushed, and not only for an access point that is away."""
        return self in (Outcome.INVALID, Outcome.REVERTED, Outcome.UNCONFIRMED, Outcome.DAMAGED, Outcome.FAILED)


@dataclass(frozen=True)
class Job:
    """One access point with what it should hold, or the reason why it cannot be worked on."""

    ap: str
    target: Target | None = None
    desired: Desired | None = None
    problem: tuple[Outcome, str] | None = None
    tx: str = ""
    """The push's id, chosen before the first contact so that a later run knows it again."""
    earlier: tuple[str, ...] = ()
    """Pushes of the same content whose end our side never heard: what still waits of them is confirmed."""
    password: str = field(default="", repr=False)
    """Of a backup that its access point encrypted itself."""
    commits: str = ""
    """The digest of what it is committed to afterwards, where that is not the digest of `desired`."""

    @property
    def digest(self) -> str:
        return self.commits or (digest(manifest(self.desired)) if self.desired else "")


@dataclass(frozen=True)
class Result:
    ap: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0
    plan: Plan | None = None
    before: dict[str, bytes] = field(default_factory=dict)
    """Contents that stand on the access point, where a diff was asked for."""
    diff: tuple[str, ...] = ()
    """What a push wrote over, secrets masked, as it is kept."""


@dataclass(frozen=True)
class Ran:
    """What a command gave, its stderr among its output; no code where it never ended, or where none is told."""

    ap: str
    outcome: Outcome
    detail: str = ""
    output: bytes = b""
    code: int | None = None


class StoppedError(PeerError):
    """Why an access point is left as it is."""

    def __init__(self, outcome: Outcome, why: str):
        self.outcome = outcome
        super().__init__(why)


def unusable(ap: str, error: ConfigError) -> Job:
    """A job that cannot be done because of the configuration."""
    return Job(ap, problem=(Outcome.CONFIG, "; ".join(map(str, error.faults))))
