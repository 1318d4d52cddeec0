"""FreeRADIUS 3.2 from Debian, tuned: one query for a request, a prepared database, no logging, signed requests only.

It has no tickets: the people of `redeem` are users with a name and a password of the same lengths, those of `lookup`
users named by their MAC address. Its answers carry the limits that ours carry.
"""

import shutil
import socket
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import psycopg

from tests.node import Service, free_port
from tests.postgres import USER, Server

from . import tape
from .city import GATEWAY, City, mac_of
from .freeradius_sql import module
from .generator import BenchError
from .peer import Ledger, Serving, Workload
from .tape import Tape


class Backend(StrEnum):
    FILES = "files"
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


_THREADS = {
    (Backend.FILES, Workload.REDEEM): 2,
    (Backend.FILES, Workload.LOOKUP): 2,
    (Backend.SQLITE, Workload.REDEEM): 2,
    (Backend.SQLITE, Workload.LOOKUP): 2,
    (Backend.SQLITE, Workload.ACCT): 1,
    (Backend.POSTGRESQL, Workload.REDEEM): 16,
    (Backend.POSTGRESQL, Workload.LOOKUP): 4,
    (Backend.POSTGRESQL, Workload.ACCT): 16,
}
"""The sizes of its thread pool with which it was fastest."""

_LEDGERS = {
    Workload.REDEEM: "SELECT count(*) FROM radpostauth WHERE reply = 'Access-Accept'",
    Workload.ACCT: "SELECT count(*), count(acctstoptime), coalesce(sum(acctinputoctets), 0),"
    " coalesce(sum(acctoutputoctets), 0) FROM radacct",
}
_NAMES = {Workload.REDEEM: ("redeemed",), Workload.ACCT: ("sessions", "stopped", "received", "sent")}

_RADIUSD = """
prefix = /usr
name = bench
libdir = /usr/lib/freeradius
run_dir = {folder}
pidfile = {folder}/pid
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
proxy_requests = no
log {{
    destination = stdout
    auth = no
}}
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = no
    allow_core_dumps = no
}}
thread pool {{
    start_servers = {threads}
    max_servers = {threads}
    min_spare_servers = 1
    max_spare_servers = {threads}
    max_requests_per_server = 0
    auto_limit_acct = no
}}
{clients}
instantiate {{
    expr
}}
modules {{
    expr {{
    }}
    pap {{
        normalise = no
    }}
    {module}
}}
server bench {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {auth}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {acct}
    }}
    authorize {{
        {authorize}
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
    preacct {{
        update request {{
            &Acct-Unique-Session-Id := "%{{Acct-Session-Id}}:%{{NAS-IP-Address}}"
        }}
    }}
    accounting {{
        {accounting}
    }}
    post-auth {{
        {post_auth}
    }}
}}
"""

_CLIENT = """
client {gateway} {{
    ipaddr = {address}
    secret = {secret}
    require_message_authenticator = yes
}}"""

_LIMITS = {
    "Session-Timeout": 7200,
    "Idle-Timeout": 900,
    "Acct-Interim-Interval": 300,
    "WISPr-Bandwidth-Max-Down": 5_000_000,
    "WISPr-Bandwidth-Max-Up": 2_000_000,
    "ChilliSpot-Max-Total-Octets": 10**9,
    "ChilliSpot-Max-Total-Gigawords": 0,
}
_DICTIONARY = """BEGIN-VENDOR ChilliSpot
ATTRIBUTE ChilliSpot-Max-Total-Gigawords 23 integer
END-VENDOR ChilliSpot
"""
_REPLY = "\n".join(
    ["update reply {", *(f"&{name} := {value}" for name, value in _LIMITS.items()), '&Class := "%{User-Name}"', "}"]
)


def program() -> str | None:
    return shutil.which("freeradius", path="/usr/sbin:/usr/bin")


