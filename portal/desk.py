"""What the portal works with: one node's settings, stores and keys."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store


@dataclass(frozen=True)
class Desk:
    settings: Settings
    store: Store
    keys: Keys
    now: Callable[[], int] = lambda: int(time.time())
    """UTC seconds by which things are issued and redeemed (`hotspot.node.clock`)."""

    @property
    def form_key(self) -> bytes:
        return self.keys.derive("portal form")

    @property
    def status_key(self) -> bytes:
        return self.keys.derive("portal status")

    @property
    def privacy_key(self) -> bytes:
        return self.keys.derive("portal privacy")

    @property
    def oidc_key(self) -> bytes:
        return self.keys.derive("oidc state")
