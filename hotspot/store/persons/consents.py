"""Consents: who agreed to which version of which text, for which purpose, when; and who took that back."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from hotspot.people.identity import new_id
from hotspot.store.portable import Statement, run
from hotspot.store.schema import consent

from . import remembered

_RECORD: Final = Statement(
    "INSERT INTO consent (id, person_id, purpose, text_version, text_sha256, language, site, given_at)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM consent"
    " WHERE person_id = ? AND purpose = ? AND text_sha256 = ? AND withdrawn_at IS NULL)"
)


def record(
    connection: Connection,
    person_id: str,
    *,
    purpose: str,
    text_version: str,
    text_sha256: str,
    language: str,
    site: str,
    now: int,
) -> None:
    """Keeps which text a person agreed to, for which purpose, when; once for each version of the text."""
    row = (new_id(), person_id, purpose, text_version, text_sha256, language, site, now)
    run(connection, _RECORD, *row, person_id, purpose, text_sha256)


def listed(
    connection: Connection,
    *,
    persons: Collection[str] | None = None,
    purpose: str | None = None,
    withdrawn: bool = True,
    limit: int = 1000,
) -> list[Row[Any]]:
    """Consents, newest first; without `withdrawn` those that hold."""
    statement = select(consent)
    if persons is not None:
        statement = statement.where(consent.c.person_id.in_(persons))
    if purpose is not None:
        statement = statement.where(consent.c.purpose == purpose)
    if not withdrawn:
        statement = statement.where(consent.c.withdrawn_at.is_(None))
    return list(connection.execute(statement.order_by(consent.c.given_at.desc(), consent.c.id).limit(limit)))


def withdraw(connection: Connection, persons: Collection[str], now: int, purpose: str | None = None) -> int:
    """Takes back what persons agreed to, for one purpose or for all. How many consents held until now.

    Their devices are remembered no longer: they are asked again.
    """
    theirs = update(consent).where(consent.c.person_id.in_(persons), consent.c.withdrawn_at.is_(None))
    if purpose is not None:
        theirs = theirs.where(consent.c.purpose == purpose)
    remembered.forget(connection, persons)
    return connection.execute(theirs.values(withdrawn_at=now)).rowcount
