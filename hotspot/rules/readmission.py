"""Letting a device in again by its address alone (RADIUS MAC authentication).

An address proves nothing: anyone can take another's. So nothing new comes of it. A device goes on under a grant that
its person was given at the same site and that has not ended, also behind another gateway there; and only under one that
a gateway has seen it with, as whoever stands at an unsigned gateway's door may name any device.
"""

from sqlalchemy import Connection, select

from hotspot.admission.grant import Applicant, Denial, Grant
from hotspot.store.city.revisions import Revision
from hotspot.store.schema import grant
from hotspot.store.stays import grants

from .decision import decided


def readmit(
    connection: Connection, revision: Revision, device: str, gateway: str, site_id: str, now: int
) -> Grant | None:
    """The grant, kept, by which a device may go on at a gateway now; None where it must log in."""
    inventory = revision.inventory
    site = inventory.find_site(site_id)
    if site is None:
        return None
    row = connection.execute(
        select(grant)
        .where(grant.c.device_id == device, grant.c.site == site_id, grant.c.ends_at > now)
        .where(~grants.unseen())
        .order_by(grant.c.starts_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    last = grants.grant_of(row)
    if last.plan not in inventory.plans:
        return None
    applicant = Applicant(last.person, device, last.method, last.language, last.plan, last.ends_at)
    decision = decided(connection, inventory, applicant, site, gateway, now)
    if isinstance(decision, Denial):
        return None
    grants.add_grant(connection, decision, revision.number)
    return decision
