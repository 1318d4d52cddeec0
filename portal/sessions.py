"""No sessions: nothing is kept in cookies that Flask signs."""

from flask.sessions import NullSession, SessionInterface, SessionMixin


class NoSessions(SessionInterface):
    """Costs less than the one that looks for a key and a cookie in every request."""

    def open_session(self, *_: object) -> SessionMixin:
        return _EMPTY

    def save_session(self, *_: object) -> None:
        """Nothing was put into it: it cannot be written."""


_EMPTY = NullSession()
