"""What a node does by itself where it cannot wait for its store: accounting goes to the journal while the store is away
or more comes than it takes, and fresh tickets are admitted, while it is away, where the city wants it. A thin shell
around radius.away.journal and radius.away.alone.
"""

import time
from collections.abc import Iterable
from typing import Final

import structlog

from hotspot.city.sites import Inventory
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store.city.revisions import Revision
from hotspot.store.stays.redemption import Redeemed
from radius.access import Login, Refusal
from radius.accounting import Heard, Restart

from .alone import Redemption, admit
from .backlog import FOLDER, Journal
from .journal import Batch
from .memory import Redemptions, remember

log = structlog.get_logger("radius")

_MANY: Final = 16
"""Records that come at once where more come than the store takes one batch after the other."""
_CALM: Final = 1.0
"""Seconds without so many after which accounting goes to the store again."""


class Meanwhile:
    """One process's part of it. What a method keeps is durable when it returns; PeerError where it cannot be kept."""

    def __init__(self, settings: Settings, keys: Keys):
        self._folder, self._key = settings.state / FOLDER, keys.derive("journal")
        self._journal = Journal(self._folder, self._key, settings.radius_journal)
        self._redemptions = Redemptions(self._folder, self._key)
        self._pressed_until = self._noted_until = 0.0

    def presses(self, records: int) -> bool:
        """Whether a batch of so many records had better go to the journal: written there, it is applied a moment later,
        in larger portions than it came, and nobody waits for the store."""
        now = time.monotonic()
        if records >= _MANY:
            self._pressed_until = now + _CALM
        return now < self._pressed_until

    def remember(self, revision: Revision) -> None:
        """Keeps the inventory for a process that starts while the store is away."""
        try:
            remember(self._folder, self._key, revision)
        except OSError as error:
            log.error("the inventory cannot be kept for the time while the store is away", error=str(error))

    def note(self, heard: Iterable[Heard], restarts: Iterable[Restart], now: int) -> None:
        """Keeps what accounting reports, for the store to learn of."""
        self._noted_until = time.monotonic() + _CALM
        self._journal.append(Batch.of(now, heard, restarts).encode())

    def redeem(self, login: Login, inventory: Inventory, site: str, now: int) -> Redeemed | Refusal:
        """What a ticket is worth without the store, once: the identical request gets the identical answer."""
        found = self._redemptions.find(login.claim.ticket)
        worth = admit(login, inventory, site, found.at if found else now)
        if isinstance(worth, Refusal):
            return worth
        counts = found or self._redemptions.keep(Redemption(login.claim, now))
        return worth if counts.claim == login.claim else Refusal("ticket-spent", login.request)

    def rest(self) -> None:
        """Leaves the journal to whoever applies it, where nothing has come for it of late."""
        if time.monotonic() >= self._noted_until:
            self._journal.close()

    def close(self) -> None:
        """Leaves the journal to whoever applies it."""
        self._journal.close()
