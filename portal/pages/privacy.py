"""What is kept of people, told to everybody; and their own data, shown, withdrawn and erased at their wish.

Who somebody is they prove anew each time: by a one-time code, a member's password, a voucher's code, or at the city's
OpenID provider, which asks them again. Being in proves nothing, as a device's address may be another's. What they
proved stands signed in the forms of the page that shows their data, for a quarter of an hour or until they lock it;
nothing of it is in an address or a cookie.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

import structlog
from flask import Blueprint, Response, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from hotspot.admission.grant import Reason
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.nas.arrival import Arrival, Stage
from hotspot.people import one_time
from hotspot.people.identity import PersonKind
from hotspot.people.voucher import LONGEST_TYPED, parse_code
from hotspot.rules import erasure, watch
from hotspot.store.audit import record
from hotspot.store.limits import attempts
from hotspot.store.limits.attempts import Limit
from hotspot.store.persons import challenges as store_codes
from hotspot.store.persons import consents, people, subject, vouchers
from hotspot.store.stays import grants
from portal import limits
from portal.forms import LIFETIME, grant_of_token, read_signed, seal, signed, unseal
from portal.limits import Caller
from portal.methods import codes, passwords
from portal.methods.proofs import known_member

from .problems import status_of
from .render import later, sender

if TYPE_CHECKING:
    from portal.app import Portal

log = structlog.get_logger("portal")

DESK: Final = "/privacy"
"""Stands for a gateway where codes and attempts are counted; no gateway's id has a slash."""
_THEMSELVES: Final = "themselves"
"""Who did it, in the audit trail."""
_ASKED: Final = {"address": Limit(20, 3600), "gateway": Limit(300, 3600)}
"""Codes asked for, and vouchers' codes tried, from one address and here at all; for a number the limits of
`store.persons.challenges` hold too."""
_ERASED: Final = Limit(1, 86400)
"""Erasures of one number or name: a day's quota begins anew with each."""
_LOOKS: Final = Limit(20, 3600)
"""Looks at one person's data, and withdrawals."""
_NOBODYS: Final = "-"
"""No device's id."""
_SHOWN: Final = 30
"""Sessions on the page, newest first."""


@dataclass(frozen=True)
class Proven:
    """Whom somebody proved to be, and when. Of a voucher that several may `share` they see this `device` alone."""

    person: str
    at: int
    id: str
    shared: bool = False
    device: str = ""

    @classmethod
    def now(cls, person: str, now: int, *, shared: bool = False, device: str = "") -> Self:
        return cls(person, now, secrets.token_hex(8), shared, device)

    @property
    def values(self) -> list[Any]:
        return [self.person, self.at, self.id, self.shared, self.device]


