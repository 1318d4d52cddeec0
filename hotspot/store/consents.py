"""Consents: who agreed to which version of which text, for which purpose, when; and who took that back."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..identity import new_id
from .schema import consent


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
    same = select(consent.c.id).where(
        consent.c.person_id == person_id,
        consent.c.purpose == purpose,
        consent.c.text_sha256 == text_sha256,
        consent.c.withdrawn_at.is_(None),
    )
    if connection.execute(same).first() is None:
        connection.execute(
            insert(consent).values(
                id=new_id(),
                person_id=person_id,
                purpose=purpose,
                text_version=text_version,
                text_sha256=text_sha256,
                language=language,
                site=site,
                given_at=now,
            )
        )


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
    """Takes back what persons agreed to, for one purpose or for all. How many consents held until now."""
    theirs = update(consent).where(consent.c.person_id.in_(persons), consent.c.withdrawn_at.is_(None))
    if purpose is not None:
        theirs = theirs.where(consent.c.purpose == purpose)
    return connection.execute(theirs.values(withdrawn_at=now)).rowcount
