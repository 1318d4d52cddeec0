"""Our portal, as operators run it: `python -m portal` under granian, its store on SQLite with 10,000 vouchers."""

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from sqlalchemy import text

from hotspot.people.identity import Keys
from hotspot.settings import MASTER_KEY, Settings
from hotspot.store import Store
from hotspot.store.city import revisions
from hotspot.store.engine import Database
from hotspot.store.limits import exits
from hotspot.store.persons import vouchers
from tests.node import Service, free_port

from .city import GATEWAY, Visitor, inventory, share, visitors

_DAY = 86400


_KEPT = """
SELECT (SELECT count(*) FROM access_grant), (SELECT count(*) FROM ticket),
    (SELECT count(*) FROM voucher WHERE used_at IS NOT NULL AND person_id IS NOT NULL), (SELECT count(*) FROM consent)
"""


@dataclass(frozen=True)
class Kept:
    """What a store holds after a run."""

    grants: int
    tickets: int
    used: int
    consents: int


class Ours:
    """`changes` are HOTSPOT_ variables beside the benchmark's."""

    def __init__(self, folder: Path, changes: Mapping[str, str]):
        self._folder = folder
        self._changes = changes
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._codes: list[list[str]] = []
        self._secrets = {MASTER_KEY: Keys.new_text()}
        for gateway in GATEWAY:
            self._secrets |= {
                f"BENCH_UAM_{gateway.number}": token_hex(16),
                f"BENCH_RADIUS_{gateway.number}": token_hex(16),
            }
        self._prepare()

    def environment(self, state: str) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("HOTSPOT_")},
            "HOTSPOT_STATE": str(self._folder / state),
            "HOTSPOT_PORTAL_LISTEN": f"127.0.0.1:{self.port}",
            **self._secrets,
            **self._changes,
        }

    def _prepare(self) -> None:
        settings = Settings.load(environ=self.environment("filled"))
        keys, now = settings.keys(), int(time.time())
        store = Store.open(settings)
        with store.core.write() as connection:
            revisions.activate(connection, inventory(self.url), "bench", now)
            for gateway in GATEWAY:
                _, codes = vouchers.create(
                    connection, keys, site=gateway.site, plan="umum", count=share(gateway.number), valid=_DAY,
                    expires_at=now + _DAY, now=now,
                )  # fmt: skip
                self._codes.append(codes)
            # as after a first day: the gateways have let people in from the addresses of their parks
            where = {
                (visitor.address, visitor.path[3:].partition("?")[0]) for visitor in self.visitors("click-through")
            }
            exits.learn(connection, [exits.mark(keys, gateway, address) for address, gateway in where], now)
        store.close()

    def visitors(self, method: str) -> Iterator[Visitor]:
        uam = [self._secrets[f"BENCH_UAM_{gateway.number}"].encode() for gateway in GATEWAY]
        return visitors(self.url, uam, self._codes, method)

    @contextmanager
    def filled(self) -> Iterator[str]:
        """The name of a state folder with a fresh copy of the store, on the disk."""
        name = "run"
        shutil.copytree(self._folder / "filled", self._folder / name)
        os.sync()
        try:
            yield name
        finally:
            shutil.rmtree(self._folder / name)

    @contextmanager
    def serve(self, state: str) -> Iterator[int]:
        """The process id of a running portal."""
        with Service([sys.executable, "-m", "portal"], self.environment(state), "portal listening on") as service:
            yield service.process.pid

    def kept(self, state: str) -> Kept:
        """What the store holds, read after the portal has ended."""
        database = Database("core", Settings.load(environ=self.environment(state)).core_url, durable=True)
        try:
            with database.read() as connection:
                return Kept(*connection.execute(text(_KEPT)).one())
        finally:
            database.close()
