"""Meraki's splash pages with sign-on: Meraki's cloud takes the form, and asks us over RADIUS. Pure.

Its address (`login_url`) holds what Meraki knows the phone by (`mauth`), so it comes from the redirect; only Meraki's
own host is accepted. Click-through splash pages have neither RADIUS nor limits and are not supported.

Source: developer.cisco.com, Meraki captive portal API (sign-on).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ..errors import RequestError
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
    _checked(found.data["login_url"])
    return found


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RequestError("bad-request", "login_url") from error
    plain = "@" not in parts.netloc and port in (None, 443) and "\\" not in url
    if parts.scheme != "https" or not plain or not f".{host}".endswith(f".{_CLOUD}"):
        raise RequestError("bad-request", "login_url")
    return url


def log_in(_login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """Meraki's form; it sends the phone on to `landing`."""
    fields = {"username": user_name, "password": password, "success_url": landing}
    return Login(_checked(arrival.data.get("login_url", "")), fields)


# -- RADIUS: what RFC 2865 and WISPr say -------------------------------------------------------------------------

accept = generic.accept
redirect = generic.redirect
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
change = generic.change
disconnect = attributes.session_names
