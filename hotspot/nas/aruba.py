"""Aruba's controllers, gateways and Instant: rates and rights hang on a role that is configured there. Pure.

Its redirect is not signed. Instant and controllers take `user`, Instant On takes `username`; both names are sent.

Source: ArubaOS documentation (user roles, captive portal URL by VSA, external captive portal); Instant's user guide
(`cmd=login` and its parameters); dictionary.aruba.
"""

from collections.abc import Mapping
from typing import Final

from hotspot.admission.grant import Limits

from . import attributes, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "aruba"


# -- the redirect ------------------------------------------------------------------------------------------------


def recognises(query: Mapping[str, str]) -> bool:
    return query.get("cmd") == "login" and "mac" in query


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes. After a refused login there is an `errmsg`."""
    kept, named = ("mac", "ip"), ("essid",)
    return posted.described(gateway, query, mac="mac", ip="ip", ap="apmac", error="errmsg", kept=kept, named=named)


def log_in(login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """`login` is `https://securelogin.arubanetworks.com/cgi-bin/login`, or with the name in its own certificate."""
    given = {"cmd": "authenticate", "user": user_name, "username": user_name, "password": password, "url": landing}
    return Login(login, {**arrival.data, **given})


# -- RADIUS ------------------------------------------------------------------------------------------------------


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. Without a role the SSID's default one holds."""
    return [*attributes.common(limits), *attributes.named("Aruba-User-Role", role)]


def redirect(stranger: attributes.Stranger) -> attributes.Redirect | None:
    """An Accept into the role whose captive portal profile takes its URL from RADIUS.

    Without such a role a plain Reject: the device stays in the SSID's initial role, which has a portal of its own.
    """
    role, target = stranger.login_role, stranger.door
    if role is None or len(target) > attributes.LONGEST_TEXT:
        return None
    return attributes.Redirect(True, [("Aruba-User-Role", role), ("Aruba-Captive-Portal-URL", target)])


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
reauthenticate = attributes.asked_once
change = accept
disconnect = attributes.session_names
