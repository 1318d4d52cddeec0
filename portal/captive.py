"""The captive portal API (RFC 8908): a phone's own software asks whether it is held back, and how long it may stay.

Phones take an answer for the truth, Android against its own probes. So it is given only where it is known whose it is:
the gateway puts its own names of a phone and of its session into the URI that DHCP tells (RFC 8910), and the session
must be one that the gateway has reported of this phone. Everything else is answered with 404, on which phones probe.
"""

import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response

from hotspot.errors import RequestError
from hotspot.identity import parse_mac
from hotspot.nas import coovachilli
from hotspot.sites import CoovaChilliGateway, Inventory
from hotspot.store import admission, captive
from hotspot.store.captive import Online

from .pages import over_tls

if TYPE_CHECKING:
    from .app import Portal

MEDIA_TYPE: Final = "application/captive+json"
_SESSION: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


def api_uri(inventory: Inventory, gateway_id: str) -> str | None:
    """The URI that a gateway is to tell its phones, with its placeholders; None where it cannot tell one from another,
    or the portal has no TLS (RFC 8908 section 4)."""
    gateway = inventory.find_gateway(gateway_id)
    if not isinstance(gateway, CoovaChilliGateway) or gateway.nas != coovachilli.NAME:
        return None
    if not inventory.portal.url.startswith("https:"):
        return None
    return f"{inventory.portal.url}/captive/{gateway_id}/{coovachilli.CLIENT_KEY}"


def told(inventory: Inventory, online: Online | None, bytes_left: int | None, now: int) -> dict[str, Any]:
    """What a phone is told. What is not limited is left out, and so is what is left to a phone that is held back.

    A session cannot be extended while it runs: when it has ended the phone logs in again.
    """
    portal = inventory.portal.url
    answer: dict[str, Any] = {
        "captive": online is None,
        # where the gateway sends a phone that is held back to the door, with what the door wants to know
        "user-portal-url": f"{portal}/start" if online is None else f"{portal}/",
        "venue-info-url": f"{portal}/",
        "can-extend-session": False,
    }
    if online is not None:
        answer["seconds-remaining"] = max(0, online.grant.ends_at - now)
        if bytes_left is not None:
            answer["bytes-remaining"] = bytes_left
    return answer


def routes(portal: "Portal") -> Blueprint:
    blueprint = Blueprint("captive", __name__)

    @blueprint.get("/captive/<gateway_id>/<mac>/<session>")
    def api(gateway_id: str, mac: str, session: str) -> Response:
        inventory, desk, now = portal.inventory, portal.desk, int(time.time())
        if api_uri(inventory, gateway_id) is None or not over_tls() or _SESSION.fullmatch(session) is None:
            raise RequestError("not-found")
        try:
            device = parse_mac(mac)
        except RequestError as error:
            raise RequestError("not-found") from error
        with desk.store.core.read() as connection:
            found = captive.look(connection, desk.keys, gateway_id, device, session, now)
            if found is captive.UNSURE:
                raise RequestError("not-found")
            online = found if isinstance(found, Online) else None
            left = None
            if online is not None:
                plan, site = inventory.plans.get(online.grant.plan), inventory.find_site(online.grant.site)
                zone = inventory.zone(site) if site else inventory.city.zone
                if plan is not None and plan.data_per_day is not None:
                    used = admission.usage(connection, online.grant.person, now, zone)
                    left = max(0, plan.data_per_day - used.bytes)
        return Response(json.dumps(told(inventory, online, left, now)), mimetype=MEDIA_TYPE)

    return blueprint
