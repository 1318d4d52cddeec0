"""Freezing what a report is made from: one reading of the store."""

from collections.abc import Iterable
from dataclasses import asdict

from hotspot import __version__
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError
from hotspot.store import Store
from hotspot.store.city.revisions import Revision
from hotspot.store.persons import complaints
from hotspot.store.telemetry import observed

from .coverage import Counts, Inputs, Language, Work, site_base
from .period import Period
from .spans import Window
from .states import Interval, State, Tracker, close
from .usage import Usage, Use, by_site, usage

SOFTWARE = f"nirkabel {__version__}"


def states(store: Store, window: Window, now: int) -> dict[str, list[Interval]]:
    """Every access point's intervals that touch a window, and its open tail up to `now`; under the AP's id, sorted."""
    with store.telemetry.read() as connection:
        rows = observed.intervals(connection, window)
        trackers = observed.trackers(connection)
    found = {
        ap: [Interval(row.from_at, row.to_at, State(row.state), row.cause) for row in closed]
        for ap, closed in rows.items()
    }
    for ap, value in trackers.items():
        tail = close(Tracker.from_json(value), now)
        found.setdefault(ap, []).extend(part for part in tail if part.to_at > window[0] and part.from_at < window[1])
    return found


def uses(store: Store, window: Window) -> list[Use]:
    """The sessions that touch a window."""
    with store.core.read() as connection:
        return [Use(**vars(row)) for row in observed.sessions(connection, window)]


def freeze(store: Store, revision: Revision, period: Period, language: Language, now: int) -> Inputs:
    """The inputs of a report over a period, as known at `now`.

    ConfigError when the period has not begun, or ended before anything was recorded.
    """
    inventory = revision.inventory
    windows = {site.id: site_base(inventory, site, period, now)[0] for site in inventory.site}
    city = period.window(inventory.city.zone)
    reach = (min(start for start, _ in [city, *windows.values()]), max(end for _, end in [city, *windows.values()]))
    _refuse_empty(store, period, city, now)
    with store.telemetry.read() as connection:
        works = observed.maintenance_between(connection, reach)
    until = min(city[1], now)
    with store.core.read() as connection:
        reported = complaints.times(connection, (city[0], until))
    recorded = uses(store, reach)
    return Inputs(
        software=SOFTWARE,
        language=language,
        period=period.name,
        generated_at=now,
        revision=revision.number,
        inventory=revision.text,
        access_points=_frozen_states(states(store, reach, now), inventory, reach),
        maintenance=tuple(_work(row) for row in works),
        usage={site: _counts(usage(own, windows[site])) for site, own in by_site(recorded).items() if site in windows},
        city_usage=_counts(usage(_within(recorded, windows), (city[0], until))),
        complaints=tuple(reported),
    )


def _refuse_empty(store: Store, period: Period, window: Window, now: int) -> None:
    if now <= window[0]:
        raise ConfigError(f"the period {period.name} has not begun; there is nothing to report yet")
    with store.telemetry.read() as connection:
        seen = [observed.first_observed(connection)]
        seen += [Tracker.from_json(value).since for value in observed.trackers(connection).values()]
    with store.core.read() as connection:
        seen.append(observed.first_session_at(connection))
    first = min((at for at in seen if at is not None), default=None)
    if first is None:
        raise ConfigError("nothing is recorded yet: neither a probe nor a session; is the telemetry service running?")
    if window[1] <= first:
        raise ConfigError(f"the period {period.name} ended before the first record; there is nothing to report")


def _frozen_states(
    found: dict[str, list[Interval]], inventory: Inventory, reach: Window
) -> dict[str, tuple[tuple[int, int, State], ...]]:
    """Clipped to what the report can reach, for the access points of the inventory."""
    return {
        ap.id: tuple(
            (max(i.from_at, reach[0]), min(i.to_at, reach[1]), i.state) for i in found[ap.id] if i.from_at < reach[1]
        )
        for _, ap in inventory.access_points()
        if ap.id in found
    }


def _within(recorded: Iterable[Use], windows: dict[str, Window]) -> list[Use]:
    return [use for use in recorded if use.site in windows]


def _counts(value: Usage) -> Counts:
    return Counts(**asdict(value))


def _work(row: observed.MaintenanceRow) -> Work:
    return Work(
        id=row.id,
        site=row.site,
        from_at=row.from_at,
        to_at=row.to_at,
        ticket=row.ticket,
        reason=row.reason,
        recorded_at=row.recorded_at,
        withdrawn_at=row.withdrawn_at,
    )
