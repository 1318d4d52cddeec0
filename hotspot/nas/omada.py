"""TP-Link Omada's external web portal with RADIUS: the controller is told by the portal, and asks us over RADIUS. Pure.

Nothing of the redirect is signed. The controller's address is the inventory's, never the `target` of a redirect.

Source: TP-Link FAQ 2912 (external web portal with RADIUS server) and 13080.
"""

from collections.abc import Mapping
from typing import Any, Final

from hotspot.errors import PeerError

from . import attributes, generic, posted
from .arrival import Arrival
from .told import Account

NAME: Final = "omada"

PATH: Final = "/portal/radius/auth"
MEDIA_TYPE: Final = "text/plain"
"""As Omada's own page calls its JSON."""
_TEXTS: Final = ("clientMac", "clientIp", "apMac", "gatewayMac", "ssidName", "originUrl")
_NAMED: Final = ("ssidName", "originUrl")
_NUMBERS: Final = ("radioId", "vid")
_EXTERNAL_RADIUS: Final = 2
"""`authType` of an external RADIUS server."""


def recognises(query: Mapping[str, str]) -> bool:
    return "clientMac" in query and bool({"apMac", "gatewayMac"} & query.keys())


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes."""
    kept = {*_TEXTS, *_NUMBERS} - set(_NAMED)
    return posted.described(gateway, query, mac="clientMac", ip="clientIp", ap="apMac", kept=kept, named=_NAMED)


def tell(arrival: Arrival, user_name: str, password: str, _account: Account) -> dict[str, Any]:
    """What the controller is told, which asks nobody who they are."""
    told: dict[str, Any] = {name: arrival.data[name] for name in _TEXTS if name in arrival.data}
    told |= {name: int(arrival.data[name]) for name in _NUMBERS if arrival.data.get(name, "").isdecimal()}
    return {**told, "authType": _EXTERNAL_RADIUS, "username": user_name, "password": password}


def answered(answer: object) -> None:
    """PeerError where the controller has not let a phone in."""
    code = answer.get("errorCode") if isinstance(answer, dict) else None
    if code != 0:
        raise PeerError(f"the Omada controller does not let the phone in (errorCode {str(code)[:12]})")


# -- RADIUS: what RFC 2865 and WISPr say -------------------------------------------------------------------------

accept = generic.accept
redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
reauthenticate = attributes.asked_once
change = generic.change
disconnect = attributes.session_names
