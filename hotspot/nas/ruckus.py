"""Ruckus SmartZone, ZoneDirector and Unleashed. Pure.

ZoneDirector and Unleashed (`sip`) take a form from the phone. A SmartZone (`nbiIP`) is told by the portal, over its
northbound portal interface, and asks us over RADIUS then; it may write the phone's address encrypted (`ENC…`), which
the portal cannot open: `no encrypt-mac-ip` switches that off.

Source: the controllers' AAA and WISPr references, the SmartZone northbound portal interface guide; dictionary.ruckus.
"""

from collections.abc import Mapping
from typing import Final

from hotspot.admission.grant import Limits
from hotspot.errors import PeerError

from . import attributes, posted
from .arrival import Arrival
from .posted import Login
from .told import Account

NAME: Final = "ruckus"


# -- the redirect ------------------------------------------------------------------------------------------------

PATH: Final = "/portalintf"
MEDIA_TYPE: Final = "application/json"
_LET_IN: Final = frozenset({"101", "201"})
"""ResponseCode: the client is in already, the login succeeded."""


def recognises(query: Mapping[str, str]) -> bool:
    return "client_mac" in query and bool({"sip", "nbiIP"} & query.keys())


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes. `sip` is where a ZoneDirector listens; a SmartZone names `nbiIP` too."""
    return posted.described(gateway, query, mac="client_mac", ip="uip", ap="mac")


def log_in(login: str, arrival: Arrival, user_name: str, password: str, _landing: str) -> Login:
    """A ZoneDirector's or an Unleashed's form; `login` is `http://<its address>:9997/login`. It sends the phone on to
    the start page in its own settings."""
    return Login(login, {"username": user_name, "password": password, "ip": arrival.ip})


def tell(arrival: Arrival, user_name: str, password: str, account: Account) -> dict[str, str]:
    """What a SmartZone is told at its northbound portal interface."""
    return {
        "Vendor": "ruckus", "APIVersion": "1.0", "RequestCategory": "UserOnlineControl", "RequestType": "Login",
        "RequestUserName": account.user, "RequestPassword": account.password, "UE-IP": arrival.ip,
        "UE-MAC": attributes.hyphens(arrival.mac), "UE-Proxy": "0", "UE-Username": user_name, "UE-Password": password,
    }  # fmt: skip


def answered(answer: object) -> None:
    """PeerError where a SmartZone has not let a phone in."""
    code = str(answer.get("ResponseCode", "")) if isinstance(answer, dict) else ""
    if code not in _LET_IN:
        raise PeerError(f"the SmartZone does not let the phone in (ResponseCode {code[:8] or 'missing'})")


# -- RADIUS ------------------------------------------------------------------------------------------------------


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept; the group selects the role that the controller has for it."""
    return [
        *attributes.common(limits),
        *attributes.named("Ruckus-User-Groups", role),
        *attributes.wispr(limits),
    ]


redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
reauthenticate = attributes.asked_once
disconnect = attributes.session_names


def change(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """What a CoA-Request leaves out stays as it is, so limits that are no more are told too."""
    return accept(attributes.explicit(limits), role)
