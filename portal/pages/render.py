"""Pages: templates with texts from the catalogues, one request each, whole without JavaScript."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flask import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.datastructures import Headers

from hotspot.catalogue import Catalogue
from hotspot.city.look import LANGUAGES, Look, wording
from hotspot.crowd import sender_of
from hotspot.entry.units import format_rate, format_size
from hotspot.errors import RequestError

from .asked import request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HERE: Final = Path(__file__).parent
_NEAR_INDONESIAN: Final = ("id", "ms", "jv", "su", "min", "ban", "bug", "ace", "mad", "bjn", "bbc")
_PLAIN: Final = Look()


@lru_cache(maxsize=256)  # phones of one kind say the same
def language(accept: str, chosen: str | None, offered: tuple[str, ...] = LANGUAGES) -> str:
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


class _Style(_Inline):
    """The style of a look, and the part of the policy that all pages with it have."""

    def __init__(self, text: str):
        super().__init__(text)
        beside = ("img-src data:", "base-uri 'none'", "frame-ancestors 'none'")
        self.policy = "; ".join(("default-src 'none'", f"style-src {self.source}", *beside))


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
        self._scripts = {name: _Inline(_squeezed(f"{name}.js")) for name in ("page", "status", "hand")}
        self._styles: dict[str, _Style] = {}

    def text(self, lang: str, key: str, wait: int = 0) -> str:
        """A text in which `{time}` is so many seconds, told in minutes that have then passed."""
        minutes = -(-wait // 60)
        return self.catalogue.text(lang, key, time=spoken_duration(self.catalogue, lang, 60 * minutes))

    def _style(self, colour: str) -> _Style:
        found = self._styles.get(colour)
        if found is None:
            # page.css is written in the default colour
            found = self._styles[colour] = _Style(self._css.replace(_PLAIN.colour, colour))
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
        return self.respond(self.html(template, lang, values, look), look, code, hops)

    def html(self, template: str, lang: str, values: Mapping[str, Any], look: Look = _PLAIN) -> str:
        """The text of a page."""

        def say(key: str, **named: object) -> str:
            return self.catalogue.text(lang, key, **named)

        return self._environment.get_template(template).render(
            t=say,
            lang=lang,
            css=self._style(look.colour).text,
            scripts={name: script.text for name, script in self._scripts.items()},
            look=look,
            word=lambda texts: wording(texts, lang),
            duration=lambda seconds: spoken_duration(self.catalogue, lang, seconds),
            size=lambda value: _decimal(lang, format_size(value)),
            rate=lambda value: _decimal(lang, format_rate(value)),
            **values,
        )

    def respond(self, html: str, look: Look = _PLAIN, code: int = 200, hops: Sequence[str] = ()) -> Response:
        """A page's text as the answer to a request, with the policy under which it is shown."""
        return Page(html.encode(), self.policy(html, look), hops, code)

    def policy(self, html: str, look: Look = _PLAIN) -> str:
        """What a page's text may load and run (CSP Level 3), but for where its forms may lead."""
        scripts = (script.source for script in self._scripts.values() if script.text in html)
        return f"{self._style(look.colour).policy}; {' '.join(('script-src', *scripts))}"


class Page(Response):
    """A page as a response, under a policy and with forms that may lead to `hops` as well as to us. Nothing in its
    headers is to be converted."""

    def __init__(self, html: bytes, policy: str, hops: Sequence[str] = (), code: int = 200):
        super().__init__(html, code, content_type=_HTML)
        leads = " ".join(("form-action 'self'", *hops))
        self.headers.add("Content-Security-Policy", f"{policy}; {leads}")

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - as its parent's
        return self.headers


def sender() -> str:
    """Who sent this request, by their address (`hotspot.crowd.sender_of`), empty where only a proxy's is known."""
    return sender_of(address())


def address() -> str:
    """The address of whoever sent this request, empty where only a proxy's is known."""
    return seen_from(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""))


def seen_from(peer: str, forwarded: str) -> str:
    """The address of whoever sent a request that came from `peer`, empty where only a proxy's is known. A proxy on this
    machine says whose request it is in X-Forwarded-For, at whose end it writes."""
    if not _is_here(peer):
        return peer
    said = forwarded.rpartition(",")[2].strip()
    return "" if _is_here(said) else _normal(said)


def over_tls() -> bool:
    """Whether this request came over TLS, here or at a proxy on this machine that says so in X-Forwarded-Proto."""
    if request.is_secure:
        return True
    return _is_here(request.remote_addr or "") and request.headers.get("X-Forwarded-Proto", "") == "https"


@lru_cache(maxsize=1024)
def _normal(address: str) -> str:
    """An address in its one form; empty where it is none."""
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


@lru_cache(maxsize=1024)
def _is_here(address: str) -> bool:
    normal = _normal(address)
    return bool(normal) and ip_address(normal).is_loopback


def later(response: Response, error: RequestError) -> Response:
    """A refusal that time alone heals says how much (RFC 9110 section 10.2.3)."""
    if error.wait:
        response.headers["Retry-After"] = str(error.wait)
    return response


_HTML: Final = "text/html; charset=utf-8"


class SeeOther(Response):
    """A redirect to be followed with GET. Its address is a URI already (RFC 3986): nothing is to be converted."""

    def __init__(self, url: str):
        headers = Headers([("Location", url), ("Content-Length", "0")])
        super().__init__(status="303 SEE OTHER", headers=headers, content_type=_HTML)

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:  # noqa: ARG002 - as its parent's
        return self.headers


class CommonHeaders:
    """A WSGI application whose every answer says that it is not to be stored, sniffed, framed or told to others."""

    def __init__(self, application: "WSGIApplication"):
        self._application = application

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        secure = environ["wsgi.url_scheme"] == "https"

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            headers += _COMMON
            if secure:
                headers.append(("Strict-Transport-Security", "max-age=31536000"))
            if all(name != "Content-Security-Policy" for name, _ in headers):
                headers.append(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"))
            return start_response(status, headers, *rest)

        body = self._application(environ, start)
        try:
            return [b"".join(body)]  # the server sends a list at once, and asks for anything else piece by piece
        finally:
            if hasattr(body, "close"):
                body.close()


_COMMON: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
