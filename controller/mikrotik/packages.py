"""How RouterOS' packages get onto a router: by SFTP, and read back before it restarts."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from controller import firmware
from controller.firmware import Firmware, Image
from controller.job import Outcome, StoppedError
from controller.transport.remote import Facts

from . import console, npk


class Router(Protocol):
    """What `PackageFlasher` needs of `controller.mikrotik.router_hands`."""

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
