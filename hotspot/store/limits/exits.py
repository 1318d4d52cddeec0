"""The addresses from which a gateway's phones reach the portal, learnt from those that the gateway itself has let in.

Behind a gateway's NAT a whole park has one address. Whoever else names the gateway may sit anywhere: they share what is
left of its budgets, so that a far-off sender starves themselves. Kept is a keyed hash, for a week from the last ticket.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete

from hotspot.people.identity import Keys
from hotspot.store.portable import Statement, run, upsert
from hotspot.store.schema import learned_exit

KEPT: Final = 7 * 86400
RENEWED: Final = KEPT - 86400
"""What lasts longer than this need not be written again."""

_LEARNED: Final = Statement("SELECT until FROM learned_exit WHERE exit = ? AND until > ?")


def mark(keys: Keys, gateway: str, sender: str) -> bytes:
    """What stands for a sender's address (`portal.pages.render.sender`) at a gateway, 32 bytes."""
    return keys.index("exit", f"{gateway}|{sender}")


def is_learned(connection: Connection, exit_: bytes, now: int) -> bool:
    """Whether the gateway has let somebody in from there within a week."""
    return run(connection, _LEARNED, exit_, now).fetchone() is not None


def learn(connection: Connection, exits: Collection[bytes], now: int) -> None:
    """A gateway has shown that phones of its own come from there."""
    if not exits:
        return
    statement = upsert(connection, learned_exit)
    statement = statement.on_conflict_do_update(index_elements=["exit"], set_={"until": statement.excluded.until})
    connection.execute(statement, [{"exit": one, "until": now + KEPT} for one in sorted(set(exits))])


def forget_before(connection: Connection, now: int) -> None:
    connection.execute(delete(learned_exit).where(learned_exit.c.until <= now))
