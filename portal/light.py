"""Flask without what none of our requests needs: of a login, two requests, the frame cost as much as our own work."""

from collections.abc import Callable
from typing import IO, Any
from urllib.parse import unquote_plus

from flask import Flask, Request, Response
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.formparser import FormDataParser
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


class _Forms(FormDataParser):
    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]:
        if mimetype != "application/x-www-form-urlencoded":
            return super().parse(stream, mimetype, content_length, options)
        return stream, ImmutableMultiDict(pairs(stream.read())), ImmutableMultiDict()


class LightRequest(Request):
    """A request whose query, form and cookies are read by fewer steps."""

    form_data_parser_class = _Forms

    @cached_property
    def args(self) -> MultiDict[str, str]:
        return ImmutableMultiDict(pairs(self.query_string))

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        return super().cookies if "HTTP_COOKIE" in self.environ else ImmutableMultiDict()


class LightFlask(Flask):
    """A Flask whose views are no coroutines, whose routes are the same at every host, and at which nothing listens for
    the beginning and the end of a request."""

    request_class = LightRequest

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def full_dispatch_request(self) -> Response:
        self._got_first_request = True
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - for the application's own handlers
            answer = self.handle_user_exception(error)
        return self.make_response(answer)

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
