"""The agents on gateways without RADIUS: which post came last, under which key."""

from typing import Final

from sqlalchemy import Connection, and_, or_, select, update

from hotspot.store.portable import upsert
from hotspot.store.schema import agent

WINDOW: Final = 366 * 86400
"""How far a post's number may be ahead of the last one, or of our clock in seconds since 1970: an agent numbers its
posts by its clock where that is ahead. Whoever has stolen an access point could else use up all numbers there are."""


def last_sequence(connection: Connection, gateway: str) -> int:
    return connection.execute(select(agent.c.sequence).where(agent.c.gateway == gateway)).scalar() or 0


def seen(connection: Connection, gateway: str) -> int | None:
    """When a gateway's agent was last heard."""
    return connection.execute(select(agent.c.seen_at).where(agent.c.gateway == gateway)).scalar()


def accept(
    connection: Connection, gateway: str, key_id: str, sequence: int, boot_id: str, uptime: int, now: int
) -> bool:
    """Whether this post is newer than all before it, and not too far ahead; only then it is remembered. Under another
    key than the last one (`key_id`), numbers start anew: a post under the old one is worth nothing any more."""
    row = {"key_id": key_id, "sequence": sequence, "boot_id": boot_id, "uptime": uptime, "seen_at": now}
    timely = sequence <= now + WINDOW
    if timely:
        first = upsert(connection, agent).values(gateway=gateway, **row)
        unknown = first.on_conflict_do_nothing(index_elements=["gateway"]).returning(agent.c.gateway)
        if connection.execute(unknown).first() is not None:
            return True
    follows = agent.c.sequence < sequence
    if timely:
        acceptable = or_(follows, agent.c.key_id.not_in(("", key_id)))  # "" is of a version that kept no key's id
    else:
        acceptable = and_(follows, agent.c.sequence >= sequence - WINDOW)
    newer = update(agent).where(agent.c.gateway == gateway, acceptable).values(**row)
    return connection.execute(newer.returning(agent.c.gateway)).first() is not None
