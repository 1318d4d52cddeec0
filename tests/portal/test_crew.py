"""Threads to which the entrance hands requests: whoever waits hears what came of it, and nobody else is held up."""

import asyncio
import threading

import pytest

from portal.pages.asked import Shortcut
from portal.serving.crew import Crew


def test_what_is_returned_and_what_is_raised() -> None:
    async def run() -> None:
        crew: Crew[int] = Crew(2, "test")
        assert await asyncio.gather(*(crew.call(pow, 2, number) for number in range(20))) == [2**n for n in range(20)]
        with pytest.raises(ZeroDivisionError):
            await crew.call(divmod, 1, 0)
        assert await crew.call(pow, 3, 2) == 9

    asyncio.run(run())


def test_who_waits_no_more() -> None:
    async def run() -> None:
        crew: Crew[bool] = Crew(1, "test")
        go, ran = threading.Event(), threading.Event()

        def note() -> bool:
            ran.set()
            return True

        begun = crew.call(go.wait, 30)
        queued = crew.call(note)
        begun.cancel()
        queued.cancel()
        go.set()
        assert await crew.call(lambda: not ran.is_set()), "what was cancelled before its turn is not done"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "taken"),
    [
        ("GET", "/g/tk1-gw", True), ("POST", "/login", True), ("GET", "/g/", False), ("GET", "/g/a/b", False),
        ("POST", "/g/tk1-gw", False), ("HEAD", "/g/tk1-gw", False), ("GET", "/login", False), ("GET", "/g/\xe9", False),
        ("GET", "//g/tk1-gw", False), ("GET", "/g/a\nb", False), ("GET", "/", False),
    ],
)  # fmt: skip
def test_a_logins_two_requests_alone_are_taken_before_flask(method: str, path: str, taken: bool) -> None:
    class Taken(Exception):  # noqa: N818
        pass

    def mine(*_: object) -> None:
        raise Taken

    def problem(error: Exception) -> None:
        raise error

    shortcut = Shortcut(lambda *_: [b"beyond"], mine, mine, lambda: None, problem)  # type: ignore[arg-type]
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method}
    if taken:
        with pytest.raises(Taken):
            shortcut(environ, mine)  # type: ignore[arg-type]
    else:
        assert shortcut(environ, mine) == [b"beyond"]  # type: ignore[arg-type]
