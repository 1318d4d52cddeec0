"""Meraki's splash pages with sign-on: Meraki's cloud takes the form, and asks us over RADIUS. Pure.

Its address (`login_url`) holds what Meraki knows the phone by (`mauth`), so it comes from the redirect; only Meraki's
own host is accepted.

A click-through splash page knows no RADIUS: the cloud lets in whoever asks at `base_grant_url`, for so many seconds,
and counts nothing for us. Whoever knows that address needs no portal.

Source: developer.cisco.com, Meraki captive portal API (sign-on and click-through).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from hotspot.errors import RequestError

from . import attributes, generic, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "meraki"

_CLOUD: Final = "network-auth.com"


def recognises(query: Mapping[str, str]) -> bool:
    return {"login_url", "client_mac"} <= query.keys()


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes. RequestError where its login is not at Meraki's."""
    found = posted.described(
        gateway, query, mac="client_mac", ip="client_ip", ap="ap_mac", error="error_message", kept=("login_url",)
    )
    _checked(found.data.get("login_url", ""))
    return found


def recognises_click(query: Mapping[str, str]) -> bool:
    return {"base_grant_url", "client_mac"} <= query.keys()


def arrive_click(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a click-through redirect describes. RequestError where it would be let in elsewhere."""
    found = posted.described(gateway, query, mac="client_mac", ip="client_ip", ap="node_mac", kept=("base_grant_url",))
    _checked(found.data["base_grant_url"], "base_grant_url")
    return found


def grant_url(arrival: Arrival, landing: str, seconds: int) -> str:
    """Where a phone goes to be let in for so many seconds; it is sent on to `landing`."""
    base = _checked(arrival.data.get("base_grant_url", ""), "base_grant_url")
    return f"{base}{'&' if '?' in base else '?'}{urlencode({'continue_url': landing, 'duration': seconds})}"


def _checked(url: str, name: str = "login_url") -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RequestError("bad-request", name) from error
    plain = "@" not in parts.netloc and port in (None, 443) and "\\" not in url
    if parts.scheme != "https" or not plain or not f".{host}".endswith(f".{_CLOUD}"):
        raise RequestError("bad-request", name)
    return url


def log_in(_login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """Meraki's form; it sends the phone on to `landing`."""
    fields = {"username": user_name, "password": password, "success_url": landing}
    return Login(_checked(arrival.data.get("login_url", "")), fields)


# -- RADIUS: what RFC 2865 and WISPr say -------------------------------------------------------------------------

accept = generic.accept
redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
reauthenticate = attributes.asked_once
change = generic.change
disconnect = attributes.session_names
