"""Hands on a RouterOS router: the texts of `controller.mikrotik.console`, one exec each, and files by SFTP."""

import time
from collections.abc import Iterable, Sequence
from typing import Final

import paramiko

from controller.firmware import Image
from controller.hands import Start
from controller.job import Outcome, Ran
from controller.transport.remote import Facts
from controller.transport.ssh import Problem, SshError, Target, execute, fetch_files, public_line, send_files
from hotspot.errors import PeerError

from . import console
from .packages import PackageFlasher

_LONGEST_TEXT: Final = 300


class RouterHands:
    """One router. `seconds` bound each contact that has no bound of its own."""

    def __init__(self, ap: str, target: Target, key: paramiko.PKey, seconds: float):
        self._ap = ap
        self._target = target
        self._key = key
        self._seconds = seconds

    def say(self, text: str, seconds: float = 0.0) -> str:
        # The way that paramiko itself goes: what saves round trips elsewhere was never tried on a router.
        answer = execute(self._target, self._key, text, b"", seconds or self._seconds, driven=False)
        return answer.decode("utf-8", "replace")

    def facts(self) -> Facts:
        return console.parse(self.say(console.FACTS))

    def run(self, command: str, seconds: float) -> Ran:
        output, whole = console.ended(self.say(console.command(command), seconds))
        detail = "" if whole else "it did not run to its end"
        return Ran(self._ap, Outcome.DONE if whole else Outcome.FAILED, detail, output.encode())

    def start(self) -> Start:
        return Start("", console.uptime_of(self.say(console.UPTIME, 10)), time.monotonic())

    def reboot(self) -> None:
        self.say(console.REBOOT)

    def locate(self, seconds: int) -> None:
        self._told(console.locate(seconds))

    def prove(self) -> None:
        self.start()

    def send(self, files: dict[str, bytes], seconds: float) -> None:
        send_files(self._target, self._key, files, seconds)

    def fetch(self, paths: Iterable[str], seconds: float) -> dict[str, bytes]:
        return fetch_files(self._target, self._key, paths, seconds)

    def flasher(self, images: Sequence[Image], key: paramiko.PKey) -> PackageFlasher:  # noqa: ARG002 - packages keep it
        return PackageFlasher(self, images)

    def let_in(self, known: paramiko.PKey, fresh: paramiko.PKey) -> None:  # noqa: ARG002 - keys belong to the account
        line = public_line(fresh, console.key_owner(fresh))
        self.send({f"/{console.key_file(fresh)}": f"{line}\n".encode()}, self._seconds)
        self._told(console.import_key(fresh, self._target.user))

    def shut_out(self, key: paramiko.PKey, but: paramiko.PKey | None = None) -> None:
        self._told(console.forget_keys(self._target.user, console.key_owner(but) if but else ""))
        try:
            execute(self._target, key, console.UPTIME, b"", self._seconds, driven=False)
        except SshError as error:
            if error.problem is Problem.REFUSED:
                return
            raise
        raise PeerError(f"it still lets that key in: look at /user/ssh-keys of {self._target.user}")

    def _told(self, text: str) -> str:
        """What it said to a `console.command` that must be done to its end."""
        output, whole = console.ended(self.say(text))
        if not whole:
            raise PeerError(" ".join(output.split())[:_LONGEST_TEXT] or "it did not say that it is done")
        return output
