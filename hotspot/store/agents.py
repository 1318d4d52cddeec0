"""The agents on gateways without RADIUS: which post came last."""

from sqlalchemy import Connection, select, update

from .portable import upsert
from .schema import agent


def last_sequence(connection: Connection, gateway: str) -> int:
    return connection.execute(select(agent.c.sequence).where(agent.c.gateway == gateway)).scalar() or 0


def seen(connection: Connection, gateway: str) -> int | None:
    """When a gateway's agent was last heard."""
    return connection.execute(select(agent.c.seen_at).where(agent.c.gateway == gateway)).scalar()


def accept(connection: Connection, gateway: str, sequence: int, boot_id: str, uptime: int, now: int) -> bool:
    """Whether this post is newer than all before it; only then it is remembered."""
    row = {"sequence": sequence, "boot_id": boot_id, "uptime": uptime, "seen_at": now}
    first = upsert(connection, agent).values(gateway=gateway, **row).on_conflict_do_nothing(index_elements=["gateway"])
    if connection.execute(first.returning(agent.c.gateway)).first() is not None:
        return True
    newer = update(agent).where(agent.c.gateway == gateway, agent.c.sequence < sequence).values(**row)
    return connection.execute(newer.returning(agent.c.gateway)).first() is not None
