"""A store together with the keys it was made with.

Several nodes share a store and must share its master key: under another, nobody in it is ever found again. The first
node leaves a check value; a node with another key is refused before it writes anything.
"""

import hmac
import os

from sqlalchemy import Connection, select

from hotspot.errors import ConfigError, HotspotError
from hotspot.people.identity import Keys
from hotspot.settings import MASTER_KEY, Settings

from .deadline import TERMINAL
from .engine import Store, migrate_database
from .portable import upsert
from .schema import KEYED, meta

_SEEN = "last return"


def open_keyed(settings: Settings, *, create: bool = True, seconds: float = TERMINAL) -> tuple[Store, Keys]:
    """The open store, made where `create` says so, and its keys; its transactions may take so many `seconds`.
    ConfigError where this node has no master key, or another one."""
    keys = settings.keys()
    store = Store.open(settings, create=create, seconds=seconds)
    try:
        _check(store, keys)
    except HotspotError:
        store.close()
        raise
    return store, keys


def confirm(store: Store, keys: Keys) -> None:
    """That a store which was away is of these keys and this version, and can be written. Errors as `open_keyed`."""
    migrate_database(store.core)
    _check(store, keys)
    with store.core.write() as connection:
        row = {"name": _SEEN, "value": os.urandom(8)}  # a changed row, so that something is written for sure
        statement = upsert(connection, meta).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": row["value"]}))


def _check(store: Store, keys: Keys) -> None:
    if not _is_of(store, keys.derive(KEYED)):
        raise ConfigError(
            f"{MASTER_KEY} of this node is not the one the store was made with; copy it from the node that made it"
        )


def _is_of(store: Store, check: bytes) -> bool:
    """Whether the store was made with the key of this check value; a new store now is."""
    with store.core.read() as connection:
        known = _known(connection)
    if known is None:
        with store.core.write() as connection:
            row = {"name": KEYED, "value": check}
            connection.execute(upsert(connection, meta).values(row).on_conflict_do_nothing())
            known = _known(connection)
    return known is not None and hmac.compare_digest(known, check)


def _known(connection: Connection) -> bytes | None:
    return connection.execute(select(meta.c.value).where(meta.c.name == KEYED)).scalar()
