"""What the RADIUS service does with a batch of datagrams: decide, commit once, answer all. No socket in here."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from hotspot.catalogue import Catalogue, load
from hotspot.errors import PeerError, RequestError, StoreError
from hotspot.identity import Keys
from hotspot.settings import Settings
from hotspot.sites import Inventory
from hotspot.store import Store, admission, people, sessions
from hotspot.store.enforcement import enforce
from hotspot.store.revisions import Following, Revision

from . import access, accounting
from .endpoint import Clients, Endpoint, Request, Source
from .packet import Code

log = structlog.get_logger("radius")

Datagram = tuple[bytes, Source, int]
"""Bytes, where they came from or go to, and the index of our socket."""


_LOOK_AGAIN: Final = 5.0
"""Seconds after which a missing secret is asked for again."""


@dataclass(frozen=True)
class _Made:
    revision: int
    clients: Clients
    made_at: float

    @property
    def stale(self) -> bool:
        return bool(self.clients.unusable) and time.monotonic() - self.made_at >= _LOOK_AGAIN


class Service:
    """One process's RADIUS. `handle` is its whole interface."""

    def __init__(self, settings: Settings, store: Store, keys: Keys):
        self._settings = settings
        self._store = store
        self._keys = keys
        self._ticket_key = keys.derive("ticket")
        self._following = Following(store)
        self._texts: Catalogue = load(Path(__file__).parent, "radius")
        self._clients: _Made | None = None
        self.endpoint = Endpoint()

    def clients(self) -> Clients:
        """The gateways of the active revision. Those without a secret are looked at again: it may be there by now."""
        revision = self._following.revision()
        known = self._clients
        if known is not None and known.revision == revision.number and not known.stale:
            return known.clients
        made = _Made(revision.number, Clients(revision.inventory, self._settings.secret), time.monotonic())
        if known is None or known.revision != made.revision or known.clients.unusable != made.clients.unusable:
            _report(revision, made.clients)
        self._clients = made
        return made.clients

    def inventory(self) -> Inventory:
        return self._following.inventory()

    def handle(self, batch: Iterable[Datagram], now: int) -> list[Datagram]:
        """The answers to a batch. What it acknowledges is durable; while the store is away nobody is answered."""
        clients = self.clients()
        answers: list[Datagram] = []
        requests: list[Request] = []
        for data, source, local in batch:
            received = self.endpoint.receive(data, source, local, clients, now)
            if isinstance(received, Request):
                requests.append(received)
            elif received is not None:
                answers.append((received, source, local))
        of_code = {code: [r for r in requests if r.packet.code == code] for code in Code}
        for code, work in ((Code.ACCESS_REQUEST, self._access), (Code.ACCOUNTING_REQUEST, self._accounting)):
            if of_code[code]:
                answers += self._answered(of_code[code], work, now)
        return answers

    def _answered(
        self, requests: list[Request], work: Callable[[list[Request], int], dict[int, bytes]], now: int
    ) -> list[Datagram]:
        replies = self._worked(requests, work, now)
        for position, request in enumerate(requests):
            self.endpoint.answered(request, replies.get(position))
        return [(reply, requests[position].source, requests[position].local) for position, reply in replies.items()]

    def _worked(
        self, requests: list[Request], work: Callable[[list[Request], int], dict[int, bytes]], now: int
    ) -> dict[int, bytes]:
        """The replies by position. One request that cannot be worked or answered costs no other its answer."""
        try:
            return work(requests, now)
        except PeerError as error:
            log.error("store away", error=str(error), unanswered=len(requests))
            return {}
        except (StoreError, ValueError) as error:
            if len(requests) > 1:
                alone = [self._worked([request], work, now) for request in requests]
                return {position: replies[0] for position, replies in enumerate(alone) if replies}
            self.endpoint.dropped["unanswerable"] += 1
            log.error("unanswerable", gateway=requests[0].client.gateway, error=str(error))
            return {}

    def _access(self, requests: list[Request], now: int) -> dict[int, bytes]:
        """Each request's reply, by its position."""
        replies: dict[int, bytes] = {}
        read = [access.read(request, self._ticket_key) for request in requests]
        logins = [(i, login) for i, login in enumerate(read) if isinstance(login, access.Login)]
        if logins:
            with self._store.core.write() as connection:
                for i, login in logins:
                    packet, gateway = login.request.packet, login.request.client.gateway
                    redeemed = admission.redeem(connection, login.ticket, gateway, packet.authenticator, now)
                    spent = access.Refusal("ticket-spent", login.request)
                    replies[i] = self._refused(spent) if redeemed is None else access.accept(login, redeemed)
        for i, refusal in enumerate(read):
            if isinstance(refusal, access.Refusal):
                replies[i] = self._refused(refusal)
        return replies

    def _refused(self, refusal: access.Refusal) -> bytes:
        """A Reject, in Indonesian: whose phone it is, is not known here."""
        log.info("rejected", gateway=refusal.request.client.gateway, reason=refusal.code)
        return access.reject(refusal.request, self._texts.text("id", refusal.code))

    def _accounting(self, requests: list[Request], now: int) -> dict[int, bytes]:
        """Each acknowledged request's reply, by its position; the records are durable before this returns."""
        inventory = self.inventory()

        def site(gateway: str, ap_mac: str | None) -> str:
            found = inventory.site_of(gateway, ap_mac)
            return found.id if found else ""

        replies: dict[int, bytes] = {}
        heard: list[accounting.Heard] = []
        restarts: list[accounting.Restart] = []
        for i, request in enumerate(requests):
            try:
                report = accounting.read(request, site, now)
            except RequestError as error:
                self.endpoint.dropped["accounting-unreadable"] += 1
                log.warning("accounting unreadable", gateway=request.client.gateway, error=str(error))
                continue
            if isinstance(report, accounting.Heard):
                heard.append(report)
            elif isinstance(report, accounting.Restart):
                restarts.append(report)
            replies[i] = request.reply(Code.ACCOUNTING_RESPONSE)
        with self._store.core.write() as connection:
            devices = {
                mac: people.see_device(connection, self._keys, mac, now)
                for mac in sorted({report.mac for report in heard})
            }
            touched = sessions.apply(connection, [report.record(devices[report.mac]) for report in heard])
            for restart in restarts:
                sessions.presume(connection, restart.gateway, restart.at, restart.cause)
            enforce(connection, inventory, touched, now)
        return replies


def _report(revision: Revision, clients: Clients) -> None:
    log.info("revision", number=revision.number)
    for gateway, why in clients.unusable:
        log.error("gateway without secret", gateway=gateway, error=why)
