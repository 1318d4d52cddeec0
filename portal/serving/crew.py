"""Threads to which an event loop hands what would hold it up.

concurrent.futures does the same by two futures, three locks and a queue of its own for each call: 15 us more, of which
a login has two.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Crew(Generic[T]):
    """So many threads, that end with the process. What is waiting is taken up in its order."""

    def __init__(self, threads: int, name: str):
        self._waiting: SimpleQueue[tuple[asyncio.Future[T], Callable[..., T], tuple[Any, ...]]] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def call(self, function: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """What the function returns or raises, in a thread. For the loop's own thread."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put((future, function, arguments))
        return future

    def _work(self) -> None:
        while True:
            future, function, arguments = self._waiting.get()
            if future.cancelled():
                continue
            tell: tuple[Callable[..., None], Any]
            try:
                tell = _return, function(*arguments)
            except BaseException as error:  # noqa: BLE001 - whoever waits is to have it
                tell = _raise, error
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                future.get_loop().call_soon_threadsafe(tell[0], future, tell[1])
            del future, function, arguments, tell  # nothing is held until the next one comes


def _return(future: "asyncio.Future[T]", value: T) -> None:
    if not future.done():
        future.set_result(value)


def _raise(future: "asyncio.Future[T]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
