"""Logging in at an OpenID provider: sent there from the login page, back once, and handed on to the gateway.

Nothing needs a cookie: the state in the provider's URLs is a random id and our signature; what phone it is for stands
sealed in the store. Where the browser that comes back is not the one that went (a login sheet hands over to a real
browser, or somebody was sent a link to log in for another's phone), the page asks first which device is to be
connected. A cookie, where one is kept, spares that question.
"""

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final

import structlog
from flask import Blueprint, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from hotspot.errors import PeerError, RequestError
from hotspot.identity import PersonKind
from hotspot.nas.arrival import Arrival
from hotspot.oidc import STARTED, OidcSection
from hotspot.sites import Site
from hotspot.store import oidc as logins
from hotspot.store import people
from hotspot.store.oidc import Login

from . import limits
from .admit import let_in
from .forms import LIFETIME, grant_of_token, read_signed, seal, signed, status_token, unseal
from .limits import Caller
from .methods import Proof, counted_as
from .oidc import Admission, Client, admission
from .pages import later, sender

if TYPE_CHECKING:
    from .app import Portal

log = structlog.get_logger("portal")

_COOKIE: Final = "oidc"
_SEALED: Final = "oidc admission"


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
        section, _ = self._section(arrival)
        desk = self._desk
        caller = Caller(counted_as(arrival), sender(), arrival.gateway)
        with desk.store.core.write() as connection:
            limits.take(connection, desk.keys, "oidc", limits.LOGINS, caller, now)
            login = logins.begin(connection, desk.keys, seal(desk.form_key, arrival, now), lang, now)
        try:
            state = status_token(desk.oidc_key, login)
            url = self._client.sent_to(section, self._redirect_uri, login, state, lang, now)
        except PeerError as error:
            log.warning("no OpenID provider", error=str(error))
            raise RequestError("oidc-away") from error
        answer = self._portal.see_other(url)
        answer.set_cookie(
            _COOKIE, self._cookie(login), max_age=STARTED, path="/oidc", httponly=True, samesite="Lax",
            secure=self._redirect_uri.startswith("https:"),
        )  # fmt: skip
        return answer

    def _cookie(self, login: str) -> str:
        return self._desk.keys.index("oidc cookie", login).hex()

    def callback(self) -> AnyResponse:
        """The way back. The code in its address is worth nothing without a secret of ours; we redirect at once."""
        now, desk = int(time.time()), self._desk
        try:
            login_id = grant_of_token(desk.oidc_key, request.args.get("state", ""))
        except RequestError as error:
            raise RequestError("oidc-again", "state") from error
        with desk.store.core.write() as connection:
            login = logins.come_back(connection, desk.keys, login_id, now - STARTED, now)
        arrival, _ = unseal(desk.form_key, login.arrival, now)
        section, site = self._section(arrival)
        try:
            answer = request.args.to_dict()
            found = admission(section, self._client.claims(section, self._redirect_uri, login.id, answer, now))
            if hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._cookie(login.id).encode()):
                return self._finish(login, arrival, found, now)
        except (PeerError, RequestError) as error:
            return self._failed(arrival, login.language, error, now)
        return self._ask(login, arrival, site, found, now)

    def _failed(self, arrival: Arrival, lang: str, error: PeerError | RequestError, now: int) -> AnyResponse:
        told = error if isinstance(error, RequestError) else RequestError("oidc-away")
        log.warning("no OpenID login", gateway=arrival.gateway, reason=told.code, error=str(error))
        self._portal.counting.add(arrival.gateway, f"refused:{told.code}")
        code = self._portal.status_of(told)
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
        now, desk = int(time.time()), self._desk
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

    def _finish(self, login: Login, arrival: Arrival, found: Admission, now: int) -> AnyResponse:
        section, site = self._section(arrival)
        portal, desk = self._portal, self._desk

        def prove(connection: Connection) -> Proof:
            known = f"{section.issuer}|{found.subject}"
            person = people.find_or_create(connection, desk.keys, PersonKind.SSO, known, now)
            return Proof(person, found.plan or site.plan)

        caller = Caller(counted_as(arrival), sender(), arrival.gateway)
        texts, revision = portal.texts[login.language], portal.following.revision()
        done = let_in(desk, revision, arrival, texts, site, "oidc", prove, caller, now)
        return portal.decided(done, arrival, login.language, now)


def routes(portal: "Portal") -> Blueprint:
    blueprint = Blueprint("oidc", __name__)
    blueprint.add_url_rule("/oidc/callback", view_func=portal.sso.callback, methods=["GET"])
    blueprint.add_url_rule("/oidc/confirm", view_func=portal.sso.confirm, methods=["POST"])
    return blueprint
