"""The portal's Flask application: its routes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from flask import Flask, Response
from werkzeug.wrappers import Response as AnyResponse

from hotspot.admission.grant import Denial
from hotspot.catalogue import load
from hotspot.city.look import LANGUAGES
from hotspot.city.sites import Inventory, Site
from hotspot.errors import PeerError, RequestError
from hotspot.nas.arrival import Arrival, Stage
from hotspot.people.one_time import masked
from hotspot.people.voucher import LONGEST_TYPED, format_code, parse_code
from hotspot.store.city.revisions import Following
from hotspot.store.persons import people
from hotspot.store.stays import grants

from . import hooks, limits
from .admit import Admitted, admit
from .channels import agents
from .counting import Counting
from .desk import Desk
from .dialects import OPEN_WEB, HandBack, Visit, arrive, dialect, origin, unifi_gateway
from .doors import Doors
from .forms import seal, status_token, unseal
from .freshness import Freshness
from .methods import codes, remembering, sso
from .methods.codes import Outbox
from .pages import captive, elsewhere, faults, privacy, status
from .pages.asked import LARGEST_FORM, LARGEST_POST, Shortcut, request
from .pages.problems import Problems, status_of
from .pages.render import CommonHeaders, Page, Pages, SeeOther, language, later, sender
from .pages.texts import PHONE, SERVICE, load_texts
from .sessions import NoSessions

log = structlog.get_logger("portal")

_HERE = Path(__file__).parent
_CARD = "voucher"
_CARD_KEPT = 900
"""Seconds in which a scanned voucher's code is filled in."""


