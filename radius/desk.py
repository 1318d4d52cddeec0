"""What the carriers of orders share, over UDP and over TLS: the store's side of their work."""

import socket
import time
from collections.abc import Callable
from secrets import token_hex

import structlog

from hotspot.errors import HotspotError
from hotspot.people.identity import Keys
from hotspot.store import Store
from hotspot.store.stays import orders
from hotspot.store.stays.orders import Channel, Order, OrderState

from .coa import Outcome, pause

log = structlog.get_logger("radius")

UNANSWERED = Outcome(OrderState.PENDING, "no answer from the gateway")


class Desk:
    """One carrier's claims. `outcomes` is for the carrier to fill."""

    def __init__(self, store: Store, keys: Keys, now: Callable[[], int] = lambda: int(time.time())):
        self._store = store
        self._keys = keys
        self.now = now
        self._name = f"{socket.gethostname()[:48]}/{token_hex(4)}"
        self.outcomes: list[tuple[Order, Outcome]] = []

    def exchange(self, reach: Callable[[], set[str]], room: int) -> list[Order]:
        """Records the outcomes and claims what is due, at most `room`, for the gateways that are within reach; durable,
        or neither."""
        now = self.now()
        gateways: set[str] = set()
        if room > 0:
            with self._store.core.read() as connection:
                gateways = orders.waiting(connection, Channel.COA, now)
            gateways &= reach() if gateways else gateways
        if not gateways and not self.outcomes:
            return []
        claimed: list[Order] = []
        with self._store.core.write() as connection:
            for order, outcome in self.outcomes:
                if outcome.state == OrderState.PENDING:
                    orders.postpone(connection, order.id, now + pause(order.attempts), outcome.detail)
                else:
                    orders.finish(connection, order.id, outcome.state, outcome.detail, now)
            if gateways:
                claimed = orders.claim(
                    connection, self._keys, Channel.COA, self._name, now, gateways=gateways, limit=room
                )
        for order, outcome in self.outcomes:
            log.info("order", order=order.id, kind=order.kind, gateway=order.gateway, outcome=outcome.detail)
        self.outcomes.clear()
        return claimed

    def unable(self, order: Order, why: str) -> None:
        """An order that this node cannot carry now; another may, or it later."""
        self.outcomes.append((order, Outcome(OrderState.PENDING, why)))

    def release(self, under_way: list[Order]) -> None:
        """Gives back what is under way, so that another node need not wait for the claims to expire."""
        try:
            if under_way:
                with self._store.core.write() as connection:
                    orders.release(connection, [order.id for order in under_way])
        except HotspotError as error:
            log.error("claims stay until they expire", error=str(error))
