"""How an OpenWrt image gets onto an access point: `sysupgrade`, over a shell."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import paramiko

from controller import firmware
from controller.firmware import Firmware, Image
from controller.job import Outcome, Ran, StoppedError
from controller.transport import remote

_LONGEST_TEXT: Final = 300


class Shell(Protocol):
    """What `SysupgradeFlasher` needs of `controller.posix.shell`."""

    def ask(self, text: str, seconds: float = 0.0, stdin: bytes = b"", *, request: str = "") -> Ran: ...


class SysupgradeFlasher:
    def __init__(self, shell: Shell, images: Sequence[Image], key: paramiko.PKey):
        self._shell = shell
        self._images = images
        self._key = key

    def running(self) -> Firmware:
        ran = self._shell.ask(remote.command(firmware.ABOUT))
        if not ran.outcome.good:
            raise StoppedError(ran.outcome, ran.detail)
        return firmware.parse(ran.output)

    def bring(self, running: Firmware, paths: Iterable[str]) -> None:
        if len(self._images) != 1 or self._images[0].package:
            raise StoppedError(Outcome.INVALID, "OpenWrt takes one sysupgrade image")
        image = self._images[0]
        refused = firmware.obstacle(running, image)
        if refused:
            raise StoppedError(Outcome.INVALID, refused)
        sent = self._shell.ask(firmware.upload(image), firmware.UPLOAD_SECONDS, image.data)
        if not sent.outcome.good:
            raise StoppedError(sent.outcome, "what arrived is not what was sent")
        ran = self._shell.ask(firmware.tested(paths, self._key.get_base64()))
        if ran.code:
            said = " / ".join(ran.output.decode("utf-8", "replace").split("\n"))[-_LONGEST_TEXT:]
            raise StoppedError(Outcome.INVALID, f"sysupgrade refuses it: {said}")
        if not ran.outcome.good:
            raise StoppedError(ran.outcome, ran.detail)
        lost = firmware.lost(ran.output)
        if lost:
            raise StoppedError(Outcome.INVALID, f"the upgrade would lose {', '.join(lost)}")

    def drop(self) -> None:
        self._shell.ask(firmware.REMOVE)

    def flash(self) -> None:
        begun = self._shell.ask(firmware.FLASH)
        if not begun.outcome.good:
            raise StoppedError(begun.outcome, begun.detail)
