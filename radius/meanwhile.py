"""What a node does by itself while its store is away: accounting goes to the journal, fresh tickets are admitted where
the city wants it. A thin shell around radius.journal and radius.alone.
"""

from collections.abc import Iterable

import structlog

from hotspot.identity import Keys
from hotspot.settings import Settings
from hotspot.sites import Inventory
from hotspot.store.redemption import Redeemed
from hotspot.store.revisions import Revision

from .access import Login, Refusal
from .accounting import Heard, Restart
from .alone import Redemption, admit
from .backlog import FOLDER, Journal
from .journal import Batch
from .memory import Redemptions, remember

log = structlog.get_logger("radius")


class Meanwhile:
    """One process's part of it. What a method keeps is durable when it returns; PeerError where it cannot be kept."""

    def __init__(self, settings: Settings, keys: Keys):
        self._folder, self._key = settings.state / FOLDER, keys.derive("journal")
        self._journal = Journal(self._folder, self._key, settings.radius_journal)
        self._redemptions = Redemptions(self._folder, self._key)

    def remember(self, revision: Revision) -> None:
        """Keeps the inventory for a process that starts while the store is away."""
        try:
            remember(self._folder, self._key, revision)
        except OSError as error:
            log.error("the inventory cannot be kept for the time while the store is away", error=str(error))

    def note(self, heard: Iterable[Heard], restarts: Iterable[Restart], now: int) -> None:
        """Keeps what accounting reports, for the store to learn of."""
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
        """The store is there again: leaves the journal to whoever applies it."""
        self._journal.close()
