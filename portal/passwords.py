"""Members change their own password, on a page behind their status page: whoever has that address is in as this member.

They say the password they have too, since a phone may lie about unlocked.
"""

from collections.abc import Mapping

from hotspot.errors import RequestError
from hotspot.grant import Grant
from hotspot.password import hashed, long_enough, matches
from hotspot.store import admission, attempts, members

from .desk import Desk
from .forms import grant_of_token


def member_grant(desk: Desk, token: str, now: int) -> Grant:
    """The grant behind an address, of a member who is in. RequestError("not-found")."""
    with desk.store.core.read() as connection:
        grant = admission.find_grant(connection, grant_of_token(desk.status_key, token))
    if grant is None or grant.method != "member" or grant.ends_at <= now:
        raise RequestError("not-found")
    return grant


def change(desk: Desk, grant: Grant, form: Mapping[str, str], now: int) -> None:
    """Sets the new password of a member. RequestError where the form or the old password is wrong."""
    old, new = form.get("password", ""), form.get("new", "")
    if not long_enough(new):
        raise RequestError("password-short")
    if new != form.get("again", ""):
        raise RequestError("password-differs")
    subject = attempts.subject(desk.keys, "password of", grant.person)
    with desk.store.core.write() as connection:
        stored = members.password_hash(connection, grant.person)
        wait = attempts.take(connection, subject, now)
    if wait:
        raise RequestError("too-many-attempts", "device", wait=wait)
    if not matches(stored, old):
        raise RequestError("password-wrong")
    fresh = hashed(new)
    with desk.store.core.write() as connection:
        members.set_password(connection, grant.person, fresh)
        attempts.forget(connection, subject)
