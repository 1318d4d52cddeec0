"""Kinds of access points, one module each: an inventory in, what the access point should hold out. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from hotspot.errors import ConfigError
from hotspot.sites import AccessPoint, Inventory, Site

from ..desired import Desired
from . import debian

Secrets = Mapping[str, bytes]
"""The values behind `env:NAME` and `file:PATH`."""

KINDS: Final[dict[str, Callable[[Inventory, Site, AccessPoint, Secrets], Desired]]] = {"debian": debian.render}


def render(inventory: Inventory, ap_id: str, secrets: Secrets) -> Desired:
    """What one access point should hold. ConfigError names the field that stands in the way, and the remedy."""
    found = inventory.find_ap(ap_id)
    if found is None:
        raise ConfigError(f"there is no access point {ap_id!r} in the active inventory")
    site, ap = found
    return KINDS[ap.kind](inventory, site, ap, secrets)


def secrets_of(inventory: Inventory, ap_id: str) -> list[str]:
    """The references that rendering this access point needs."""
    gateway = debian.gateway_on(inventory, ap_id)
    return [] if gateway is None else [gateway.fas_key, gateway.agent_key]
