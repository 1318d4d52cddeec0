"""Gateways of which RADIUS drops everything, and since when (`hotspot.rules.shared_secret`)."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from hotspot.store.portable import upsert
from hotspot.store.telemetry_schema import gateway_alarm


class Alarm(NamedTuple):
    since: int
    """UTC seconds."""
    signs: bool
    """As `shared_secret.Unheard.signs`."""


def unheard(connection: Connection) -> dict[str, Alarm]:
    """By gateway."""
    return {row.gateway: Alarm(row.since, row.signs) for row in connection.execute(select(gateway_alarm))}


def raise_unheard(connection: Connection, gateway: str, alarm: Alarm) -> None:
    statement = upsert(connection, gateway_alarm).values(gateway=gateway, **alarm._asdict())
    statement = statement.on_conflict_do_update(index_elements=["gateway"], set_={"signs": statement.excluded.signs})
    connection.execute(statement)


def heard(connection: Connection, gateway: str) -> None:
    connection.execute(delete(gateway_alarm).where(gateway_alarm.c.gateway == gateway))
