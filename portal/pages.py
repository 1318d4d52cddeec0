"""Pages: templates with texts from the catalogues, one request each, readable without JavaScript."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flask import Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hotspot.catalogue import LANGUAGES, Catalogue
from hotspot.units import format_size

_HERE: Final = Path(__file__).parent
_NEAR_INDONESIAN: Final = ("id", "ms", "jv", "su", "min", "ban", "bug", "ace")


def language(accept: str, chosen: str | None) -> str:
    """The page's language: the chosen one, else the first that a browser accepts and we have, else Indonesian."""
    if chosen in LANGUAGES:
        return chosen
    for part in accept.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in _NEAR_INDONESIAN:
            return "id"
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def spoken_duration(catalogue: Catalogue, lang: str, seconds: int) -> str:
    """Hours and minutes in words; less than a minute counts as one."""
    minutes = max(1, seconds // 60)
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(catalogue.text(lang, "duration.hours", n=hours))
    if rest or not hours:
        parts.append(catalogue.text(lang, "duration.minutes", n=rest))
    return " ".join(parts)


def spoken_size(lang: str, value: int) -> str:
    text = format_size(value)
    return text.replace(".", ",") if lang == "id" else text


class Pages:
    """Renders templates into responses with the headers that every page has."""

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        css = re.sub(r"\s*\n\s*", "", (_HERE / "templates" / "page.css").read_text())
        self._css = Markup(css)  # noqa: S704 - our own file
        digest = b64encode(hashlib.sha256(css.encode()).digest()).decode()
        self._policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"

    def render(
        self, template: str, lang: str, values: Mapping[str, Any], *, code: int = 200, hops: Sequence[str] = ()
    ) -> Response:
        """A page with status `code`. `hops` are the foreign origins to which its forms may lead."""

        def say(key: str, **named: object) -> str:
            return self.catalogue.text(lang, key, **named)

        html = self._environment.get_template(template).render(
            t=say,
            lang=lang,
            css=self._css,
            duration=lambda seconds: spoken_duration(self.catalogue, lang, seconds),
            size=lambda value: spoken_size(lang, value),
            **values,
        )
        response = Response(html, code, mimetype="text/html")
        targets = " ".join(["'self'", *hops])
        response.headers["Content-Security-Policy"] = f"{self._policy}; form-action {targets}"
        return response


def common_headers(response: Response) -> Response:
    """What every answer of the portal carries: nothing is stored, sniffed, framed or told to others."""
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
