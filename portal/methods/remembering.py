"""A device that is remembered: a cookie of the portal's own, for whoever asked for it at a login that proved something.

The cookie is an entry's id in the store and an HMAC over it, and counts on the device with the MAC address that it was
made for. Whoever takes another's cookie lacks the address, whoever takes the address lacks the cookie, and the
gateway's RADIUS tells whose address it is. It says nothing of a person, and page and store can end it.
"""

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from hotspot.admission.grant import Grant
from hotspot.city.sites import Inventory, Site
from hotspot.errors import HotspotError, RequestError
from hotspot.nas.arrival import Arrival
from hotspot.people.identity import Keys
from hotspot.store.persons import remembered
from hotspot.store.persons.remembered import Remembered
from portal.desk import Desk
from portal.forms import grant_of_token, status_token
from portal.pages.asked import request

log = structlog.get_logger("portal")

METHOD: Final = "remembered"
COOKIE: Final = "device"


def asked(form: dict[str, str], site: Site | None, grant: Grant) -> bool:
    """Whether a device is to be remembered for whom it has just let in."""
    ticked = site is not None and METHOD in site.admit and "remember" in form
    return ticked and grant.method in remembered.PROOFS.values()


def remember(desk: Desk, inventory: Inventory, grant: Grant, answer: Response, now: int) -> None:
    """Has the browser keep that this person has proven who they are on this device. They are in already: where that
    cannot be kept, they go on without."""
    lasting = inventory.portal.remember
    try:
        with desk.store.core.write() as connection:
            entry = remembered.add(connection, grant.person, grant.device, now + lasting, now)
    except HotspotError as error:
        log.warning("device not remembered", site=grant.site, error=str(error))
        return
    answer.set_cookie(
        COOKIE, status_token(_key(desk.keys), entry), max_age=lasting, path="/", httponly=True, samesite="Lax",
        secure=inventory.portal.url.startswith("https:"),
    )  # fmt: skip


def _key(keys: Keys) -> bytes:
    return keys.derive("portal remembered device")


def known(connection: Connection, keys: Keys, token: str, site: Site, mac: str, now: int) -> Remembered:
    """Whom a cookie stands for on this device at this site. RequestError("remembered-gone")."""
    try:
        entry = grant_of_token(_key(keys), token)
    except RequestError as error:
        raise RequestError("remembered-gone") from error
    found = remembered.find(connection, keys, entry, mac, site.id, now)
    if found.method not in site.admit:
        raise RequestError("remembered-gone")
    return found


def here(desk: Desk, arrival: Arrival, site: Site, now: int) -> Remembered | None:
    """Who is remembered by the browser that asks, where the site lets such people in."""
    if METHOD not in site.admit or COOKIE not in request.cookies:
        return None
    with desk.store.core.read() as connection:
        try:
            return known(connection, desk.keys, request.cookies[COOKIE], site, arrival.mac, now)
        except RequestError:
            return None


def forgotten(desk: Desk, door: Callable[[], Response]) -> Response:
    """Ends what the browser that asks has kept; the `door` that is made then no longer knows it."""
    try:
        entry = grant_of_token(_key(desk.keys), request.cookies.get(COOKIE, ""))
    except RequestError:
        return door()
    with desk.store.core.write() as connection:
        remembered.forget(connection, [entry])
    answer = door()
    answer.delete_cookie(COOKIE, path="/")
    return answer
