"""UniFi controllers: guests are let in, put out and counted over their HTTP API, by one node at a time.

Every portal process has a thread for each UniFi gateway, which looks each second what there is to do; who holds the
gateway's lease in the store does it. The controller says "ok" to an admission that is not yet in force, or never will
be: so a grant counts as confirmed only when its own list of stations shows it, and is asked for again until then.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from hotspot.admission.grant import Grant
from hotspot.admission.session import Record, RecordKind
from hotspot.city.sites import Inventory
from hotspot.errors import HotspotError, PeerError
from hotspot.nas import unifi
from hotspot.nas.entries import UnifiGateway
from hotspot.nas.unifi import Kept, Login, Station
from hotspot.node.lease import Lease
from hotspot.rules.enforcement import enforce
from hotspot.store.city.revisions import Following
from hotspot.store.persons import people
from hotspot.store.stays import guests, ledger, orders, sessions
from hotspot.store.stays.guests import Guest
from hotspot.store.stays.orders import Channel, Order, OrderState
from hotspot.store.telemetry import visits
from hotspot.store.telemetry.visits import Visits
from portal.desk import Desk
from portal.peers.patience import Patience, asked_for
from portal.peers.web import Answer, Request, send

log = structlog.get_logger("portal")

_EVERY: Final = 1.0
"""Seconds between two looks for grants and orders."""
_REST: Final = 5.0
"""Seconds before a controller that was away is asked again."""
_LAST: Final = 2.0
"""Seconds that a thread has to give its lease back when the process ends."""
_LEASE: Final = 30
"""Seconds after which another node takes over from one that is gone."""
_PAUSES: Final = (1, 1, 2, 4, 8, 16)
"""Seconds before a grant that is not in force yet is looked at, and asked for, again."""


class Controller:
    """A controller's API, logged in when it must be.

    A login that is refused is not tried at once again, and what asks for patience gets it: a console locks out who
    tries too often, and with it everybody who uses that account.
    """

    def __init__(self, gateway: UnifiGateway, password: str, patience: Patience | None = None):
        self._gateway, self._password = gateway, password
        self.patience = patience or Patience()
        self._login: Login | None = None

    def _send(self, login: Login, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        headers = {"Accept": "application/json", **login.headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(
            method, f"{self._gateway.controller}{path}", headers, None if body is None else json.dumps(body)
        )
        answer = send(request, fingerprint=self._gateway.fingerprint)
        login.hear(answer.headers)
        seconds = asked_for(answer, time.time())
        if seconds is not None:
            until = time.strftime("%H:%M:%S", time.gmtime(time.time() + seconds))
            raise self.patience.leave_alone(seconds, f"the UniFi controller asks to be left alone until {until} UTC")
        return answer

    def _log_in(self) -> Login:
        gateway, fresh = self._gateway, Login()
        path = "/api/auth/login" if gateway.console else "/api/login"
        answer = self._send(fresh, "POST", path, {"username": gateway.user, "password": self._password})
        if not answer.good:
            remedy = f"check user and password ({gateway.password}), that it is a local account"
            raise self.patience.refused(
                f"the UniFi controller does not let {gateway.user} log in ({answer.status}): {remedy}"
                f"{' without a second factor' if answer.status == 499 else ''}"
            )
        self._login = fresh
        return fresh

    def call(self, path: str, body: Mapping[str, Any] | None = None) -> list[Any]:
        """What the controller answers below its site. PeerError where it is away, refuses or wants to be left alone."""
        self.patience.check()
        prefix = "/proxy/network" if self._gateway.console else ""
        whole = f"{prefix}/api/s/{self._gateway.controller_site}/{path}"
        method = "GET" if body is None else "POST"
        known = self._login
        answer = self._send(known or self._log_in(), method, whole, body)
        if answer.status in (401, 403) and known is not None:  # the login has run out, or its token
            answer = self._send(self._log_in(), method, whole, body)
        if answer.status in (401, 403):
            self._login = None
            raise self.patience.refused(
                f"the UniFi controller answers {answer.status} to {self._gateway.user}: "
                "may that account let guests in, at that site?"
            )
        if answer.status == 400 or answer.good:
            self.patience.well()
            return unifi.data_of(answer.json())
        raise PeerError(f"the UniFi controller answered {answer.status}")

    def stations(self) -> list[Station]:
        return unifi.stations(self.call("stat/sta"))

    def station(self, mac: str) -> Station | None:
        """One guest; None where they are not connected."""
        try:
            found = unifi.stations(self.call(f"stat/sta/{mac}"))
        except PeerError as error:
            if "api.err.UnknownStation" in str(error):
                return None
            raise
        return next((one for one in found if one.mac == mac), None)


@dataclass
class Watch:
    """One gateway as this process serves it."""

    desk: Desk
    gateway: UnifiGateway
    lease: Lease
    controller: Controller
    polled_at: int = 0
    tried: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Grants that were asked for: how often, and when to look again."""

    def turn(self, inventory: Inventory, now: int) -> None:
        """Does what is due. PeerError where the controller is away."""
        with self.desk.store.core.read() as connection:
            waiting = guests.waiting(connection, self.desk.keys, self.gateway.id, now)
            ordered = self.gateway.id in orders.waiting(connection, Channel.HTTP, now)
        due = [guest for guest in waiting if self.tried.get(guest.grant.id, (0, 0))[1] <= now]
        polls = now - self.polled_at >= self.gateway.poll
        if not (due or ordered or polls):
            return
        self.controller.patience.check()
        if self.lease.take() is None:
            return
        self.tried = {guest.grant.id: self.tried.get(guest.grant.id, (0, 0)) for guest in waiting}
        for guest in due:
            self._let_in(guest, now)
        if ordered:
            self._put_out(now)
        if polls:
            self.polled_at = now
            self._count(inventory, now)

    def _let_in(self, guest: Guest, now: int) -> None:
        """Confirms a grant that is in force, asks for one that is not. Never asks before it has looked: an admission
        that is asked for twice begins anew."""
        times, _ = self.tried[guest.grant.id]
        station = self.controller.station(guest.mac)
        if times and station is not None and station.authorized:
            self._confirm(guest, station, now)
            return
        kept = Kept.of(guest.kept)
        command = unifi.authorize(guest.mac, kept.ap_mac, guest.grant.limits, guest.grant.ends_at - now)
        self.controller.call("cmd/stamgr", command)
        self.tried[guest.grant.id] = (times + 1, now + _PAUSES[min(times, len(_PAUSES) - 1)])
        station = self.controller.station(guest.mac)
        if station is not None and station.authorized:
            self._confirm(guest, station, now)

    def _confirm(self, guest: Guest, station: Station, now: int) -> None:
        kept = Kept(Kept.of(guest.kept).ap_mac, station.associated_at, station.down, station.up)
        with self.desk.store.core.write() as connection:
            fresh = guests.admitted(connection, guest.grant.id, kept.text(), now)
        if fresh:
            with self.desk.store.telemetry.write() as connection:
                visits.add(connection, {guest.grant.site: Visits(admitted=1)}, now)
        self.tried.pop(guest.grant.id, None)

    def _put_out(self, now: int) -> None:
        with self.desk.store.core.write() as connection:
            claimed = orders.claim(
                connection, self.desk.keys, Channel.HTTP, self.lease.holder, now, gateways=[self.gateway.id]
            )
        for order in claimed:
            self._carry(order, now)

    def _carry(self, order: Order, now: int) -> None:
        try:
            self.controller.call("cmd/stamgr", unifi.unauthorize(order.mac))
        except PeerError as error:
            with self.desk.store.core.write() as connection:
                orders.postpone(connection, order.id, now + 2 ** min(order.attempts, 6), str(error))
            return
        with self.desk.store.core.write() as connection:
            orders.finish(connection, order.id, OrderState.DONE, "put out", now)

    def _count(self, inventory: Inventory, now: int) -> None:
        """Enters what guests have used, ends the sessions of those who are gone, puts out those whose grant is over."""
        stations = {station.mac: station for station in self.controller.stations() if station.authorized}
        with self.desk.store.core.write() as connection:
            devices = {
                mac: device
                for mac in sorted(stations)
                if (device := people.find_device(connection, self.desk.keys, mac)) is not None
            }
            live = guests.live(connection, self.gateway.id, devices.values(), now)
            ours = guests.known(connection, self.gateway.id, devices.values())
            records = [
                self._record(inventory, stations[mac], device, *live[device], now)
                for mac, device in devices.items()
                if device in live
            ]
            touched = ledger.apply(connection, records)
            sessions.presume(connection, self.gateway.id, now, "Lost-Carrier", running=set(touched))
            enforce(connection, inventory, touched.values(), now)
        over = [mac for mac, device in devices.items() if device in ours and device not in live]
        for mac in over:
            self.controller.call("cmd/stamgr", unifi.unauthorize(mac))
        if len(stations) > len(devices):
            log.info("guests of others", gateway=self.gateway.id, count=len(stations) - len(devices))

    def _record(self, inventory: Inventory, station: Station, device: str, grant: Grant, kept: str, now: int) -> Record:
        down, up = Kept.of(kept).used(station)
        site = inventory.site_of(self.gateway.id, station.ap_mac)
        return Record(
            kind=RecordKind.INTERIM,
            gateway=self.gateway.id,
            acct_session_id=f"{grant.id}-{station.associated_at}",
            device=device,
            ticket=grant.id,
            site=site.id if site else grant.site,
            at=now,
            seconds=min(station.uptime, max(0, now - grant.starts_at)),
            down=down,
            up=up,
        )


