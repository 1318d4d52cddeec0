"""What is kept of people, told to everybody; and their own data, shown, withdrawn and erased at their wish.

Who somebody is they prove by a one-time code, by a member's password, or by being in: the address of a status page is
known to that phone alone. What they proved stands signed in the forms of the page that shows their data, for a quarter
of an hour; nothing of it is in an address or a cookie.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from flask import Blueprint, Response, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from hotspot import one_time
from hotspot.errors import RequestError
from hotspot.grant import Grant, Reason
from hotspot.identity import PersonKind
from hotspot.nas.arrival import Arrival, Stage
from hotspot.store import admission, attempts, consents, erasure, people, subject, watch
from hotspot.store import codes as store_codes
from hotspot.store.attempts import Limit
from hotspot.store.audit import record

from . import codes, limits
from .forms import LIFETIME, grant_of_token, read_signed, seal, signed, unseal
from .limits import Caller
from .methods import known_member
from .pages import later, sender
from .problems import status_of

if TYPE_CHECKING:
    from .app import Portal

log = structlog.get_logger("portal")

_DESK: Final = "/privacy"
"""Stands for a gateway where codes and attempts are counted; no gateway's id has a slash."""
_THEMSELVES: Final = "themselves"
"""Who did it, in the audit trail."""
_ASKED: Final = {"address": Limit(20, 3600), "gateway": Limit(300, 3600)}
"""Codes asked for from one address and here at all; for the number the limits of `store.codes` hold too."""
_ERASED: Final = Limit(1, 86400)
"""Erasures of one number, name or device: a day's quota begins anew with each."""
_LOOKS: Final = Limit(20, 3600)
"""Looks at one person's data, and withdrawals."""
_SHOWN: Final = 30
"""Sessions on the page, newest first."""


@dataclass(frozen=True)
class Proven:
    """Whom somebody proved to be. Who is in by a voucher, which many may share, sees this `device` of it alone."""

    person: str
    device: str = ""


