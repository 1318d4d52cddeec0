"""Aruba's controllers, gateways and Instant: rates and rights hang on a role that is configured there. Pure.

Source: ArubaOS documentation (user roles, captive portal URL by VSA); dictionary.aruba.
"""

from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "aruba"


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. Without a role the SSID's default one holds."""
    return [*attributes.common(limits), *attributes.named("Aruba-User-Role", role)]


def redirect(url: str, mac: str, login_role: str | None = None) -> attributes.Redirect | None:
    """An Accept into the role whose captive portal profile takes its URL from RADIUS.

    Without such a role a plain Reject: the device stays in the SSID's initial role, which has a portal of its own.
    """
    target = attributes.for_device(url, mac)
    if login_role is None or len(target) > attributes.LONGEST_TEXT:
        return None
    return attributes.Redirect(True, [("Aruba-User-Role", login_role), ("Aruba-Captive-Portal-URL", target)])


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
change = accept
disconnect = attributes.session_names
