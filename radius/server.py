"""The sockets: drain what has come, let the service decide for the batch, answer all. And the thread for orders."""

import selectors
import socket
import threading
import time
from contextlib import ExitStack
from typing import Final

import structlog

from hotspot.errors import PeerError
from hotspot.service import announce
from hotspot.settings import Settings
from hotspot.store.keyed import open_keyed

from .orders import Sender
from .packet import LONGEST
from .service import Datagram, Service

log = structlog.get_logger("radius")

_BATCH: Final = 256
"""Datagrams taken from each socket before they are answered; under load this many share one commit."""
_BUFFER: Final = 4 * 2**20


def listen(setting: str, address: tuple[str, int]) -> socket.socket:
    """A UDP socket; an IPv6 address serves IPv4 too. PeerError names the setting whose address cannot be had."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise PeerError(f"{setting} {address[0]}:{address[1]}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def _drain(sock: socket.socket, index: int) -> list[Datagram]:
    """What has come to one socket, so that a flood of one leaves the others their turn."""
    batch: list[Datagram] = []
    while len(batch) < _BATCH:
        try:
            data, source = sock.recvfrom(LONGEST + 1)
        except BlockingIOError:
            break
        batch.append((data, source[:2], index))
    return batch


def serve(service: Service, sockets: list[socket.socket], stop: threading.Event) -> None:
    """Answers until told to stop."""
    with selectors.DefaultSelector() as selector:
        for index, sock in enumerate(sockets):
            selector.register(sock, selectors.EVENT_READ, index)
        while not stop.is_set():
            ready = selector.select(timeout=0.5)
            batch = [datagram for key, _ in ready for datagram in _drain(sockets[key.data], key.data)]
            if batch:
                _send(sockets, service.handle(batch, int(time.time())))


def _send(sockets: list[socket.socket], answers: list[Datagram]) -> None:
    for data, target, index in answers:
        try:
            sockets[index].sendto(data, target)
        except OSError as error:  # the gateway retransmits and gets the remembered bytes
            log.warning("answer not sent", error=str(error))


def _until_it_ends(sender: Sender, stop: threading.Event) -> None:
    """A service that carries no orders any more must not look alive."""
    try:
        sender.run(stop)
    finally:
        stop.set()


def main(settings: Settings, stop: threading.Event) -> None:
    """The radius service: authentication, accounting, orders."""
    with ExitStack() as resources:
        store, keys = open_keyed(settings)
        resources.callback(store.close)
        service = Service(settings, store, keys)
        service.clients()
        sockets = [
            resources.enter_context(listen("HOTSPOT_RADIUS_AUTH_LISTEN", settings.radius_auth_listen)),
            resources.enter_context(listen("HOTSPOT_RADIUS_ACCT_LISTEN", settings.radius_acct_listen)),
        ]
        sender = Sender(settings, store, keys, service.inventory)
        orders = threading.Thread(target=_until_it_ends, args=(sender, stop), name="orders")
        orders.start()
        resources.callback(orders.join)
        resources.callback(stop.set)
        ports = [f"{host}:{port}/udp" for host, port in (sock.getsockname()[:2] for sock in sockets)]
        announce("radius", f"{ports[0]} (authentication), {ports[1]} (accounting)")
        serve(service, sockets, stop)
        log.info("stopped", dropped=dict(service.endpoint.dropped))