class Portal:
    """One process's portal: what its routes share."""

    def __init__(self, desk: Desk):
        self.desk = desk
        self.following = Following(desk.store)
        self.pages = Pages(load(_HERE, "portal", LANGUAGES))
        self.texts = load_texts()
        self.outbox = Outbox(desk)
        self.counting = Counting(desk.store)
        self.doors = Doors()
        self.freshness = Freshness(desk.store, desk.keys)
        self.sso = sso.Sso(self)
        self.privacy = privacy.Privacy(self)

    @property
    def inventory(self) -> Inventory:
        return self.following.inventory()

    def language(self) -> str:
        chosen = (request.method == "POST" and request.form.get("switch")) or request.args.get("lang")
        return language(request.headers.get("Accept-Language", ""), chosen, self.inventory.portal.languages)

    def page(
        self,
        template: str,
        lang: str,
        site: Site | None,
        values: Mapping[str, Any] | None = None,
        *,
        code: int = 200,
        hops: Sequence[str] = (),
    ) -> Response:
        """A page in the look of a site, or of the city."""
        inventory = self.inventory
        shown = self._around(inventory, lang, site, values or {})
        return self.pages.render(template, lang, shown, look=inventory.look(site), code=code, hops=hops)

    def _around(self, inventory: Inventory, lang: str, site: Site | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """A page's values, with those that every page needs."""
        return {
            "city": inventory.city,
            "place": site.name if site else "",
            "others": [other for other in inventory.portal.languages if other != lang],
            **values,
        }

    def told(self, error: RequestError, lang: str) -> str:
        """What is wrong, and how long to wait, in the person's language."""
        return self.pages.text(lang, f"error.{error.code}", error.wait)

    def see_other(self, url: str) -> AnyResponse:
        """A full navigation, as Apple's sheet needs it to notice that the phone is online."""
        return SeeOther(url)

    # -- arriving ------------------------------------------------------------------------------------------------

    def entry(self, gateway_id: str) -> AnyResponse:
        """A phone that its gateway has sent here."""
        query_string = request.query_string.decode("latin-1")
        now = self.desk.now()
        if not query_string and self.inventory.find_gateway(gateway_id):  # some gateways write nothing after a login
            return self.page("connect.html", self.language(), None, {"start": OPEN_WEB})
        arrival = arrive(self.desk, self.inventory, gateway_id, Visit(query_string, request.args.to_dict()))
        arrival = self.freshness.judged(arrival, sender(), now)
        if arrival.stage is Stage.ADMITTED:
            grant = self._grant_of(arrival, now)
            if grant is not None:
                return self.see_other(f"/s/{status_token(self.desk.status_key, grant)}")
            return self.page("online.html", self.language(), self._site(arrival))
        known = self.sso.resume(arrival, now)
        if known is not None:
            return known
        site = self._site(arrival)
        if arrival.unanswered:
            self.counting.add(arrival.gateway, "refused:radius-silent")
        if site is not None and arrival.stage is not Stage.LEFT:
            self.counting.visit(site.id, "shown")
        return self.door(arrival, self.language(), now)

    def unifi_entry(self, controller_site: str) -> AnyResponse:
        """A phone that a UniFi access point has sent here: its path is not ours to choose."""
        return self.entry(unifi_gateway(self.inventory, controller_site, request.args.to_dict()))

    def _grant_of(self, arrival: Arrival, now: int) -> str | None:
        """The grant of a phone that is in; nothing where anybody can have written whose phone it is."""
        if not arrival.proven:
            return None
        with self.desk.store.core.read() as connection:
            device = people.find_device(connection, self.desk.keys, arrival.mac)
            grant = grants.newest_grant(connection, device, arrival.gateway, now) if device else None
        return grant.id if grant else None

    def door(
        self,
        arrival: Arrival,
        lang: str,
        now: int,
        *,
        problem: str = "",
        notice: str = "",
        code: int = 200,
        typed: Mapping[str, str] | None = None,
        coded: str | None = None,
    ) -> Response:
        """The login page, with what is wrong and what was typed.

        A code that is awaited from this phone is asked for first. `coded` decides it otherwise: "" shows the form for a
        number, a text the form for a code; it tells where the code went.
        """
        site = self._site(arrival)
        if site is None:
            raise RequestError("no-site", arrival.gateway)
        if not problem and arrival.stage is Stage.REFUSED:
            refused = "" if arrival.unanswered else arrival.message
            why = "error.unanswered" if arrival.unanswered else "error.refused"
            problem = refused or self.pages.catalogue.text(lang, why)
        if coded is None and "code" in site.admit and arrival.proven:  # else anybody could ask whether one is awaited
            coded = self.pages.text(lang, "login.code.sent") if codes.pending(self.desk, arrival, sender(), now) else ""
        carded = self._carded(site)
        known = remembering.here(self.desk, arrival, site, now)
        first = "code" if coded else "voucher" if carded else ""
        form = seal(self.desk.form_key, arrival, now, sender())
        hops = self.hops(arrival, site)
        left = arrival.stage is Stage.LEFT
        if not (problem or left or coded or carded or known or typed):
            return self._plain_door(lang, site, form, hops, proven=arrival.proven)
        values = self._door_values(lang, site, form, proven=arrival.proven)
        methods = sorted(values["methods"], key=lambda name: name != first)
        shown = {
            **values,
            "methods": [remembering.METHOD, *methods] if known else methods,
            "awaited": coded or "",
            "problem": problem,
            "notice": notice,
            "left": left,
            "code": carded,
            **(typed or {}),
        }
        return self.page("login.html", lang, site, shown, code=code, hops=hops)

    def _door_values(self, lang: str, site: Site, form: str, *, proven: bool) -> dict[str, Any]:
        """What the login page of a site shows before anybody has typed anything."""
        return {
            "form": form,
            "site": site.id,
            "methods": [method for method in site.admit if method != remembering.METHOD],
            "remember": self.inventory.portal.remember if remembering.METHOD in site.admit else 0,
            "awaited": "",
            "proven": proven,
            "channel": self.inventory.codes.channel,
            "plan": self.inventory.plans[site.plan],
            "provider": self.inventory.oidc.title if self.inventory.oidc else "",
            "terms": self.texts[lang][SERVICE],
            "phone_terms": self.texts[lang][PHONE],
            "problem": "",
            "notice": "",
            "ticked": False,
            "left": False,
            "tried": "",
            "code": "",
            "otp": "",
            "name": "",
            "number": "",
        }

    def _plain_door(self, lang: str, site: Site, form: str, hops: Sequence[str], *, proven: bool) -> Response:
        """The first page, of which phones differ in nothing but the form's token: made once for a revision."""
        revision = self.following.revision()
        inventory = revision.inventory
        look = inventory.look(site)

        def make(mark: str) -> tuple[str, str]:
            values = self._around(inventory, lang, site, self._door_values(lang, site, mark, proven=proven))
            html = self.pages.html("login.html", lang, values, look)
            return html, self.pages.policy(html, look)

        which = (revision.number, site.id, lang, proven)
        return Page(*self.doors.page(which, form, make), hops)

    def hops(self, arrival: Arrival, site: Site) -> list[str]:
        """The foreign origins to which a login leads: the gateway, and an OpenID provider's."""
        hop = dialect(self.desk, self.inventory, arrival.gateway).hop(arrival)
        oidc = self.inventory.oidc
        return [*([hop] if hop else []), *(oidc.origins if oidc and "oidc" in site.admit else ())]

    def card(self, code: str) -> Response:
        """A printed voucher's QR code: remembers the code for a while, and leads to the gateway and back.

        Only a real browser comes here, and only it keeps the cookie; to all others the page shows what to type.
        """
        normal = parse_code(code[:LONGEST_TYPED])
        page = self.page("card.html", self.language(), None, {"code": format_code(normal)})
        secure = self.inventory.portal.url.startswith("https:")
        page.set_cookie(_CARD, normal, max_age=_CARD_KEPT, path="/", secure=secure, httponly=True, samesite="Lax")
        return page

    def _carded(self, site: Site) -> str:
        """The voucher code that this browser has scanned, where the site takes vouchers."""
        try:
            known = parse_code(request.cookies[_CARD][:40]) if _CARD in request.cookies else None
        except RequestError:
            return ""
        return format_code(known) if known and "voucher" in site.admit else ""

    def _site(self, arrival: Arrival) -> Site | None:
        return self.inventory.site_of(arrival.gateway, arrival.ap_mac)

    def _zone(self, arrival: Arrival) -> ZoneInfo:
        site = self._site(arrival)
        return self.inventory.zone(site) if site else self.inventory.city.zone

    def again(self, arrival: Arrival, lang: str) -> Response:
        """The gateway's challenge has run out: a link by which the gateway sends the phone here anew."""
        url = dialect(self.desk, self.inventory, arrival.gateway).anew(arrival)
        return self.page("expired.html", lang, self._site(arrival), {"url": url}, code=410)

    # -- logging in ----------------------------------------------------------------------------------------------

    def login(self) -> AnyResponse:
        """A login form. Whatever is wrong with it is said on the same page, and what was typed stays."""
        lang, now = self.language(), self.desk.now()
        arrival, fresh = unseal(self.desk.form_key, request.form.get("form", ""), now, sender())
        method = request.form.get("method", "")
        if not fresh:
            return self._late(arrival, method, lang, now)
        if method == "forget":
            return remembering.forgotten(self.desk, lambda: self.door(arrival, lang, now))
        if "switch" in request.form or method in ("code-other", "code-have"):
            return self.door(arrival, lang, now, coded=self._coded(arrival, method, lang))
        try:
            return self._answered(arrival, method, lang, now)
        except RequestError as error:
            if error.code == "expired":
                return self.again(arrival, lang)
            self._refused(arrival, error, now)
            kept = {name: request.form.get(name, "")[:64] for name in ("code", "name", "number")}
            kept["tried"] = method
            coded = "" if error.code == "code-expired" else self._coded(arrival, method, lang)
            problem = self.told(error, lang)
            shown = self.door(arrival, lang, now, problem=problem, code=status_of(error), typed=kept, coded=coded)
            return later(shown, error)

    def _late(self, arrival: Arrival, method: str, lang: str, now: int) -> Response:
        """The form has lain too long, or comes from elsewhere: a fresh one with what was typed. Nothing is proven."""
        arrival = replace(arrival, proven=False, stage=Stage.WANTS_IN)
        typed: dict[str, Any] = {name: request.form.get(name, "")[:64] for name in ("code", "otp", "name", "number")}
        typed["ticked"] = "remember" in request.form
        notice = self.pages.text(lang, "expired.again")
        return self.door(arrival, lang, now, notice=notice, typed=typed, coded=self._coded(arrival, method, lang))

    def _coded(self, arrival: Arrival, method: str, lang: str) -> str | None:
        """Whether the page that follows asks for a code, by the form that was sent; None where the store knows."""
        if method == "code-other":
            return ""
        if method == "code-have" or ("otp" in request.form and not arrival.proven):
            return self.pages.text(lang, "login.code.sent")
        return None if arrival.proven else ""

    def _refused(self, arrival: Arrival, error: RequestError, now: int) -> None:
        log.info("not admitted", gateway=arrival.gateway, reason=error.code)
        limited = error.wait and error.detail
        self.counting.add(arrival.gateway, f"limited:{error.detail}" if limited else f"refused:{error.code}")
        if error.code == "voucher-unknown":
            limits.wrong_voucher(self.desk.store, self.desk.keys, now)

    def _answered(self, arrival: Arrival, method: str, lang: str, now: int) -> AnyResponse:
        if method == "code-again" or (method == "code" and "otp" not in request.form):
            return self.ask_code(arrival, lang, now)
        if method == "oidc":
            return self.sso.start(arrival, lang, now)
        form = request.form.to_dict()
        if method == remembering.METHOD:
            form[remembering.COOKIE] = request.cookies.get(remembering.COOKIE, "")
        done = admit(self.desk, self.following.revision(), arrival, self.texts[lang], form, now, sender())
        answer = self.decided(done, arrival, lang, now)
        if isinstance(done, Admitted) and remembering.asked(form, self._site(arrival), done.grant):
            remembering.remember(self.desk, self.inventory, done.grant, answer, now)
        return answer

    def decided(self, done: Admitted | Denial, arrival: Arrival, lang: str, now: int) -> AnyResponse:
        """Where a login leads: on to the gateway, or back to the login page."""
        if isinstance(done, Denial):
            self.counting.add(arrival.gateway, f"refused:{done.reason}")
            key, values = done.told(self._zone(arrival))
            problem = self.pages.catalogue.text(lang, key, **values)
            return self.door(arrival, lang, now, problem=problem, code=403)
        if done.back.tell is not None:
            self._tell(done.back.tell, arrival)
        self.counting.add(arrival.gateway, f"handed:{done.grant.method}")
        self.counting.visit(done.grant.site, "handed")
        if done.back.last_word:
            self.counting.visit(done.grant.site, "admitted")
        log.debug("admitted", gateway=done.grant.gateway, site=done.grant.site, method=done.grant.method)
        answer = self._sent_back(done.back, self._site(arrival), lang)
        if _CARD in request.cookies:
            answer.delete_cookie(_CARD, path="/")
        return answer

    def _sent_back(self, back: HandBack, site: Site | None, lang: str) -> AnyResponse:
        """The phone's way to its gateway. A form is sent by itself where scripts run; gateways redirect it anywhere."""
        if not back.fields:
            return self.see_other(back.url)
        return self.page("hand.html", lang, site, {"url": back.url, "fields": back.fields}, hops=["http:", "https:"])

    def _tell(self, tell: Callable[[], None], arrival: Arrival) -> None:
        try:
            tell()
        except PeerError as error:
            log.warning("gateway not told", gateway=arrival.gateway, error=str(error))
            raise RequestError("gateway-away", arrival.gateway) from error

    def ask_code(self, arrival: Arrival, lang: str, now: int) -> Response:
        """Sends a one-time code, and shows the form that asks for it."""
        site = self._site(arrival)
        if site is None or "code" not in site.admit:
            raise RequestError("bad-form", "method")
        number = "" if request.form["method"] == "code-again" else request.form.get("number", "")
        catalogue = self.pages.catalogue
        to = codes.ask(self.desk, self.outbox, self.inventory, catalogue, arrival, number, lang, now, sender())
        where = f"login.code.sent.{self.inventory.codes.channel}"
        coded = catalogue.text(lang, where, number=masked(to)) if number else self.pages.text(lang, "login.code.sent")
        return self.door(arrival, lang, now, coded=coded)

    # -- afterwards ----------------------------------------------------------------------------------------------

    def status(self, token: str) -> Response:
        inventory = self.inventory
        found = status.look(self.desk, inventory, token, self.desk.now())
        lang = self.language() if "lang" in request.args else found.grant.language
        page = self.page(
            "status.html",
            lang,
            inventory.find_site(found.grant.site),
            {"status": found, "token": token},
            hops=self._log_off_origin(found.grant.id),
        )
        if found.state == "waiting":
            page.headers["Refresh"] = "2"
        return page

    def _log_off_origin(self, grant_id: str) -> list[str]:
        with self.desk.store.core.read() as connection:
            handback = grants.handback(connection, grant_id) or ""
        return [origin(handback)] if handback.startswith(("http://", "https://")) else []

    def log_out(self, token: str) -> AnyResponse:
        url = status.log_out(self.desk, token, self.desk.now())
        return self.see_other(url or f"/s/{token}")


def create(desk: Desk) -> Flask:
    """The WSGI application over one node's desk."""
    portal = Portal(desk)
    portal.counting.start()
    portal.freshness.start()
    app = Flask("portal", static_folder=None, template_folder=None)
    app.session_interface = NoSessions()
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_POST
    app.config["MAX_FORM_MEMORY_SIZE"] = LARGEST_FORM

    app.add_url_rule("/g/<gateway_id>", view_func=portal.entry, methods=["GET"])
    app.add_url_rule("/guest/s/<controller_site>/", view_func=portal.unifi_entry, methods=["GET"])
    app.add_url_rule("/login", view_func=portal.login, methods=["POST"])
    app.add_url_rule("/s/<token>", view_func=portal.status, methods=["GET"])
    app.add_url_rule("/s/<token>/logout", view_func=portal.log_out, methods=["POST"])

    for part in (faults, privacy, hooks, sso, captive):
        app.register_blueprint(part.routes(portal))

    @app.get("/")
    def home() -> Response:
        return portal.page("connect.html", portal.language(), None, {"start": ""})

    @app.get("/v/<code>")
    @app.get("/V/<code>")
    def card(code: str) -> Response:
        return portal.card(code)

    @app.get("/start")
    def start() -> AnyResponse:
        """Where a phone begins that its gateway has not sent here: it is sent to its gateway, if it has one."""
        return portal.see_other(OPEN_WEB)

    @app.get("/healthz")
    def healthz() -> Response:
        portal.following.revision()
        return Response("ok\n", mimetype="text/plain")

    @app.post("/g/<gateway_id>")
    def authmon(gateway_id: str) -> Response:
        action = request.form.get("auth_get", "")
        text = agents.authmon(desk, portal.inventory, gateway_id, action, desk.now())
        return Response(text, mimetype="text/plain")

    @app.post("/agent/<gateway_id>")
    def agent(gateway_id: str) -> Response:
        body = request.get_data(as_text=True)
        said = agents.agent_post(desk, portal.inventory, gateway_id, body, portal.desk.now())
        for site in said.admitted:
            portal.counting.visit(site, "admitted")
        return Response(said.text, mimetype="text/plain")

    def checked() -> None:
        elsewhere.check(lambda: portal.inventory.portal.url)

    app.before_request(checked)
    problems = Problems(portal.pages)
    app.register_error_handler(Exception, problems.answer)
    shortcut = Shortcut(app.wsgi_app, portal.entry, portal.login, checked, problems.answer)
    app.wsgi_app = CommonHeaders(shortcut)  # type: ignore[method-assign]
    return app