class Privacy:
    """The pages, over what the portal's routes share."""

    def __init__(self, portal: "Portal"):
        self._portal = portal
        self._desk = portal.desk

    # -- what everybody reads ------------------------------------------------------------------------------------

    def page(
        self,
        error: RequestError | None = None,
        *,
        awaited: tuple[str, str] | None = None,
        grant: str = "",
        locked: bool = False,
    ) -> Response:
        """What is kept, and the ways to one's own data. `awaited` is the form token and masked number of a code,
        `grant` the one from whose status page somebody comes."""
        portal, lang = self._portal, self._portal.language()
        inventory = portal.inventory
        methods = {method for site in inventory.site for method in site.admit}
        shown = {
            "retention": inventory.retention,
            "methods": methods,
            "remember": inventory.portal.remember,
            "channel": inventory.codes.channel,
            "form": awaited[0] if awaited else self._form(grant),
            "awaited": awaited[1] if awaited else "",
            "problem": portal.told(error, lang) if error else "",
            "tried": error.code if error else "",
            "name": request.form.get("name", "")[:64],
            "number": request.form.get("number", "")[:20],
            "code": request.form.get("code", "")[:40],
            "operator": inventory.city.operator,
            "provider": inventory.oidc.title if inventory.oidc and "oidc" in methods else "",
            "day": _day(self._desk.now() + inventory.retention.personal, inventory),
            "locked": locked,
        }
        hops = inventory.oidc.origins if inventory.oidc else ()
        page = portal.page("privacy.html", lang, None, shown, code=status_of(error) if error else 200, hops=hops)
        return later(page, error) if error else page

    def _form(self, grant: str) -> str:
        """A form's token: a code that is sent now is entered in this form, and in no other."""
        arrival = Arrival(DESK, Stage.WANTS_IN, secrets.token_hex(6), "", data={"grant": grant} if grant else {})
        return seal(self._desk.form_key, arrival, self._desk.now())

    def _arrival(self, now: int) -> Arrival:
        arrival, fresh = unseal(self._desk.form_key, request.form.get("form", ""), now)
        if arrival.gateway != DESK:
            raise RequestError("bad-form")
        if not fresh:
            raise RequestError("code-expired")
        return arrival

    # -- proving who one is --------------------------------------------------------------------------------------

    def by_code(self) -> Response:
        """Sends a code to a number; or judges the code that was entered."""
        now = self._desk.now()
        arrival: Arrival | None = None
        try:
            arrival = self._arrival(now)
            if "otp" in request.form:
                return self._data(self._numbered(arrival, now), now)
            self._send(arrival, now)
        except RequestError as error:
            awaited = codes.pending(self._desk, arrival, sender(), now) if arrival and "otp" in request.form else None
            return self.page(error, awaited=self._awaited(awaited.number) if awaited else None)
        awaited = codes.pending(self._desk, arrival, sender(), now)
        return self.page(awaited=self._awaited(awaited.number) if awaited else None)

    def _awaited(self, number: str) -> tuple[str, str]:
        return request.form.get("form", ""), one_time.masked(number)

    def _send(self, arrival: Arrival, now: int) -> None:
        portal, desk = self._portal, self._desk
        inventory = portal.inventory
        if not any("code" in site.admit for site in inventory.site):
            raise RequestError("bad-form")
        self._tried(now)
        number = request.form.get("number", "") or "-"
        lang = portal.language()
        codes.ask(desk, portal.outbox, inventory, portal.pages.catalogue, arrival, number, lang, now, sender())

    def _numbered(self, arrival: Arrival, now: int) -> Proven | None:
        """Whose number the code was for; None where nobody is known by it."""
        desk = self._desk
        place = store_codes.door(desk.keys, DESK, arrival.mac, sender())
        with desk.store.core.write() as connection:
            awaited = store_codes.take_try(connection, desk.keys, place, now)
        if not one_time.matches(codes.code_key(desk.keys), awaited.challenge, request.form["otp"][:64]):
            raise RequestError("code-wrong")
        with desk.store.core.write() as connection:
            store_codes.prove(connection, place, awaited)
            found = people.find(connection, desk.keys, PersonKind.PHONE, awaited.number)
        return Proven.now(found, now) if found else None

    def _tried(self, now: int) -> None:
        """Counts a code that is asked for or tried."""
        with self._desk.store.core.write() as connection:
            limits.take(connection, self._desk.keys, "privacy", _ASKED, Caller("", sender(), DESK), now, split=False)

    def by_voucher(self) -> Response:
        now, desk = self._desk.now(), self._desk
        try:
            arrival = self._arrival(now)
            code = parse_code(request.form.get("code", "")[:LONGEST_TYPED])
            self._tried(now)
            with desk.store.core.read() as connection:
                proven = self._carded(connection, code, arrival.data.get("grant", ""), now)
        except RequestError as error:
            if error.code == "voucher-unknown":
                limits.wrong_voucher(desk.store, desk.keys, now)
            return self.page(error)
        return self._data(proven, now)

    def _carded(self, connection: Connection, code: str, grant_id: str, now: int) -> Proven:
        """Whoever has a voucher's code. Where several may use it, they see the device from whose status page they come,
        if it was in by this voucher. RequestError("voucher-unknown")."""
        person = people.find(connection, self._desk.keys, PersonKind.VOUCHER, code)
        if person is None:
            raise RequestError("voucher-unknown")
        plans = self._portal.inventory.plans
        plan = plans.get(vouchers.plan_of(connection, person) or "")
        if plan is not None and plan.devices == 1:
            return Proven.now(person, now)
        grant = grants.find_grant(connection, grant_id) if grant_id else None
        device = grant.device if grant is not None and grant.person == person else _NOBODYS
        return Proven.now(person, now, shared=True, device=device)

    def by_account(self) -> AnyResponse:
        """To the city's OpenID provider, which asks who they are although it may know them."""
        now, portal = self._desk.now(), self._portal
        try:
            return portal.sso.start_anew(self._arrival(now), portal.language(), now)
        except RequestError as error:
            return self.page(error)

    def of_account(self, person: str | None, now: int) -> Response:
        """Back from there."""
        return self._data(Proven.now(person, now) if person else None, now)

    def by_password(self) -> Response:
        now, desk = self._desk.now(), self._desk
        try:
            caller = Caller(f"{DESK}|{self._arrival(now).mac}", sender(), DESK)
            person, attempt = known_member(desk.store, desk.keys, request.form, "", caller, now, split=False)
            with desk.store.core.write() as connection:
                attempt.forget(connection)
        except RequestError as error:
            return self.page(error)
        return self._data(Proven.now(person, now), now)

    def from_status(self, token: str) -> Response:
        """From a status page: the same page as for everybody. Being in proves nothing."""
        with self._desk.store.core.read() as connection:
            grant = grants.find_grant(connection, grant_of_token(self._desk.status_key, token))
        if grant is None or grant.ends_at <= self._desk.now():
            raise RequestError("not-found")
        return self.page(grant=grant.id)

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
        lang, inventory = portal.language(), portal.inventory
        value: dict[str, Any] | None = None
        if proven is not None:
            with desk.store.core.write() as connection:
                value = subject.known(connection, desk.keys, subject.of(connection, proven.person), proven.device)
                if not done and error is None and not sure:
                    self._take(connection, proven.person, now)
                    record(connection, _THEMSELVES, "person.show", proven.person, now)

        def when(text: str) -> str:
            return datetime.fromisoformat(text).astimezone(inventory.city.zone).strftime("%d-%m-%Y %H.%M")

        shown = {
            "data": value,
            "form": signed(desk.privacy_key, proven.values) if proven else "",
            "left": proven.at + LIFETIME - now if proven else 0,
            "erasable": proven is not None and not proven.shared,
            "sessions": value["sessions"][:_SHOWN] if value else [],
            "places": {site.id: site.name for site in inventory.site},
            "when": when,
            "done": done,
            "sure": sure,
            "problem": portal.told(error, lang) if error else "",
            "operator": inventory.city.operator,
        }
        page = portal.page("data.html", lang, None, shown, code=status_of(error) if error else 200)
        return later(page, error) if error else page

    def _proven(self, now: int) -> Proven:
        proven = Proven(*read_signed(self._desk.privacy_key, request.form.get("form", "")))
        with self._desk.store.core.read() as connection:
            locked = attempts.spent(connection, self._lock_of(proven), now)
        if locked or proven.at <= now - LIFETIME:
            raise RequestError("privacy-again")
        return proven

    def _lock_of(self, proven: Proven) -> bytes:
        return attempts.subject(self._desk.keys, "locked proof", proven.id)

    def lock(self) -> Response:
        """What was proven is worth nothing any longer, in no form that shows it."""
        now, desk = self._desk.now(), self._desk
        try:
            proven = self._proven(now)
        except RequestError as error:
            return self.page(error)
        with desk.store.core.write() as connection:
            attempts.take(connection, self._lock_of(proven), now, Limit(1, LIFETIME))
            record(connection, _THEMSELVES, "person.lock", proven.person, now)
        return self.page(locked=True)

    def download(self) -> Response:
        """All that the page can show, as a file."""
        now, desk = self._desk.now(), self._desk
        try:
            proven = self._proven(now)
        except RequestError as error:
            return self.page(error)
        try:
            with desk.store.core.write() as connection:
                self._take(connection, proven.person, now)
                value = subject.known(connection, desk.keys, subject.of(connection, proven.person), proven.device)
                record(connection, _THEMSELVES, "person.export", proven.person, now)
        except RequestError as error:
            return self._data(proven, now, error=error)
        answer = Response(json.dumps(value, indent=2, ensure_ascii=False), mimetype="application/json")
        answer.headers["Content-Disposition"] = 'attachment; filename="data.json"'
        return answer

    def password(self) -> Response:
        """The form by which a member changes their password, and the change."""
        now, desk = self._desk.now(), self._desk
        error: RequestError | None = None
        try:
            proven = self._proven(now)
        except RequestError as stale:
            return self.page(stale)
        asked = "new" in request.form
        try:
            if asked:
                passwords.change(desk, proven.person, request.form, now)
                log.info("password changed")
        except RequestError as wrong:
            error = wrong
        portal, lang = self._portal, self._portal.language()
        shown = {
            "form": signed(desk.privacy_key, proven.values),
            "changed": asked and error is None,
            "problem": portal.told(error, lang) if error else "",
            "tried": error.code if error else "",
        }
        page = portal.page("password.html", lang, None, shown, code=status_of(error) if error else 200)
        return later(page, error) if error else page

    def withdraw(self) -> Response:
        """Takes back what somebody agreed to; they are put out."""
        now, desk = self._desk.now(), self._desk
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
            count = consents.withdraw(connection, [proven.person], now)
            watch.end(connection, self._portal.inventory, Reason.ENTITLEMENT_ENDED, now, person=proven.person)
            record(connection, _THEMSELVES, "consent.withdraw", proven.person, now, consents=count)
        log.info("consent withdrawn")
        return self._data(proven, now, done="withdrawn")

    def erase(self) -> Response:
        """Erases what is known of somebody, when they have said twice that they want it."""
        now, desk = self._desk.now(), self._desk
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
        """One erasure a day of who is known by one number, name or code."""
        desk = self._desk
        called = subject.name(connection, desk.keys, person)
        if called is None:
            return
        kind, value = called
        wait = attempts.take(connection, attempts.subject(desk.keys, f"erasure of {kind}", value), now, _ERASED)
        if wait:
            raise RequestError("too-many-attempts", wait=wait)


