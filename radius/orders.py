"""Carries orders to gateways over RADIUS: claims what is due, sends, waits for answers, records the outcomes.

One loop in one process. Nobody waits for a gateway that does not answer: its requests are under way while others are
claimed, sent and answered. A node claims only orders of gateways that listen to the address it sends from.
"""

import errno
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, HotspotError
from hotspot.nas import RADIUS_DIALECTS
from hotspot.nas.entries import RadiusClient, RadiusGateway
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.stays.orders import Order

from .coa import Address, Flights, Outcome, request
from .desk import UNANSWERED, Desk
from .wire.plain import LONGEST

log = structlog.get_logger("radius")

_EVERY: Final = 0.2
"""Seconds between two looks for orders."""
_MOST: Final = 512
"""Orders under way at once."""
_ROUTES: Final = 60.0
"""Seconds after which our addresses towards the gateways are looked up again."""


_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


def open_sockets(settings: Settings) -> dict[socket.AddressFamily, socket.socket]:
    """A socket of each family, bound to where orders are to come from. ConfigError for what is no address of ours."""
    opened: dict[socket.AddressFamily, socket.socket] = {}
    for family in _FAMILIES:
        source = settings.coa_source(family)
        try:
            opened[family] = socket.socket(family, socket.SOCK_DGRAM)
            opened[family].setblocking(False)
            if source is not None:
                opened[family].bind((source, 0))
        except OSError as error:
            if source is None and error.errno == errno.EAFNOSUPPORT:
                continue  # this machine has no IPv6
            for sock in opened.values():
                sock.close()
            raise ConfigError(
                f"HOTSPOT_RADIUS_COA_SOURCE {source}: {error.strerror}; it must be an address of this node"
            ) from error
    return opened


class Line:
    """A socket of one address family, and what is under way on it."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.flights = Flights()

    def send(self, packet: bytes, target: Address) -> None:
        try:
            self.sock.sendto(packet, target)
        except OSError as error:  # unreachable now; it goes out again later
            log.info("order not sent", gateway=target[0], error=str(error))

    def answers(self) -> list[tuple[Order, Outcome]]:
        """What has come to the socket and is an authentic answer."""
        found: list[tuple[Order, Outcome]] = []
        while True:
            try:
                data, source = self.sock.recvfrom(LONGEST)
            except BlockingIOError:
                return found
            except OSError:
                continue  # an ICMP error for what was sent; the next try follows
            answer = self.flights.receive(data, source[:2])
            if answer is not None:
                found.append(answer)


class Sender:
    """One node's carrier of `coa` orders."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        keys: Keys,
        inventory: Callable[[], Inventory],
        now: Callable[[], int] = lambda: int(time.time()),
    ):
        self._settings = settings
        self._inventory = inventory
        self._desk = Desk(store, keys, now)
        self._lines = {family: Line(sock) for family, sock in open_sockets(settings).items()}
        self._selector = selectors.DefaultSelector()
        for line in self._lines.values():
            self._selector.register(line.sock, selectors.EVENT_READ, line)
        self._look_at = 0.0
        self._reach = _Reach(settings)

    def run(self, stop: threading.Event) -> None:
        """Works until told to stop. A store that is away is tried again; what is under way then stays so."""
        try:
            while not stop.is_set():
                try:
                    self.step()
                except HotspotError as error:
                    log.error("orders wait", error=str(error))
                    stop.wait(2)
        finally:
            self.close()

    def step(self) -> None:
        """Waits until something is to be done, at most until the next look for orders, and does it."""
        timers = [self._look_at, *(line.flights.next_at() or self._look_at for line in self._lines.values())]
        ready = self._selector.select(timeout=max(0.0, min(timers) - time.monotonic()))
        for key, _ in ready:
            self._desk.outcomes += key.data.answers()
        now = time.monotonic()
        for line in self._lines.values():
            for packet, target in line.flights.again(now):
                line.send(packet, target)
            self._desk.outcomes += [(order, UNANSWERED) for order in line.flights.given_up(now)]
        if self._desk.outcomes or now >= self._look_at:
            self._look_at = now + _EVERY
            self._exchange_with_store()

    def _exchange_with_store(self) -> None:
        room = _MOST - sum(len(line.flights) for line in self._lines.values())
        for order in self._desk.exchange(lambda: self._reach.of(self._inventory()), room):
            try:
                self._launch(order, self._desk.now())
            except (ConfigError, ValueError) as error:  # this node; another may have the secret
                self._desk.unable(order, str(error))

    def _launch(self, order: Order, now: int) -> None:
        gateway = self._inventory().find_gateway(order.gateway)
        way = gateway.radius.orders if isinstance(gateway, RadiusGateway) else None
        if not isinstance(gateway, RadiusGateway) or way is None or way.endpoint is None or not gateway.radius.secret:
            raise ConfigError(f"gateway {order.gateway} has no radius.coa address in the active inventory")
        secret, target = self._settings.secret(gateway.radius.secret), way.endpoint
        line = self._lines.get(_family(target))
        if line is None:
            raise ConfigError("this node has no IPv6")
        identifier = line.flights.free(target)
        if identifier is None:
            raise ConfigError("the gateway has 256 requests to answer already")
        role = gateway.roles.get(order.plan or "")
        packet = request(order, RADIUS_DIALECTS[gateway.nas], secret, identifier, now, role)
        line.flights.launch(order, target, packet, secret, time.monotonic())
        line.send(packet, target)

    def close(self) -> None:
        """Gives back what is under way, so that another node need not wait for the claims to expire."""
        try:
            self._desk.release([order for line in self._lines.values() for order in line.flights.clear()])
        finally:
            self._selector.close()
            for line in self._lines.values():
                line.sock.close()


class _Reach:
    """Which gateways listen to this node."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._known: tuple[Inventory, float, set[str]] | None = None

    def of(self, inventory: Inventory) -> set[str]:
        now = time.monotonic()
        if self._known is None or self._known[0] is not inventory or now - self._known[1] > _ROUTES:
            reached = {
                gateway.id
                for gateway in inventory.gateway
                if isinstance(gateway, RadiusGateway) and self._reaches(gateway.radius)
            }
            self._known = (inventory, now, reached)
        return self._known[2]

    def _reaches(self, radius: RadiusClient) -> bool:
        """Over UDP, that is: RADIUS over TLS carries its own orders."""
        way = radius.orders
        if way is None or way.over_tls or way.endpoint is None:
            return False
        return not radius.coa_from or self._source(way.endpoint) in radius.coa_from

    def _source(self, target: Address) -> str | None:
        """The address from which this node sends to a gateway; None where there is no way to it."""
        family = _family(target)
        chosen = self._settings.coa_source(family)
        if chosen is not None:
            return chosen
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect(target)  # sends nothing; the kernel chooses the source
            except OSError:
                return None
            return str(sock.getsockname()[0])


def _family(target: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in target[0] else socket.AF_INET
