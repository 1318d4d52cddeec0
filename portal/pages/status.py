"""After the login: what is left of time and data, and logging out. Nothing else: whoever has the address of a status
page has shown nothing but a device's address, which proves nobody.
"""

from dataclasses import dataclass
from datetime import datetime

from hotspot.admission.grant import Grant
from hotspot.admission.plan import Plan
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.nas.entries import OpenndsGateway, UnifiGateway
from hotspot.store.stays import grants, sessions
from hotspot.store.stays.grants import Seen
from portal.desk import Desk
from portal.forms import grant_of_token

_WAIT = 90
"""Seconds in which a gateway that fetches its admissions must have confirmed one."""


@dataclass(frozen=True)
class Status:
    """What the status page shows. Times in seconds, data in bytes; None is unlimited or unknown."""

    grant: Grant
    plan: Plan | None
    state: str
    """waiting, failed, online or ended"""
    seen: bool
    """Whether the gateway has shown this device: what its person has used is told to nobody else."""
    seconds_left: int
    until: str
    bytes_left: int | None
    bytes_used: int
    down: int
    up: int
    counted_at: str | None


def look(desk: Desk, inventory: Inventory, token: str, now: int) -> Status:
    """The status behind a page's address. RequestError("not-found") for a foreign address."""
    grant_id = grant_of_token(desk.status_key, token)
    with desk.store.core.read() as connection:
        grant = grants.find_grant(connection, grant_id)
        if grant is None:
            raise RequestError("not-found")
        site = inventory.find_site(grant.site)
        zone = inventory.zone(site) if site else inventory.city.zone
        used = grants.usage(connection, grant.person, now, zone)
        session = sessions.of_grant(connection, grant.id)
        seen = Seen.YES if session is not None else grants.seen(connection, grant.id)
    plan = inventory.plans.get(grant.plan)
    gateway = inventory.find_gateway(grant.gateway)
    fetched = isinstance(gateway, UnifiGateway) or (isinstance(gateway, OpenndsGateway) and gateway.fas_level == 3)
    ended = grant.ends_at <= now or (session is not None and session.ended_at is not None)
    state = "online"
    if ended:
        state = "ended"
    elif seen is Seen.NOT_YET or (fetched and seen is Seen.UNKNOWN):
        state = "waiting" if now - grant.starts_at < _WAIT else "failed"
    left = None if plan is None or plan.data_per_day is None else max(0, plan.data_per_day - used.bytes)
    return Status(
        grant=grant,
        plan=plan,
        state=state,
        seen=seen is Seen.YES,
        seconds_left=0 if ended else grant.ends_at - now,
        until=datetime.fromtimestamp(grant.ends_at, zone).strftime("%H.%M"),
        bytes_left=left,
        bytes_used=used.bytes,
        down=session.down if session else 0,
        up=session.up if session else 0,
        counted_at=datetime.fromtimestamp(session.last_at, zone).strftime("%H.%M") if session else None,
    )


def log_out(desk: Desk, token: str, now: int) -> str | None:
    """Ends a grant. Returns the gateway's log-off URL if it has one; otherwise its agent puts the phone out."""
    grant_id = grant_of_token(desk.status_key, token)
    with desk.store.core.write() as connection:
        grant = grants.find_grant(connection, grant_id)
        if grant is None:
            raise RequestError("not-found")
        handback = grants.handback(connection, grant_id)
        grants.end_grant(connection, grant_id, now)
    return handback if handback and handback.startswith(("http://", "https://")) else None
