"""The city itself: its sites.toml, its people and tickets in the store, its day over the wire, and what came of it."""

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from hotspot.admission import ticket
from hotspot.admission.gaps import gaps
from hotspot.people.identity import Keys, PersonKind, is_randomised, new_id
from hotspot.store import Store, schema
from hotspot.store.stays import grants as admission
from hotspot.store.stays import ledger, sessions
from tests.node import Node

from . import nas
from .nas import City, Message, attribute
from .script import DAY, INTERIM, Day, Report, Told, Visit

ZONE = ZoneInfo("Asia/Jakarta")
PARALLEL = 2000
"""Rows written at a time."""


def mac(device: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (0x0200 << 32 | device).to_bytes(6, "big"))


def sites_toml(day: Day) -> str:
    """The inventory: sites in a row, each gateway's access point at one of them."""
    parts = [
        '[city]\nname = "Kota Simulasi"\nregion = "36.74"\noperator = "Simulasi"\n',
        '[portal]\nurl = "https://wifi.example.go.id"\naddresses = ["203.0.113.10"]\n',
        '[plans.umum]\nsession = "24h"\ndevices = 1000\n',
    ]
    for gateway in day.gateways:
        secret = f'secret = "env:GW{gateway.index}_RADIUS", interim = "15m"'
        parts.append(
            f'[[gateway]]\nid = "{gateway.id}"\nnas = "{gateway.kind}"\n'
            f'radius = {{ sources = ["{gateway.address}/32"], {secret} }}\n'
        )
        if gateway.kind == "coovachilli":
            parts[-1] += f'uam_secret = "env:GW{gateway.index}_UAM"\n'
    for site in range(day.sites):
        parts.append(
            f'[[site]]\nid = "site-{site}"\nname = "Taman {site}"\nkind = "park"\nregion = "36.74.01.1003"\n'
            'location = [-6.3018, 106.6653]\nsince = 2020-01-15\nplan = "umum"\nadmit = ["click-through"]\n'
            'funding = "APBD"\n'
        )
        for gateway in day.gateways[site :: day.sites]:
            parts.append(
                f'[[site.ap]]\nid = "ap-{gateway.index}"\nmac = "{mac(gateway.index | 1 << 24)}"\n'
                f'address = "{gateway.address}"\nkind = "debian"\ngateway = "{gateway.id}"\n'
            )
    return "\n".join(parts)


