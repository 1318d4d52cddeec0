"""Activated inventories: immutable, numbered, and followed by every service on every node."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

import structlog
from sqlalchemy import Connection, func, insert, select

from hotspot.city.inventory import dismantle, load, trusted
from hotspot.city.sites import Inventory
from hotspot.cores import anywhere, giving_way
from hotspot.errors import ConfigError, HotspotError, PeerError, StoreError
from hotspot.store.engine import Store
from hotspot.store.schema import revision

log = structlog.get_logger()

_FOLLOW_EVERY = 1.0
"""Seconds for which a service trusts the revision it has before it looks for a newer one."""


@dataclass(frozen=True)
class Revision:
    number: int
    text: str
    activated_at: int

    @property
    def inventory(self) -> Inventory:
        return _parsed(self.text)


_KEPT = 4
_PARSING = Lock()
"""Threads that find the same text new parse it once."""
_inventories: dict[str, Inventory] = {}
"""The texts that were parsed last."""


def _parsed(text: str) -> Inventory:
    known = _inventories.get(text)  # without the lock: who knows the present one must not wait while a newer is parsed
    if known is not None:
        return known
    with _PARSING:
        found = _inventories.get(text)
        if found is None:
            found = trusted(text)
            while len(_inventories) >= _KEPT:
                oldest = _inventories.pop(next(iter(_inventories)))
                parts = [[*oldest.site, *oldest.gateway]]
                del oldest
                dismantle(parts)
            _inventories[text] = found
        return found


_texts: dict[str, str] = {}
"""The texts that this process has seen last, by their SHA-256: what was checked when it was activated, and is the same
still, need not be fetched or checked again."""


def activate(connection: Connection, text: str, who: str, now: int, *, checked: Inventory | None = None) -> Revision:
    """Stores a text as the next revision; the active one again where nothing changed. ConfigError as `load`.

    `checked` is what its check made of it, where the caller has done that: for a large city it takes seconds, in which
    others wait for who writes.
    """
    if checked is None:
        load(text)
    current = active(connection)
    if current is not None and current.text == text:
        return current
    digest = hashlib.sha256(text.encode()).hexdigest()
    number = connection.execute(
        insert(revision)
        .values(text=text, sha256=digest, activated_at=now, activated_by=who)
        .returning(revision.c.number)
    ).scalar_one()
    return Revision(number, text, now)


def active(connection: Connection) -> Revision | None:
    """The newest revision. StoreError where it is not what was activated."""
    return _found(connection, select(func.max(revision.c.number)).scalar_subquery())


def current(store: Store) -> Revision | None:
    """The newest revision, parsed: for before a transaction, as others wait for whoever writes."""
    with store.core.read() as connection:
        found = active(connection)
    _ = found and found.inventory
    return found


def get(connection: Connection, number: int) -> Revision | None:
    return _found(connection, number)


def _found(connection: Connection, number: Any) -> Revision | None:
    """A revision; its text, which may be megabytes, is fetched only where this process has not seen it yet."""
    head = select(revision.c.number, revision.c.sha256, revision.c.activated_at)
    row = connection.execute(head.where(revision.c.number == number)).one_or_none()
    if row is None:
        return None
    text = _texts.get(row.sha256)
    if text is None:
        # SQLite copies a value that is computed without the interpreter's lock, and one of a column with it.
        whole = select(func.substr(revision.c.text, 1)).where(revision.c.number == row.number)
        text = str(connection.execute(whole).scalar_one())
        if hashlib.sha256(text.encode()).hexdigest() != row.sha256:
            raise StoreError(
                f"revision {row.number} was changed in the store after it was activated: it is not used; "
                "activate the city's file again"
            )
        while len(_texts) >= _KEPT:
            _texts.pop(next(iter(_texts)), None)
        _texts[row.sha256] = text
    return Revision(row.number, text, row.activated_at)


class Following:
    """The active revision as a running service sees it: at most a second old, parsed again only when it changed.

    A newer one is taken up beside whoever asks, in a thread: they go on with the one they know, and wait for `patience`
    at most, which is enough for a city of a few hundred sites.
    """

    def __init__(
        self,
        store: Store,
        last: Revision | None = None,
        reachable: Callable[[], bool] = lambda: True,
        lost: Callable[[PeerError], None] = lambda _: None,
        *,
        prepare: Callable[[Revision], object] = lambda _: None,
        patience: float = 1.0,
    ):
        """`last` is what a process that cannot ask the store yet knows; it asks only while the store is `reachable`,
        and tells that it is `lost`. `prepare` is called with a newer revision before anybody is given it."""
        self._store = store
        self._lock = Lock()
        self._reachable, self._lost = reachable, lost
        self._prepare, self._patience = prepare, patience
        self._revision = last
        self._looked_at = float("-inf")
        self._taking_up: Thread | None = None
        self._refused = 0

    def revision(self) -> Revision:
        """The last one known while the store is away. ConfigError while no inventory was ever activated, StoreError
        where the first one was changed in the store."""
        known = self._revision
        if known is not None and time.monotonic() - self._looked_at < _FOLLOW_EVERY:
            return known
        with self._lock:
            due = time.monotonic() - self._looked_at >= _FOLLOW_EVERY and self._reachable()
            if due or self._revision is None:
                try:
                    self._look()
                except PeerError as error:
                    if self._revision is None:
                        raise
                    self._lost(error)
                self._looked_at = time.monotonic()
            if self._revision is None:
                raise ConfigError(
                    "no inventory is active: check a file with `hotspot check`, then `hotspot activate` it"
                )
            return self._revision

    def _look(self) -> None:
        with self._store.core.read() as connection:
            newest = connection.execute(select(func.max(revision.c.number))).scalar()
            if newest is not None and self._revision is None:
                found = active(connection)
        if newest is None:
            return
        if self._revision is None:
            if found is not None:
                self._take_up(found)
        elif newest not in (self._revision.number, self._refused):
            if self._taking_up is None or not self._taking_up.is_alive():
                self._taking_up = Thread(target=self._beside, args=(newest,), name="revision", daemon=True)
                self._taking_up.start()
            self._taking_up.join(self._patience)

    def _beside(self, number: int) -> None:
        try:
            with anywhere(), giving_way():
                with self._store.core.read() as connection:
                    found = get(connection, number)
                if found is not None:
                    self._take_up(found)
        except PeerError:
            pass  # whoever looks next tries again
        except HotspotError as error:
            self._refused = number
            log.error("revision not taken up", revision=number, error=str(error))

    def _take_up(self, found: Revision) -> None:
        _ = found.inventory
        self._prepare(found)
        self._revision = found

    def inventory(self) -> Inventory:
        return self.revision().inventory
