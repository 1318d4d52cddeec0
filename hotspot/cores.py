"""A core of its own for a process whose threads share one lock.

Threads of a Python process work one at a time, so a second core does no work for them; but where they wander over
several, each hand-over of the lock wakes another core and leaves a warm cache behind: a fifth of a login's CPU. What
works outside the lock, as hashing a password does, may still go anywhere.
"""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_EVERY: Final = frozenset(os.sched_getaffinity(0))
_SHORT_TURN: Final = 0.0001
_taken: list[socket.socket] = []
"""What shows other processes that this one's core is taken, until it ends."""


def settle(among: str = "nirkabel") -> int | None:
    """Keeps this thread, and those that it starts from now on, on one core that no other process has settled on
    `among` those of this name, and out of the way of whoever computes less. The core; None where there is none to
    choose or none left.
    """
    with suppress(PermissionError):  # a container may forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    for core in sorted(_EVERY, reverse=True) if len(_EVERY) > 1 else ():  # interrupts are mostly the first one's
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0{among}-core-{core}")  # unix(7), abstract: the kernel forgets it with the process
        except OSError:
            mark.close()
            continue
        os.sched_setaffinity(0, {core})
        _taken.append(mark)
        return core
    return None


@contextmanager
def anywhere() -> Iterator[None]:
    """For work outside the interpreter's lock: this thread may go to any core meanwhile."""
    if not _taken:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _EVERY)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@contextmanager
def keeping() -> Iterator[None]:
    """For work whose results are kept: no garbage is looked for meanwhile, which takes the longer the more was made
    (10,000 gateways are a million objects, and 0.7 s), nor among them later."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


@contextmanager
def giving_way() -> Iterator[None]:
    """For seconds of work in a thread beside those that somebody waits for: they get the lock within a tenth of a
    millisecond and not five, each of the thirty times that a batch of theirs asks for it, and no collection of garbage
    stops them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SHORT_TURN)
    try:
        with keeping():
            yield
    finally:
        sys.setswitchinterval(interval)
