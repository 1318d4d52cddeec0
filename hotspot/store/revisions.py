"""Activated inventories: immutable, numbered, and followed by every service on every node."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from sqlalchemy import Connection, func, insert, select

from ..errors import ConfigError, PeerError
from ..inventory import load
from ..sites import Inventory
from .engine import Store
from .schema import revision

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


@lru_cache(maxsize=4)
def _parsed(text: str) -> Inventory:
    return load(text)


def activate(connection: Connection, text: str, who: str, now: int) -> Revision:
    """Stores a checked text as the next revision; the active one again where nothing changed. ConfigError as `load`."""
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
    """The newest revision."""
    row = connection.execute(select(revision).order_by(revision.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else Revision(row.number, row.text, row.activated_at)


def get(connection: Connection, number: int) -> Revision | None:
    row = connection.execute(select(revision).where(revision.c.number == number)).one_or_none()
    return None if row is None else Revision(row.number, row.text, row.activated_at)


class Following:
    """The active revision as a running service sees it: at most a second old, parsed again only when it changed."""

    def __init__(
        self,
        store: Store,
        last: Revision | None = None,
        reachable: Callable[[], bool] = lambda: True,
        lost: Callable[[PeerError], None] = lambda _: None,
    ):
        """`last` is what a process that cannot ask the store yet knows; it asks only while the store is `reachable`,
        and tells that it is `lost`."""
        self._store = store
        self._lock = Lock()
        self._reachable, self._lost = reachable, lost
        self._revision = last
        self._looked_at = float("-inf")

    def revision(self) -> Revision:
        """The last one known while the store is away. ConfigError while no inventory was ever activated."""
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
            if newest is not None and (self._revision is None or newest != self._revision.number):
                self._revision = active(connection)

    def inventory(self) -> Inventory:
        return self.revision().inventory
