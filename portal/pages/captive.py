"""The captive portal API (RFC 8908): a phone's own software asks whether it is held back, and how long it may stay.

Phones take an answer for the truth, Android against its own probes. So it is given only where it is known whose it is:
the gateway puts its own names of a phone and of its session into the URI that DHCP tells (RFC 8910), and the session
must be one that the gateway has reported of this phone; or the phone's address reaches the portal as it is, and is one
that the gateway has reported of a session. Everything else is answered with 404, on which phones probe.

By the first way anybody may ask about any phone, and learn from the kind of refusal whether it is in. A phone that is
not in yet cannot show whose it is, so such questions are answered, but only so many: of one phone, from one address, at
one gateway. Behind one address a whole park may stand, so that it has many; an IPv6 sender has its /64. Over the limit
the answer is the same 404 for a phone that is in and for one that is not. Who names a session of a phone that is in is
never counted, and the second way, where the sender is the one who is asked about, needs no limit.
"""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response

from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.nas import coovachilli
from hotspot.nas.entries import RadiusGateway
from hotspot.people.identity import parse_mac
from hotspot.store.limits import attempts
from hotspot.store.limits.attempts import Limit
from hotspot.store.stays import addresses, captive, grants
from hotspot.store.stays.captive import Online, Unsure
from portal import limits
from portal.limits import Caller

from .render import address, over_tls, sender

if TYPE_CHECKING:
    from portal.app import Portal

MEDIA_TYPE: Final = "application/captive+json"
_SESSION: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_PHONE: Final = Limit(30, 3600)
"""Questions about one phone: more often than a phone that is held back asks, less than follows it about."""
_WINDOW: Final = 600
_ADDRESSES: Final = 4
"""A gateway is asked about as often as by so many addresses."""


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


def _answer(portal: "Portal", online: Online | Unsure | None, now: int) -> Response:
    if isinstance(online, Unsure):
        raise RequestError("not-found")
    inventory, left = portal.inventory, None
    if online is not None:
        plan, site = inventory.plans.get(online.grant.plan), inventory.find_site(online.grant.site)
        zone = inventory.zone(site) if site else inventory.city.zone
        if plan is not None and plan.data_per_day is not None:
            with portal.desk.store.core.read() as connection:
                used = grants.usage(connection, online.grant.person, now, zone)
            left = max(0, plan.data_per_day - used.bytes)
    return Response(json.dumps(told(inventory, online, left, now)), mimetype=MEDIA_TYPE)


def budget(strangers: int) -> Mapping[str, Limit]:
    """How many questions may be asked of phones that are not shown to be the asker's, `strangers` from one address."""
    return {"device": _PHONE, "address": Limit(strangers, _WINDOW), "gateway": Limit(_ADDRESSES * strangers, _WINDOW)}


def _spend(portal: "Portal", asked: Caller, now: int) -> None:
    """Counts a question. Over the limit it is not even counted, so that a flood of them writes nothing."""
    keys, core, allowed = portal.desk.keys, portal.desk.store.core, budget(portal.desk.settings.portal_strangers)
    known = {whose: limits.subject(keys, "captive", whose, value) for whose in allowed if (value := asked.by(whose))}
    with core.read() as connection:
        spent = any(attempts.spent(connection, who, now) >= allowed[whose].count for whose, who in known.items())
    if spent:
        raise RequestError("not-found")
    try:
        core.together(lambda connection: limits.take(connection, keys, "captive", allowed, asked, now, split=False))
    except RequestError as error:
        raise RequestError("not-found") from error


def routes(portal: "Portal") -> Blueprint:
    blueprint, keys, store = Blueprint("captive", __name__), portal.desk.keys, portal.desk.store

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
        now = portal.desk.now()
        with store.core.read() as connection:
            online = captive.look(connection, keys, gateway_id, device, session, now)
        if not isinstance(online, Online):
            _spend(portal, Caller(device, sender(), gateway_id), now)
        return _answer(portal, online, now)

    @blueprint.get("/captive/<gateway_id>")
    def by_address(gateway_id: str) -> Response:
        """Phones whose address reaches the portal as it is."""
        gateway, asker, now = portal.inventory.find_gateway(gateway_id), address(), portal.desk.now()
        known = isinstance(gateway, RadiusGateway) and asker and gateway.routes(asker)
        if not known or api_uri(portal.inventory, gateway_id) is None or not over_tls():
            raise RequestError("not-found")
        with store.core.read() as connection:
            online = addresses.look(connection, keys, gateway_id, asker, now)
        return _answer(portal, online, now)

    return blueprint
