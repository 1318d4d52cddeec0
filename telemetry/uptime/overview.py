"""How the city's WiFi stands right now: what the dashboard, /metrics and `hotspot site list` show."""

from dataclasses import dataclass
from datetime import datetime

from hotspot.city.sites import Inventory, Site
from hotspot.store import Store
from hotspot.store.city.revisions import Revision
from hotspot.store.telemetry import observed

from .coverage import members, site_service
from .freeze import states, uses
from .spans import Window, clip, moment
from .states import Interval, Lengths, Maintenance, Member, State, exclude, exclusions, lengths, timeline
from .usage import Usage, by_site, usage

_LOOK_BACK = 31 * 86400
"""Seconds before the month's start in which the beginning of the present state is looked for."""


@dataclass(frozen=True)
class SiteNow:
    """One site. `state` is None, and `since` with it, while no access point of it is in life."""

    site: Site
    state: State | None
    since: int | None
    longer: bool
    """Whether the state began before `since`, which is as far as was looked back."""
    month: Lengths
    """Since the first of its local month."""
    target: float
    access_points: dict[str, bool | None]
    """Each one in life: up, not up, or not known."""
    sessions: int
    today: Usage
    """Since its local midnight."""


@dataclass(frozen=True)
class Overview:
    at: int
    last_sample_at: int | None
    sites: tuple[SiteNow, ...]

    @property
    def month(self) -> Lengths:
        return sum((site.month for site in self.sites), Lengths())


def overview(store: Store, revision: Revision, now: int) -> Overview:
    """The present of every site of a revision that is in life."""
    inventory = revision.inventory
    days = {site.id: _day(inventory, site, now) for site in inventory.site}
    months = {site.id: _month(inventory, site, now) for site in inventory.site}
    reach = (min([now, *(start for start, _ in months.values())]) - _LOOK_BACK, now)
    intervals = states(store, reach, now)
    with store.telemetry.read() as connection:
        works = observed.maintenance_between(connection, reach)
        last_sample_at = observed.last_sample_at(connection)
    with store.core.read() as connection:
        sessions = observed.active_sessions(connection, now)
    recorded = by_site(uses(store, (min([now, *(start for start, _ in days.values())]), now)))
    found = []
    for site in inventory.site:
        if not clip(site.span(inventory.zone(site)), (now, now + 1)):
            continue
        rules = [
            Maintenance(work.from_at, work.to_at, work.recorded_at, work.withdrawn_at is not None)
            for work in works
            if work.site == site.id
        ]
        alive = [member for member in members(inventory, site, reach, intervals) if member.life]
        state, since = _present(inventory, site, alive, rules, reach)
        found.append(
            SiteNow(
                site=site,
                state=state,
                since=since,
                longer=since == reach[0],
                month=_lengths(inventory, site, alive, rules, months[site.id]),
                target=inventory.sla(site),
                access_points=_access_points(inventory, site, intervals, now),
                sessions=sessions.get(site.id, 0),
                today=usage(recorded.get(site.id, ()), days[site.id]),
            )
        )
    return Overview(now, last_sample_at, tuple(found))


def _day(inventory: Inventory, site: Site, now: int) -> Window:
    zone = inventory.zone(site)
    return moment(datetime.fromtimestamp(now, zone).date(), 0, zone), now


def _month(inventory: Inventory, site: Site, now: int) -> Window:
    zone = inventory.zone(site)
    return moment(datetime.fromtimestamp(now, zone).date().replace(day=1), 0, zone), now


def _present(
    inventory: Inventory, site: Site, alive: list[Member], rules: list[Maintenance], reach: Window
) -> tuple[State | None, int | None]:
    """The state at the end of a window and since when, whatever the service hours."""
    life = clip(site.span(inventory.zone(site)), reach)
    seen = exclude(timeline(alive, life), [(rule.from_at, rule.to_at) for rule in rules if rule.counts])
    if not seen or seen[-1].to_at < reach[1]:
        return None, None
    return seen[-1].state, seen[-1].from_at


def _lengths(
    inventory: Inventory, site: Site, alive: list[Member], rules: list[Maintenance], window: Window
) -> Lengths:
    base = site_service(inventory, site, window)
    return lengths(exclude(timeline(alive, base), exclusions(rules, base, inventory.zone(site))))


def _access_points(
    inventory: Inventory, site: Site, intervals: dict[str, list[Interval]], now: int
) -> dict[str, bool | None]:
    known: dict[str, bool | None] = {}
    for ap in site.ap:
        if not clip(ap.span(inventory.zone(site)), (now, now + 1)):
            continue
        last = intervals.get(ap.id, [])[-1:]
        state = last[0].state if last and last[0].to_at >= now else State.UNKNOWN
        known[ap.id] = None if state is State.UNKNOWN else state is State.UP
    return known