@dataclass
class World:
    """A node with the whole city in its store, as the portal would have left it. `dawn` is the day's midnight, UTC."""

    node: Node
    day: Day
    dawn: int
    persons: list[str]
    tickets: list[str]
    keys: Keys

    @classmethod
    def build(cls, node: Node, day: Day, now: int) -> "World":
        node.sites.write_text(sites_toml(day))
        node.run("secrets", "create", "--sites", str(node.sites))
        node.activate()
        keys = node.settings.keys()
        midnight = datetime.fromtimestamp(now, ZONE).replace(hour=0, minute=0, second=0) - timedelta(days=1)
        world = cls(node, day, int(midnight.timestamp()), [], [], keys)
        store = node.store()
        world._fill(store, now)
        store.close()
        return world

    def _fill(self, store: Store, now: int) -> None:
        self.persons = [new_id() for _ in range(self.day.persons)]
        devices = [new_id() for _ in range(self.day.scale.devices)]
        self.tickets = [ticket.new_id(now) for _ in self.day.visits]
        persons = [{"id": name, "kind": PersonKind.DEVICE_DAY, "created_at": now} for name in self.persons]
        rows = [self._device(name, index, now) for index, name in enumerate(devices)]
        grants = [self._grant(visit, devices[visit.device], now) for visit in self.day.visits]
        tickets = [
            {"id": name, "grant_id": grant["id"], "gateway": grant["gateway"], "expires_at": now + DAY}
            for name, grant in zip(self.tickets, grants, strict=True)
        ]
        tables = ((schema.person, persons), (schema.device, rows), (schema.grant, grants), (schema.ticket, tickets))
        for table, values in tables:
            for start in range(0, len(values), PARALLEL):
                with store.core.write() as connection:
                    connection.execute(insert(table), values[start : start + PARALLEL])

    def _device(self, name: str, index: int, now: int) -> dict[str, Any]:
        address = mac(index)
        lookup, sealed = self.keys.device_index(address), self.keys.seal("mac", address)
        return {
            "id": name, "lookup": lookup, "sealed": sealed, "randomised": is_randomised(address), "first_seen": now,
        }  # fmt: skip

    def _grant(self, visit: Visit, device: str, now: int) -> dict[str, Any]:
        return {
            "id": new_id(), "person_id": self.persons[visit.person], "device_id": device,
            "site": f"site-{visit.gateway.site}", "gateway": visit.gateway.id, "plan": "umum",
            "method": "click-through", "language": "id", "revision": 1,
            "starts_at": self.dawn + visit.start, "ends_at": now + DAY,
            "idle": 900, "down": None, "up": None, "total": None, "interim": 900,
        }  # fmt: skip

    # -- the day on the wire -------------------------------------------------------------------------------------

    def live(self) -> dict[str, int]:
        """Sends the whole day; what the network did to it."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, len(self.day.gateways) + 4096), hard))
        secrets = {
            gateway.index: (gateway.address, self.node.secret(f"GW{gateway.index}_RADIUS"))
            for gateway in self.day.gateways
        }
        with City(self.day.scale.seed, "127.0.0.1", secrets) as city:
            city.say(self._messages(secrets))
            return dict(city.seen)

    def _messages(self, secrets: dict[int, tuple[str, bytes]]) -> Iterator[Message]:
        """Everything that the gateways say, by the time of day at which they say it."""
        timeline: list[tuple[int, int, Visit | None, Report | None]] = []
        for visit in self.day.visits:
            timeline.append((visit.start, 0, visit, None))
            timeline += [(report.at, 1, visit, report) for report in visit.reports]
        timeline += [
            (gateway.back, -1 - gateway.index, None, None) for gateway in self.day.gateways if gateway.back is not None
        ]
        logins: dict[int, Message] = {}
        for at, order, whose, report in sorted(timeline, key=lambda entry: entry[:2]):
            if whose is None:
                yield self._restart(-1 - order, at, secrets)
            elif report is None:
                logins[whose.index] = self._login(whose, secrets)
                yield logins[whose.index]
            else:
                yield self._accounting(whose, report, logins[whose.index], secrets)

    def _login(self, visit: Visit, secrets: dict[int, tuple[str, bytes]]) -> Message:
        name, secret = self.tickets[visit.index], secrets[visit.gateway.index][1]
        password = ticket.password(self.keys.derive("ticket"), name, visit.gateway.id, mac(visit.device))
        body = attribute(1, name) + self._caller(visit)
        return Message(
            visit.gateway.index,
            f"login {visit.index}",
            lambda identifier: nas.access_request(identifier, secret, body, password),
            self.node.auth_port,
            nas.ACCESS_ACCEPT,
        )

    def _caller(self, visit: Visit) -> bytes:
        called = mac(visit.gateway.index | 1 << 24).replace(":", "-").upper()
        return attribute(31, mac(visit.device).replace(":", "-").upper()) + attribute(30, f"{called}:WiFi")

    def _accounting(
        self, visit: Visit, report: Report, login: Message, secrets: dict[int, tuple[str, bytes]]
    ) -> Message:
        secret = secrets[visit.gateway.index][1]
        received, sent = (report.down, report.up) if visit.gateway.kind == "coovachilli" else (report.up, report.down)
        name = self.tickets[visit.index] if visit.gateway.sends_class else mac(visit.device)
        body = attribute(1, name) + attribute(40, report.kind) + self._caller(visit)
        body += attribute(44, visit.acct_session_id) + attribute(55, self.dawn + report.at)
        body += attribute(46, report.seconds)
        body += attribute(42, received % 2**32) + attribute(52, received // 2**32)
        body += attribute(43, sent % 2**32) + attribute(53, sent // 2**32)
        if report.cause:
            body += attribute(49, report.cause)
        if visit.gateway.sends_class:
            body += attribute(25, self.tickets[visit.index])
        return Message(
            visit.gateway.index,
            f"report {visit.index} {report.at}",
            lambda identifier: nas.accounting_request(identifier, secret, body + self._kept_since(report.at)),
            self.node.acct_port,
            nas.ACCOUNTING_RESPONSE,
            after=login,
        )

    def _kept_since(self, at: int) -> bytes:
        """Acct-Delay-Time: the day is told a day later, as by gateways that kept it."""
        return attribute(41, int(time.time()) - self.dawn - at)

    def _restart(self, gateway: int, at: int, secrets: dict[int, tuple[str, bytes]]) -> Message:
        secret = secrets[gateway][1]
        body = attribute(40, 7) + attribute(55, self.dawn + at)
        return Message(
            gateway,
            f"restart {gateway}",
            lambda identifier: nas.accounting_request(identifier, secret, body + self._kept_since(at)),
            self.node.acct_port,
            nas.ACCOUNTING_RESPONSE,
            alone=True,
        )

    # -- what came of it -----------------------------------------------------------------------------------------

    def told(self) -> dict[tuple[str, str, str, int], Told]:
        """By the script: each session by gateway, Acct-Session-Id, device's MAC and start."""
        return {
            (visit.gateway.id, visit.acct_session_id, mac(visit.device), visit.start): visit.told()
            for visit in self.day.visits
            if visit.reports
        }

    def kept(self, store: Store, now: int) -> dict[tuple[str, str, str, int], Told]:
        """In the store, after the job that ends silent sessions."""
        with store.core.write() as connection:
            sessions.presume_silent(connection, now)
        found: dict[tuple[str, str, str, int], Told] = {}
        macs = {self.keys.device_index(mac(index)): mac(index) for index in range(self.day.scale.devices)}
        with store.core.read() as connection:
            table = schema.session
            rows = connection.execute(
                select(table, schema.device.c.lookup).join(schema.device, schema.device.c.id == table.c.device_id)
            )
            for row in rows:
                key = (row.gateway, row.acct_session_id, macs[row.lookup], row.started_at - self.dawn)
                assert key not in found, f"{key} stands there twice"
                found[key] = Told(
                    row.started_at - self.dawn, row.last_at - self.dawn, row.seconds, row.down, row.up,
                    row.ended_at - self.dawn, row.stopped_cause or row.presumed_cause,
                )  # fmt: skip
        return found

    def gaps(self, store: Store) -> dict[tuple[str, str, str, int], set[str]]:
        """The kinds of gaps that the store tells of, of the sessions that have any."""
        macs = {self.keys.device_index(mac(index)): mac(index) for index in range(self.day.scale.devices)}
        table = schema.session
        with store.core.read() as connection:
            rows = connection.execute(
                select(table, schema.device.c.lookup).join(schema.device, schema.device.c.id == table.c.device_id)
            ).all()
        found = {
            (row.gateway, row.acct_session_id, macs[row.lookup], row.started_at - self.dawn): {
                str(gap.kind) for gap in gaps(ledger.session_of(row), patience=3 * INTERIM)
            }
            for row in rows
        }
        return {key: kinds for key, kinds in found.items() if kinds}

    def told_gaps(self) -> dict[tuple[str, str, str, int], set[str]]:
        found = {
            (visit.gateway.id, visit.acct_session_id, mac(visit.device), visit.start): visit.gaps()
            for visit in self.day.visits
            if visit.reports
        }
        return {key: kinds for key, kinds in found.items() if kinds}

    def per_site(self, store: Store) -> dict[str, tuple[int, int]]:
        """Bytes down and up of every site, in the store."""
        table = schema.session
        totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        with store.core.read() as connection:
            for row in connection.execute(select(table.c.site, table.c.down, table.c.up)):
                down, up = totals[row.site]
                totals[row.site] = down + row.down, up + row.up
        return dict(totals)

    def told_per_site(self) -> dict[str, tuple[int, int]]:
        totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for visit in self.day.visits:
            if visit.reports:
                (down, up), told = totals[f"site-{visit.gateway.site}"], visit.told()
                totals[f"site-{visit.gateway.site}"] = down + told.down, up + told.up
        return dict(totals)

    def per_person(self, store: Store, persons: range) -> list[tuple[int, int]]:
        """Seconds and bytes of that day, as admission counts them."""
        with store.core.read() as connection:
            used = [admission.usage(connection, self.persons[i], self.dawn + DAY // 2, ZONE) for i in persons]
        return [(usage.seconds, usage.bytes) for usage in used]

    def told_per_person(self) -> list[tuple[int, int]]:
        """Sessions whose gateway sends back neither Class nor the name of the login belong to nobody."""
        totals = [(0, 0)] * self.day.persons
        for visit in self.day.visits:
            if visit.reports and visit.gateway.sends_class:
                (seconds, octets), told = totals[visit.person], visit.told()
                totals[visit.person] = seconds + told.seconds, octets + told.down + told.up
        return totals
