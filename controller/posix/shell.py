"""Hands on what has a shell, Debian and OpenWrt: the texts of `controller.transport.remote`, one exec each."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import paramiko

from controller.firmware import Image
from controller.hands import Start
from controller.job import Outcome, Ran
from controller.transport import remote
from controller.transport.remote import Facts
from controller.transport.ssh import Problem, SshError, Target, execute, public_line
from hotspot.errors import PeerError

from . import account
from .sysupgrade import SysupgradeFlasher

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]+")


def result_of(output: bytes) -> tuple[str, str]:
    """The word and the rest of the `result` line that every contact ends with. SshError when there is none."""
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        if line.startswith("result "):
            word, _, rest = line.removeprefix("result ").partition(" ")
            return word, _UNPRINTABLE.sub(" ", rest).strip()
    raise SshError(Problem.BROKEN, f"it gave no result: {output[-200:].decode('utf-8', 'replace').strip()!r}")


class ShellHands:
    """One access point. `seconds` bound each contact that has no bound of its own."""

    def __init__(self, ap: str, target: Target, key: paramiko.PKey, seconds: float):
        self._ap = ap
        self._target = target
        self._key = key
        self._seconds = seconds

    def ask(self, text: str, seconds: float = 0.0, stdin: bytes = b"", *, request: str = "") -> Ran:
        """Runs a text of `controller.transport.remote`; by an account that is not root the request of the entry that
        does it, where there is one.
        """
        if request and not self._target.is_root:
            text, stdin = account.command(self._target.user), account.request(request, stdin)
        answer = execute(self._target, self._key, text, stdin, seconds or self._seconds)
        word, rest = result_of(answer)
        if word == "refused":
            return Ran(self._ap, Outcome.REFUSED, rest)
        if word != "exit" or not rest.isdigit():
            return Ran(self._ap, Outcome.FAILED, f"{word} {rest}")
        output = answer.rstrip().rpartition(b"\n")[0].removesuffix(b"\n")
        code = int(rest)
        outcome = Outcome.FAILED if code else Outcome.DONE
        return Ran(self._ap, outcome, f"exit code {code}" if code else "", output, code)

    def _must(self, ran: Ran) -> bytes:
        if not ran.outcome.good:
            said = ran.output.decode("utf-8", "replace").strip()[-200:]
            raise PeerError(f"{ran.detail}: {said}" if said else ran.detail)
        return ran.output

    def facts(self) -> Facts:
        return remote.parse_facts(
            self._must(self.ask(remote.command(remote.FACTS), request="facts")).decode("utf-8", "replace")
        )

    def run(self, command: str, seconds: float) -> Ran:
        if self._target.is_root:
            return self.ask(remote.command(command), seconds)
        ran = self.ask("", seconds, command.encode(), request="exec")
        if ran.outcome is not Outcome.REFUSED:
            return ran
        ran = self.ask(remote.command(command), seconds)
        how = f"as {self._target.user}; as root where root has made the file {account.ALLOWS_EXEC}"
        return replace(ran, detail=f"{ran.detail}, {how}" if ran.detail else how)

    def start(self) -> Start:
        return Start(self._must(self.ask(remote.BOOT, 10, request="start")).decode("utf-8", "replace").strip())

    def reboot(self) -> None:
        self._must(self.ask(remote.REBOOT, request="reboot"))

    def locate(self, seconds: int) -> None:
        ran = self.ask(remote.locate(seconds), request=f"locate {seconds}")
        if ran.code == 1:
            raise PeerError("it has no LED that can be told to blink")
        self._must(ran)

    def prove(self) -> None:
        self.start()

    def flasher(self, images: Sequence[Image], key: paramiko.PKey) -> SysupgradeFlasher:
        return SysupgradeFlasher(self, images, key)

    def let_in(self, known: paramiko.PKey, fresh: paramiko.PKey) -> None:
        self._must(self.ask(remote.add_key(known.get_base64(), public_line(fresh, "nirkabel"))))

    def shut_out(self, key: paramiko.PKey, but: paramiko.PKey | None = None) -> None:  # noqa: ARG002 - it is not named
        self._must(self.ask(remote.forget_key(key.get_base64())))
