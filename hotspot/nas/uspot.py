"""uspot of OpenWrt: redirects and logs people on as CoovaChilli does, but its RADIUS is its own. Pure.

Source: uspot files/usr/share/uspot/uspot.uc (client_enable, client_ratelimit, client_quotalimit, radius_acct),
src/radius-das.c.
"""

from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "uspot"


def accept(limits: Limits, _role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. It takes any interval and reads WISPr's rates first; it knows no roles."""
    data = attributes.quota(limits, "CoovaChilli-Max-Total-Octets", "CoovaChilli-Max-Total-Gigawords")
    return [*attributes.common(limits), *attributes.wispr(limits), *data]


def redirect(url: str, _mac: str, _login_role: str | None = None) -> attributes.Redirect | None:
    return attributes.wispr_redirect(url)


client_counters = attributes.seen_by_gateway
"""Unless its option `swapio` is set; it must not be."""

BARE_ORDERS: Final = True
"""It refuses an order with an attribute that it does not use, Message-Authenticator and Event-Timestamp among them."""
disconnect = attributes.session_names