def _serve(desk: Desk, following: Following, gateway_id: str, stop: threading.Event) -> None:
    """Serves one gateway until it is in the inventory no longer, or `stop` is set."""
    lease = Lease(desk.store, f"unifi {gateway_id}", _LEASE)
    try:
        _serve_under(lease, desk, following, gateway_id, stop)
    finally:
        lease.give_back()


def _serve_under(lease: Lease, desk: Desk, following: Following, gateway_id: str, stop: threading.Event) -> None:
    served: Watch | None = None
    trouble = ""
    while not stop.wait(_REST if trouble else _EVERY):
        try:
            inventory = following.revision().inventory
            gateway = inventory.find_gateway(gateway_id)
            if not isinstance(gateway, UnifiGateway):
                return
            if served is None or served.gateway != gateway:
                password = desk.settings.secret(gateway.password).decode()
                served = Watch(desk, gateway, lease, Controller(gateway, password))
            served.turn(inventory, desk.now())
            trouble = ""
        except HotspotError as error:
            if trouble != str(error):
                log.warning("gateway not served", gateway=gateway_id, error=str(error))
            trouble = str(error)


def watch(desk: Desk, stop: threading.Event) -> None:
    """Keeps a thread for each of the city's UniFi gateways until `stop` is set."""
    following = Following(desk.store)
    threads: dict[str, threading.Thread] = {}
    while not stop.wait(_EVERY):
        try:
            inventory = following.revision().inventory
        except HotspotError:
            continue  # the portal's pages say so
        for gateway in inventory.gateway:
            known = threads.get(gateway.id)
            if isinstance(gateway, UnifiGateway) and (known is None or not known.is_alive()):
                arguments = (desk, following, gateway.id, stop)
                threads[gateway.id] = threading.Thread(target=_serve, args=arguments, daemon=True)
                threads[gateway.id].start()
    for thread in threads.values():
        thread.join(_LAST)


def start(desk: Desk) -> Callable[[], None]:
    """Watches in threads that end with the process, or when the answer is called, which gives the leases back."""
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=(desk, stop), name="unifi", daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(2 * _LAST)

    return end
