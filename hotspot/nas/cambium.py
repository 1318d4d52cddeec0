"""Cambium's cnPilot and cnMaestro: guest access with an external page. Pure.

The access point that a phone is at takes the form, at its own address (`ga_srvr`); all that begins with `ga_` goes back
with it. Nothing is signed.

Source: cnPilot's user guide (guest access, external hotspot); cnMaestro's EasyPass guide.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from hotspot.errors import RequestError

from . import attributes, generic, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "cambium"

_KEPT: Final = ("ga_ap_mac", "ga_srvr", "ga_cmac", "ga_cip", "ga_Qv")
_NAMED: Final = ("ga_ssid", "ga_nas_id", "ga_orig_url")
_PORT: Final = 880


def recognises(query: Mapping[str, str]) -> bool:
    return {"ga_srvr", "ga_cmac"} <= query.keys()


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes."""
    return posted.described(
        gateway, query, mac="ga_cmac", ip="ga_cip", ap="ga_ap_mac", error="ga_error_code", kept=_KEPT, named=_NAMED
    )


def log_in(login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """`login` is `https://HOST/cgi-bin/hotspot_login.cgi`; where it is empty, the phone's own access point takes the
    form, whose private address the redirect names. RequestError for any other address."""
    data = {**arrival.data, "ga_orig_url": landing}
    return Login(login or _at(data.get("ga_srvr", "")), {**data, "ga_user": user_name, "ga_pass": password})


def _at(server: str) -> str:
    try:
        address = ip_address(server)
    except ValueError as error:
        raise RequestError("bad-request", "ga_srvr") from error
    if not address.is_private or address.is_loopback or address.version != 4:
        raise RequestError("bad-request", "ga_srvr")
    return f"http://{address}:{_PORT}/cgi-bin/hotspot_login.cgi"


# -- RADIUS: what RFC 2865 and WISPr say -------------------------------------------------------------------------

accept = generic.accept
redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
reauthenticate = attributes.asked_once
change = generic.change
disconnect = attributes.session_names
