"""The sockets, and the processes that share them: drain what has come, let the service decide for all, answer all.

One worker process for each core, on one port (SO_REUSEPORT): the kernel gives all that one source address and port
sends to one worker, so that its memory of replies is whole. The parent opens the sockets and keeps them open: what is
sent while a dead worker is replaced waits for the next one. It does nothing else: no thread and no connection of its
own is there when it forks again. Two more children carry the orders and apply the journal.
"""

import ctypes
import gc
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Final

import structlog

from hotspot.errors import HotspotError, PeerError
from hotspot.node.clock import Clock
from hotspot.node.service import announce
from hotspot.people.identity import Keys
from hotspot.settings import RadSec, Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Following, Revision
from hotspot.store.deadline import GATEWAY
from hotspot.store.keyed import open_keyed

from .away.backlog import FOLDER
from .away.memory import recall
from .away.replay import Replay
from .counting import Counting
from .desk import Desk
from .orders import Sender, open_sockets
from .radsec import server as radsec
from .radsec.certificates import Certificates
from .service import Service
from .wire.datagrams import Datagrams
from .wire.mmsg import Datagram

log = structlog.get_logger("radius")

_BUFFER: Final = 4 * 2**20
_PDEATHSIG: Final = 1
_BEHIND: Final = 10
_TIMERSLACK: Final = 29
_APART: Final = 10.0
"""Seconds that the store has for those whom no gateway waits for."""
Body = Callable[[threading.Event, Callable[[], None]], None]
"""What a child does: until the event is set; calls the other when it is ready."""
_SHORT_LIFE: Final = 5.0
"""Seconds; a child that lived no longer is not started again at once."""


def listen(setting: str, address: tuple[str, int], count: int) -> list[socket.socket]:
    """UDP sockets that share a port; an IPv6 address serves IPv4 too.

    PeerError names the setting whose address cannot be had, also where another program has it.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened: list[socket.socket] = []
    try:
        alone = _bound(family, address, shared=False)
        address = alone.getsockname()[:2]
        alone.close()
        for _ in range(count):
            opened.append(_bound(family, address, shared=True))
    except OSError as error:
        for sock in opened:
            sock.close()
        raise PeerError(f"{setting} {address[0]}:{address[1]}: {error.strerror}") from error
    return opened


def _bound(family: socket.AddressFamily, address: tuple[str, int], *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def serve(service: Service, sockets: list[socket.socket], clock: Clock, stop: threading.Event) -> None:
    """Answers until told to stop."""
    doors = [Datagrams(sock, index) for index, sock in enumerate(sockets)]
    with selectors.DefaultSelector() as selector:
        for sock, door in zip(sockets, doors, strict=True):
            selector.register(sock, selectors.EVENT_READ, door)
        selector.register(service.hashing, selectors.EVENT_READ, None)
        while not stop.is_set():
            service.tend()
            for key, _ in selector.select(timeout=0.5):
                if key.data is None:
                    answers = service.finish(clock.now())
                    for index, door in enumerate(doors):
                        _send(door, [answer for answer in answers if answer[2] == index])
                elif batch := key.data.receive():  # at most so many that a flood of one leaves the other its turn
                    _send(key.data, service.handle(batch, clock.now()))


def _send(door: Datagrams, answers: list[Datagram]) -> None:
    if lost := door.send(answers):  # the gateways retransmit and get the remembered bytes
        log.warning("answers not sent", number=lost)


def _open(settings: Settings) -> tuple[Store, Keys, Revision | None]:
    """The store and its keys; with the revision that this node knew last where the store is away."""
    try:
        return *open_keyed(settings, seconds=GATEWAY), None
    except PeerError as error:
        keys = settings.keys()
        last = recall(settings.state / FOLDER, keys.derive("journal"))
        if last is None:
            raise
        log.error("store away", error=str(error), revision=last.number)
        return Store.open(settings, migrate=False, seconds=GATEWAY), keys, last


def _work(settings: Settings, sockets: list[socket.socket], stop: threading.Event, ready: Callable[[], None]) -> None:
    """A worker: authentication and accounting."""
    with ExitStack() as resources:
        store, keys, last = _open(settings)
        resources.callback(store.close)
        service = Service(settings, store, keys, last)
        resources.callback(service.close)
        service.clients()
        gc.collect()
        gc.freeze()  # what lives as long as the process need not be looked through again and again
        gc.set_threshold(200_000, 50, 50)
        resources.enter_context(Counting(store, service.endpoint))
        clock = _clock(store, resources)
        ready()
        serve(service, sockets, clock, stop)


def _secure(
    settings: Settings, files: RadSec, listener: socket.socket, stop: threading.Event, ready: Callable[[], None]
) -> None:
    """RADIUS over TLS."""
    with ExitStack() as resources:
        store, keys, last = _open(settings)
        resources.callback(store.close)
        service = Service(settings, store, keys, last)
        resources.callback(service.close)
        service.clients()
        resources.enter_context(Counting(store, service.endpoint))
        clock = _clock(store, resources)
        server = radsec.Server(service, Desk(store, keys, clock.now), Certificates(files), listener)
        ready()
        server.run(stop)


def _clock(store: Store, resources: ExitStack) -> Clock:
    clock = Clock(store)
    resources.callback(clock.close)
    clock.start()
    return clock


def _when_there(
    settings: Settings, body: Callable[[Store, Keys], None], stop: threading.Event, ready: Callable[[], None]
) -> None:
    """Runs a body that is nothing without the store, once it is there; nobody waits for it."""
    ready()
    while not stop.is_set():
        try:
            store, keys = open_keyed(settings, seconds=_APART)
        except PeerError:
            stop.wait(1)
            continue
        try:
            body(store, keys)
        finally:
            store.close()


def _carry(settings: Settings, stop: threading.Event, ready: Callable[[], None]) -> None:
    """The carrier of orders."""

    def carry(store: Store, keys: Keys) -> None:
        with ExitStack() as resources:
            now = _clock(store, resources).now
            Sender(settings, store, keys, Following(store).inventory, now).run(stop)

    _when_there(settings, carry, stop, ready)


def _replay(settings: Settings, stop: threading.Event, ready: Callable[[], None]) -> None:
    """What applies the journal."""

    os.nice(_BEHIND)  # what is in the journal is safe; who waits for an answer comes first

    def replay(store: Store, keys: Keys) -> None:
        with ExitStack() as resources:
            now = _clock(store, resources).now
            Replay(settings.state / FOLDER, store, keys, Following(store).inventory, now).run(stop)

    _when_there(settings, replay, stop, ready)


def _fork(body: Body, stop: threading.Event, ready: Callable[[], None]) -> int:
    """A child process that runs `body` and ends with its parent. Its process id."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
        ctypes.CDLL(None).prctl(_TIMERSLACK, 1000)  # ns: who waits for a turn to write looks often and briefly
        if os.getppid() == parent:
            body(stop, ready)
            code = 0
    except HotspotError as error:
        log.error("ended", error=str(error))
    except BaseException:
        log.exception("ended")
    finally:
        os._exit(code)


