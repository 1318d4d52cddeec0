"""What each value of an inventory may be, and all of them together cannot: slips that pass every type. Pure."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median
from typing import Final

from hotspot.admission.grant import SHORTEST_SESSION
from hotspot.entry.lines import Path

from .sites import Inventory

_FIRST_DAY: Final = date(2000, 1, 1)
"""Before any public WiFi: a year that was mistyped."""
_AHEAD: Final = timedelta(days=2 * 366)
"""What is planned further ahead is a year that was mistyped."""
_ELSEWHERE_KM: Final = 300.0
"""No regency or city of Indonesia reaches so far from its middle."""
_FAR_KM: Final = 60.0
_ENOUGH: Final = 3
"""Sites whose middle says something."""


def slips(inventory: Inventory, today: date) -> Iterator[tuple[Path, str]]:
    """Faults of a text that is to be activated today (UTC)."""
    yield from _short(inventory)
    yield from _disagreeing(inventory)
    yield from _targets(inventory)
    yield from _days(inventory, today)
    for path, kilometres in _distances(inventory):
        if kilometres > _ELSEWHERE_KM:
            yield path, f"lies {kilometres:.0f} km from the middle of the other sites: that is in another region"


def far_sites(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    """Warnings: sites that lie far from the others."""
    for path, kilometres in _distances(inventory):
        if _FAR_KM < kilometres <= _ELSEWHERE_KM:
            yield path, f"lies {kilometres:.0f} km from the middle of the other sites; is it right?"


def _short(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    """Times that nobody can be given: gateways look at their clocks every few seconds, so a minute is the least."""
    for name, plan in inventory.plans.items():
        for key in ("session", "time_per_day", "idle"):
            seconds = getattr(plan, key)
            if seconds is not None and seconds < SHORTEST_SESSION:
                yield ("plans", name, key), f"{seconds} s is too short: at least {SHORTEST_SESSION} s"


def _disagreeing(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    """A gateway that runs on an access point, which says that it is behind another."""
    for i, gateway in enumerate(inventory.gateway):
        found = inventory.ap_by_id.get(getattr(gateway, "ap", None) or "")
        if found is not None and found[1].gateway != gateway.id:
            yield (
                ("gateway", i, "ap"),
                f"{found[1].id} is behind the gateway {found[1].gateway!r}, not behind {gateway.id!r}: name the access "
                "point that this gateway runs on, or correct the access point's own gateway",
            )


def _targets(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    told: list[tuple[Path, float | None]] = [(("city", "sla"), inventory.city.sla)]
    told += [(("site", i, "sla"), site.sla) for i, site in enumerate(inventory.site)]
    for path, percent in told:
        if percent is not None and 0 < percent <= 1:
            yield path, f"{percent} is {percent} %; write {percent * 100:g} if that share of the time is meant"


def _days(inventory: Inventory, today: date) -> Iterator[tuple[Path, str]]:
    for i, site in enumerate(inventory.site):
        spans: list[tuple[Path, date | None, date | None]] = [(("site", i), site.since, site.until)]
        spans += [(("site", i, "ap", j), ap.since, ap.until) for j, ap in enumerate(site.ap)]
        for path, since, until in spans:
            for key, day in (("since", since), ("until", until)):
                if day is not None and day < _FIRST_DAY:
                    yield (*path, key), f"{day} is before {_FIRST_DAY.year}; is the year right?"
            if since is not None and since > today + _AHEAD:
                yield (*path, "since"), f"{since} is more than two years ahead; is the year right?"


def _distances(inventory: Inventory) -> Iterator[tuple[Path, float]]:
    """How far each site lies from the middle of all, in kilometres; nothing where there are too few to say."""
    if len(inventory.site) < _ENOUGH:
        return
    latitude, longitude = (median(site.location[axis] for site in inventory.site) for axis in (0, 1))
    for i, site in enumerate(inventory.site):
        north = (site.location[0] - latitude) * 111.2
        east = (site.location[1] - longitude) * 111.2 * math.cos(math.radians(latitude))
        yield ("site", i, "location"), math.hypot(north, east)
