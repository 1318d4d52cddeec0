"""Our server, as operators run it: `python -m radius`, its store on SQLite or PostgreSQL filled beforehand."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Table, insert, text

from hotspot.people.identity import Keys, is_randomised, new_id
from hotspot.settings import MASTER_KEY, Settings
from hotspot.store import Store
from hotspot.store.city import revisions
from hotspot.store.engine import Database
from hotspot.store.schema import device, grant, person, ticket
from tests.node import Service, free_port
from tests.postgres import Server

from . import tape
from .city import GATEWAY, City, gateway_of, mac_of, sites_toml
from .peer import Ledger, Serving, Workload
from .tape import Tape

INSTALLED = Path(__file__).parents[3] / "build" / "installed" / "bin" / "python"
"""Made by tools/installed.sh."""
_DAY = 86400
_LEDGERS = {
    Workload.REDEEM: "SELECT count(*) AS redeemed FROM ticket WHERE redeemed_at IS NOT NULL",
    Workload.ACCT: "SELECT count(*) AS sessions, count(stopped_at) AS stopped, coalesce(sum(down), 0) AS received,"
    " coalesce(sum(up), 0) AS sent FROM session",
}


class Ours:
    """`changes` are HOTSPOT_ variables beside the benchmark's; in `profiles` its processes leave a profile each."""

    workloads = (Workload.REDEEM, Workload.LOOKUP, Workload.ACCT)

    def __init__(self, folder: Path, postgres: Server | None, changes: Mapping[str, str], profiles: Path | None = None):
        self.name = "ours-postgresql" if postgres else "ours-sqlite"
        self._folder = folder / self.name
        self._postgres = postgres
        self._changes = changes
        self._command = (
            [sys.executable, "-m", f"{__package__}.profiled", str(profiles)]
            if profiles
            else [str(INSTALLED), "-P", "-m", "radius"]  # -P: what is installed, not what lies here
        )
        self._secrets = {MASTER_KEY: Keys.new_text()}
        (self._folder / "state").mkdir(parents=True)

    def _environment(self, url: str, auth: int = 1, acct: int = 1) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOTSPOT_")},
            "HOTSPOT_STATE": str(self._folder / "state"),
            "HOTSPOT_CORE_URL": url,
            "HOTSPOT_RADIUS_AUTH_LISTEN": f"127.0.0.1:{auth}",
            "HOTSPOT_RADIUS_ACCT_LISTEN": f"127.0.0.1:{acct}",
            **self._secrets,
            **self._changes,
        }

    def _settings(self, url: str) -> Settings:
        return Settings.load(environ=self._environment(url))

    def _url(self, name: str) -> str:
        return self._postgres.database(name) if self._postgres else f"sqlite:///{self._folder / name}.db"

    def prepare(self, workload: Workload, city: City) -> Tape:
        if self._postgres:
            self._postgres.run("CREATE DATABASE {}", workload)
        for gateway, secret in zip(GATEWAY, city.secrets, strict=True):
            self._secrets |= {
                f"BENCH_RADIUS_{gateway.number}": secret,
                f"BENCH_UAM_{gateway.number}": token_hex(16),
            }
        settings = self._settings(self._url(workload))
        keys = settings.keys()
        store = Store.open(settings)
        with store.core.write() as connection:
            revisions.activate(connection, sites_toml(), "bench", int(time.time()))
        for table, rows in _population(workload, city, keys):
            _insert(store.core, table, rows)
        store.close()
        if self._postgres:
            Server(settings.core_url, self._postgres.pid).run("VACUUM ANALYZE")
        path = self._folder / f"{workload}.tape"
        if workload is Workload.REDEEM:
            return tape.redemptions(path, city, keys.derive("ticket"))
        return tape.lookups(path, city) if workload is Workload.LOOKUP else tape.accounting(path, city)

    @contextmanager
    def serve(self, workload: Workload) -> Iterator[Serving]:
        name = f"{workload}-run"
        url = self._url(name)
        if self._postgres:
            self._postgres.run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, workload)
        else:
            _copy(self._folder / f"{workload}.db", self._folder / f"{name}.db")
        auth, acct = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        try:
            with Service(self._command, self._environment(url, auth, acct), "radius listening on") as service:
                postgres = self._postgres.pid if self._postgres else None
                stored = (lambda: self._stored(url, workload)) if workload in _LEDGERS else None
                yield Serving(auth, acct, service.process.pid, postgres, stored)
        finally:
            if self._postgres:
                self._postgres.run("DROP DATABASE {} WITH (FORCE)", name)
            else:
                for suffix in ("", "-wal", "-shm"):
                    (self._folder / f"{name}.db{suffix}").unlink(missing_ok=True)

    def _stored(self, url: str, workload: Workload) -> Ledger:
        database = Database("core", url, durable=True)
        try:
            with database.read() as connection:
                row = connection.execute(text(_LEDGERS[workload])).mappings().one()
                return {name: int(value) for name, value in row.items()}
        finally:
            database.close()


def _copy(source: Path, target: Path) -> None:
    """A copy that is on the disk, so that nobody's later flush has to wait for it."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _insert(database: Database, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    with database.write() as connection:
        if connection.dialect.name != "postgresql":
            connection.execute(insert(table), rows)
            return
        names = list(rows[0])
        cursor: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(_names(table.name), _names(*names))) as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])


def _names(*names: str) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _population(workload: Workload, city: City, keys: Keys) -> Iterable[tuple[Table, list[dict[str, Any]]]]:
    """The people of a workload, as if the portal had admitted them: for `redeem` a moment ago, with tickets that are
    kept from expiring; for `acct` with tickets redeemed a quarter of an hour ago; for `lookup` with a running grant."""
    now = int(time.time())
    people = [new_id() for _ in range(city.phones)]
    devices = [new_id() for _ in range(city.phones)]
    yield person, [{"id": value, "kind": "device-day", "created_at": now} for value in people]
    yield device, [_device(devices[phone], mac_of(phone), keys, now) for phone in range(city.phones)]
    tickets = {Workload.REDEEM: city.ticket_ids, Workload.ACCT: city.session_tickets, Workload.LOOKUP: []}[workload]
    began = now if workload is Workload.REDEEM else now - 900
    grants = [
        _grant(phone, people[phone], devices[phone], began)
        for phone in (number % city.phones for number in range(len(tickets) or city.phones))
    ]
    yield grant, grants
    redeemed = None if workload is Workload.REDEEM else began
    expires_at = now + _DAY if workload is Workload.REDEEM else began + 60
    yield (
        ticket,
        [
            {
                "id": name,
                "grant_id": grants[number]["id"],
                "gateway": grants[number]["gateway"],
                "expires_at": expires_at,
                "redeemed_at": redeemed,
            }
            for number, name in enumerate(tickets)
        ],
    )


def _device(device_id: str, mac: str, keys: Keys, now: int) -> dict[str, Any]:
    return {
        "id": device_id,
        "lookup": keys.device_index(mac),
        "sealed": keys.seal("mac", mac),
        "randomised": is_randomised(mac),
        "first_seen": now,
    }


def _grant(phone: int, person_id: str, device_id: str, began: int) -> dict[str, Any]:
    gateway = gateway_of(phone)
    return {
        "id": new_id(),
        "person_id": person_id,
        "device_id": device_id,
        "site": gateway.site,
        "gateway": gateway.id,
        "plan": "umum",
        "method": "click-through",
        "language": "id",
        "revision": 1,
        "starts_at": began,
        "ends_at": began + _DAY,
        "idle": 900,
        "down": 5_000_000,
        "up": 2_000_000,
        "total": 10**9,
        "interim": 300,
    }
