"""uspot of OpenWrt: redirects and logs people on as CoovaChilli does, but its RADIUS is its own. Pure.

Source: uspot files/usr/share/uspot/uspot.uc (client_enable, client_ratelimit, client_quotalimit, radius_acct),
src/radius-das.c.
"""

from collections.abc import Sequence
from typing import Final

from hotspot.admission.grant import Limits

from . import attributes

NAME: Final = "uspot"


def accept(limits: Limits, _role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. It takes any interval and reads WISPr's rates first; it knows no roles."""
    data = attributes.quota(limits, "CoovaChilli-Max-Total-Octets", "CoovaChilli-Max-Total-Gigawords")
    return [*attributes.common(limits), *attributes.wispr(limits), *data]


redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
"""Unless its option `swapio` is set; it must not be."""

BARE_ORDERS: Final = True
reauthenticate = attributes.asked_once
"""It refuses an order with an attribute that it does not use, Message-Authenticator and Event-Timestamp among them."""


def disconnect(user_name: str, acct_session_id: str, _mac: str) -> Sequence[tuple[str, str]]:
    """All of it must match, and how it writes the MAC address is an option of its own."""
    return [("User-Name", user_name), ("Acct-Session-Id", acct_session_id)]


def change(limits: Limits, _role: str | None = None) -> attributes.Attributes:
    """Only times can be changed: any other attribute would have to match the session's (das_match_client)."""
    return attributes.common(limits)
