"""How a firmware gets onto an access point, whatever its kind: `posix.sysupgrade` over a shell, `mikrotik.packages` by
SFTP."""

from collections.abc import Iterable
from typing import Protocol

from .firmware import Firmware


class Flasher(Protocol):
    """One access point and the images for it. PeerError, mostly a StoppedError, where something stands in the way."""

    def running(self) -> Firmware: ...

    def bring(self, running: Firmware, paths: Iterable[str]) -> None:
        """Sends the images, and has them read there; `paths` are files that must survive."""

    def drop(self) -> None:
        """Takes away what was sent."""

    def flash(self) -> None:
        """It restarts with them soon after."""
