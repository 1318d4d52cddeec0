"""Pages: templates with texts from the catalogues, one request each, whole without JavaScript."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from flask import Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hotspot.catalogue import Catalogue
from hotspot.errors import RequestError
from hotspot.look import LANGUAGES, Look, wording
from hotspot.units import format_rate, format_size

_HERE: Final = Path(__file__).parent
_NEAR_INDONESIAN: Final = ("id", "ms", "jv", "su", "min", "ban", "bug", "ace", "mad", "bjn", "bbc")
_PLAIN: Final = Look()


def language(accept: str, chosen: str | None, offered: Sequence[str] = LANGUAGES) -> str:
    """The page's language: the chosen one, else the first that a browser accepts and the city offers, else the
    city's first. Whoever reads a neighbour of Indonesian reads Indonesian."""
    if chosen is not None and chosen in offered:
        return chosen
    for part in accept.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in offered:
            return code
        if code in _NEAR_INDONESIAN and "id" in offered:
            return "id"
    return offered[0]


def spoken_duration(catalogue: Catalogue, lang: str, seconds: int) -> str:
    """Days, or hours and minutes, in words; less than a minute counts as one."""
    if seconds >= 2 * 86400 and seconds % 86400 == 0:
        return catalogue.text(lang, "duration.days", n=seconds // 86400)
    minutes = max(1, seconds // 60)
    hours, rest = divmod(minutes, 60)
    parts = []
    if hours:
        parts.append(catalogue.text(lang, "duration.hours", n=hours))
    if rest or not hours:
        parts.append(catalogue.text(lang, "duration.minutes", n=rest))
    return " ".join(parts)


def _decimal(lang: str, text: str) -> str:
    return text if lang == "en" else text.replace(".", ",")


class _Inline:
    """A piece of style or script in the page itself, and the source expression by which the policy allows it."""

    def __init__(self, text: str):
        self.text = Markup(text)  # noqa: S704 - our own file
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        self.source = f"'sha256-{digest}'"


def _squeezed(name: str) -> str:
    """A file of ours without the white space that only its readers need."""
    return re.sub(r"\s*\n\s*", "", (_HERE / "templates" / name).read_text())


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
        self._css = _squeezed("page.css")
        self._scripts = {name: _Inline(_squeezed(f"{name}.js")) for name in ("page", "status")}
        self._styles: dict[str, _Inline] = {}

    def text(self, lang: str, key: str, wait: int = 0) -> str:
        """A text in which `{time}` is so many seconds, told in minutes that have then passed."""
        minutes = -(-wait // 60)
        return self.catalogue.text(lang, key, time=spoken_duration(self.catalogue, lang, 60 * minutes))

    def _style(self, colour: str) -> _Inline:
        found = self._styles.get(colour)
        if found is None:
            # page.css is written in the default colour
            found = self._styles[colour] = _Inline(self._css.replace(_PLAIN.colour, colour))
        return found

    def render(
        self,
        template: str,
        lang: str,
        values: Mapping[str, Any],
        *,
        look: Look = _PLAIN,
        code: int = 200,
        hops: Sequence[str] = (),
    ) -> Response:
        """A page with status `code`. `hops` are the foreign origins to which its forms may lead."""

        def say(key: str, **named: object) -> str:
            return self.catalogue.text(lang, key, **named)

        style = self._style(look.colour)
        html = self._environment.get_template(template).render(
            t=say,
            lang=lang,
            css=style.text,
            scripts={name: script.text for name, script in self._scripts.items()},
            look=look,
            word=lambda texts: wording(texts, lang),
            duration=lambda seconds: spoken_duration(self.catalogue, lang, seconds),
            size=lambda value: _decimal(lang, format_size(value)),
            rate=lambda value: _decimal(lang, format_rate(value)),
            **values,
        )
        response = Response(html, code, mimetype="text/html")
        policy = [
            "default-src 'none'",
            f"style-src {style.source}",
            " ".join(["script-src", *(script.source for script in self._scripts.values() if script.text in html)]),
            "img-src data:",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            " ".join(["form-action 'self'", *hops]),
        ]
        response.headers["Content-Security-Policy"] = "; ".join(policy)
        return response


def sender() -> str:
    """The address of whoever sent this request, empty where only a proxy's is known. A proxy on this machine says whose
    request it is in X-Forwarded-For, at whose end it writes."""
    address = request.remote_addr or ""
    if not _is_here(address):
        return address
    said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return "" if _is_here(said) else str(ip_address(said))
    except ValueError:
        return ""


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def later(response: Response, error: RequestError) -> Response:
    """A refusal that time alone heals says how much (RFC 9110 section 10.2.3)."""
    if error.wait:
        response.headers["Retry-After"] = str(error.wait)
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
