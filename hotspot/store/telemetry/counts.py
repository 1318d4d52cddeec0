"""What RADIUS and the portal have answered and refused, over processes and restarts: a row for each node, gateway and
outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, case, select

from hotspot.nas.software import Software
from hotspot.store.portable import upsert
from hotspot.store.telemetry_schema import gateway_clock, gateway_software, radius_count


@dataclass(frozen=True, order=True)
class Count:
    """`gateway` is empty for sources that no gateway's are; `outcome` is `access-accept`, `dropped:rate` or
    `handed:voucher`, say."""

    node: str
    gateway: str
    outcome: str
    value: int
    at: int
    """When it last grew, within the seconds that a process keeps counts to itself."""


def add(
    connection: Connection, node: str, counted: Mapping[tuple[str, str], int], now: int, table: Table = radius_count
) -> None:
    """Adds what (gateway, outcome) have grown by."""
    if not counted:
        return
    statement = upsert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=["node", "gateway", "outcome"],
        set_={"value": table.c.value + statement.excluded.value, "at": statement.excluded.at},
    )
    rows = [
        {"node": node, "gateway": gateway, "outcome": outcome, "value": value, "at": now}
        for (gateway, outcome), value in sorted(counted.items())  # every process locks rows in the same order
    ]
    connection.execute(statement, rows)


def note_clocks(connection: Connection, skews: Mapping[str, int], now: int) -> None:
    """By how many seconds the clocks of gateways are ahead of ours, as they last told the time."""
    if not skews:
        return
    statement = upsert(connection, gateway_clock)
    statement = statement.on_conflict_do_update(
        index_elements=["gateway"], set_={"ahead": statement.excluded.ahead, "at": statement.excluded.at}
    )
    rows = [{"gateway": gateway, "ahead": ahead, "at": now} for gateway, ahead in sorted(skews.items())]
    connection.execute(statement, rows)


def clocks(connection: Connection) -> dict[str, int]:
    """By how many seconds each gateway's clock is ahead; those that ever told the time."""
    return {row.gateway: row.ahead for row in connection.execute(select(gateway_clock))}


def note_software(connection: Connection, versions: Mapping[str, str], now: int) -> None:
    """The versions of their software that gateways tell."""
    if not versions:
        return
    statement = upsert(connection, gateway_software)
    same = gateway_software.c.version == statement.excluded.version
    statement = statement.on_conflict_do_update(
        index_elements=["gateway"],
        set_={
            "version": statement.excluded.version,
            "since": case((same, gateway_software.c.since), else_=statement.excluded.since),
            "at": statement.excluded.at,
        },
    )
    rows = [
        {"gateway": gateway, "version": version, "since": now, "at": now}
        for gateway, version in sorted(versions.items())
    ]
    connection.execute(statement, rows)


def software(connection: Connection, gateway: str) -> Software | None:
    """What a gateway last told of its software; None where it never did."""
    table = gateway_software
    found = connection.execute(select(table.c.version, table.c.since, table.c.at).where(table.c.gateway == gateway))
    row = found.first()
    return None if row is None else Software(*row)


def listed(connection: Connection, table: Table = radius_count) -> list[Count]:
    """All of them, by node, gateway and outcome."""
    return sorted(Count(**row) for row in connection.execute(select(table)).mappings())
