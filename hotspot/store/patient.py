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
from math import inf
from typing import Any, Final

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError

from hotspot.errors import ConfigError, PeerError

from .deadline import Deadlines, was_cut
from .driver import Driver

log = structlog.get_logger("store")

SEVERAL: Final = "postgresql://USER:PASSWORD@/DATABASE?host=A:5432&host=B:5432"
REPEATED: Final = 5.0
"""Seconds for which a transaction is repeated."""
PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.5
_LEAST: Final = 2
"""Seconds that libpq gives a connection at least."""
_REST: Final = 0.5
"""Seconds after which an idle connection is tried before it is used."""
_LIMITS: Final = """
SELECT set_config('statement_timeout', :all, {local}), set_config('lock_timeout', :lock, {local}),
    set_config('idle_in_transaction_session_timeout', :all, {local}),
    set_config('client_connection_check_interval', '1000', {local})
"""
"""In milliseconds. The last one has PostgreSQL end what nobody waits for any more, whose connection was shut down."""
_SEVERAL_HOSTS: Final = {"target_session_attrs": "read-write"}
"""Of several servers the one that takes writes: after a fail-over the first one may be the standby."""
_WAIT: Final = "SyncRepWaitForLSN"
"""The function of PostgreSQL in which a commit waits; its notices are in the server's language, this is not."""
_ALONE: Final = "nirkabel alone"
_TOLD_EVERY: Final = 60.0


def engine(name: str, parsed: URL, deadlines: Deadlines, driver: Driver) -> Engine:
    """An engine whose transactions end in time. ConfigError for a URL that cannot be used."""
    made = create_engine(url(name, parsed, deadlines.seconds), pool_timeout=deadlines.seconds)
    _prepare(name, made, deadlines.seconds)
    return _looked_after(name, made, deadlines, driver)


def url(name: str, parsed: URL, seconds: float) -> URL:
    """The URL that is connected to. ConfigError for hosts in libpq's own form, which SQLAlchemy takes for one name.

    libpq's parameters by which a PostgreSQL that is gone without a word is noticed follow from how long a transaction
    may take; the URL's own are stronger.
    """
    if parsed.host and "," in parsed.host:
        raise ConfigError(f"the URL of the {name} database names several hosts; write them as {SEVERAL}")
    hosts = parsed.query.get("host", "")
    several = _SEVERAL_HOSTS if not isinstance(hosts, str) or "," in hosts else {}
    soon = min(seconds, 10.0)
    noticed = {
        "connect_timeout": str(max(_LEAST, round(min(soon, 5.0)))),
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "2",
        "tcp_user_timeout": str(round(1000 * soon)),
    }
    return parsed.set(drivername="postgresql+psycopg", query={**noticed, **several, **parsed.query})


def limits(seconds: float) -> dict[str, str]:
    """PostgreSQL's own timeouts: a lock's bites before the connection is shut down, as its error says more."""
    return {"all": str(round(1000 * seconds)), "lock": str(round(1000 * seconds * 2 / 3))}


def extend(connection: Connection, seconds: float) -> None:
    """Gives this transaction another time than the usual, on PostgreSQL's side."""
    connection.execute(text(_LIMITS.format(local="true")), limits(seconds))


def late(name: str, seconds: float) -> PeerError:
    return PeerError(f"the {name} database has not answered within {seconds:g} seconds")


def _looked_after(name: str, made: Engine, deadlines: Deadlines, driver: Driver) -> Engine:
    """Connections are watched while they are in use, and those that have rested are tried before: a server that
    restarted costs nobody an error.

    `pool_pre_ping` does it each time, which is a round trip for every batch of RADIUS requests.
    """

    @event.listens_for(made, "connect", insert=True)  # before SQLAlchemy's own first questions
    def _watched(connection: Any, record: Any) -> None:
        deadlines.begin(record, connection)

    @event.listens_for(made, "checkout")
    def _tried(connection: Any, record: Any, _proxy: Any) -> None:
        deadlines.begin(record, connection)
        if time.monotonic() - record.info.get("rests", inf) > _REST:
            try:
                made.dialect.do_ping(connection)
            except driver.failures as error:
                if was_cut(record.info):
                    made.dispose()  # the others in the pool are as dead; each would be found out as slowly
                    raise late(name, deadlines.seconds) from error
                raise DisconnectionError from error  # the pool takes a new one

    @event.listens_for(made, "checkin")
    def _rested(_connection: Any, record: Any) -> None:
        record.info["rests"] = time.monotonic()
        deadlines.end(record)

    return made


def _prepare(name: str, made: Engine, seconds: float) -> None:
    """Has each of an engine's connections told what a commit's notice means, looked at for a pooler, and given
    PostgreSQL's own timeouts. Behind a pooler they would be another client's too: there the role has them."""
    told_at = float("-inf")
    statement = _LIMITS.format(local="false").replace(":all", "%(all)s").replace(":lock", "%(lock)s")

    @event.listens_for(made, "connect")
    def _connected(connection: Any, record: Any) -> None:
        nonlocal told_at

        def noticed(diagnostic: Any) -> None:
            if diagnostic.source_function == _WAIT:
                record.info[_ALONE] = True

        connection.add_notice_handler(noticed)
        said = connection.info.backend_pid
        if connection.execute("SELECT pg_backend_pid()").fetchone()[0] == said:
            connection.execute(statement, limits(seconds))
            connection.commit()
            return
        connection.prepare_threshold = None
        if time.monotonic() - told_at > _TOLD_EVERY:
            told_at = time.monotonic()
            log.info("a pooler stands before the database: statements are not prepared", database=name)
        connection.rollback()


def confirmed(name: str, connection: Connection) -> None:
    """To be called after a commit. PeerError where no standby has confirmed it."""
    if connection.info.pop(_ALONE, False):
        raise PeerError(f"the {name} database has kept it on one machine alone: its standby has not confirmed it")
