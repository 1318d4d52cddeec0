"""What every server under measurement offers the benchmark, and what all of them share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from .city import City
from .tape import Kind, Tape


class Workload(StrEnum):
    REDEEM = "redeem"
    LOOKUP = "lookup"
    ACCT = "acct"


Ledger = dict[str, int]
"""What a store holds after a run: counts and sums by name."""


@dataclass(frozen=True)
class Serving:
    """A server that is ready. `stored` looks into its store, where it has written."""

    auth_port: int
    acct_port: int
    pid: int
    postgres: int | None = None
    """The first process of its PostgreSQL."""
    stored: Callable[[], Ledger] | None = None

    def port(self, workload: Workload) -> int:
        return self.acct_port if workload is Workload.ACCT else self.auth_port


@dataclass(frozen=True)
class Expected:
    """The least and the most that a store must hold: what was acknowledged, and what was sent."""

    least: Ledger = field(default_factory=dict)
    most: Ledger = field(default_factory=dict)

    def is_met(self, found: Ledger) -> bool:
        return all(self.least[name] <= found[name] <= self.most[name] for name in self.least)


class Peer(Protocol):
    """One server with one kind of store."""

    name: str

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """What it is measured with."""

    def prepare(self, workload: Workload, city: City) -> Tape:
        """Makes what every run of a workload starts from, and the tape to play."""

    def serve(self, workload: Workload) -> AbstractContextManager[Serving]:
        """A server with a store as `prepare` made it."""


def folded(tape: Tape, outcomes: bytes, counts: Callable[[int], bool]) -> Ledger:
    """What the accounting records whose outcome counts add up to."""
    furthest: dict[int, tuple[int, int]] = {}
    stopped = 0
    for report, outcome in zip(tape.reports, outcomes, strict=True):
        if counts(outcome):
            so_far = furthest.get(report.session, (0, 0))
            furthest[report.session] = max(so_far, (report.received, report.sent))
            stopped += report.kind is Kind.STOP
    return {
        "sessions": len(furthest),
        "stopped": stopped,
        "received": sum(received for received, _ in furthest.values()),
        "sent": sum(sent for _, sent in furthest.values()),
    }
