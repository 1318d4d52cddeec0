"""How a firmware gets onto an access point: OpenWrt's `sysupgrade` over a shell, RouterOS' packages by SFTP."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import paramiko

from . import console, firmware, npk, remote
from .firmware import Firmware, Image
from .job import Outcome, Ran, StoppedError
from .remote import Facts

_LONGEST_TEXT: Final = 300


class Flasher(Protocol):
    """One access point and the images for it. PeerError, mostly a StoppedError, where something stands in the way."""

    def running(self) -> Firmware: ...

    def bring(self, running: Firmware, paths: Iterable[str]) -> None:
        """Sends the images, and has them read there; `paths` are files that must survive."""

    def drop(self) -> None:
        """Takes away what was sent."""

    def flash(self) -> None:
        """It restarts with them soon after."""


class Shell(Protocol):
    """What `SysupgradeFlasher` needs of `controller.shell`."""

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


class Router(Protocol):
    """What `PackageFlasher` needs of `controller.router_hands`."""

    def facts(self) -> Facts: ...

    def say(self, text: str, seconds: float = 0.0) -> str: ...

    def send(self, files: dict[str, bytes], seconds: float) -> None: ...

    def fetch(self, paths: Iterable[str], seconds: float) -> dict[str, bytes]: ...


class PackageFlasher:
    def __init__(self, router: Router, images: Sequence[Image]):
        self._router = router
        self._images = images

    def running(self) -> Firmware:
        return npk.running(self._router.facts())

    def bring(self, running: Firmware, paths: Iterable[str]) -> None:  # noqa: ARG002 - packages replace no file of ours
        if not all(image.package for image in self._images):
            raise StoppedError(Outcome.INVALID, "RouterOS takes packages (.npk)")
        refused = npk.obstacle(running, self._images)
        if refused:
            raise StoppedError(Outcome.INVALID, refused)
        self._router.send({f"/{image.file}": image.data for image in self._images}, firmware.UPLOAD_SECONDS)
        # A router has no program that hashes files, so what arrived is read back.
        there = self._router.fetch([f"/{image.file}" for image in self._images], firmware.UPLOAD_SECONDS)
        sums = {path: hashlib.sha256(data).hexdigest() for path, data in there.items()}
        if sums != {f"/{image.file}": image.sha256 for image in self._images}:
            raise StoppedError(Outcome.FAILED, "what arrived is not what was sent")
        wrong = npk.refusal(self._images, self._router.say(npk.read_there(self._images)))
        if wrong:
            raise StoppedError(Outcome.INVALID, wrong)

    def drop(self) -> None:
        self._router.say(npk.remove(self._images))

    def flash(self) -> None:
        self._router.say(console.REBOOT)
