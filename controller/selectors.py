"""Which access points a command works on, from the words that name them. Pure.

    tk2-ap1              an access point; also one whose life has ended
    tk*-ap1              a glob over names: * ? [abc]; it may stand in every value below, too
    site:taman-kota-1    those of a site
    kind:school          of a kind of site (park, school, clinic) or of access point (debian, openwrt)
    district:serpong     of the sites of a district, by its name or its Kemendagri code (36.74.01)
    tag:canary           that carry the tag, themselves or by their site

Words beside each other widen: whoever one of them means is taken. Commas inside a word narrow: `kind:school,tag:canary`
means those that are both, and `not:` before a part takes away: `site:taman-kota-1,not:tk1-ap2`. Only a plain name
reaches an access point that is not in life.
"""

import difflib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Final

from hotspot.city.sites import AccessPoint, Inventory, Site
from hotspot.errors import ConfigError, Fault

METAVAR: Final = "[SELECTOR]..."
_NOT: Final = "not:"
_GLOB: Final = frozenset("*?[")
_MOST: Final = 12
"""Names that an error shows."""

Labels = Callable[[Inventory, Site, AccessPoint], tuple[str, ...]]
"""What an access point is called under one key."""

KEYS: Final[dict[str, Labels]] = {
    "site": lambda _inventory, site, _ap: (site.id,),
    "kind": lambda _inventory, site, ap: (site.kind, ap.kind),
    "district": lambda inventory, site, _ap: inventory.district_names(site),
    "tag": lambda _inventory, site, ap: (*site.tags, *ap.tags),
}


def select(inventory: Inventory, words: Iterable[str], now: int) -> list[str]:
    """The access points that are meant, in the order of the words, each once; without words all that are in life.

    ConfigError names every word that means none, and what there is instead.
    """
    placed = inventory.access_points()
    alive = [(site, ap) for site, ap in placed if inventory.is_alive(site, ap, now)]
    found: dict[str, None] = {}
    faults: list[Fault] = []
    words = list(words)
    for word in words:
        try:
            meant = _meant(inventory, word, placed, alive)
        except ConfigError as error:
            faults += error.faults
            continue
        found.update(dict.fromkeys(meant))
    if faults:
        raise ConfigError(faults)
    return list(found) if words else [ap.id for _, ap in alive]


def _meant(
    inventory: Inventory, word: str, placed: list[tuple[Site, AccessPoint]], alive: list[tuple[Site, AccessPoint]]
) -> list[str]:
    """Those whom one word means."""
    if inventory.find_ap(word) is not None:
        return [word]
    parts = word.split(",")
    tests = [(_matching(inventory, part.removeprefix(_NOT), placed), part.startswith(_NOT)) for part in parts]
    found = [ap.id for _, ap in alive if all((ap.id in matching) != taken_away for matching, taken_away in tests)]
    if not found:
        raise ConfigError(f"{word!r} means no access point that is in life")
    return found


def _matching(inventory: Inventory, part: str, placed: list[tuple[Site, AccessPoint]]) -> frozenset[str]:
    """The access points, in life or not, that a part means without the others."""
    key, colon, value = part.rpartition(":")
    if colon and key not in KEYS:
        raise ConfigError(f"{part!r}: there is no selector {key}:; there are {', '.join(f'{one}:' for one in KEYS)}")
    named = {ap.id: KEYS[key](inventory, site, ap) if colon else (ap.id,) for site, ap in placed}
    found = frozenset(ap for ap, names in named.items() if any(fnmatchcase(name, value) for name in names))
    if not found:
        raise ConfigError(_nothing(key or "access point", value, {name for names in named.values() for name in names}))
    return found


def _nothing(what: str, value: str, known: set[str]) -> str:
    """That a name is none, what was probably meant, and what there is."""
    names = sorted(known)
    shown = ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    there = f"the active revision has {shown}" if names else "the active revision has none"
    near = [] if _GLOB & set(value) else difflib.get_close_matches(value, names, 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no such {what}: {value}{hint}; {there}"


def candidates(inventory: Inventory, incomplete: str) -> list[str]:
    """What a word that is being typed may become: names and selectors, for shells."""
    head, comma, tail = incomplete.rpartition(",")
    before = head + comma
    if tail.startswith(_NOT):
        before, tail = before + _NOT, tail.removeprefix(_NOT)
    placed = inventory.access_points()
    words = {ap.id for _, ap in placed}
    for key, labels in KEYS.items():
        words |= {f"{key}:{name}" for site, ap in placed for name in labels(inventory, site, ap)}
    return sorted(before + word for word in words if word.startswith(tail))
