"""Logins that are under way at an OpenID provider: who was sent there from which gateway, to come back once."""

import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, delete, insert, select, update

from ..errors import RequestError
from ..identity import Keys, new_id
from .schema import oidc_login

_KIND = "oidc login"


@dataclass(frozen=True)
class Login:
    """Who came from where: the sealed arrival (`portal.forms.seal`) and the language of the page."""

    id: str
    arrival: str
    language: str
    begun_at: int


def begin(connection: Connection, keys: Keys, arrival: str, language: str, now: int) -> str:
    """The id of a new login. What it says of the phone is sealed."""
    id_ = new_id()
    sealed = keys.seal(_KIND, json.dumps([arrival, language]))
    connection.execute(insert(oidc_login).values(id=id_, sealed=sealed, begun_at=now))
    return id_


def come_back(connection: Connection, keys: Keys, login_id: str, since: int, now: int) -> Login:
    """A login that began after `since`, now used up. RequestError("oidc-again") where it was used or is too old."""
    statement = (
        update(oidc_login)
        .where(oidc_login.c.id == login_id, oidc_login.c.back_at.is_(None), oidc_login.c.begun_at > since)
        .values(back_at=now)
    )
    row = connection.execute(statement.returning(oidc_login.c.sealed, oidc_login.c.begun_at)).one_or_none()
    if row is None:
        raise RequestError("oidc-again")
    return _login(keys, login_id, row.sealed, row.begun_at)


def get(connection: Connection, keys: Keys, login_id: str) -> Login:
    """A login that has come back. RequestError("oidc-again") once it was forgotten."""
    row = connection.execute(select(oidc_login).where(oidc_login.c.id == login_id)).one_or_none()
    if row is None:
        raise RequestError("oidc-again")
    return _login(keys, login_id, row.sealed, row.begun_at)


def _login(keys: Keys, login_id: str, sealed: bytes, begun_at: int) -> Login:
    try:
        arrival, language = json.loads(keys.open(_KIND, sealed))
    except InvalidTag as error:
        raise RequestError("oidc-again") from error
    return Login(login_id, arrival, language, begun_at)


def forget_before(connection: Connection, at: int) -> None:
    connection.execute(delete(oidc_login).where(oidc_login.c.begun_at < at))