class FreeRadius:
    def __init__(self, folder: Path, backend: Backend, postgres: Server | None = None, threads: int | None = None):
        self.name = f"freeradius-{backend}"
        self._folder = folder / self.name
        self._backend = backend
        self._postgres = postgres
        self._threads = threads
        self._clients = ""
        self._folder.mkdir(parents=True)
        (self._folder / "dictionary").write_text(_DICTIONARY)

    @property
    def workloads(self) -> tuple[Workload, ...]:
        return tuple(workload for backend, workload in _THREADS if backend is self._backend)

    def prepare(self, workload: Workload, city: City) -> Tape:
        self._clients = "".join(
            _CLIENT.format(gateway=gateway.id, address=gateway.address, secret=secret)
            for gateway, secret in zip(GATEWAY, city.secrets, strict=True)
        )
        people = _people(workload, city)
        if self._backend is Backend.FILES:
            (self._folder / f"{workload}.users").write_text("".join(map(_entry, people)))
        elif self._backend is Backend.SQLITE:
            self._fill_sqlite(workload, people)
        else:
            self._fill_postgres(workload, people)
        path = self._folder / f"{workload}.tape"
        if workload is Workload.ACCT:
            return tape.accounting(path, city)
        return tape.lookups(path, city) if workload is Workload.LOOKUP else tape.logins(path, city)

    def _fill_sqlite(self, workload: Workload, people: Iterable[tuple[str, str]]) -> None:
        connection = sqlite3.connect(self._folder / f"{workload}.db")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_schema("sqlite"))
        connection.executemany(_INSERT.format(place="?"), people)
        connection.commit()
        connection.close()

    def _fill_postgres(self, workload: Workload, people: Iterable[tuple[str, str]]) -> None:
        assert self._postgres is not None
        name = f"freeradius-{workload}"
        self._postgres.run("CREATE DATABASE {}", name)
        with psycopg.connect(self._postgres.database(name), autocommit=True) as connection:
            connection.execute(_schema("postgresql").encode())
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(_INSERT.format(place="%s").encode(), list(people))
            connection.execute("VACUUM ANALYZE")

    @contextmanager
    def serve(self, workload: Workload) -> Iterator[Serving]:
        auth, acct = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        path, database = self._folder / f"{workload}-run.db", f"freeradius-{workload}-run"
        if self._backend is Backend.SQLITE:
            shutil.copyfile(self._folder / f"{workload}.db", path)
        elif self._postgres:
            self._postgres.run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", database, f"freeradius-{workload}")
        self._configure(workload, auth, acct, path, database)
        command = [program() or "", "-f", "-l", "stdout", "-d", str(self._folder)]
        try:
            with Service(command, {"PATH": "/usr/bin"}, "Ready to process requests") as service:
                postgres = self._postgres.pid if self._postgres else None
                stored = (lambda: self._stored(workload, path, database)) if self._writes(workload) else None
                yield Serving(auth, acct, service.process.pid, postgres, stored)
        except AssertionError as error:
            raise BenchError(f"FreeRADIUS does not start:\n{error}") from error
        finally:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            if self._postgres:
                self._postgres.run("DROP DATABASE {} WITH (FORCE)", database)

    def _writes(self, workload: Workload) -> bool:
        """Accounting always; a row for each authentication on PostgreSQL."""
        return workload is Workload.ACCT or (workload is Workload.REDEEM and self._backend is Backend.POSTGRESQL)

    def _configure(self, workload: Workload, auth: int, acct: int, path: Path, database: str) -> None:
        if self._backend is Backend.FILES:
            text = f'files {{\n key = "%{{User-Name}}"\n usersfile = {self._folder}/{workload}.users\n }}'
        elif self._backend is Backend.SQLITE:
            text = module("sqlite", f'sqlite {{\n filename = "{path}"\n busy_timeout = 5000\n }}')
        else:
            assert self._postgres is not None
            socket_folder = self._postgres.url.partition("host=")[2]
            text = module("postgresql", f'radius_db = "host={socket_folder} dbname={database} user={USER}"')
        with_sql = self._backend is not Backend.FILES
        (self._folder / "radiusd.conf").write_text(
            _RADIUSD.format(
                folder=self._folder,
                threads=self._threads or _THREADS[self._backend, workload],
                clients=self._clients,
                module=text,
                auth=auth,
                acct=acct,
                authorize=f"sql\n        {_REPLY}" if with_sql else "files",
                accounting="sql" if with_sql else "",
                post_auth="sql" if workload is Workload.REDEEM and self._writes(workload) else "",
            )
        )

    def _stored(self, workload: Workload, path: Path, database: str) -> Ledger:
        row: tuple[int, ...] | None
        if self._postgres:
            with psycopg.connect(self._postgres.database(database)) as connection:
                row = connection.execute(_LEDGERS[workload].encode()).fetchone()
        else:
            reader = sqlite3.connect(path)
            row = reader.execute(_LEDGERS[workload]).fetchone()
            reader.close()
        assert row is not None
        return dict(zip(_NAMES[workload], map(int, row), strict=True))


_INSERT = "INSERT INTO radcheck (username, attribute, op, value) VALUES ({place}, 'Cleartext-Password', ':=', {place})"


def _schema(dialect: str) -> str:
    return Path(f"/etc/freeradius/3.0/mods-config/sql/main/{dialect}/schema.sql").read_text()


def _people(workload: Workload, city: City) -> list[tuple[str, str]]:
    if workload is not Workload.LOOKUP:
        return city.accounts
    macs = (mac_of(phone).replace(":", "") for phone in range(city.phones))
    return [(mac, mac) for mac in macs]


def _entry(person: tuple[str, str]) -> str:
    """A user of the `files` module."""
    name, password = person
    limits = ", ".join(f"{limit} = {value}" for limit, value in _LIMITS.items())
    return f'{name} Cleartext-Password := "{password}"\n\t{limits}, Class = "{name}"\n'
