"""What another inventory would change for people, in words, and which of it somebody must mean. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .sites import Inventory

_NAMED = 5


@dataclass(frozen=True)
class Change:
    """`lines` say what is new, gone and changed; `grave` are those of them that are seldom meant: a city that is
    another one, sites that vanish (which a file saved by half looks like)."""

    lines: tuple[str, ...]
    grave: tuple[str, ...]


def change(before: Inventory, after: Inventory) -> Change:
    """From one inventory to another."""
    lines: list[str] = []
    grave: list[str] = []
    for what, old, new in (
        ("city", before.city.name, after.city.name),
        ("region", before.city.region, after.city.region),
    ):
        if old != new:
            grave.append(f"the {what} was {old}, and is {new} now")
    parts: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("site", {one.id: one for one in before.site}, {one.id: one for one in after.site}),
        ("access point", _aps(before), _aps(after)),
        ("gateway", {one.id: one for one in before.gateway}, {one.id: one for one in after.gateway}),
        ("plan", before.plans, after.plans),
        ("network", {one.id: one for one in before.ssid}, {one.id: one for one in after.ssid}),
    ]
    for what, olds, news in parts:
        gone = [name for name in olds if name not in news]
        lines += _told(f"new {what}", [name for name in news if name not in olds])
        (grave if what == "site" else lines).extend(_told(f"{what} gone", gone))
        lines += _told(f"{what} changed", [name for name in olds if name in news and olds[name] != news[name]])
    if not lines and not grave and before != after:
        lines.append("other settings of the city changed")
    return Change((*grave, *lines), tuple(grave))


def _aps(inventory: Inventory) -> dict[str, Any]:
    return {ap.id: (site.id, ap) for site, ap in inventory.access_points()}


def _told(what: str, names: Iterable[str]) -> list[str]:
    named = list(names)
    if not named:
        return []
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return [f"{what} ({len(named)}): {', '.join(named[:_NAMED])}{more}"]
