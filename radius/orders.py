"""Carries orders to gateways over RADIUS: claims what is due, sends, waits for answers, records the outcomes."""

import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from hotspot.errors import ConfigError, HotspotError
from hotspot.fields import split_endpoint
from hotspot.identity import Keys
from hotspot.nas import RADIUS_DIALECTS
from hotspot.settings import Settings
from hotspot.sites import Inventory, RadiusGateway
from hotspot.store import Store, orders
from hotspot.store.orders import Channel, Order, OrderState

from .coa import Outcome, disconnect, read_answer
from .packet import LONGEST

log = structlog.get_logger("radius")

_EVERY: Final = 0.3
_WAITS: Final = (0.5, 1.0, 1.5)
"""Seconds to wait for an answer before the same bytes go out again; after the last the order is postponed."""
_LONGEST_PAUSE: Final = 300


@dataclass
class _Sent:
    order: Order
    target: tuple[str, int]
    request: bytes
    secret: bytes = field(repr=False)


class Sender:
    """One process's carrier of `coa` orders."""

    def __init__(self, settings: Settings, store: Store, keys: Keys, inventory: Callable[[], Inventory]):
        self._settings = settings
        self._store = store
        self._keys = keys
        self._inventory = inventory
        self._name = f"radius-{secrets.token_hex(4)}"

    def run(self, stop: threading.Event) -> None:
        """Works until told to stop. A store that is away is tried again."""
        while not stop.wait(_EVERY):
            try:
                self.round()
            except HotspotError as error:
                log.error("orders wait", error=str(error))
                stop.wait(2)

    def round(self) -> int:
        """Carries what is due now; how many orders it tried."""
        now = int(time.time())
        with self._store.core.write() as connection:
            due = orders.claim(connection, self._keys, Channel.COA, self._name, now)
        if not due:
            return 0
        outcomes: dict[str, Outcome] = {}
        unable: dict[str, str] = {}
        by_family: dict[socket.AddressFamily, list[_Sent]] = {}
        for order in due:
            try:
                sent = self._prepared(order, now)
            except (ConfigError, ValueError) as error:
                unable[order.id] = str(error)  # this node; another may have the secret
                continue
            family = socket.AF_INET6 if ":" in sent.target[0] else socket.AF_INET
            by_family.setdefault(family, []).append(sent)
        for family, requests in by_family.items():
            outcomes |= _exchange(family, requests)
        self._record(due, outcomes, unable)
        return len(due)

    def _prepared(self, order: Order, now: int) -> _Sent:
        gateway = self._inventory().find_gateway(order.gateway)
        if not isinstance(gateway, RadiusGateway) or not gateway.radius.coa or not gateway.radius.secret:
            raise ConfigError(f"gateway {order.gateway} has no radius.coa address in the active inventory")
        secret = self._settings.secret(gateway.radius.secret)
        request = disconnect(order, RADIUS_DIALECTS[gateway.nas], secret, secrets.randbelow(256), now)
        return _Sent(order, split_endpoint(gateway.radius.coa), request, secret)

    def _record(self, due: list[Order], outcomes: dict[str, Outcome], unable: dict[str, str]) -> None:
        now = int(time.time())
        with self._store.core.write() as connection:
            for order in due:
                outcome = outcomes.get(order.id)
                if outcome is None:
                    pause = min(_LONGEST_PAUSE, 5 * 2 ** min(order.attempts, 10))
                    why = unable.get(order.id, "no answer from the gateway")
                    orders.postpone(connection, order.id, now + pause, why)
                else:
                    state = OrderState.DONE if outcome.done else OrderState.FAILED
                    orders.finish(connection, order.id, state, outcome.detail, now)
                log.info("order", order=order.id, gateway=order.gateway, outcome=outcome and outcome.detail)


def _exchange(family: socket.AddressFamily, requests: list[_Sent]) -> dict[str, Outcome]:
    """Sends all, collects the authentic answers, sends the unanswered again; each from a socket of its own."""
    outcomes: dict[str, Outcome] = {}
    with selectors.DefaultSelector() as selector:
        for sent in requests:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, sent)
        try:
            for wait in _WAITS:
                _send_unanswered(selector, outcomes)
                deadline = time.monotonic() + wait
                while len(outcomes) < len(requests) and (left := deadline - time.monotonic()) > 0:
                    _collect(selector, left, outcomes)
        finally:
            for key in list(selector.get_map().values()):
                selector.unregister(key.fileobj)
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
    return outcomes


def _send_unanswered(selector: selectors.DefaultSelector, outcomes: dict[str, Outcome]) -> None:
    for key in selector.get_map().values():
        sent: _Sent = key.data
        if sent.order.id not in outcomes and isinstance(key.fileobj, socket.socket):
            try:
                key.fileobj.sendto(sent.request, sent.target)
            except OSError as error:  # unreachable now; the order is tried again later
                log.info("order not sent", order=sent.order.id, error=str(error))


def _collect(selector: selectors.DefaultSelector, wait: float, outcomes: dict[str, Outcome]) -> None:
    for key, _ in selector.select(timeout=wait):
        sent: _Sent = key.data
        if not isinstance(key.fileobj, socket.socket):
            continue
        try:
            data, source = key.fileobj.recvfrom(LONGEST)
        except OSError:
            continue  # an ICMP error for what was sent; the next try or a later round follows
        outcome = read_answer(data, sent.request, sent.secret) if source[0] == sent.target[0] else None
        if outcome is not None:
            outcomes[sent.order.id] = outcome
