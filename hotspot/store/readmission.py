"""Letting a device in again by its address alone (RADIUS MAC authentication).

An address proves nothing: anyone can take another's. So nothing new comes of it. A device goes on under a grant that
its person was given at the same site and that has not ended, also behind another gateway there; and one that was let in
by click-through, which proves nothing either, is let in again on the same day.
"""

from sqlalchemy import Connection, select

from ..grant import Applicant, Denial, Grant, local_day
from ..identity import PersonKind
from . import admission
from .decision import decided
from .revisions import Revision
from .schema import grant, person

_CLICK_THROUGH = "click-through"


def readmit(
    connection: Connection, revision: Revision, device: str, gateway: str, site_id: str, now: int
) -> Grant | None:
    """The grant, kept, by which a device may be let in at a gateway now; None where it must log in."""
    inventory = revision.inventory
    site = inventory.find_site(site_id)
    if site is None:
        return None
    zone = inventory.zone(site)
    row = connection.execute(
        select(grant, person.c.kind)
        .join(person, person.c.id == grant.c.person_id)
        .where(grant.c.device_id == device, grant.c.site == site_id)
        .where((grant.c.ends_at > now) | (grant.c.starts_at >= local_day(now, zone)[0]))
        .order_by((grant.c.ends_at > now).desc(), grant.c.starts_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    last = admission.grant_of(row)
    if last.plan not in inventory.plans or not (last.ends_at > now or _may_again(row.kind, last, site.admit)):
        return None
    until = last.ends_at if last.ends_at > now else None
    applicant = Applicant(last.person, device, last.method, last.language, last.plan, until)
    decision = decided(connection, inventory, applicant, site, gateway, now)
    if isinstance(decision, Denial):
        return None
    admission.add_grant(connection, decision, revision.number)
    return decision


def _may_again(kind: str, last: Grant, admits: tuple[str, ...]) -> bool:
    return kind == PersonKind.DEVICE_DAY and last.method == _CLICK_THROUGH and _CLICK_THROUGH in admits
