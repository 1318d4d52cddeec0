"""The captive portal API (RFC 8908): a phone's own software asks whether it is held back, and how long it may stay.

Phones take an answer for the truth, Android against its own probes. So it is given only where it is known whose it is:
the gateway puts its own names of a phone and of its session into the URI that DHCP tells (RFC 8910), and the session
must be one that the gateway has reported of this phone; or the phone's address reaches the portal as it is, and is one
that the gateway has reported of a session. Everything else is answered with 404, on which phones probe.
"""

import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from hotspot.errors import RequestError
from hotspot.gateways import RadiusGateway
from hotspot.identity import parse_mac
from hotspot.nas import coovachilli
from hotspot.sites import Inventory
from hotspot.store import addresses, admission, captive
from hotspot.store.captive import Online, Unsure

from .pages import over_tls, sender

if TYPE_CHECKING:
    from .app import Portal

MEDIA_TYPE: Final = "application/captive+json"
_SESSION: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


def api_uri(inventory: Inventory, gateway_id: str) -> str | None:
    """The URI that a gateway is to tell its phones, with its placeholders; None where one phone cannot be told from
    another, or the portal has no TLS (RFC 8908 section 4)."""
    gateway = inventory.find_gateway(gateway_id)
    if not isinstance(gateway, RadiusGateway) or not inventory.portal.url.startswith("https:"):
        return None
    uri = f"{inventory.portal.url}/captive/{gateway_id}"
    if gateway.nas == coovachilli.NAME:
        return f"{uri}/{coovachilli.CLIENT_KEY}"
    return uri if gateway.routed else None


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


Look = Callable[[Connection, str, int], Online | Unsure | None]
"""Who asks, by what is known of them, at a gateway, at a time."""


def _answer(portal: "Portal", gateway_id: str, look: Look) -> Response:
    inventory, now = portal.inventory, int(time.time())
    with portal.desk.store.core.read() as connection:
        online = look(connection, gateway_id, now)
        if isinstance(online, Unsure):
            raise RequestError("not-found")
        left = None
        if online is not None:
            plan, site = inventory.plans.get(online.grant.plan), inventory.find_site(online.grant.site)
            zone = inventory.zone(site) if site else inventory.city.zone
            if plan is not None and plan.data_per_day is not None:
                used = admission.usage(connection, online.grant.person, now, zone)
                left = max(0, plan.data_per_day - used.bytes)
    return Response(json.dumps(told(inventory, online, left, now)), mimetype=MEDIA_TYPE)


def routes(portal: "Portal") -> Blueprint:
    blueprint, keys = Blueprint("captive", __name__), portal.desk.keys

    @blueprint.get("/captive/<gateway_id>/<mac>/<session>")
    def by_session(gateway_id: str, mac: str, session: str) -> Response:
        """CoovaChilli's phones."""
        uri = api_uri(portal.inventory, gateway_id) or ""
        if not uri.endswith(coovachilli.CLIENT_KEY) or not over_tls() or _SESSION.fullmatch(session) is None:
            raise RequestError("not-found")
        try:
            device = parse_mac(mac)
        except RequestError as error:
            raise RequestError("not-found") from error
        return _answer(portal, gateway_id, lambda on, at, now: captive.look(on, keys, at, device, session, now))

    @blueprint.get("/captive/<gateway_id>")
    def by_address(gateway_id: str) -> Response:
        """Phones whose address reaches the portal as it is."""
        gateway, address = portal.inventory.find_gateway(gateway_id), sender()
        known = isinstance(gateway, RadiusGateway) and address and gateway.routes(address)
        if not known or api_uri(portal.inventory, gateway_id) is None or not over_tls():
            raise RequestError("not-found")
        return _answer(portal, gateway_id, lambda on, at, now: addresses.look(on, keys, at, address, now))

    return blueprint
