"""Reporting a fault: open to everybody before any login, as the login may be what failed; and following the report."""

from collections.abc import Mapping
from typing import Final

from hotspot.city.sites import Inventory, Site
from hotspot.errors import RequestError
from hotspot.store.limits.attempts import Limit
from hotspot.store.persons import complaints
from hotspot.store.persons.complaints import Complaint
from portal import limits
from portal.desk import Desk
from portal.hooks import CREATED, tell
from portal.limits import Caller

CATEGORIES: Final = ("connection", "slow", "login", "voucher", "damage", "other")
FIELDS: Final = ("site", "category", "text", "contact")
LONGEST: Final = 1000
LONGEST_CONTACT: Final = 100
_SHORTEST: Final = 5
_LIMITS: Final[Mapping[str, Limit]] = {"address": Limit(30, 3600), "gateway": Limit(100, 3600)}
"""Reports from one address, and about one site."""


def places(inventory: Inventory, now: int) -> list[Site]:
    """The sites about which something can be reported, by name."""
    open_ = [site for site in inventory.site if (site.span(inventory.zone(site))[1] or now + 1) > now]
    return sorted(open_, key=lambda site: site.name)


def report(desk: Desk, inventory: Inventory, form: Mapping[str, str], language: str, address: str, now: int) -> str:
    """Keeps what a form reports; the number to follow it by. RequestError where something is missing."""
    site = inventory.find_site(form.get("site", ""))
    if site is None:
        raise RequestError("complaint-site")
    category = form.get("category", "")
    if category not in CATEGORIES:
        raise RequestError("complaint-category")
    text, contact = form.get("text", "").strip(), form.get("contact", "").strip()
    if not _SHORTEST <= len(text) <= LONGEST:
        raise RequestError("complaint-text")
    with desk.store.core.write() as connection:
        limits.take(connection, desk.keys, "complaint", _LIMITS, Caller("", address, site.id), now, split=False)
        number = complaints.add(
            connection, desk.keys, site=site.id, category=category, text=text, contact=contact[:LONGEST_CONTACT],
            language=language, now=now,
        )  # fmt: skip
        tell(connection, inventory.complaints, number, CREATED, now)
    return number


def follow(desk: Desk, number: str) -> Complaint:
    """RequestError("complaint-unknown")."""
    with desk.store.core.read() as connection:
        found = complaints.find(connection, desk.keys, number)
    if found is None:
        raise RequestError("complaint-unknown")
    return found
