"""Logging in at an OpenID provider: sent there from the login page, back once, and handed on to the gateway.

Nothing needs a cookie: the state in the provider's URLs is a random id and our signature; what phone it is for stands
sealed in the store. Where the browser that comes back is not the one that went (a login sheet hands over to a real
browser, or somebody was sent a link to log in for another's phone), the page asks first which device is to be
connected. A cookie, where one is kept, spares that question.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog
from flask import Blueprint
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from hotspot.admission.grant import Reason
from hotspot.city.oidc import STARTED, OidcSection
from hotspot.city.sites import Site
from hotspot.errors import PeerError, RequestError
from hotspot.nas.arrival import Arrival, Stage
from hotspot.people.identity import PersonKind
from hotspot.rules import watch
from hotspot.store.limits.attempts import Limit
from hotspot.store.persons import people
from hotspot.store.persons import sign_ins as logins
from hotspot.store.persons.sign_ins import Login
from hotspot.store.stays import grants as admission_
from hotspot.store.stays import sessions
from portal import limits
from portal.admit import Admitted, let_in
from portal.dialects import OPEN_WEB
from portal.forms import LIFETIME, grant_of_token, read_signed, seal, signed, status_token, unseal
from portal.limits import Caller
from portal.pages.asked import request
from portal.pages.privacy import DESK
from portal.pages.problems import status_of
from portal.pages.render import later, sender

from .oidc import LEEWAY, Admission, Client, admission
from .proofs import Proof, counted_as

if TYPE_CHECKING:
    from portal.app import Portal

log = structlog.get_logger("portal")

_COOKIE: Final = "oidc"
_PROVEN: Final = "oidc-proven"
_SEALED: Final = "oidc admission"
BOOTSTRAP: Final = "oidc-start"
"""The method of a short grant."""
_BOOTSTRAPS: Final = {"device": Limit(4, 86400), "address": Limit(300, 3600), "gateway": Limit(600, 3600)}
"""Short grants: nobody shall live on them."""
_WAIT: Final = 60
"""Seconds in which a gateway should have put out a phone that it was told to."""


class Sso:
    """The way to a provider and back, over what the portal's routes share."""

    def __init__(self, portal: "Portal"):
        self._portal = portal
        self._desk = portal.desk
        self._client = Client(portal.desk.settings, portal.desk.keys)

    def _section(self, arrival: Arrival) -> tuple[OidcSection, Site]:
        inventory = self._portal.inventory
        site = inventory.site_of(arrival.gateway, arrival.ap_mac)
        if site is None or "oidc" not in site.admit or inventory.oidc is None:
            raise RequestError("bad-form", "method")
        return inventory.oidc, site

    @property
    def _redirect_uri(self) -> str:
        return f"{self._portal.inventory.portal.url}/oidc/callback"

    def start(self, arrival: Arrival, lang: str, now: int) -> AnyResponse:
        """Sends a browser to the provider."""
        section, site = self._section(arrival)
        desk = self._desk
        caller = Caller(counted_as(arrival, sender()), sender(), arrival.gateway)
        if section.bootstrap is not None:
            return self._let_in_first(arrival, site, section.bootstrap, caller, lang, now)
        with desk.store.core.write() as connection:
            limits.take(connection, desk.keys, "oidc", limits.LOGINS, caller, now)
            login = logins.begin(connection, desk.keys, seal(desk.form_key, arrival, now), lang, now)
        return self._away(section, login, lang, now)

    def start_anew(self, arrival: Arrival, lang: str, now: int) -> AnyResponse:
        """Sends a browser to the provider to say who somebody is, whom it asks even where it knows them."""
        inventory, desk = self._portal.inventory, self._desk
        if inventory.oidc is None or not any("oidc" in site.admit for site in inventory.site):
            raise RequestError("bad-form")
        with desk.store.core.write() as connection:
            limits.take(connection, desk.keys, "oidc", limits.LOGINS, Caller("", sender(), DESK), now, split=False)
            login = logins.begin(connection, desk.keys, seal(desk.form_key, arrival, now), lang, now)
        return self._away(inventory.oidc, login, lang, now, anew=True)

    def _back_anew(self, login: Login, now: int) -> AnyResponse:
        """Who came back from `start_anew`: in the browser that went, and having just said who they are."""
        section, desk = self._portal.inventory.oidc, self._desk
        if section is None or not self._is_ours(login):
            raise RequestError("oidc-again")
        try:
            claims = self._client.claims(section, self._redirect_uri, login.id, request.args.to_dict(), now)
        except (PeerError, RequestError) as error:
            log.warning("no OpenID login", gateway=DESK, error=str(error))
            return self._portal.privacy.page(error if isinstance(error, RequestError) else RequestError("oidc-away"))
        subject, said_at = claims.get(section.person), claims.get("auth_time")
        if not isinstance(subject, str) or not isinstance(said_at, int) or said_at < login.begun_at - LEEWAY:
            log.warning("no OpenID login", gateway=DESK, error="the provider has not asked anew (auth_time)")
            return self._portal.privacy.page(RequestError("oidc-refused"))
        with desk.store.core.read() as connection:
            person = people.find(connection, desk.keys, PersonKind.SSO, f"{section.issuer}|{subject}")
        return self._portal.privacy.of_account(person, now)

    def _away(self, section: OidcSection, login: str, lang: str, now: int, *, anew: bool = False) -> AnyResponse:
        desk = self._desk
        try:
            state = status_token(desk.oidc_key, login)
            url = self._client.sent_to(section, self._redirect_uri, login, state, lang, now, anew=anew)
        except PeerError as error:
            log.warning("no OpenID provider", error=str(error))
            raise RequestError("oidc-away") from error
        answer = self._portal.see_other(url)
        answer.set_cookie(
            _COOKIE, self._cookie(login), max_age=STARTED, path="/oidc", httponly=True, samesite="Lax",
            secure=self._redirect_uri.startswith("https:"),
        )  # fmt: skip
        return answer

    def _let_in_first(
        self, arrival: Arrival, site: Site, lasting: int, caller: Caller, lang: str, now: int
    ) -> AnyResponse:
        """A short grant; the status page leads on to the provider."""
        portal, desk = self._portal, self._desk
        day = datetime.fromtimestamp(now, portal.inventory.zone(site)).date()

        def prove(connection: Connection) -> Proof:
            limits.take(connection, desk.keys, "bootstrap", _BOOTSTRAPS, caller, now)
            person = people.find_or_create(connection, desk.keys, PersonKind.DEVICE_DAY, f"{arrival.mac}|{day}", now)
            return Proof(person, site.plan, now + lasting)

        done = let_in(
            desk, portal.following.revision(), arrival, portal.texts[lang], site, BOOTSTRAP, prove, caller, now
        )
        if isinstance(done, Admitted):
            with desk.store.core.write() as connection:
                token = seal(desk.form_key, arrival, now)
                logins.begin(connection, desk.keys, token, lang, now, grant=done.grant.id)
        return portal.decided(done, arrival, lang, now)

    def go(self, token: str) -> AnyResponse:
        """From the status page of a short grant to the provider."""
        now, desk = self._desk.now(), self._desk
        with desk.store.core.write() as connection:
            grant = admission_.find_grant(connection, grant_of_token(desk.status_key, token))
            if grant is None or grant.method != BOOTSTRAP or grant.ends_at <= now:
                raise RequestError("oidc-again")
            known = logins.of_grant(connection, desk.keys, grant.id)
            login = logins.begin(connection, desk.keys, known.arrival, known.language, now, grant.id)
        arrival, _ = unseal(desk.form_key, known.arrival, now)
        return self._away(self._section(arrival)[0], login, known.language, now)

    def _prove(self, login: Login, grant: str, arrival: Arrival, found: Admission, now: int) -> AnyResponse:
        """Ends the short grant; this browser's next arrival with the phone is as who they were proven to be."""
        desk = self._desk
        with desk.store.core.write() as connection:
            proof = json.dumps([found.subject, found.plan])
            logins.prove(connection, desk.keys, login, arrival.gateway, arrival.mac, proof, now)
            held = admission_.find_grant(connection, grant)
            if held is not None:
                reason = Reason.ENTITLEMENT_ENDED
                watch.end(connection, self._portal.inventory, reason, now, person=held.person)
        answer = self._portal.see_other(f"/oidc/on/{status_token(desk.status_key, grant)}")
        answer.set_cookie(
            _PROVEN, self._cookie(login.id), max_age=self._lasting(arrival), path="/", httponly=True, samesite="Lax",
            secure=self._redirect_uri.startswith("https:"),
        )  # fmt: skip
        return answer

    def _lasting(self, arrival: Arrival) -> int:
        """Seconds for which what was proven during a short grant waits for the phone."""
        return (self._section(arrival)[0].bootstrap or 0) + _WAIT

    def on(self, token: str) -> AnyResponse:
        """Waits until the gateway has put the phone out, then sends it there."""
        now, desk = self._desk.now(), self._desk
        with desk.store.core.read() as connection:
            grant = admission_.find_grant(connection, grant_of_token(desk.status_key, token))
            session = sessions.of_grant(connection, grant.id) if grant else None
        if grant is None or grant.method != BOOTSTRAP:
            raise RequestError("oidc-again")
        if session is None or session.ended_at is not None or now > grant.ends_at + _WAIT:
            return self._portal.see_other(OPEN_WEB)
        site = self._portal.inventory.find_site(grant.site)
        page = self._portal.page("waiting.html", grant.language, site)
        page.headers["Refresh"] = "2"
        return page

    def resume(self, arrival: Arrival, now: int) -> AnyResponse | None:
        """Lets a phone in that was proven while it had a short grant; None for any other.

        It takes both the phone's address and the browser in which somebody was proven: the address alone is anybody's.
        """
        if self._portal.inventory.oidc is None or _PROVEN not in request.cookies:
            return None
        try:
            section, _ = self._section(arrival)
        except RequestError:
            return None
        if section.bootstrap is None or arrival.stage is Stage.REFUSED:
            return None
        desk = self._desk
        with desk.store.core.read() as connection:
            since = now - self._lasting(arrival)
            waiting = logins.proven(connection, desk.keys, arrival.gateway, arrival.mac, since)
        if waiting is None or not self._is_ours(waiting[0], _PROVEN):
            return None
        login, proof = waiting
        try:
            return self._finish(login, arrival, Admission(*json.loads(proof)), now, resumed=True)
        except RequestError as error:
            return self._failed(arrival, login.language, error, now)

    def _cookie(self, login: str) -> str:
        return self._desk.keys.index("oidc cookie", login).hex()

    def _is_ours(self, login: Login, cookie: str = _COOKIE) -> bool:
        """Whether the browser that asks is the one that this login was begun or proven in."""
        return hmac.compare_digest(request.cookies.get(cookie, "").encode(), self._cookie(login.id).encode())

    def callback(self) -> AnyResponse:
        """The way back. The code in its address is worth nothing without a secret of ours; we redirect at once."""
        now, desk = self._desk.now(), self._desk
        try:
            login_id = grant_of_token(desk.oidc_key, request.args.get("state", ""))
        except RequestError as error:
            raise RequestError("oidc-again", "state") from error
        with desk.store.core.write() as connection:
            login = logins.come_back(connection, desk.keys, login_id, now - STARTED, now)
        arrival, _ = unseal(desk.form_key, login.arrival, now)
        if arrival.gateway == DESK:
            return self._back_anew(login, now)
        section, site = self._section(arrival)
        try:
            answer = request.args.to_dict()
            found = admission(section, self._client.claims(section, self._redirect_uri, login.id, answer, now))
            if self._is_ours(login):
                return self._finish(login, arrival, found, now)
        except (PeerError, RequestError) as error:
            return self._failed(arrival, login.language, error, now)
        return self._ask(login, arrival, site, found, now)

    def _failed(self, arrival: Arrival, lang: str, error: PeerError | RequestError, now: int) -> AnyResponse:
        told = error if isinstance(error, RequestError) else RequestError("oidc-away")
        log.warning("no OpenID login", gateway=arrival.gateway, reason=told.code, error=str(error))
        self._portal.counting.add(arrival.gateway, f"refused:{told.code}")
        code = status_of(told)
        problem = self._portal.told(told, lang)
        return later(self._portal.door(arrival, lang, now, problem=problem, code=code, typed={"tried": "oidc"}), told)

    def _ask(self, login: Login, arrival: Arrival, site: Site, found: Admission, now: int) -> AnyResponse:
        """Which device is it? Whoever did not begin this sees it here."""
        desk = self._desk
        sealed = desk.keys.seal(_SEALED, json.dumps([found.subject, found.plan]))
        shown = {
            "form": signed(desk.oidc_key, [login.id, urlsafe_b64encode(sealed).decode(), now]),
            "provider": self._section(arrival)[0].title,
            "device": f"…{arrival.mac[-5:]}",
        }
        return self._portal.page("confirm.html", login.language, site, shown, hops=self._portal.hops(arrival, site))

    def confirm(self) -> AnyResponse:
        now, desk = self._desk.now(), self._desk
        login_id, sealed, at = read_signed(desk.oidc_key, request.form.get("form", ""))
        if at <= now - LIFETIME:
            raise RequestError("oidc-again")
        subject, plan = json.loads(desk.keys.open(_SEALED, urlsafe_b64decode(sealed)))
        with desk.store.core.read() as connection:
            login = logins.get(connection, desk.keys, login_id)
        arrival, _ = unseal(desk.form_key, login.arrival, now)
        try:
            return self._finish(login, arrival, Admission(subject, plan), now)
        except RequestError as error:
            return self._failed(arrival, login.language, error, now)

    def _finish(
        self, login: Login, arrival: Arrival, found: Admission, now: int, *, resumed: bool = False
    ) -> AnyResponse:
        section, site = self._section(arrival)
        if login.grant is not None and not resumed:
            return self._prove(login, login.grant, arrival, found, now)
        portal, desk = self._portal, self._desk

        def prove(connection: Connection) -> Proof:
            if resumed:
                logins.use_proof(connection, login)
            known = f"{section.issuer}|{found.subject}"
            person = people.find_or_create(connection, desk.keys, PersonKind.SSO, known, now)
            return Proof(person, found.plan or site.plan)

        caller = Caller(counted_as(arrival, sender()), sender(), arrival.gateway)
        texts, revision = portal.texts[login.language], portal.following.revision()
        done = let_in(desk, revision, arrival, texts, site, "oidc", prove, caller, now)
        return portal.decided(done, arrival, login.language, now)


def routes(portal: "Portal") -> Blueprint:
    blueprint = Blueprint("oidc", __name__)
    blueprint.add_url_rule("/oidc/callback", view_func=portal.sso.callback, methods=["GET"])
    blueprint.add_url_rule("/oidc/go/<token>", view_func=portal.sso.go, methods=["GET"])
    blueprint.add_url_rule("/oidc/on/<token>", view_func=portal.sso.on, methods=["GET"])
    blueprint.add_url_rule("/oidc/confirm", view_func=portal.sso.confirm, methods=["POST"])
    return blueprint
