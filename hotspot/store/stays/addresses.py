"""IP addresses of sessions behind gateways without NAT, as their accounting tells them, for the captive portal API.

Kept is a keyed hash, and for two days at most: an address is only ever looked for.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete

from hotspot.people.identity import Keys
from hotspot.store.portable import Statement, run, upsert
from hotspot.store.schema import client_address

from .captive import UNSURE, Online, Unsure
from .grants import find_grant

_KEPT: Final = 2 * 86400


def note(connection: Connection, keys: Keys, told: Collection[tuple[str, str, str]], now: int) -> None:
    """Keeps (gateway, Acct-Session-Id, address) of running sessions; the newest word of a session counts."""
    statement = upsert(connection, client_address)
    statement = statement.on_conflict_do_update(
        index_elements=["gateway", "session"],
        set_={"address": statement.excluded.address, "at": statement.excluded.at},
    )
    rows = [
        {"gateway": gateway, "session": session, "address": keys.index("address", f"{gateway}|{address}"), "at": now}
        for gateway, session, address in sorted({(one[0], one[1]): one for one in told}.values())
    ]
    connection.execute(statement, rows)


def forget_before(connection: Connection, now: int) -> None:
    connection.execute(delete(client_address).where(client_address.c.at <= now - _KEPT))


_RUNNING: Final = Statement(
    "SELECT s.grant_id, s.down, s.up, a.address FROM session s"
    " LEFT JOIN client_address a ON a.gateway = s.gateway AND a.session = s.acct_session_id"
    " WHERE s.gateway = ? AND s.ended_at IS NULL AND (a.address IS NULL OR a.address = ?)"
    " ORDER BY CASE WHEN a.at IS NULL THEN 0 ELSE a.at END, s.started_at"
)


def look(connection: Connection, keys: Keys, gateway: str, address: str, now: int) -> Online | Unsure | None:
    """The running session of whoever has this address at a gateway; None where it is held back.

    While the address of any session there is not known, it may be theirs.
    """
    mine = keys.index("address", f"{gateway}|{address}")
    rows = run(connection, _RUNNING, gateway, mine).fetchall()
    if not rows:
        return None
    grant_id, down, up, known = rows[-1]
    grant = find_grant(connection, grant_id) if known is not None and grant_id else None
    return UNSURE if grant is None or grant.ends_at <= now else Online(grant, down + up)
