"""Logins that are under way at an OpenID provider: who was sent there from which gateway, to come back once."""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Row, delete, insert, select, update

from hotspot.errors import RequestError
from hotspot.people.identity import Keys, new_id
from hotspot.store.schema import oidc_login

_KIND = "oidc login"
_PROOF = "oidc proof"


@dataclass(frozen=True)
class Login:
    """Who came from where: the sealed arrival (`portal.forms.seal`) and the language of the page."""

    id: str
    arrival: str
    language: str
    begun_at: int
    grant: str | None
    """The short grant by which the phone is in meanwhile."""


def begin(connection: Connection, keys: Keys, arrival: str, language: str, now: int, grant: str | None = None) -> str:
    """The id of a new login. What it says of the phone is sealed."""
    id_ = new_id()
    sealed = keys.seal(_KIND, json.dumps([arrival, language]))
    connection.execute(insert(oidc_login).values(id=id_, sealed=sealed, begun_at=now, grant_id=grant))
    return id_


def come_back(connection: Connection, keys: Keys, login_id: str, since: int, now: int) -> Login:
    """A login that began after `since`, now used up. RequestError("oidc-again") where it was used or is too old."""
    statement = (
        update(oidc_login)
        .where(oidc_login.c.id == login_id, oidc_login.c.back_at.is_(None), oidc_login.c.begun_at > since)
        .values(back_at=now)
    )
    return _login(keys, connection.execute(statement.returning(oidc_login)).one_or_none())


def get(connection: Connection, keys: Keys, login_id: str) -> Login:
    """A login that has come back. RequestError("oidc-again") once it was forgotten."""
    return _login(keys, connection.execute(select(oidc_login).where(oidc_login.c.id == login_id)).one_or_none())


def of_grant(connection: Connection, keys: Keys, grant: str) -> Login:
    """The newest login of a short grant. RequestError("oidc-again") where there is none."""
    theirs = select(oidc_login).where(oidc_login.c.grant_id == grant).order_by(oidc_login.c.id.desc()).limit(1)
    return _login(keys, connection.execute(theirs).one_or_none())


def _login(keys: Keys, row: Row[Any] | None) -> Login:
    if row is None:
        raise RequestError("oidc-again")
    try:
        arrival, language = json.loads(keys.open(_KIND, row.sealed))
    except InvalidTag as error:  # sealed under another master key
        raise RequestError("oidc-again") from error
    return Login(row.id, arrival, language, row.begun_at, row.grant_id)


def _door(keys: Keys, gateway: str, mac: str) -> bytes:
    return keys.index("oidc door", f"{gateway}|{mac}")


def prove(connection: Connection, keys: Keys, login: Login, gateway: str, mac: str, proof: str, now: int) -> None:
    """Remembers `proof` for when this phone comes to its gateway's door again."""
    values = {"door": _door(keys, gateway, mac), "proof": keys.seal(_PROOF, proof), "proven_at": now}
    connection.execute(update(oidc_login).where(oidc_login.c.id == login.id).values(**values))


def proven(connection: Connection, keys: Keys, gateway: str, mac: str, since: int) -> tuple[Login, str] | None:
    """The login and the proof that wait for this phone at this door."""
    here = oidc_login.c.door == _door(keys, gateway, mac)
    theirs = select(oidc_login).where(here, oidc_login.c.proven_at > since).order_by(oidc_login.c.id.desc()).limit(1)
    row = connection.execute(theirs).one_or_none()
    return None if row is None else (_login(keys, row), keys.open(_PROOF, row.proof))


def use_proof(connection: Connection, login: Login) -> None:
    """A proof is good once. RequestError("oidc-again") where another request was faster."""
    statement = update(oidc_login).where(oidc_login.c.id == login.id, oidc_login.c.door.is_not(None))
    if connection.execute(statement.values(door=None, proof=None)).rowcount != 1:
        raise RequestError("oidc-again")


def forget_before(connection: Connection, at: int) -> None:
    connection.execute(delete(oidc_login).where(oidc_login.c.begun_at < at))
