"""A store together with the keys it was made with.

Several nodes share a store and must share its master key: under another, nobody in it is ever found again. The first
node leaves a check value; a node with another key is refused before it writes anything.
"""

import hmac

from sqlalchemy import Connection, select

from ..errors import ConfigError
from ..identity import Keys
from ..settings import MASTER_KEY, Settings
from .engine import Store
from .portable import upsert
from .schema import meta

_NAME = "master key check"


def open_keyed(settings: Settings) -> tuple[Store, Keys]:
    """The open store and its keys. ConfigError where this node has no master key, or another one."""
    keys = settings.keys()
    store = Store.open(settings)
    if not _is_of(store, keys.derive(_NAME)):
        store.close()
        raise ConfigError(
            f"{MASTER_KEY} of this node is not the one the store was made with; copy it from the node that made it"
        )
    return store, keys


def _is_of(store: Store, check: bytes) -> bool:
    """Whether the store was made with the key of this check value; a new store now is."""
    with store.core.read() as connection:
        known = _known(connection)
    if known is None:
        with store.core.write() as connection:
            row = {"name": _NAME, "value": check}
            connection.execute(upsert(connection, meta).values(row).on_conflict_do_nothing())
            known = _known(connection)
    return known is not None and hmac.compare_digest(known, check)


def _known(connection: Connection) -> bytes | None:
    return connection.execute(select(meta.c.value).where(meta.c.name == _NAME)).scalar()
