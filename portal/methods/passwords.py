"""Members change their own password, on the page that shows their data: they have proven there who they are.

They say the password they have too, since a phone may lie about with that page open.
"""

from collections.abc import Mapping

from hotspot.errors import RequestError
from hotspot.people.password import hashed, long_enough, matches
from hotspot.store.limits import attempts
from hotspot.store.persons import members
from portal.desk import Desk


def change(desk: Desk, person: str, form: Mapping[str, str], now: int) -> None:
    """Sets the new password of a member. RequestError where the form or the old password is wrong."""
    old, new = form.get("password", ""), form.get("new", "")
    if not long_enough(new):
        raise RequestError("password-short")
    if new != form.get("again", ""):
        raise RequestError("password-differs")
    subject = attempts.subject(desk.keys, "password of", person)
    with desk.store.core.write() as connection:
        stored = members.password_hash(connection, person)
        wait = attempts.take(connection, subject, now)
    if wait:
        raise RequestError("too-many-attempts", "device", wait=wait)
    if not matches(stored, old):
        raise RequestError("password-wrong")
    fresh = hashed(new)
    with desk.store.core.write() as connection:
        members.set_password(connection, person, fresh)
        attempts.forget(connection, subject)
