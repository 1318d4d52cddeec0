"""Whether a gateway holds a phone back, by what the gateway itself has reported (RFC 8908)."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlalchemy import Connection

from hotspot.admission.grant import Grant
from hotspot.people.identity import Keys
from hotspot.store.persons import people
from hotspot.store.portable import Statement, run

from . import grants


class Unsure(Enum):
    """The phone is in, but whoever asks does not know one of its sessions there."""

    UNSURE = "unsure"


UNSURE: Final = Unsure.UNSURE


@dataclass(frozen=True)
class Online:
    """A phone's running session. Bytes are those of the session, in both directions."""

    grant: Grant
    used: int


_SESSIONS: Final = Statement(
    "SELECT g.id, g.ends_at, s.acct_session_id, s.ended_at, s.down, s.up FROM access_grant g"
    " JOIN session s ON s.person_id = g.person_id AND s.grant_id = g.id"
    " WHERE g.device_id = ? AND s.device_id = g.device_id AND s.gateway = ? ORDER BY s.started_at"
)


def look(
    connection: Connection, keys: Keys, gateway: str, mac: str, session_name: str, now: int
) -> Online | Unsure | None:
    """The phone's running session at a gateway; None where it is held back.

    `session_name` is the Acct-Session-Id that the gateway had for the phone when it told it whom to ask. It may be that
    of an earlier session; where it is none of the phone's, nothing is told of a phone that is in.
    """
    device = people.find_device(connection, keys, mac)
    if device is None:
        return None
    rows = [_Row(*row) for row in run(connection, _SESSIONS, device, gateway).fetchall()]
    running = [row for row in rows if row.ended_at is None and row.ends_at > now]
    if not running:
        return None
    if all(row.acct_session_id.lower() != session_name.lower() for row in rows):
        return UNSURE
    newest = running[-1]
    grant = grants.find_grant(connection, newest.grant)
    return None if grant is None else Online(grant, newest.down + newest.up)


@dataclass(frozen=True)
class _Row:
    grant: str
    ends_at: int
    acct_session_id: str
    ended_at: int | None
    down: int
    up: int
