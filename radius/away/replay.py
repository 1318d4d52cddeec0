"""Applies what the journal holds, once the store is there: file by file, frame by frame, each once.

One process on a machine does it, for the files of all its workers, also of those that died. The position reached is
written by the transaction that applies, so a frame is applied once however often this process is killed.

New records need not wait for older ones in the journal. What a session's records end in does not depend on their order
(`hotspot.admission.session.fold`), nor on whether an Accounting-On comes before or after them
(`store.stays.sessions.restarted` and `presume_late`): it ends what was last heard of before it, whenever it is told. So
a worker that has the store back uses it at once, and only the records of one outage are late."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection

from hotspot.city.sites import Inventory
from hotspot.errors import HotspotError, StoreError
from hotspot.people.identity import Keys
from hotspot.store import Store
from hotspot.store.stays import journal, redemption
from hotspot.store.stays.ledger import Origins
from hotspot.store.stays.redemption import Spent
from radius.bookkeeping import enter

from . import backlog
from .alone import is_fresh
from .backlog import Found
from .journal import Batch, Frame
from .memory import Redemptions

log = structlog.get_logger("radius")

_EVERY: Final = 0.1
"""Seconds between two looks: an order that follows from a record must go out within a second of it."""
_LAST: Final = 10.0
"""Seconds that are spent on the journal when the service ends."""
_TELL: Final = 10.0
"""Seconds between two lines of the log that say how many records came from the journal."""
_AT_ONCE: Final = 500
"""Records that one transaction applies; in between the workers get at the store."""


class Replay:
    """The journal's way into the store."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        keys: Keys,
        inventory: Callable[[], Inventory],
        now: Callable[[], int] = lambda: int(time.time()),
    ):
        self._folder, self._store, self._keys, self._inventory = folder, store, keys, inventory
        self._now = now
        self._origins = Origins()
        self._key = keys.derive("journal")
        self._redemptions = Redemptions(folder, self._key)
        self._told: set[str] = set()
        self._said = ""
        self._applied, self._told_at = 0, float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Works until told to stop. A store that is away is tried again."""
        applied = 0
        while not stop.wait(0 if applied else _EVERY):
            applied = 0
            try:
                applied = self.round(stop)
            except (HotspotError, OSError) as error:
                if str(error) != self._said:
                    log.error("the journal waits", error=str(error))
                self._said = str(error)
            else:
                self._said = ""
        self._last()

    def _last(self) -> None:
        """What the workers left when they ended; what that does not get through waits for the next start."""
        enough = threading.Event()
        timer = threading.Timer(_LAST, enough.set)
        timer.start()
        try:
            while backlog.waiting(self._folder) and not enough.is_set():
                if not self.round(enough):
                    enough.wait(_EVERY)  # for a worker that is still at it
        except (HotspotError, OSError) as error:
            log.error("the journal waits", error=str(error))
        finally:
            timer.cancel()

    def round(self, stop: threading.Event) -> int:
        """Applies what is there; how many records that was."""
        total = 0
        with backlog.applying(self._folder) as mine:
            for path in backlog.waiting(self._folder) if mine else ():
                if stop.is_set():
                    break
                total += self._file(backlog.look(path, self._key), stop)
            if mine:
                self._redeem()
                backlog.tidy(self._folder, time.time())
        return total

    def _redeem(self) -> None:
        """Tells the store which tickets were redeemed without it, and when. It may find one spent: at another node.

        A redemption is remembered until its ticket has expired: a worker may still believe that the store is away.
        """
        for found in self._redemptions.all():
            if found.claim.ticket not in self._told:
                with self._store.core.write() as connection:
                    [result] = redemption.redeem(connection, [found.claim], found.at)
                if isinstance(result, Spent):
                    log.warning("redeemed while the store was away", gateway=found.claim.gateway, found=result.code)
                self._told.add(found.claim.ticket)
            if is_fresh(found.claim.ticket, self._now()):
                continue
            self._redemptions.forget(found.claim.ticket)
            self._told.discard(found.claim.ticket)

    def _file(self, found: Found, stop: threading.Event) -> int:
        with self._store.core.read() as connection:
            done = journal.applied(connection, found.id)
        applied = refused = 0
        unreadable: list[int] = []
        for batch, last in _portions((frame for frame in found.frames if frame.sequence > done), unreadable):
            if stop.is_set():
                return applied
            refused += self._apply(found, batch, last)
            applied += len(batch.told)
        self._applied += applied
        if self._applied and time.monotonic() - self._told_at >= _TELL:
            log.info("journal applied", records=self._applied)
            self._applied, self._told_at = 0, time.monotonic()
        if found.finished:
            self._finish(found, refused + len(unreadable))
        return applied

    def _apply(self, found: Found, batch: Batch, last: int) -> int:
        """Applies what frames up to `last` tell. How many records the store refused, each tried alone."""
        now = self._now()
        try:
            with self._store.core.write() as connection:
                self._enter(connection, batch, now)
                journal.advance(connection, found.id, last, now)
        except StoreError:
            refused = sum(not self._applied_alone(found, part, now) for part in batch.parts())
            if refused:
                backlog.keep(found)  # before the position moves on
            with self._store.core.write() as connection:
                journal.advance(connection, found.id, last, now)
            return refused
        return 0

    def _enter(self, connection: Connection, batch: Batch, now: int) -> None:
        heard = [told.heard() for told in batch.told]
        enter(connection, self._keys, self._inventory(), self._origins, heard, batch.restarts, now)

    def _applied_alone(self, found: Found, batch: Batch, now: int) -> bool:
        try:
            with self._store.core.write() as connection:
                self._enter(connection, batch, now)
        except StoreError as error:
            log.error("journal: a record is refused", file=found.path.name, error=str(error))
            return False
        return True

    def _finish(self, found: Found, refused: int) -> None:
        """Removes a file that is applied; one that could not be applied whole is kept under another name."""
        if found.torn:
            log.warning("journal: an unfinished write is cut off", file=found.path.name, bytes=found.torn)
        if found.damage or refused:
            kept = backlog.keep(found)
            places = [f"{damage.start}-{damage.end}" for damage in found.damage]
            log.error("journal damaged: the rest is applied", kept=str(kept), bytes=places, refused=refused)
        backlog.remove(found)
        with self._store.core.write() as connection:
            journal.forget(connection, found.id, self._now())


def _portions(frames: Iterable[Frame], unreadable: list[int]) -> Iterator[tuple[Batch, int]]:
    """The frames' batches, joined as far as one transaction shall apply, with the last frame's sequence.

    An Accounting-On ends a portion, so that records before and after it stay before and after.
    """
    batch, last = Batch(0), -1
    for frame in frames:
        try:
            batch, last = batch.followed_by(Batch.decode(frame.payload)), frame.sequence
        except ValueError as error:
            log.error("journal: a frame is unreadable", sequence=frame.sequence, error=str(error))
            unreadable.append(frame.sequence)
        if batch.restarts or len(batch.told) >= _AT_ONCE:
            yield batch, last
            batch = Batch(0)
    if batch.at:
        yield batch, last
