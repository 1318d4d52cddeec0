"""Ruckus SmartZone, ZoneDirector and Unleashed. Pure.

Source: the controllers' AAA and WISPr references; dictionary.ruckus.
"""

from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "ruckus"


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept; the group selects the role that the controller has for it."""
    return [
        *attributes.common(limits),
        *attributes.named("Ruckus-User-Groups", role),
        *attributes.wispr(limits),
    ]


def redirect(url: str, _mac: str, _login_role: str | None = None) -> attributes.Redirect | None:
    """In a Reject, after which the hotspot service shows its portal."""
    return attributes.wispr_redirect(url)


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
disconnect = attributes.session_names


def change(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """What a CoA-Request leaves out stays as it is, so limits that are no more are told too."""
    return accept(attributes.explicit(limits), role)
