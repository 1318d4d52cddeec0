"""The script of a day: who uses which gateway, when, how much, and what of it the gateways fail to tell. Pure.

Everything follows from the seed. What the ledger must hold at the end follows from the script alone.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Final

DAY: Final = 86400
INTERIM: Final = 900
_START, _STOP, _INTERIM = 1, 2, 3
_CAUSES: Final = {1: "User-Request", 4: "Idle-Timeout", 5: "Session-Timeout"}


@dataclass(frozen=True)
class Scale:
    gateways: int
    devices: int
    seed: int = 1


@dataclass
class Gateway:
    index: int
    kind: str
    site: int
    sends_class: bool
    """Else its accounting names the device alone."""
    reboot: int | None
    """The second of the day at which its power fails; it says Accounting-On at `back`."""

    @property
    def id(self) -> str:
        return f"gw-{self.index:04d}"

    @property
    def address(self) -> str:
        return f"127.64.{self.index // 250}.{self.index % 250 + 1}"

    @property
    def back(self) -> int | None:
        return None if self.reboot is None else self.reboot + 90


@dataclass(frozen=True)
class Report:
    """What one Accounting-Request of a session says. `at` is a second of the day."""

    kind: int
    at: int
    seconds: int
    down: int
    up: int
    cause: int = 0


@dataclass
class Visit:
    """One session of a device at a gateway."""

    index: int
    device: int
    person: int
    gateway: Gateway
    acct_session_id: str
    start: int
    reports: list[Report] = field(default_factory=list)
    """Those that the gateway sends; what it fails to tell is not among them."""

    def told(self) -> "Told":
        """What the ledger must know of it. Only for a visit with a report."""
        last = max(self.reports, key=lambda report: report.at)
        stop = next((report for report in self.reports if report.kind == _STOP), None)
        back = self.gateway.back
        if stop is not None:
            end = (stop.at, _CAUSES[stop.cause])
        elif back is not None and self.start <= back:
            end = (back, "NAS-Reboot")
        else:
            end = (last.at, "Stale")
        return Told(self.start, last.at, last.seconds, last.down, last.up, *end)

    def gaps(self) -> set[str]:
        """The kinds of gaps that must be reported of it, and no others."""
        found = {"NAS-Reboot": {"restart"}, "Stale": {"lost-stop"}}.get(self.told().cause, set())
        if self.reports[0].kind != _START:
            found = found | {"lost-start"}
        quarters = [self.start // INTERIM, *(report.at // INTERIM for report in self.reports)]
        if any(later - earlier - 1 >= 3 for earlier, later in pairwise(quarters)):
            found = found | {"silence"}
        return found


@dataclass(frozen=True)
class Told:
    """A session's row as it must stand in the ledger. Times are seconds of the day."""

    started_at: int
    last_at: int
    seconds: int
    down: int
    up: int
    ended_at: int
    cause: str


@dataclass
class Day:
    scale: Scale
    sites: int
    gateways: list[Gateway]
    visits: list[Visit]
    persons: int


def write(scale: Scale) -> Day:
    """The day of a city of this size."""
    random = Random(scale.seed)
    sites = max(1, scale.gateways * 2 // 5)
    gateways = [_gateway(index, sites, random) for index in range(scale.gateways)]
    numbers: dict[tuple[int, bool], int] = {}
    visits: list[Visit] = []
    person, room = -1, 0
    for device in range(scale.devices):
        if room == 0:
            person, room = person + 1, random.choices((1, 2, 3), (80, 15, 5))[0]
        room -= 1
        at = int(random.triangular(0, DAY, DAY * 0.6))
        for _ in range(random.choices((1, 2, 3), (75, 20, 5))[0]):
            gateway = random.choice(gateways)
            length = 60 + int(min(random.expovariate(1 / 2400), 4 * 3600))
            if at + length >= DAY - 60:
                break
            if gateway.reboot is not None and gateway.back is not None and gateway.reboot <= at <= gateway.back:
                at = gateway.back + 1  # nobody gets in while it is down
            after = gateway.reboot is not None and at > gateway.reboot
            number = numbers[gateway.index, after] = numbers.get((gateway.index, after), 0) + 1
            visit = Visit(len(visits), device, person, gateway, f"{number:08x}", at)
            visit.reports = _told(visit, length, random)
            visits.append(visit)
            at += length + 60 + int(random.expovariate(1 / 7200))
    return Day(scale, sites, gateways, visits, person + 1)


def _gateway(index: int, sites: int, random: Random) -> Gateway:
    kind = random.choices(("coovachilli", "mikrotik"), (7, 3))[0]
    reboot = random.randrange(DAY // 4, DAY - 3600) if random.random() < 0.05 else None
    return Gateway(index, kind, index % sites, index % 20 != 7, reboot)


def _told(visit: Visit, length: int, random: Random) -> list[Report]:
    """The reports of a visit of `length` seconds, without those that never leave the gateway."""
    moments = [*range(INTERIM, length, INTERIM), length]
    heavy = 2 * 2**32 if random.random() < 0.02 else 50 * 10**6
    down = up = 0
    reports = [Report(_START, visit.start, 0, 0, 0)]
    for moment in moments:
        down += random.randrange(heavy)
        up += random.randrange(heavy // 8)
        stops = moment == length
        cause = random.choice(list(_CAUSES)) if stops else 0
        reports.append(Report(_STOP if stops else _INTERIM, visit.start + moment, moment, down, up, cause))
    fate = random.random()
    if fate < 0.01 and len(reports) > 2:
        del reports[0]
    elif fate < 0.03:
        del reports[-1]
    elif fate < 0.04 and len(reports) > 6:
        del reports[2:-2]
    reboot = visit.gateway.reboot
    if reboot is not None and visit.start < reboot:
        reports = [report for report in reports if report.at < reboot]
    return reports
