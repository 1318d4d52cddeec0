"""The coverage report's figures from its frozen inputs. Pure: the same inputs give the same figures, anywhere, always.

A site's window is the period as its own time zone lives it, cut at the moment the inputs were frozen. A site that was
in life within it is installed, and listed. Its base is what of that window it was in service: its life, the life of its
access points, its service hours; without any, nothing can be told of it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import Field

from hotspot.city.inventory import load
from hotspot.city.sites import Inventory, Site
from hotspot.entry.fields import Entry

from .period import Period
from .spans import Window, clip, daily, intersect
from .states import (
    EXCLUSION_CAP,
    Interval,
    Lengths,
    Maintenance,
    Member,
    Outage,
    State,
    Verdict,
    exclude,
    exclusions,
    lengths,
    outages,
    timeline,
)
from .usage import Usage

FORMAT: Final = 1
"""Of the frozen inputs. A reader of an older pack needs the version of the software that its manifest names."""

Language = Literal["id", "en"]
Time = Annotated[int, Field(ge=0, le=250_000_000_000)]
"""UTC seconds that a calendar can show."""


class Work(Entry):
    """Maintenance as it was announced. Who announced it stays in the store: a report names no person."""

    id: str
    site: str
    from_at: Time
    to_at: Time
    ticket: str
    reason: str
    recorded_at: Time
    withdrawn_at: Time | None = None

    @property
    def rule(self) -> Maintenance:
        return Maintenance(self.from_at, self.to_at, self.recorded_at, self.withdrawn_at is not None)


class Counts(Entry):
    """`usage.Usage` as it is frozen."""

    sessions: int = 0
    persons: int = 0
    devices: int = 0
    seconds: int = 0
    down: int = 0
    up: int = 0


class Inputs(Entry):
    """Everything a report is made from. Times are UTC seconds; intervals are (from, to, state), sorted, disjoint."""

    format: Literal[1] = 1
    software: str
    language: Language
    period: str
    generated_at: Time
    revision: int
    inventory: str
    exclusion_cap: Annotated[int, Field(ge=0)] = EXCLUSION_CAP
    access_points: dict[str, tuple[tuple[Time, Time, State], ...]]
    maintenance: tuple[Work, ...]
    usage: dict[str, Counts]
    """Under the site's id, each in that site's window."""
    city_usage: Counts
    """Of all sites together, where a person at two sites is one person."""
    complaints: tuple[tuple[Time, Time | None], ...] = ()
    """(received, resolved) of every fault that people reported in the period; None while it is open."""


@dataclass(frozen=True)
class SiteFigures:
    """One site in the period."""

    number: int
    """Its row in every table, from 1."""
    site: Site
    window: Window
    access_points: int
    """Those commissioned at any time of the window."""
    states: Lengths
    unexcluded: Lengths
    """The same without any exclusion."""
    outages: tuple[Outage, ...]
    usage: Usage
    target: float

    @property
    def verdict(self) -> Verdict:
        return self.states.verdict(self.target)

    @property
    def active(self) -> bool:
        """Whether anybody used it or a probe ever reached it in the period."""
        return self.usage.devices > 0 or self.unexcluded.up > 0


@dataclass(frozen=True)
class Group:
    """Sites that have something in common; one without sites is a blank spot."""

    code: str
    name: str
    sites: tuple[SiteFigures, ...]

    @property
    def active(self) -> int:
        return sum(figures.active for figures in self.sites)

    @property
    def passed(self) -> int:
        return sum(figures.verdict is Verdict.PASS for figures in self.sites)

    @property
    def states(self) -> Lengths:
        """Pooled: seconds are added, percentages never averaged."""
        return sum((figures.states for figures in self.sites), Lengths())

    @property
    def sessions(self) -> int:
        return sum(figures.usage.sessions for figures in self.sites)

    @property
    def volume(self) -> tuple[int, int]:
        """Bytes down and up."""
        return sum(figures.usage.down for figures in self.sites), sum(figures.usage.up for figures in self.sites)


@dataclass(frozen=True)
class Coverage:
    """A report's figures. Everything a page or a file shows is read from here."""

    inputs: Inputs
    inventory: Inventory
    period: Period
    window: Window
    """The whole period in the city's time zone."""
    sites: tuple[SiteFigures, ...]
    access_points: Lengths
    """Pooled over access points, where the other figures are over sites."""

    @property
    def cut(self) -> int:
        """Where the figures end: the period's end, or when the inputs were frozen."""
        return min(self.window[1], self.inputs.generated_at)

    @cached_property
    def provisional(self) -> bool:
        """Whether the period was still running at any site."""
        zones = [self.inventory.city.zone, *(self.inventory.zone(site) for site in self.inventory.site)]
        return any(self.inputs.generated_at < self.period.window(zone)[1] for zone in zones)

    @cached_property
    def whole(self) -> Group:
        return Group(self.inventory.city.region, self.inventory.city.name, self.sites)

    @cached_property
    def districts(self) -> tuple[Group, ...]:
        return self._regions(8)

    @cached_property
    def villages(self) -> tuple[Group, ...]:
        return self._regions(13)

    @cached_property
    def kinds(self) -> tuple[Group, ...]:
        return self._groups(lambda figures: figures.site.kind)

    @cached_property
    def fundings(self) -> tuple[Group, ...]:
        return self._groups(lambda figures: figures.site.funding)

    @cached_property
    def outages(self) -> tuple[tuple[SiteFigures, Outage], ...]:
        """Every outage of every site, by its start."""
        found = [(figures, outage) for figures in self.sites for outage in figures.outages]
        return tuple(sorted(found, key=lambda pair: (pair[1].from_at, pair[0].number)))

    @cached_property
    def resolved(self) -> tuple[int, ...]:
        """The seconds that each reported fault took which is resolved."""
        return tuple(done - received for received, done in self.inputs.complaints if done is not None)

    def region_name(self, code: str) -> str:
        return self.inventory.regions.get(code, code)

    def _regions(self, digits: int) -> tuple[Group, ...]:
        """Groups by the first characters of the region code, with those named in the inventory that have no site."""
        codes = {code for code in self.inventory.regions if len(code) == digits} | {
            figures.site.region[:digits] for figures in self.sites
        }
        return tuple(
            Group(code, self.region_name(code), tuple(f for f in self.sites if f.site.region[:digits] == code))
            for code in sorted(codes)
            if code.startswith(self.inventory.city.region)
        )

    def _groups(self, key: Callable[[SiteFigures], str]) -> tuple[Group, ...]:
        names = sorted({key(figures) for figures in self.sites})
        return tuple(Group(name, name, tuple(f for f in self.sites if key(f) == name)) for name in names)


