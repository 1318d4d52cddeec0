"""Any other gateway that speaks RADIUS and WISPr. Pure.

At the portal: whatever redirects with the phone's MAC address in one of the usual names and takes WISPr's login form.

Source: RFC 2865, 2866 and 2869; Wi-Fi Alliance, Best Current Practices for WISP Roaming 1.0.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hotspot.admission.grant import Limits

from . import attributes, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "generic"


# -- the redirect ------------------------------------------------------------------------------------------------

_MAC_NAMES: Final = ("mac", "client_mac", "clientmac", "usermac", "callingstationid")
_IP_NAMES: Final = ("ip", "client_ip", "clientip", "userip", "uip")


def _named(query: Mapping[str, str], names: Sequence[str]) -> str:
    """Which of these parameters a redirect has."""
    return next((name for name in names if name in query), "")


def recognises(query: Mapping[str, str]) -> bool:
    return bool(_named(query, _MAC_NAMES))


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes."""
    return posted.described(gateway, query, mac=_named(query, _MAC_NAMES), ip=_named(query, _IP_NAMES))


def log_in(login: str, _arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """The form of WISPr's best current practices, section on the browser's login; `login` is the gateway's LoginURL."""
    fields = {"UserName": user_name, "Password": password, "button": "Login", "OriginatingServer": landing}
    return Login(login, fields)


# -- RADIUS ------------------------------------------------------------------------------------------------------


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept; what people may do is a Filter-Id."""
    return [*attributes.common(limits), *attributes.named("Filter-Id", role), *attributes.wispr(limits)]


def redirect(stranger: attributes.Stranger) -> attributes.Redirect | None:
    """WISPr's own way, since nobody knows whether such a gateway redirects by itself."""
    return attributes.wispr_redirect(stranger.url)


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
reauthenticate = attributes.asked_once
disconnect = attributes.session_names


def change(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """What a CoA-Request leaves out stays as it is, so limits that are no more are told too."""
    return accept(attributes.explicit(limits), role)
