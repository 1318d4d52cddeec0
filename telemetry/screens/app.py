"""The Flask application. It only reads, and shows no person and no device."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final

from flask import Flask, Response, render_template, request
from flask.typing import ResponseReturnValue

from hotspot.catalogue import LANGUAGES, Catalogue, load
from hotspot.errors import ConfigError, HotspotError, PeerError
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Following
from hotspot.store.deadline import PERSON
from hotspot.store.telemetry import alarms, counts
from hotspot.store.telemetry_schema import portal_count
from telemetry.report.numerals import Numerals
from telemetry.uptime.overview import Overview, overview
from telemetry.uptime.states import State

from .metrics import CONTENT_TYPE, exposition

FRESH: Final = 5.0
"""Seconds for which one reading of the store serves every page."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Present:
    """The overview, read again when it is older than `FRESH`."""

    def __init__(self, store: Store, clock: Callable[[], int]):
        self._store = store
        self._clock = clock
        self._following = Following(store)
        self._lock = Lock()
        self._read_at = float("-inf")
        self._overview: Overview | None = None

    def get(self) -> Overview:
        """ConfigError while no inventory is active, PeerError while a store is away."""
        with self._lock:
            if self._overview is None or time.monotonic() - self._read_at >= FRESH:
                self._overview = overview(self._store, self._following.revision(), self._clock())
                self._read_at = time.monotonic()
            return self._overview


def create_app(settings: Settings, clock: Callable[[], int] = lambda: int(time.time())) -> Flask:
    """The application over the settings' stores."""
    app = Flask(__name__)
    store = Store.open(settings, seconds=PERSON)
    present = Present(store, clock)
    following = Following(store)
    texts = load(Path(__file__).parent.parent, "dashboard")

    @app.after_request
    def _guard(response: Response) -> Response:
        response.headers.extend(_HEADERS)
        return response

    @app.errorhandler(PeerError)
    def _away(error: PeerError) -> ResponseReturnValue:
        app.logger.error("%s", error)
        return "The store is away.\n", 503, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/")
    def _dashboard() -> ResponseReturnValue:
        language = chosen_language(request.args.get("lang"), request.accept_languages.best_match(LANGUAGES))
        try:
            revision = following.revision()
        except ConfigError:
            return _page(texts, language, None), 503
        return _page(texts, language, present.get(), zone=revision.inventory.zone, city=revision.inventory.city)

    @app.get("/metrics")
    def _metrics() -> ResponseReturnValue:
        try:
            found: Overview | None = present.get()
        except ConfigError:
            found = None
        with store.telemetry.read() as connection:
            radius, portal = counts.listed(connection), counts.listed(connection, portal_count)
            unheard = alarms.unheard(connection)
        return Response(exposition(found, radius, portal, unheard), content_type=CONTENT_TYPE)

    @app.get("/healthz")
    def _health() -> ResponseReturnValue:
        return {"alive": True}

    @app.get("/readyz")
    def _ready() -> ResponseReturnValue:
        try:
            with store.telemetry.read(), store.core.read():
                revision = following.revision().number
        except HotspotError as error:
            return {"ready": False, "reason": str(error)}, 503
        return {"ready": True, "revision": revision}

    return app


def chosen_language(asked: str | None, preferred: str | None) -> str:
    """What the address asks for, else what the browser prefers, else Indonesian."""
    return next((language for language in (asked, preferred) if language in LANGUAGES), LANGUAGES[0])


def _page(texts: Catalogue, language: str, found: Overview | None, **values: object) -> str:
    numerals = Numerals(language)
    age = found.at - found.last_sample_at if found and found.last_sample_at is not None else None
    return render_template(
        "dashboard.html",
        language=language,
        other=LANGUAGES[1 - LANGUAGES.index(language)],
        t=lambda key, **inserted: texts.text(language, key, **inserted),
        n=numerals,
        now=found,
        age=age,
        up=sum(site.state is State.UP for site in found.sites) if found else 0,
        **values,
    )
