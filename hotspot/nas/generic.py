"""Any other gateway that speaks RADIUS and WISPr. Pure.

Source: RFC 2865, 2866 and 2869; Wi-Fi Alliance, Best Current Practices for WISP Roaming 1.0.
"""

from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "generic"


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept; what people may do is a Filter-Id."""
    return [*attributes.common(limits), *attributes.named("Filter-Id", role), *attributes.wispr(limits)]


def redirect(url: str, _mac: str, _login_role: str | None = None) -> attributes.Redirect | None:
    return attributes.wispr_redirect(url)


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
disconnect = attributes.session_names


def change(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """What a CoA-Request leaves out stays as it is, so limits that are no more are told too."""
    return accept(attributes.explicit(limits), role)
