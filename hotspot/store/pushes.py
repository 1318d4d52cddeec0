"""Pinned host keys of access points, and what was pushed to them."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from ..identity import new_id
from .schema import host_key, push


@dataclass(frozen=True)
class HostKey:
    """A pinned key: its OpenSSH text (`ssh-ed25519 AAAA…`) and its fingerprint (`SHA256:…`)."""

    ap: str
    key: str
    fingerprint: str


def pinned(connection: Connection) -> dict[str, HostKey]:
    """Every pinned key by its access point."""
    rows = connection.execute(select(host_key.c.ap, host_key.c.key, host_key.c.fingerprint))
    return {row.ap: HostKey(row.ap, row.key, row.fingerprint) for row in rows}


def pin(connection: Connection, pinned_key: HostKey, who: str, now: int) -> None:
    """Pins a key in the place of any other of that access point."""
    connection.execute(delete(host_key).where(host_key.c.ap == pinned_key.ap))
    connection.execute(
        insert(host_key).values(
            ap=pinned_key.ap,
            key=pinned_key.key,
            fingerprint=pinned_key.fingerprint,
            pinned_at=now,
            pinned_by=who,
        )
    )


def begin(connection: Connection, run: str, ap: str, revision: int, manifest: str, who: str, now: int) -> str:
    """Notes that a push starts; returns its id. One without an outcome was cut off on our side."""
    push_id = new_id()
    connection.execute(
        insert(push).values(
            id=push_id, run=run, ap=ap, revision=revision, manifest=manifest, who=who, started_at=now, detail=""
        )
    )
    return push_id


def finish(connection: Connection, push_id: str, outcome: str, detail: str, now: int) -> None:
    connection.execute(update(push).where(push.c.id == push_id).values(outcome=outcome, detail=detail, finished_at=now))
