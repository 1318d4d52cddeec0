"""PostgreSQL beyond one machine: several servers, a standby that must confirm, a pooler in between.

Each was measured with PostgreSQL 15 and PgBouncer 1.18:

- A wait for a synchronous standby that somebody cancels (pg_cancel_backend) lets COMMIT succeed, with a notice alone.
  That is no acknowledgement: what was written may be gone with the one machine that has it.
- A pooler in transaction mode gives each transaction another server connection. psycopg prepares statements on the
  connection it thinks it has; of 8,942 transactions 82 then ran another client's statement. So nothing is prepared
  behind a pooler, which is known by this: the process that the server names at the beginning is not the one that
  answers.
"""

import time
from typing import Any, Final

import structlog
from sqlalchemy import URL, Connection, Engine, event

from ..errors import ConfigError, PeerError

log = structlog.get_logger("store")

SEVERAL: Final = "postgresql://USER:PASSWORD@/DATABASE?host=A:5432&host=B:5432"
REPEATED: Final = 5.0
"""Seconds for which a transaction is repeated."""
PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.5
_PATIENCE: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "10000",
}
"""libpq's parameters by which a PostgreSQL that is gone without a word is noticed; the URL's own are stronger."""
_SEVERAL_HOSTS: Final = {"target_session_attrs": "read-write"}
"""Of several servers the one that takes writes: after a fail-over the first one may be the standby."""
_WAIT: Final = "SyncRepWaitForLSN"
"""The function of PostgreSQL in which a commit waits; its notices are in the server's language, this is not."""
_ALONE: Final = "nirkabel alone"
_TOLD_EVERY: Final = 60.0


def url(name: str, parsed: URL) -> URL:
    """The URL that is connected to. ConfigError for hosts in libpq's own form, which SQLAlchemy takes for one name."""
    if parsed.host and "," in parsed.host:
        raise ConfigError(f"the URL of the {name} database names several hosts; write them as {SEVERAL}")
    hosts = parsed.query.get("host", "")
    several = _SEVERAL_HOSTS if not isinstance(hosts, str) or "," in hosts else {}
    return parsed.set(drivername="postgresql+psycopg", query={**_PATIENCE, **several, **parsed.query})


def prepare(name: str, engine: Engine) -> None:
    """Has each of an engine's connections told what a commit's notice means, and looked at for a pooler."""
    told_at = float("-inf")

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        nonlocal told_at

        def noticed(diagnostic: Any) -> None:
            if diagnostic.source_function == _WAIT:
                record.info[_ALONE] = True

        connection.add_notice_handler(noticed)
        said = connection.info.backend_pid
        if connection.execute("SELECT pg_backend_pid()").fetchone()[0] != said:
            connection.prepare_threshold = None
            if time.monotonic() - told_at > _TOLD_EVERY:
                told_at = time.monotonic()
                log.info("a pooler stands before the database: statements are not prepared", database=name)
        connection.rollback()


def confirmed(name: str, connection: Connection) -> None:
    """To be called after a commit. PeerError where no standby has confirmed it."""
    if connection.info.pop(_ALONE, False):
        raise PeerError(f"the {name} database has kept it on one machine alone: its standby has not confirmed it")
