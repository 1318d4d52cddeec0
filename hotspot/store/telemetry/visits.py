"""Login pages shown, people handed to their gateways and people let in, by site and hour over all nodes; and the sites
at which too few get in."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, select

from hotspot.admission.conversion import DAYS, HOUR, Hour
from hotspot.store.portable import upsert
from hotspot.store.telemetry_schema import portal_alarm, portal_hour

_KEPT = (DAYS + 2) * 86400


WHAT: Final = ("shown", "handed", "admitted")
"""What is counted, as the fields of `Visits`."""


class Visits(NamedTuple):
    """At a site: pages shown, people handed to their gateway, and those who are in."""

    shown: int = 0
    handed: int = 0
    admitted: int = 0


def add(connection: Connection, counted: Mapping[str, Visits], now: int) -> None:
    """Adds what has come about at sites to the hour of `now`."""
    if not counted:
        return
    statement = upsert(connection, portal_hour)
    new, old = statement.excluded, portal_hour.c
    statement = statement.on_conflict_do_update(
        index_elements=["site", "at"],
        set_={name: old[name] + new[name] for name in WHAT},
    )
    at = now - now % HOUR
    rows = [
        {"site": site, "at": at, **seen._asdict()}
        for site, seen in sorted(counted.items())  # every process locks rows in the same order
    ]
    connection.execute(statement, rows)


def hours(connection: Connection, now: int) -> list[Hour]:
    """All hours that a comparison wants."""
    rows = connection.execute(select(portal_hour).where(portal_hour.c.at > now - _KEPT, portal_hour.c.at <= now))
    return [Hour(**row) for row in rows.mappings()]


def forget_before(connection: Connection, now: int) -> None:
    connection.execute(delete(portal_hour).where(portal_hour.c.at <= now - _KEPT))


def alarms(connection: Connection) -> dict[str, int]:
    """Since when too few get in, by site."""
    return {row.site: row.since for row in connection.execute(select(portal_alarm))}


def alarm(connection: Connection, site: str, now: int) -> None:
    connection.execute(upsert(connection, portal_alarm).values(site=site, since=now).on_conflict_do_nothing())


def all_clear(connection: Connection, site: str) -> None:
    connection.execute(delete(portal_alarm).where(portal_alarm.c.site == site))
