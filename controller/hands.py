"""What is done to an access point beside its configuration, whatever its kind: one interface, a module for each way in.

`controller.posix.shell` is the one for what has a shell (Debian, OpenWrt), `controller.mikrotik.router_hands` the one
for RouterOS.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import paramiko

from hotspot.errors import PeerError

from .firmware import Image
from .flashing import Flasher
from .job import Ran
from .transport.remote import Facts
from .transport.ssh import Problem, SshError

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0
_UNSURE_SECONDS: Final = 3.0
"""By which uptimes that are asked over a network may be off."""


@dataclass(frozen=True)
class Start:
    """When an access point started: an id that changes each time, or where there is none the seconds that it had been
    up at `at` on our monotonic clock.
    """

    id: str = ""
    uptime: float = 0.0
    at: float = 0.0

    def is_not(self, later: "Start") -> bool:
        """Whether `later`, which was asked after this one, is another start."""
        if self.id:
            return later.id != self.id
        return later.uptime < self.uptime + (later.at - self.at) - _UNSURE_SECONDS


class Hands(Protocol):
    """One access point. SshError where it cannot be reached, PeerError where it does not do what it is told."""

    def facts(self) -> Facts: ...

    def run(self, command: str, seconds: float) -> Ran:
        """An admin's command as it was typed, within `seconds`; a failure of the command is a result, too."""

    def start(self) -> Start: ...

    def reboot(self) -> None:
        """It restarts soon after."""

    def locate(self, seconds: int) -> None:
        """Something on it blinks for a while."""

    def prove(self) -> None:
        """That the key opens it, and that it can work there."""

    def flasher(self, images: Sequence[Image], key: paramiko.PKey) -> Flasher:
        """What puts images on it; `key` is the one that must open it afterwards."""

    def let_in(self, known: paramiko.PKey, fresh: paramiko.PKey) -> None:
        """Lets a second key of the controller in, where the one that is known is let in."""

    def shut_out(self, key: paramiko.PKey, but: paramiko.PKey | None = None) -> None:
        """Lets a key of the controller in no more; `but` is the one of its keys that stays."""


def until_restarted(hands: Hands, before: Start, wait: float) -> str:
    """ "" once it has started again, within `wait` seconds; else why that is not known."""
    return until(lambda: "" if before.is_not(hands.start()) else "it has not restarted", wait)


def until(done: Callable[[], str], wait: float) -> str:
    """Asks again and again until the answer is "", for `wait` seconds; the last answer, or what stood in its way."""
    end = time.monotonic() + wait
    last = "it was not asked"
    pause = _FIRST_PAUSE
    while time.monotonic() < end:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            last = done()
        except SshError as error:
            if error.problem is Problem.WRONG_KEY:  # it will not be another one later
                raise
            last = str(error)
        except PeerError as error:
            last = str(error)
        if not last:
            return ""
    return last
