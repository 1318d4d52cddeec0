"""What the RADIUS service does with a batch of datagrams: decide, commit once, answer all. No socket in here."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select

from hotspot.admission.grant import Grant
from hotspot.catalogue import Catalogue, load
from hotspot.city.sites import Inventory
from hotspot.errors import PeerError, RequestError, StoreError
from hotspot.nas.attributes import STRANGER_LABEL
from hotspot.people.identity import Keys
from hotspot.rules.readmission import readmit
from hotspot.rules.shared_secret import GARBLED
from hotspot.settings import MINIMUM_SECRET, Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Following, Revision
from hotspot.store.persons import people
from hotspot.store.stays import addresses, redemption
from hotspot.store.stays.ledger import Origins
from hotspot.store.stays.redemption import Held, Redeemed

from . import access, accounting
from .access import Login, Member, Refusal, Station
from .accounting import Heard, Restart
from .away.meanwhile import Meanwhile
from .away.presence import Presence
from .bookkeeping import enter
from .endpoint import UNPLACED, Clients, Endpoint, Request
from .hashing import Hashing
from .members import Hashed, Later, Members, Refused
from .places import Places
from .wire.dictionary import number
from .wire.mmsg import Datagram
from .wire.packet import Code

log = structlog.get_logger("radius")

_COMPLAIN: Final = 10.0
"""Seconds between two lines of the log that say that nothing is acknowledged."""
ACCOUNTING: Final = 1
"""The index of the accounting socket."""
_ACCESS_REQUEST, _STATUS_SERVER = int(Code.ACCESS_REQUEST), int(Code.STATUS_SERVER)
_LATER: Final = b""
"""Stands for a reply that is not there yet; the request stays in progress."""
_CALLED: Final = number("Called-Station-Id")[1]
_MOST_UNPLACED: Final = 200
"""Stations of unknown places that are named in the log; the count goes on."""
_LONGEST_TOLD: Final = 64
_LOOK_AGAIN: Final = 5.0
"""Seconds after which a missing secret is asked for again."""


@dataclass(frozen=True)
class _Made:
    """What is made of a revision."""

    revision: int
    clients: Clients
    places: Places
    made_at: float

    @property
    def stale(self) -> bool:
        return bool(self.clients.unusable) and time.monotonic() - self.made_at >= _LOOK_AGAIN


_PATIENCE: Final = 0.02
"""Seconds that a batch waits for a newer revision; a large one is taken up beside the next ones."""


class Service:
    """One process's RADIUS: `handle` answers datagrams, `finish` those that had to wait for `hashing`."""

    def __init__(self, settings: Settings, store: Store, keys: Keys, last: Revision | None = None):
        """`last` is the revision that this node knew last, where the store is away already."""
        self._settings = settings
        self._store = store
        self._keys = keys
        self._ticket_key = keys.derive("ticket")
        self._stranger_key = keys.derive(STRANGER_LABEL)
        self._meanwhile = Meanwhile(settings, keys)
        self._presence = Presence(store, keys, there=last is None)
        self._following = Following(
            store, last, lambda: self._presence.there, self._presence.lost, prepare=self._make, patience=_PATIENCE
        )
        self._texts: Catalogue = load(Path(__file__).parent, "radius")
        self._clients: _Made | None = None
        self._next: _Made | None = None
        self._places = Places(())
        self._unplaced: set[tuple[str, str]] = set()
        self._origins = Origins()
        self._members = Members(store, keys)
        self._complained_at = self._note_from = float("-inf")
        self.endpoint = Endpoint()

    def clients(self) -> Clients:
        """The gateways of the active revision. Those without a secret are looked at again: it may be there by now."""
        revision = self._following.revision()
        known = self._clients
        if known is not None and known.revision == revision.number and not known.stale:
            return known.clients
        made = self._next
        if made is None or made.revision != revision.number or made is known:
            made = self._make(revision)
        self._clients, self._places = made, made.places
        return made.clients

    def _make(self, revision: Revision) -> _Made:
        """Makes of a revision what batches need of it: in the thread that takes it up, so that no batch waits."""
        known = self._next
        clients = Clients(revision.inventory, self._settings.secret)
        made = self._next = _Made(revision.number, clients, Places(revision.inventory.site), time.monotonic())
        if known is None or known.revision != revision.number or known.clients.unusable != clients.unusable:
            _report(revision, clients)
            self._meanwhile.remember(revision)
        return made

    def inventory(self) -> Inventory:
        return self._following.inventory()

    def tend(self) -> None:
        """Between batches."""
        if self._presence.there:
            self._meanwhile.rest()

    def handle(self, batch: Iterable[Datagram], now: int) -> list[Datagram]:
        """The answers to a batch. What it acknowledges is durable: in the store, or in the journal while it is away."""
        clients = self.clients()
        endpoint = self.endpoint
        endpoint.forget(now)
        answers: list[Datagram] = []
        logins: list[Request] = []
        reports: list[Request] = []
        checks: list[Request] = []
        for data, source, local in batch:
            received = endpoint.receive(data, source, local, clients, now)
            if isinstance(received, Request):
                code = received.packet.code
                (logins if code == _ACCESS_REQUEST else checks if code == _STATUS_SERVER else reports).append(received)
            elif received is not None:
                answers.append((received, source, local))
        for requests, work in ((logins, self._access), (reports, self._accounting), (checks, self._status)):
            if requests:
                answers += self._answered(requests, work, now)
        return answers

    @property
    def hashing(self) -> Hashing[Hashed]:
        """Readable when `finish` has something to do."""
        return self._members.hashing

    def finish(self, now: int) -> list[Datagram]:
        """The answers to those whose passwords have been hashed."""
        taken = {id(hashed.member.request): (hashed, right) for hashed, right in self.hashing.take()}
        if not taken:
            return []
        revision = self._following.revision()

        def decide(requests: list[Request], now: int) -> dict[int, bytes]:
            results = self._members.finish([taken[id(request)] for request in requests], revision, now)
            return {i: self._member_answer(requests[i], result) for i, result in enumerate(results)}

        return self._answered([hashed.member.request for hashed, _ in taken.values()], decide, now)

    def close(self) -> None:
        self._members.close()
        self._presence.close()
        self._meanwhile.close()

    def _answered(
        self, requests: list[Request], work: Callable[[list[Request], int], dict[int, bytes]], now: int
    ) -> list[Datagram]:
        replies = self._worked(requests, work, now)
        for position, request in enumerate(requests):
            reply = replies.get(position)
            if reply != _LATER:
                self.endpoint.answered(request, reply)
        return [
            (reply, requests[position].source, requests[position].local)
            for position, reply in replies.items()
            if reply != _LATER
        ]

    def _worked(
        self, requests: list[Request], work: Callable[[list[Request], int], dict[int, bytes]], now: int
    ) -> dict[int, bytes]:
        """The replies by position. One request that cannot be worked or answered costs no other its answer."""
        try:
            return work(requests, now)
        except PeerError as error:
            self._unanswered(requests, error)
            return {}
        except (StoreError, ValueError) as error:
            if len(requests) > 1:
                alone = [self._worked([request], work, now) for request in requests]
                return {position: replies[0] for position, replies in enumerate(alone) if replies}
            self.endpoint.drops[requests[0].client.gateway, "unanswerable"] += 1
            log.error("unanswerable", gateway=requests[0].client.gateway, error=str(error))
            return {}

    def _unanswered(self, requests: list[Request], error: PeerError) -> None:
        for request in requests:
            self.endpoint.drops[request.client.gateway, "not-durable"] += 1
        if time.monotonic() - self._complained_at >= _COMPLAIN:
            self._complained_at = time.monotonic()
            log.error("not acknowledged", error=str(error), requests=len(requests))

    def _access(self, requests: list[Request], now: int) -> dict[int, bytes]:
        """Each request's reply, by its position."""
        if self._presence.there:
            try:
                return self._asked(requests, now)
            except PeerError as error:
                self._presence.lost(error)
        return {i: self._alone(request, now) for i, request in enumerate(requests)}

    def _alone(self, request: Request, now: int) -> bytes:
        """The reply that needs no store: a fresh ticket is worth something where the city wants it."""
        match access.read(request, self._ticket_key):
            case Login() as login:
                worth = self._meanwhile.redeem(login, self.inventory(), self._site_of(request), now)
                if not isinstance(worth, Redeemed):
                    return self._refused(worth)
                self.endpoint.admitted[worth.held.site] += worth.at == now
                return access.accept(login, worth)
            case Refusal() as refusal:
                return self._refused(refusal)
            case _:
                return self._refused(Refusal("store-away", request))

    def _asked(self, requests: list[Request], now: int) -> dict[int, bytes]:
        replies: dict[int, bytes] = {}
        logins: list[tuple[int, Login]] = []
        stations: list[tuple[int, Station]] = []
        members: list[tuple[int, Member]] = []
        for i, request in enumerate(requests):
            match access.read(request, self._ticket_key):
                case Login() as login:
                    logins.append((i, login))
                case Station() as station:
                    stations.append((i, station))
                case Member() as member:
                    members.append((i, member))
                case refusal:
                    replies[i] = self._refused(refusal)
        if logins:
            replies |= self._redeemed(logins, now)
        if stations:
            replies |= self._resumed(stations, now)
        if members:  # last: what has gone to be hashed must not be begun again
            replies |= self._begun(members, now)
        return replies

    def _begun(self, members: list[tuple[int, Member]], now: int) -> dict[int, bytes]:
        """Members at their gateways' own pages: those who were right a moment ago at once, the others `_LATER`."""
        asked = [(member, self._site_of(member.request)) for _, member in members]
        replies: dict[int, bytes] = {}
        for (i, member), result in zip(
            members, self._members.begin(asked, self._following.revision(), now), strict=True
        ):
            if result is Later.NO_ROOM:
                self.endpoint.drops[member.request.client.gateway, "members-busy"] += 1
            elif isinstance(result, Later):
                replies[i] = _LATER
            else:
                replies[i] = self._member_answer(member.request, result)
        return replies

    def _member_answer(self, request: Request, result: Grant | Refused) -> bytes:
        if isinstance(result, Refused):
            return self._refused(Refusal(result.code, request, result.language, result.values))
        return access.admit(request, result)

    def _devices(self) -> dict[str, int]:
        """How many devices a person may have in, by plan."""
        return {name: plan.devices for name, plan in self.inventory().plans.items()}

    def _redeemed(self, logins: list[tuple[int, Login]], now: int) -> dict[int, bytes]:
        with self._store.core.write() as connection:
            results = redemption.redeem(connection, [login.claim for _, login in logins], now, self._devices())
        self.endpoint.admitted.update(one.held.site for one in results if isinstance(one, Redeemed) and one.at == now)
        return {
            i: access.accept(login, result)
            if isinstance(result, Redeemed)
            else self._refused(Refusal(result.code, login.request, result.language))
            for (i, login), result in zip(logins, results, strict=True)
        }

    def _resumed(self, stations: list[tuple[int, Station]], now: int) -> dict[int, bytes]:
        """MAC authentication: a device goes on under its grant at this gateway, or where `readmit` may let it."""
        lookups = [self._keys.device_index(station.mac) for _, station in stations]
        with self._store.core.glance() as connection:
            held = redemption.unexpired(connection, lookups, now)
        replies: dict[int, bytes] = {}
        others: list[tuple[int, Station]] = []
        for (i, station), grants in zip(stations, held, strict=True):
            own = _newest(grants, station.request.client.gateway, self._site_of(station.request)) if grants else None
            if own is None:
                others.append((i, station))
            else:
                replies[i] = access.resume(station.request, own, now)
        for i, station in others:
            replies[i] = self._readmitted(station, now)
        return replies

    def _readmitted(self, station: Station, now: int) -> bytes:
        request = station.request
        with self._store.core.read() as connection:  # most devices are unknown: they take no writer's turn
            device = people.find_device(connection, self._keys, station.mac)
        if device is not None:
            revision = self._following.revision()
            with self._store.core.write() as connection:
                grant = readmit(connection, revision, device, request.client.gateway, self._site_of(request), now)
            if grant is not None:
                return access.resume(request, Held.whole(grant), now)
        url = self.inventory().uam_url(request.client.gateway)
        log.info("redirected", gateway=request.client.gateway)
        return access.redirect(station, url, self._texts.text("id", "unknown-device"), self._stranger_key)

    def _site_of(self, request: Request) -> str:
        return self._places.site(request.client.gateway, request.packet.first.get(_CALLED, b""))

    def _refused(self, refusal: access.Refusal) -> bytes:
        """A Reject, in the language of the person's login where that is known."""
        log.info("rejected", gateway=refusal.request.client.gateway, reason=refusal.code)
        if refusal.garbled:
            self.endpoint.noted[refusal.request.client.gateway, GARBLED] += 1
        return access.reject(refusal.request, self._texts.text(refusal.language, refusal.code, **refusal.values))

    def _status(self, requests: list[Request], _now: int) -> dict[int, bytes]:
        """Status-Server (RFC 5997): alive is who reaches the store; accounting goes on without it."""
        if self._presence.there:
            try:
                with self._store.core.glance() as connection:
                    connection.execute(select(1))
            except PeerError as error:
                self._presence.lost(error)
        there = self._presence.there
        return {
            i: request.reply(Code.ACCOUNTING_RESPONSE if request.local == ACCOUNTING else Code.ACCESS_ACCEPT)
            for i, request in enumerate(requests)
            if there or request.local == ACCOUNTING
        }

    def _accounting(self, requests: list[Request], now: int) -> dict[int, bytes]:
        """Each acknowledged request's reply, by its position; the records are durable before this returns."""
        replies: dict[int, bytes] = {}
        heard: list[Heard] = []
        restarts: list[Restart] = []
        told: list[tuple[str, str, str]] = []
        for i, request in enumerate(requests):
            try:
                report = accounting.read(request, self._places.site, now)
            except RequestError as error:
                self.endpoint.drops[request.client.gateway, "accounting-unreadable"] += 1
                log.warning("accounting unreadable", gateway=request.client.gateway, error=str(error))
                continue
            if report is not None and report.skew is not None:
                self.endpoint.skews[request.client.gateway] = report.skew
            if isinstance(report, Heard):
                heard.append(report)
                self._placed(request)
                if request.client.routed and (known := accounting.address(request.packet)) is not None:
                    told.append((request.client.gateway, *known))
            elif isinstance(report, Restart):
                restarts.append(report)
            replies[i] = request.reply(Code.ACCOUNTING_RESPONSE)
        self._keep(heard, restarts, now)
        if told and self._presence.there:
            self._note(told, now)
        return replies

    def _placed(self, request: Request) -> None:
        """Counts what no site can be told of, and names it once."""
        gateway = request.client.gateway
        if self._site_of(request) or not self._places.serves(gateway):
            return
        self.endpoint.noted[gateway, UNPLACED] += 1
        station = request.packet.first.get(_CALLED, b"")[:_LONGEST_TOLD].decode("utf-8", "backslashreplace")
        if (gateway, station) not in self._unplaced and len(self._unplaced) < _MOST_UNPLACED:
            self._unplaced.add((gateway, station))
            remedy = "have it send the access point's MAC address in Called-Station-Id, and name that in sites.toml"
            log.warning("place unknown", gateway=gateway, called_station_id=station, remedy=remedy)

    def _note(self, told: list[tuple[str, str, str]], now: int) -> None:
        """Which address each session has. Whoever asks hears less while it is not known; nothing else waits for it."""
        if time.monotonic() < self._note_from:
            return
        try:
            with self._store.core.write() as connection:
                addresses.note(connection, self._keys, told, now)
        except PeerError as error:
            self._note_from = time.monotonic() + _COMPLAIN
            log.warning("addresses not kept", error=str(error), sessions=len(told))

    def _keep(self, heard: list[Heard], restarts: list[Restart], now: int) -> None:
        """Makes durable what was reported. PeerError where neither the store nor the journal takes it."""
        if not heard and not restarts:
            return
        there, pressed = self._presence.there, self._meanwhile.presses(len(heard) + len(restarts))
        if pressed or not there:
            try:
                self._meanwhile.note(heard, restarts, now)
            except PeerError:
                if not there:
                    raise
            else:
                return
        try:
            with self._store.core.write() as connection:
                enter(connection, self._keys, self.inventory(), self._origins, heard, restarts, now)
        except PeerError as error:
            self._presence.lost(error)
            if pressed:  # the journal could not take it either
                raise
            self._meanwhile.note(heard, restarts, now)


def _newest(grants: Iterable[Held], gateway: str, site: str) -> Held | None:
    """The one that began last of those that count at a gateway and a site, where that is known."""
    found: Held | None = None
    for one in grants:
        if one.gateway == gateway and site in ("", one.site) and (found is None or found.starts_at <= one.starts_at):
            found = one
    return found


def _report(revision: Revision, clients: Clients) -> None:
    log.info("revision", number=revision.number)
    for gateway, why in clients.unusable:
        log.error("gateway without secret", gateway=gateway, error=why)
    for gateway in clients.guessable:
        log.warning("secret too short", gateway=gateway, remedy=f"choose one of {MINIMUM_SECRET} characters or more")