def _alone(proven: Proven) -> None:
    """RequestError where others may be the same person to us: nobody decides for them."""
    if proven.shared:
        raise RequestError("privacy-voucher")


def _day(at: int, inventory: Inventory) -> str:
    return datetime.fromtimestamp(at, inventory.city.zone).strftime("%d-%m-%Y")


def routes(portal: "Portal") -> Blueprint:
    privacy = portal.privacy
    blueprint = Blueprint("privacy", __name__)
    blueprint.add_url_rule("/privacy", view_func=privacy.page, endpoint="page", methods=["GET"])
    blueprint.add_url_rule("/privacy/code", view_func=privacy.by_code, methods=["POST"])
    blueprint.add_url_rule("/privacy/member", view_func=privacy.by_password, methods=["POST"])
    blueprint.add_url_rule("/privacy/voucher", view_func=privacy.by_voucher, methods=["POST"])
    blueprint.add_url_rule("/privacy/account", view_func=privacy.by_account, methods=["POST"])
    blueprint.add_url_rule("/privacy/lock", view_func=privacy.lock, methods=["POST"])
    blueprint.add_url_rule("/privacy/download", view_func=privacy.download, methods=["POST"])
    blueprint.add_url_rule("/privacy/password", view_func=privacy.password, methods=["POST"])
    blueprint.add_url_rule("/privacy/withdraw", view_func=privacy.withdraw, methods=["POST"])
    blueprint.add_url_rule("/privacy/erase", view_func=privacy.erase, methods=["POST"])
    blueprint.add_url_rule("/s/<token>/privacy", view_func=privacy.from_status, methods=["GET"])
    return blueprint