def cover(inputs: Inputs) -> Coverage:
    """The figures of frozen inputs. ConfigError if their inventory or their period is none."""
    inventory = load(inputs.inventory)
    period = Period.parse(inputs.period)
    installed = [site for site in inventory.site if is_installed(inventory, site, period, inputs.generated_at)]
    sites = tuple(_site(inputs, inventory, period, site, number) for number, site in enumerate(installed, 1))
    pooled = sum((_pooled(inputs, inventory, period, site) for site in installed), Lengths())
    return Coverage(inputs, inventory, period, period.window(inventory.city.zone), sites, pooled)


def is_installed(inventory: Inventory, site: Site, period: Period, until: int) -> bool:
    """Whether a site was in life at any time of its window up to `until`, open or closed. Where its own zone's period
    has not begun yet: at that moment."""
    zone = inventory.zone(site)
    start, end = period.window(zone)
    return bool(clip(site.span(zone), (start, min(end, until)) if start < until else (until, until + 1)))


def site_base(inventory: Inventory, site: Site, period: Period, until: int) -> tuple[Window, list[Window]]:
    """A site's window up to `until`, and the part of it in which the site was in life and in service hours."""
    zone = inventory.zone(site)
    start, end = period.window(zone)
    window = (start, max(start, min(end, until)))
    return window, site_service(inventory, site, window)


def site_service(inventory: Inventory, site: Site, window: Window) -> list[Window]:
    """The part of a window in which a site was in life and in its service hours."""
    zone = inventory.zone(site)
    return intersect(clip(site.span(zone), window), daily(window, site.service_hours, zone))


def members(inventory: Inventory, site: Site, window: Window, intervals: dict[str, list[Interval]]) -> list[Member]:
    """A site's access points with their intervals (under the AP's id) and their lives within a window."""
    zone = inventory.zone(site)
    return [Member(intervals.get(ap.id, []), clip(ap.span(zone), window)) for ap in site.ap]


def _frozen_members(inputs: Inputs, inventory: Inventory, site: Site, window: Window) -> list[Member]:
    intervals = {
        ap.id: [Interval(start, end, state) for start, end, state in inputs.access_points.get(ap.id, ())]
        for ap in site.ap
    }
    return [member for member in members(inventory, site, window, intervals) if member.life]


def _excluded(inputs: Inputs, inventory: Inventory, site: Site, base: list[Window]) -> list[Window]:
    rules: Iterable[Maintenance] = (work.rule for work in inputs.maintenance if work.site == site.id)
    return exclusions(rules, base, inventory.zone(site), inputs.exclusion_cap)


def _site(inputs: Inputs, inventory: Inventory, period: Period, site: Site, number: int) -> SiteFigures:
    window, base = site_base(inventory, site, period, inputs.generated_at)
    alive = _frozen_members(inputs, inventory, site, window)
    plain = timeline(alive, base)
    final = exclude(plain, _excluded(inputs, inventory, site, base))
    return SiteFigures(
        number=number,
        site=site,
        window=window,
        access_points=len(alive),
        states=lengths(final),
        unexcluded=lengths(plain),
        outages=tuple(outages(final, timeline(alive, clip(site.span(inventory.zone(site)), window)))),
        usage=Usage(**inputs.usage.get(site.id, Counts()).model_dump()),
        target=inventory.sla(site),
    )


def _pooled(inputs: Inputs, inventory: Inventory, period: Period, site: Site) -> Lengths:
    """The states of a site's access points, each one on its own, added up."""
    window, base = site_base(inventory, site, period, inputs.generated_at)
    excluded = _excluded(inputs, inventory, site, base)
    alive = _frozen_members(inputs, inventory, site, window)
    return sum((lengths(exclude(timeline([member], base), excluded)) for member in alive), Lengths())