def _watch(bodies: list[Body], stop: threading.Event, ready: Callable[[], None]) -> None:
    """Keeps a child for each body until told to stop, the last one a little longer than the others. Calls `ready` when
    all are for the first time."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def one_more() -> None:
        os.write(writer, b".")

    living = {_fork(body, stop, one_more): (body, time.monotonic()) for body in bodies}
    missing = len(bodies)
    while not stop.is_set():
        if missing and (missing := missing - _read(reader)) <= 0:
            missing = 0
            ready()
        for child in list(living):
            if os.waitpid(child, os.WNOHANG)[0]:
                body, since = living.pop(child)
                log.error("a child ended and is started again", process=child)
                stop.wait(0 if time.monotonic() - since > _SHORT_LIFE else 1)
                if not stop.is_set():
                    living[_fork(body, stop, one_more)] = (body, time.monotonic())
        stop.wait(0.02 if missing else 0.1)
    first = [child for child, (body, _) in living.items() if body is not bodies[-1]]
    for children in (first, living.keys() - first):
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def _read(pipe: int) -> int:
    """How many bytes there were."""
    try:
        return len(os.read(pipe, 64))
    except BlockingIOError:
        return 0


def main(settings: Settings, stop: threading.Event) -> None:
    """The radius service: authentication, accounting, orders."""
    store, keys, last = _open(settings)
    service = Service(settings, store, keys, last)
    try:
        service.clients()
    finally:
        service.close()
        store.close()
    for sock in open_sockets(settings).values():
        sock.close()  # what cannot be had is told before anything runs
    count = settings.radius_workers
    with ExitStack() as resources:
        auth = listen("HOTSPOT_RADIUS_AUTH_LISTEN", settings.radius_auth_listen, count)
        acct = listen("HOTSPOT_RADIUS_ACCT_LISTEN", settings.radius_acct_listen, count)
        for sock in (*auth, *acct):
            resources.enter_context(sock)
        bodies: list[Body] = [partial(_work, settings, list(pair)) for pair in zip(auth, acct, strict=True)]
        ports = [f"{host}:{port}/udp" for host, port in (sock.getsockname()[:2] for sock in (auth[0], acct[0]))]
        where = f"{ports[0]} (authentication), {ports[1]} (accounting)"
        if settings.radsec is not None:
            Certificates(settings.radsec)  # a fault in them is told now
            listener = resources.enter_context(radsec.listen("HOTSPOT_RADSEC_LISTEN", settings.radsec.listen))
            bodies.append(partial(_secure, settings, settings.radsec, listener))
            where += ", {}:{}/tcp (TLS)".format(*listener.getsockname()[:2])
        _watch(  # the replay last, for what the workers leave
            [*bodies, partial(_carry, settings), partial(_replay, settings)], stop, partial(announce, "radius", where)
        )
