"""The process for RADIUS over TLS: reads what has come, lets the service decide for all of it, answers all.

Nobody waits for a peer: sockets do not block, and what a peer does not take, does not say or does not finish in time
costs it its connection. Buffers are bounded on both sides; whoever does not read its answers is not read from either.
"""

import contextlib
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from hotspot.crowd import Crowd, Room, sender_of
from hotspot.errors import PeerError
from hotspot.node.service import allow_files
from radius.coa import Address
from radius.desk import Desk
from radius.endpoint import TLS
from radius.service import Service
from radius.wire.mmsg import Datagram
from radius.wire.plain import LONGEST

from .certificates import Certificates
from .link import Link
from .orders import ANSWERS, TlsSender

log = structlog.get_logger("radius")

_HANDSHAKE: Final = 10.0
"""Seconds until TLS must stand."""
_IDLE: Final = 3600.0
"""Seconds of silence after which a connection is closed; Status-Server keeps it open."""
_IDLE_DIALLED: Final = 60.0
"""The same for one that we opened for an order."""
_ALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""How TCP itself finds out, in two minutes, that a silent peer is gone."""
_READ: Final = 4 * LONGEST
"""Bytes read from a peer at a time, so that one that floods leaves the others their turn."""
_PAUSE: Final = 64 * 1024
"""Unsent bytes above which a peer is not read from."""
_MOST_UNSENT: Final = 512 * 1024
_MOST_PEERS: Final = 4000
_MOST_OF_ONE: Final = 32
"""Connections of one gateway; a further one ends the one that was silent longest."""
_STRANGERS: Final = Room(of_one=16, in_all=1000)
"""Connections that have not yet shown who they are: where there are more, the oldest of whoever has most ends."""
_ACCEPTS: Final = 32
"""Connections accepted at a time."""
_BATCH: Final = 256
_ROUND: Final = 0.2
"""Seconds after which orders are looked for, however silent it is."""
_LINES: Final = 20
"""Refusals logged in ten seconds; all are counted."""


@dataclass(eq=False, slots=True)
class Peer:
    """A connection, and what is known of its other end."""

    number: int
    sock: socket.socket
    link: Link
    host: str
    since: float
    heard: float
    dialled: str | None = None
    """The gateway to which we opened it; None where the peer did."""
    gateway: str | None = None
    """Known once its certificate is."""
    unsent: bytearray = field(default_factory=bytearray)
    waiting: list[bytes] = field(default_factory=list)
    """What is to be said once it is known who listens."""

    @property
    def source(self) -> Address:
        """Where its packets come from, to the endpoint and to orders."""
        return f"{TLS}{self.dialled or self.gateway}", self.number


def listen(setting: str, address: tuple[str, int]) -> socket.socket:
    """PeerError names the setting whose address cannot be had. An IPv6 address serves IPv4 too."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        sock = socket.create_server(
            address, family=family, backlog=512, dualstack_ipv6=family == socket.AF_INET6 and address[0] == "::"
        )
    except OSError as error:
        raise PeerError(f"{setting} {address[0]}:{address[1]}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


class Server:
    """All connections of one process."""

    def __init__(self, service: Service, desk: Desk, certificates: Certificates, listener: socket.socket):
        self._service, self._now = service, desk.now
        self._orders = TlsSender(desk, service.inventory, self)
        self._certificates = certificates
        self._listener = listener
        self._peers: dict[int, Peer] = {}
        self._strangers: Crowd[int] = Crowd(_STRANGERS)
        self._next_number = 0
        self._next_look = 0.0
        self._logged = (0.0, 0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(service.hashing, selectors.EVENT_READ)

    def run(self, stop: threading.Event) -> None:
        """Answers until told to stop."""
        allow_files(_MOST_PEERS + 200)
        try:
            while not stop.is_set():
                self.step()
        finally:
            self._orders.close()
            for peer in list(self._peers.values()):
                self._end(peer)
            self._selector.close()

    def step(self) -> None:
        """One round: everything that is ready now, or a moment of silence."""
        batch: list[Datagram] = []
        for key, events in self._selector.select(timeout=_ROUND):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._service.hashing:
                self._answer(self._service.finish(self._now()))
            else:
                peer: Peer = key.data
                if events & selectors.EVENT_WRITE:
                    self._flush(peer)
                if events & selectors.EVENT_READ and peer.number in self._peers:
                    batch += self._read(peer)
        for start in range(0, len(batch), _BATCH):
            self._answer(self._service.handle(batch[start : start + _BATCH], self._now()))
        self._orders.step()
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + 1
            self._service.tend()
            self._look_around()

    # -- connections -----------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # no more files, say; those that wait are asked again
                log.error("a connection was not accepted", error=str(error))
                return
            host = address[0]
            if len(self._peers) >= _MOST_PEERS:
                self._count("", "tls-too-many", host)
                sock.close()
                continue
            peer = self._add(sock, Link(self._certificates.accepting, server=True), host)
            for number in self._strangers.begin(sender_of(host), peer.number):
                self._end(self._peers[number], "too-many")

    def _add(self, sock: socket.socket, link: Link, host: str) -> Peer:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _ALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        now = time.monotonic()
        self._next_number += 1
        peer = Peer(self._next_number, sock, link, host, since=now, heard=now)
        self._peers[peer.number] = peer
        self._selector.register(sock, selectors.EVENT_READ, peer)
        return peer

    def _end(self, peer: Peer, reason: str | None = None) -> None:
        """Closes a connection; with a reason, because of it."""
        if self._peers.pop(peer.number, None) is None:
            return
        if reason is not None:
            self._count(peer.gateway or "", f"tls-{reason}", peer.host, peer.link)
        self._strangers.end(peer.number)
        self._selector.unregister(peer.sock)
        peer.link.close()
        peer.unsent += peer.link.outgoing()
        with contextlib.suppress(OSError):  # why it was refused, if the peer still listens
            peer.sock.send(peer.unsent)
        peer.sock.close()

    def _count(self, gateway: str, reason: str, host: str, link: Link | None = None) -> None:
        self._service.endpoint.drops[gateway, reason] += 1
        since, lines = self._logged
        now = time.monotonic()
        self._logged = (since, lines + 1) if now - since < 10 else (now, 1)
        if self._logged[1] <= _LINES:
            names = sorted((link.names or ()) if link else ())
            log.warning("RadSec", source=host, gateway=gateway, reason=reason, detail=link and link.detail, names=names)

    def _look_around(self) -> None:
        """What is due with time: late handshakes, silent peers, gateways that are no more, changed certificates."""
        self._certificates.follow()
        clients = self._service.clients()
        now = time.monotonic()
        for peer in list(self._peers.values()):
            if peer.gateway is None:
                if now - peer.since > _HANDSHAKE:
                    self._end(peer, "handshake-timeout")
            elif now - peer.heard > (_IDLE_DIALLED if peer.dialled else _IDLE):
                self._end(peer)
            else:
                client = clients.named(peer.link.names or frozenset())
                if client is None or client.gateway != peer.gateway:
                    self._end(peer, "unknown-certificate")

    # -- bytes -----------------------------------------------------------------------------------------------------

    def _read(self, peer: Peer) -> list[Datagram]:
        """The packets that a peer has completed."""
        try:
            data = peer.sock.recv(_READ)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        packets = peer.link.receive(data)
        if peer.gateway is None and peer.link.established and not self._known(peer):
            return []
        if packets:
            peer.heard = time.monotonic()
        self._flush(peer)
        ended = peer.link.ended
        if ended == "closed":
            self._end(peer)
        elif ended is not None:
            self._end(peer, ended if peer.link.established else "handshake")
        return [(packet, peer.source, 0) for packet in packets if not self._is_answer(peer, packet)]

    def _is_answer(self, peer: Peer, packet: bytes) -> bool:
        """Whether a packet answers an order, or came where nothing else is heard; then it is done with."""
        answers = packet[0] in ANSWERS
        if (answers or peer.dialled) and not (answers and self._orders.receive(packet, peer.source)):
            self._service.endpoint.drops[peer.dialled or peer.gateway or "", "tls-unexpected"] += 1
        return answers or peer.dialled is not None

    def _known(self, peer: Peer) -> bool:
        """Whether a certificate is a gateway's; from now on the connection is the gateway's."""
        client = self._service.clients().named(peer.link.names or frozenset())
        if client is None or client.gateway != (peer.dialled or client.gateway):
            self._end(peer, "unknown-certificate")
            return False
        own = [other for other in self._peers.values() if other.gateway == client.gateway]
        if len(own) >= _MOST_OF_ONE:
            self._end(min(own, key=lambda other: other.heard), "too-many")
        self._strangers.end(peer.number)
        peer.gateway = client.gateway
        for packet in peer.waiting:
            peer.link.send(packet)
        peer.waiting.clear()
        log.info("RadSec connected", gateway=peer.gateway, source=peer.host, tls=peer.link.version)
        return True

    # -- orders: what `Roads` says -----------------------------------------------------------------------------------

    def connected(self) -> set[str]:
        return {peer.gateway for peer in self._peers.values() if peer.gateway and not peer.dialled}

    def road(self, gateway: str, endpoint: Address | None) -> Address | None:
        if endpoint is None:
            own = [peer for peer in self._peers.values() if peer.gateway == gateway and not peer.dialled]
            return max(own, key=lambda peer: peer.heard).source if own else None
        ours = next((peer for peer in self._peers.values() if peer.dialled == gateway), None)
        return (ours or self._dial(gateway, endpoint)).source

    def tell(self, target: Address, packet: bytes) -> None:
        peer = self._peers.get(target[1])
        if peer is None:
            return  # it has gone; the order is tried again
        if peer.gateway is None:
            peer.waiting.append(packet)
        else:
            peer.link.send(packet)
        self._flush(peer)

    def _dial(self, gateway: str, endpoint: Address) -> Peer:
        sock = socket.socket(socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex(endpoint)  # whatever comes of it shows when it is written to
        peer = self._add(sock, Link(self._certificates.connecting, server=False), endpoint[0])
        peer.dialled = gateway
        return peer

    # -- answers ---------------------------------------------------------------------------------------------------

    def _answer(self, answers: list[Datagram]) -> None:
        touched: dict[int, Peer] = {}
        for data, (_, number), _ in answers:
            peer = self._peers.get(number)
            if peer is not None:  # else it has gone meanwhile; over its next connection it asks again
                peer.link.send(data)
                touched[number] = peer
        for peer in touched.values():
            self._flush(peer)

    def _flush(self, peer: Peer) -> None:
        """Sends what a peer takes, and keeps the rest."""
        if peer.number not in self._peers:
            return
        peer.unsent += peer.link.outgoing()
        try:
            while peer.unsent:
                del peer.unsent[: peer.sock.send(peer.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._end(peer)
            return
        if len(peer.unsent) > _MOST_UNSENT:
            self._end(peer, "slow")
            return
        events = selectors.EVENT_WRITE if peer.unsent else 0
        if len(peer.unsent) <= _PAUSE:
            events |= selectors.EVENT_READ
        if self._selector.get_key(peer.sock).events != events:
            self._selector.modify(peer.sock, events, peer)