class Privacy:
    """The pages, over what the portal's routes share."""

    def __init__(self, portal: "Portal"):
        self._portal = portal
        self._desk = portal.desk

    # -- what everybody reads ------------------------------------------------------------------------------------

    def page(self, error: RequestError | None = None, *, awaited: tuple[str, str] | None = None) -> Response:
        """What is kept, and the ways to one's own data. `awaited` is the form token and masked number of a code."""
        portal, lang = self._portal, self._portal.language()
        inventory = portal.inventory
        methods = {method for site in inventory.site for method in site.admit}
        shown = {
            "retention": inventory.retention,
            "methods": methods,
            "remember": inventory.portal.remember,
            "channel": inventory.codes.channel,
            "form": awaited[0] if awaited else self._form(),
            "awaited": awaited[1] if awaited else "",
            "problem": portal.told(error, lang) if error else "",
            "tried": error.code if error else "",
            "name": request.form.get("name", "")[:64],
            "number": request.form.get("number", "")[:20],
            "operator": inventory.city.operator,
        }
        page = portal.page("privacy.html", lang, None, shown, code=status_of(error) if error else 200)
        return later(page, error) if error else page

    def _form(self) -> str:
        """A form's token: a code that is sent now is entered in this form, and in no other."""
        arrival = Arrival(_DESK, Stage.WANTS_IN, secrets.token_hex(6), "")
        return seal(self._desk.form_key, arrival, int(time.time()))

    def _arrival(self, now: int) -> Arrival:
        arrival, fresh = unseal(self._desk.form_key, request.form.get("form", ""), now)
        if arrival.gateway != _DESK:
            raise RequestError("bad-form")
        if not fresh:
            raise RequestError("code-expired")
        return arrival

    # -- proving who one is --------------------------------------------------------------------------------------

    def by_code(self) -> Response:
        """Sends a code to a number; or judges the code that was entered."""
        now = int(time.time())
        arrival: Arrival | None = None
        try:
            arrival = self._arrival(now)
            if "otp" in request.form:
                return self._data(self._numbered(arrival, now), now)
            self._send(arrival, now)
        except RequestError as error:
            awaited = codes.pending(self._desk, arrival, now) if arrival and "otp" in request.form else None
            return self.page(error, awaited=self._awaited(awaited.number) if awaited else None)
        awaited = codes.pending(self._desk, arrival, now)
        return self.page(awaited=self._awaited(awaited.number) if awaited else None)

    def _awaited(self, number: str) -> tuple[str, str]:
        return request.form.get("form", ""), one_time.masked(number)

    def _send(self, arrival: Arrival, now: int) -> None:
        portal, desk = self._portal, self._desk
        inventory = portal.inventory
        if not any("code" in site.admit for site in inventory.site):
            raise RequestError("bad-form")
        with desk.store.core.write() as connection:
            limits.take(connection, desk.keys, "privacy", _ASKED, Caller("", sender(), _DESK), now)
        number = request.form.get("number", "") or "-"
        lang = portal.language()
        codes.ask(desk, portal.outbox, inventory, portal.pages.catalogue, arrival, number, lang, now)

    def _numbered(self, arrival: Arrival, now: int) -> Proven | None:
        """Whose number the code was for; None where nobody is known by it."""
        desk = self._desk
        place = store_codes.door(desk.keys, _DESK, arrival.mac)
        with desk.store.core.write() as connection:
            awaited = store_codes.take_try(connection, desk.keys, place, now)
        if not one_time.matches(codes.code_key(desk.keys), awaited.challenge, request.form["otp"][:16]):
            raise RequestError("code-wrong")
        with desk.store.core.write() as connection:
            store_codes.prove(connection, place, awaited)
            found = people.find(connection, desk.keys, PersonKind.PHONE, awaited.number)
        return Proven(found) if found else None

    def by_password(self) -> Response:
        now, desk = int(time.time()), self._desk
        try:
            caller = Caller(f"{_DESK}|{self._arrival(now).mac}", sender(), _DESK)
            person, attempt = known_member(desk.store, desk.keys, request.form, "", caller, now)
            with desk.store.core.write() as connection:
                attempt.forget(connection)
        except RequestError as error:
            return self.page(error)
        return self._data(Proven(person), now)

    def by_status(self, token: str) -> AnyResponse:
        """Whoever is in; a member says their password, since a phone may lie about unlocked."""
        now = int(time.time())
        with self._desk.store.core.read() as connection:
            grant = admission.find_grant(connection, grant_of_token(self._desk.status_key, token))
        if grant is None or grant.ends_at <= now:
            raise RequestError("not-found")
        if grant.method == "member":
            return self._portal.see_other(f"/privacy?lang={self._portal.language()}")
        return self._data(_of(grant), now)

    # -- their data ----------------------------------------------------------------------------------------------

    def _data(
        self,
        proven: Proven | None,
        now: int,
        *,
        done: str = "",
        error: RequestError | None = None,
        sure: bool = False,
    ) -> Response:
        """What is known of somebody. `done` says what was done just now, `sure` asks whether to erase."""
        portal, desk = self._portal, self._desk
        lang, zone = portal.language(), portal.inventory.city.zone
        value: dict[str, Any] | None = None
        if proven is not None:
            with desk.store.core.write() as connection:
                value = subject.known(connection, desk.keys, subject.of(connection, proven.person), proven.device)
                if not done and error is None and not sure:
                    self._take(connection, proven.person, now)
                    record(connection, _THEMSELVES, "person.show", proven.person, now)

        def when(text: str) -> str:
            return datetime.fromisoformat(text).astimezone(zone).strftime("%d-%m-%Y %H.%M")

        shown = {
            "data": value,
            "form": signed(desk.privacy_key, [proven.person, proven.device, now]) if proven else "",
            "erasable": proven is not None and not proven.device,
            "sessions": value["sessions"][:_SHOWN] if value else [],
            "places": {site.id: site.name for site in portal.inventory.site},
            "when": when,
            "done": done,
            "sure": sure,
            "problem": portal.told(error, lang) if error else "",
            "operator": portal.inventory.city.operator,
        }
        page = portal.page("data.html", lang, None, shown, code=status_of(error) if error else 200)
        return later(page, error) if error else page

    def _proven(self, now: int) -> Proven:
        person, device, at = read_signed(self._desk.privacy_key, request.form.get("form", ""))
        if at <= now - LIFETIME:
            raise RequestError("privacy-again")
        return Proven(person, device)

    def withdraw(self) -> Response:
        """Takes back what somebody agreed to; they are put out."""
        now, desk = int(time.time()), self._desk
        try:
            proven = self._proven(now)
        except RequestError as error:
            return self.page(error)
        try:
            _alone(proven)
        except RequestError as error:
            return self._data(proven, now, error=error)
        with desk.store.core.write() as connection:
            self._take(connection, proven.person, now)
            whose = subject.of(connection, proven.person)
            count = consents.withdraw(connection, whose.persons, now)
            for person in whose.persons:
                watch.end(connection, self._portal.inventory, Reason.ENTITLEMENT_ENDED, now, person=person)
            record(connection, _THEMSELVES, "consent.withdraw", proven.person, now, consents=count)
        log.info("consent withdrawn")
        return self._data(proven, now, done="withdrawn")

    def erase(self) -> Response:
        """Erases what is known of somebody, when they have said twice that they want it."""
        now, desk = int(time.time()), self._desk
        try:
            proven = self._proven(now)
        except RequestError as error:
            return self.page(error)
        try:
            _alone(proven)
            if "sure" not in request.form:
                with desk.store.core.read() as connection:
                    erasure.check(connection, subject.of(connection, proven.person), now)
                return self._data(proven, now, sure=True)
            with desk.store.core.write() as connection:
                self._count(connection, proven.person, now)
                done = erasure.ask(connection, desk.keys, self._portal.inventory, proven.person, _THEMSELVES, now)
        except RequestError as error:
            return self._data(proven, now, error=error)
        log.info("erasure asked for", waits=done.sessions)
        return self._data(None, now, done="erased" if done.erased else "erasing")

    def _take(self, connection: Connection, person: str, now: int) -> None:
        """What is recorded for good, nobody has recorded without end."""
        wait = attempts.take(connection, attempts.subject(self._desk.keys, "their data", person), now, _LOOKS)
        if wait:
            raise RequestError("too-many-attempts", wait=wait)

    def _count(self, connection: Connection, person: str, now: int) -> None:
        """One erasure a day of who is known by one number, name or device."""
        desk = self._desk
        called = subject.name(connection, desk.keys, person)
        if called is None:
            return
        kind, value = called
        whose = value.partition("|")[0] if kind is PersonKind.DEVICE_DAY else value
        wait = attempts.take(connection, attempts.subject(desk.keys, f"erasure of {kind}", whose), now, _ERASED)
        if wait:
            raise RequestError("too-many-attempts", wait=wait)


def _alone(proven: Proven) -> None:
    """RequestError where others may be the same person to us: nobody decides for them."""
    if proven.device:
        raise RequestError("privacy-voucher")


def _of(grant: Grant) -> Proven:
    return Proven(grant.person, grant.device if grant.method == "voucher" else "")


def routes(portal: "Portal") -> Blueprint:
    privacy = Privacy(portal)
    blueprint = Blueprint("privacy", __name__)
    blueprint.add_url_rule("/privacy", view_func=privacy.page, endpoint="page", methods=["GET"])
    blueprint.add_url_rule("/privacy/code", view_func=privacy.by_code, methods=["POST"])
    blueprint.add_url_rule("/privacy/member", view_func=privacy.by_password, methods=["POST"])
    blueprint.add_url_rule("/privacy/withdraw", view_func=privacy.withdraw, methods=["POST"])
    blueprint.add_url_rule("/privacy/erase", view_func=privacy.erase, methods=["POST"])
    blueprint.add_url_rule("/s/<token>/privacy", view_func=privacy.by_status, methods=["GET"])
    return blueprint
