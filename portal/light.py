"""Flask without what none of our requests needs: of a login, two requests, the frame cost as much as our own work."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_plus

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.routing import MapAdapter
from werkzeug.utils import cached_property


def pairs(text: bytes) -> list[tuple[str, str]]:
    """Names and values of a query or of a form (application/x-www-form-urlencoded), in their order. Bytes that are no
    UTF-8 stay as they are written there."""
    found = []
    for pair in text.decode("utf-8", "replace").split("&"):
        name, _, value = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, value = (unquote_plus(part, errors="werkzeug.url_quote") for part in (name, value))
        if pair:
            found.append((name, value))
    return found


_FORM: Final = "application/x-www-form-urlencoded"
_LONGEST_LENGTH: Final = 18
"""Digits of a Content-Length that can be meant."""


class LightRequest(Request):
    """A request whose query, form and cookies are read by fewer steps."""

    @cached_property
    def args(self) -> MultiDict[str, str]:
        return ImmutableMultiDict(pairs(self.query_string))

    def _load_form_data(self) -> None:
        length = self._length_of_form()
        if length is None:
            super()._load_form_data()
            return
        body = self.environ["wsgi.input"].read(length)
        if len(body) < length:
            raise ClientDisconnected
        self.__dict__.update(stream=BytesIO(), form=ImmutableMultiDict(pairs(body)), files=ImmutableMultiDict())

    def _length_of_form(self) -> int | None:
        """The bytes of a form as our pages send them; None of what else there may be, which takes a parser."""
        kind, length = self.environ.get("CONTENT_TYPE", ""), self.environ.get("CONTENT_LENGTH", "")
        plain = length.isdecimal() and len(length) <= _LONGEST_LENGTH
        if kind != _FORM or not plain or {"form", "stream", "_cached_data"} & self.__dict__.keys():
            return None
        if int(length) > (self.max_form_memory_size or 0):
            raise RequestEntityTooLarge
        return int(length)

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        return super().cookies if "HTTP_COOKIE" in self.environ else ImmutableMultiDict()


class _NoSessions(SessionInterface):
    """Nothing is kept in cookies that Flask signs."""

    def __init__(self) -> None:
        self._empty = NullSession()

    def open_session(self, *_: object) -> SessionMixin:
        return self._empty

    def save_session(self, *_: object) -> None:
        pass


class LightFlask(Flask):
    """A Flask whose views are no coroutines, whose routes are the same at every host, and at which nothing listens for
    the beginning and the end of a request."""

    request_class = LightRequest
    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def full_dispatch_request(self) -> Response:
        self._got_first_request = True
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - for the application's own handlers
            answer = self.handle_user_exception(error)
        return self.make_response(answer)

    def do_teardown_request(self, *_: object) -> None:
        pass

    def do_teardown_appcontext(self, *_: object) -> None:
        pass

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return None
        environ = request.environ
        return MapAdapter(
            self.url_map,
            environ.get("HTTP_HOST", "localhost"),
            environ.get("SCRIPT_NAME", ""),
            "",
            environ["wsgi.url_scheme"],
            environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace"),
            environ["REQUEST_METHOD"],
            environ.get("QUERY_STRING", ""),
        )
