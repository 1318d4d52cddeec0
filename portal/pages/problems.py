"""What somebody sees, and the log says, where a request cannot be served."""

from typing import Any, Final

import structlog
from flask import Response
from werkzeug.exceptions import HTTPException

from hotspot.errors import HotspotError, RequestError

from .asked import request
from .render import Pages, language, later

log = structlog.get_logger("portal")

_STATUS: Final = {
    "not-found": 404,
    "no-gateway": 404,
    "too-many-attempts": 429,
    "too-many-here": 429,
    "complaint-unknown": 404,
    "code-wait": 429,
    "code-too-many": 429,
    "code-locked": 429,
    "code-busy": 503,
    "code-not-sent": 503,
    "gateway-away": 503,
    "oidc-away": 503,
    "oidc-not-allowed": 403,
}


def status_of(error: RequestError) -> int:
    """The HTTP status of a page that says what is wrong with its form."""
    return _STATUS.get(error.code, 422)


class Problems:
    """What somebody sees, and the log says, when a request cannot be served."""

    def __init__(self, pages: Pages):
        self._pages = pages

    def answer(self, error: Exception) -> Response:
        match error:
            case RequestError():
                return self._refused(error)
            case HotspotError():
                log.error("not served", path=_path(), error=str(error))
                return _problem(self._pages, "error.ours", 503)
            case HTTPException():
                code = error.code or 500
                return _problem(self._pages, "error.not-found" if code == 404 else "error.bad-request", code)
            case _:
                log.exception("defect", path=_path(), error=type(error).__name__)
                return _problem(self._pages, "error.ours", 500)

    def _refused(self, error: RequestError) -> Response:
        log.info("refused", path=_path(), reason=error.code, **_gateway())
        if request.path.startswith("/agent/"):
            return Response(f"{error.code}\n", 403, mimetype="text/plain")
        return later(_problem(self._pages, f"error.{error.code}", _STATUS.get(error.code, 400), error.wait), error)


def _path() -> str:
    return request.path.split("/")[1]


def _gateway() -> dict[str, str]:
    """At whose door it was, as the request names it."""
    found = (getattr(request, "view_args", None) or {}).get("gateway_id")
    return {"gateway": found[:64]} if isinstance(found, str) else {}


def _problem(pages: Pages, key: str, code: int, wait: int = 0) -> Response:
    # Not from the form: it may be what could not be read.
    lang = language(request.headers.get("Accept-Language", ""), request.args.get("lang"))
    text = pages.text(lang, key, wait)
    if text == key:
        text = pages.catalogue.text(lang, "error.bad-request")
    nowhere: dict[str, Any] = {"text": text, "place": "", "city": None, "others": []}  # the store may be what is away
    return pages.render("problem.html", lang, nowhere, code=code)
