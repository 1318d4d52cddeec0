"""pfSense's captive portal: the page that sends phones here, and the form that it takes. Pure.

Its zone shows a page of the admin's own; `page` makes one that redirects, with pfSense's variables in it. Nothing
is signed.

Source: pfSense documentation, captive portal (`$PORTAL_ACTION$` and the other variables, the form's fields).
"""

from collections.abc import Mapping
from typing import Final

from . import attributes, generic, posted
from .arrival import Arrival
from .posted import Login

NAME: Final = "pfsense"

_PAGE: Final = """\
<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={url}">
<title>WiFi</title>
</head>
<body>
<p><a href="{url}">Lanjut ke halaman WiFi</a></p>
<p>$PORTAL_MESSAGE$</p>
</body>
</html>
"""


def page(door: str) -> str:
    """The zone's portal page. `door` is the portal's URL for this gateway."""
    query = "mac=$CLIENT_MAC$&amp;ip=$CLIENT_IP$&amp;zone=$PORTAL_ZONE$"
    return _PAGE.format(url=f"{door}?{query}")


def error_page(door: str) -> str:
    """The zone's page after a login that was refused."""
    query = "mac=$CLIENT_MAC$&amp;ip=$CLIENT_IP$&amp;zone=$PORTAL_ZONE$&amp;error=refused"
    return _PAGE.format(url=f"{door}?{query}")


def recognises(query: Mapping[str, str]) -> bool:
    return {"mac", "zone"} <= query.keys()


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that our page describes."""
    return posted.described(gateway, query, mac="mac", ip="ip", error="error", kept=("zone",))


def log_in(login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """`login` is the zone's `http://ADDRESS:8002/`, or its https address at 8003."""
    given = {"auth_user": user_name, "auth_pass": password, "redirurl": landing, "accept": "Continue"}
    return Login(login, {**given, **arrival.data})


# -- RADIUS: what RFC 2865 and WISPr say -------------------------------------------------------------------------

accept = generic.accept
redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway
BARE_ORDERS: Final = generic.BARE_ORDERS
reauthenticate = attributes.asked_once
change = generic.change
disconnect = attributes.session_names
