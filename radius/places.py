"""Which site a gateway's request comes from."""

from collections.abc import Iterable
from typing import Final

from hotspot.city.sites import Site

from . import accounting

_MOST_PLACES: Final = 20_000


class Places:
    """Where a gateway's requests come from, found at once: `Inventory.site_of` for many requests."""

    def __init__(self, sites: Iterable[Site]):
        self._several: set[str] = set()
        """Gateways of more than one site: what names no access point of ours there is placed nowhere."""
        self._only: dict[str, str] = {}
        self._by_ap: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, bytes], str] = {}
        for site in sites:
            for ap in site.ap:
                if self._only.setdefault(ap.gateway, site.id) != site.id:
                    self._several.add(ap.gateway)
                self._by_ap.setdefault((ap.gateway, ap.mac), site.id)

    def serves(self, gateway: str) -> bool:
        """Whether a gateway has access points at any site."""
        return gateway in self._only

    def site(self, gateway: str, called: bytes) -> str:
        """The id of the site by a gateway and its Called-Station-Id; empty where that says nothing at a gateway of
        several sites, and for a gateway without access points."""
        found = self._known.get((gateway, called))
        if found is None:
            only = "" if gateway in self._several else self._only.get(gateway, "")
            found = self._by_ap.get((gateway, accounting.called(called) or "")) or only
            if len(self._known) < _MOST_PLACES:
                self._known[gateway, called] = found
        return found
