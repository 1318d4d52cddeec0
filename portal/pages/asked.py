"""The request that is being answered, whoever has taken it in: Flask, or the short way of a login's two requests.

Of such a login, Flask's way (contexts, matching of addresses, hooks, signals) cost as much as a tenth of all that there
is to do, and it gives these two nothing. So they are taken before it, with the same views and the same error pages.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, cast

from flask import request as flask_request
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST_FORM: Final = 64 * 1024
LARGEST_POST: Final = 1024 * 1024


class _Asked(Request):
    max_content_length = LARGEST_POST
    max_form_memory_size = LARGEST_FORM
    view_args: dict[str, str] | None = None
    """As Flask's: what an address named."""


_taken: ContextVar[_Asked | None] = ContextVar("taken", default=None)


def _current() -> Request:
    return _taken.get() or flask_request


request = cast(Request, LocalProxy(_current))


class Shortcut:
    """A WSGI application that answers the login page and its form itself, and leaves all else to `beyond`.

    `entry` is given the gateway of `/g/GATEWAY`, `login` has all in the request; `checked` comes before it, and
    `problem` answers whatever is raised.
    """

    def __init__(
        self,
        beyond: "WSGIApplication",
        entry: Callable[[str], Response],
        login: Callable[[], Response],
        checked: Callable[[], None],
        problem: Callable[[Exception], Response],
    ):
        self._beyond = beyond
        self._entry, self._login, self._checked, self._problem = entry, login, checked, problem

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method == "POST" and path == "/login":
            return self._answer(environ, start_response, None)
        if method == "GET" and path.startswith("/g/") and _is_plain(path[3:]):
            return self._answer(environ, start_response, path[3:])
        return self._beyond(environ, start_response)

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse", gateway: str | None
    ) -> Iterable[bytes]:
        asked = _Asked(environ)
        token = _taken.set(asked)
        try:
            response = self._view(asked, gateway)
            return response(environ, start_response)
        finally:
            _taken.reset(token)

    def _view(self, asked: _Asked, gateway: str | None) -> Response:
        try:
            if gateway is None:
                self._checked()
                return self._login()
            asked.view_args = {"gateway_id": gateway}
            return self._entry(gateway)
        except Exception as error:  # noqa: BLE001 - for the application's own answers
            return self._problem(error)


def _is_plain(name: str) -> bool:
    """Whether a name is read alike by everybody."""
    return name.isascii() and name.isprintable() and bool(name) and "/" not in name
