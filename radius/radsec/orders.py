"""Orders for gateways that take them over TLS: over the connection that the gateway opened, or over one of ours.

The packets and their answers are those of RFC 5176 with the secret `radsec`. TCP repeats what is lost, so nothing is
sent twice; an order that is not answered in time is given back and tried again later, as over UDP.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, HotspotError
from hotspot.nas import RADIUS_DIALECTS
from hotspot.nas.entries import RadiusGateway
from hotspot.store.stays.orders import Order
from radius.coa import Address, Flights, request
from radius.desk import UNANSWERED, Desk
from radius.endpoint import TLS_SECRET
from radius.wire.packet import Code

log = structlog.get_logger("radius")

ANSWERS: Final = frozenset(int(code) for code in (Code.DISCONNECT_ACK, Code.DISCONNECT_NAK, Code.COA_ACK, Code.COA_NAK))
_EVERY: Final = 0.2
_AGAIN: Final = 2.0
"""Seconds after which a store that is away is asked again."""
_MOST: Final = 512


class Roads(Protocol):
    """The connections, as orders need them."""

    def connected(self) -> set[str]:
        """The gateways that have opened a connection."""
        ...

    def road(self, gateway: str, endpoint: Address | None) -> Address | None:
        """A connection to a gateway: one that it opened, or with an endpoint one of ours, made where there is none."""
        ...

    def tell(self, target: Address, packet: bytes) -> None:
        """Sends over such a connection, as soon as it stands."""
        ...


class TlsSender:
    """One process's carrier of orders over TLS."""

    def __init__(self, desk: Desk, inventory: Callable[[], Inventory], roads: Roads):
        self._desk = desk
        self._inventory = inventory
        self._roads = roads
        self._flights = Flights()
        self._look_at = 0.0

    def receive(self, packet: bytes, source: Address) -> bool:
        """Takes an answer; whether it is one to an order of ours."""
        answer = self._flights.receive(packet, source)
        if answer is not None:
            self._desk.outcomes.append(answer)
        return answer is not None

    def step(self) -> None:
        """Does what is due; to be called a few times a second."""
        now = time.monotonic()
        self._flights.again(now)  # its time passes, but nothing is sent twice
        self._desk.outcomes += [(order, UNANSWERED) for order in self._flights.given_up(now)]
        if not self._desk.outcomes and now < self._look_at:
            return
        self._look_at = now + _EVERY
        try:
            for order in self._desk.exchange(self._reach, _MOST - len(self._flights)):
                try:
                    self._launch(order)
                except (ConfigError, ValueError) as error:
                    self._desk.unable(order, str(error))
        except HotspotError as error:
            self._look_at = now + _AGAIN
            log.error("orders wait", error=str(error))

    def _reach(self) -> set[str]:
        connected = self._roads.connected()
        return {
            gateway.id
            for gateway in self._inventory().gateway
            if isinstance(gateway, RadiusGateway)
            and (way := gateway.radius.orders) is not None
            and way.over_tls
            and (way.endpoint is not None or gateway.id in connected)
        }

    def _launch(self, order: Order) -> None:
        gateway = self._inventory().find_gateway(order.gateway)
        way = gateway.radius.orders if isinstance(gateway, RadiusGateway) else None
        if not isinstance(gateway, RadiusGateway) or way is None or not way.over_tls:
            raise ConfigError(f"gateway {order.gateway} takes no orders over TLS in the active inventory")
        target = self._roads.road(gateway.id, way.endpoint)
        if target is None:
            raise ConfigError("the gateway is not connected")
        identifier = self._flights.free(target)
        if identifier is None:
            raise ConfigError("the gateway has 256 requests to answer already")
        role = gateway.roles.get(order.plan or "")
        packet = request(order, RADIUS_DIALECTS[gateway.nas], TLS_SECRET, identifier, self._desk.now(), role)
        self._flights.launch(order, target, packet, TLS_SECRET, time.monotonic())
        self._roads.tell(target, packet)

    def close(self) -> None:
        """Gives back what is under way."""
        self._desk.release(self._flights.clear())
