"""Grants at gateways that are told of them over HTTP, one by one: who waits, who is in by which grant."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from hotspot.admission.grant import Grant
from hotspot.admission.ticket import PASS_LIFETIME
from hotspot.people.identity import Keys
from hotspot.store.persons.people import open_mac
from hotspot.store.schema import device, grant

from .grants import grant_of


@dataclass(frozen=True)
class Guest:
    """A grant, the MAC address it is for, and what the gateway's dialect keeps with it."""

    grant: Grant
    mac: str
    kept: str


def waiting(connection: Connection, keys: Keys, gateway: str, now: int) -> list[Guest]:
    """The newest grant of each device that the gateway has not shown to be in force."""
    rows = connection.execute(
        select(grant, device.c.sealed)
        .join(device, device.c.id == grant.c.device_id)
        .where(
            grant.c.gateway == gateway,
            grant.c.handback.is_not(None),
            grant.c.confirmed_at.is_(None),
            grant.c.starts_at > now - PASS_LIFETIME,
            grant.c.ends_at > now,
        )
        .order_by(grant.c.starts_at, grant.c.id)
    )
    newest = {row.device_id: row for row in rows}
    return [Guest(grant_of(row), open_mac(keys, row.sealed), row.handback) for row in newest.values()]


def admitted(connection: Connection, grant_id: str, kept: str, now: int) -> bool:
    """The gateway has shown that a grant is in force. Whether it is the first time."""
    confirmed = connection.execute(
        update(grant)
        .where(grant.c.id == grant_id, grant.c.confirmed_at.is_(None))
        .values(confirmed_at=now, handback=kept)
    )
    return confirmed.rowcount > 0


def live(connection: Connection, gateway: str, devices: Collection[str], now: int) -> dict[str, tuple[Grant, str]]:
    """The newest grant that holds, confirmed or about to be, of each of these devices; with what is kept with it."""
    rows = connection.execute(
        select(grant)
        .where(
            grant.c.gateway == gateway,
            grant.c.device_id.in_(devices),
            grant.c.handback.is_not(None),
            grant.c.ends_at > now,
            or_(grant.c.confirmed_at.is_not(None), grant.c.starts_at > now - PASS_LIFETIME),
        )
        .order_by(grant.c.starts_at, grant.c.id)
    )
    return {row.device_id: (grant_of(row), row.handback) for row in rows}


def known(connection: Connection, gateway: str, devices: Collection[str]) -> set[str]:
    """Which of these devices ever had a grant of ours at a gateway."""
    rows = select(grant.c.device_id).where(grant.c.gateway == gateway, grant.c.device_id.in_(devices))
    return set(connection.execute(rows.distinct()).scalars())
