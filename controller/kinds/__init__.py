"""Kinds of access points, one module each: an inventory in, what the access point should hold out. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from controller.desired import Desired
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError

from . import debian, openwrt, routeros
from .setup import Setup, secret_references

Secrets = Mapping[str, bytes]
"""The values behind `env:NAME` and `file:PATH`."""

KINDS: Final[dict[str, Callable[[Setup], Desired]]] = {
    "debian": debian.render,
    "openwrt": openwrt.render,
    "routeros": routeros.render,
}
GATEWAYS: Final[dict[str, tuple[str, ...]]] = {
    "debian": ("opennds",),
    "openwrt": ("opennds", "uspot"),
    "routeros": ("mikrotik",),
}
"""The dialects of the gateways that each kind can run."""
FLASHED: Final = ("openwrt", "routeros")
"""Kinds whose firmware can be changed from here."""


def render(inventory: Inventory, ap_id: str, secrets: Secrets) -> Desired:
    """What one access point should hold. ConfigError names the field that stands in the way, and the remedy."""
    setup = _setup(inventory, ap_id, secrets)
    gateway = setup.gateway
    if gateway is not None and gateway.nas not in GATEWAYS[setup.ap.kind]:
        runs = " or ".join(kind for kind, dialects in GATEWAYS.items() if gateway.nas in dialects)
        raise setup.fault("kind", f"gateway {gateway.id} is {gateway.nas}, which runs on {runs}")
    return KINDS[setup.ap.kind](setup)


def secrets_of(inventory: Inventory, ap_id: str) -> list[str]:
    """The references that rendering this access point needs."""
    return list(secret_references(_setup(inventory, ap_id, {})))


def _setup(inventory: Inventory, ap_id: str, secrets: Secrets) -> Setup:
    found = inventory.find_ap(ap_id)
    if found is None:
        raise ConfigError(f"there is no access point {ap_id!r} in the active inventory")
    return Setup(inventory, *found, secrets)
