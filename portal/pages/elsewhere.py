"""Forms that another site's page sends in somebody's name (CSRF): refused where the browser says so.

Browsers tell whose page it was (Origin, RFC 6454; Sec-Fetch-Site, W3C Fetch Metadata). Our own pages send no referrer,
so their Origin is `null`, as is that of most captive browsers, and old ones send nothing: both are taken.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from hotspot.errors import RequestError

from .asked import request

_PEERS: Final = ("/g/", "/agent/", "/hooks/")
"""What gateways, agents and the city's systems post; they sign it, and no browser is asked."""
_FOREIGN: Final = ("cross-site", "same-site")


def check(portal: Callable[[], str]) -> None:
    """RequestError("bad-form") for a form that a page of neither this host nor that of the `portal`'s URL has sent."""
    if request.method != "POST" or request.path.startswith(_PEERS):
        return
    if request.headers.get("Sec-Fetch-Site", "") in _FOREIGN:
        raise RequestError("bad-form", "sent by another site's page")
    said = request.headers.get("Origin", "null")
    if said != "null" and urlsplit(said).netloc not in (request.host, urlsplit(portal()).netloc):
        raise RequestError("bad-form", "sent by another site's page")
