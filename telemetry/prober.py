"""Probing every access point once an interval, and keeping what that says about it.

An access point is reached by a TCP connection to its SSH endpoint: a connection proves that the host is there, and so
does a refusal; silence and "unreachable" do not. (ICMP echo needs rights that a service should not have.) A round is
kept in one transaction: samples, ended states, trackers. After a restart the trackers are read back, and the time that
nobody watched becomes UNKNOWN by the rule that a sample holds for 2.5 intervals.

On several nodes one probes and the others stand by: the round's lease decides.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from hotspot.errors import ConfigError, PeerError
from hotspot.fields import split_endpoint
from hotspot.sites import Inventory, ProbeSection
from hotspot.store import Store, observed
from hotspot.store.revisions import Following

from .spans import clip
from .uptime import Interval, Sample, Tracker, advance, rewound

log = structlog.get_logger()

AT_ONCE: Final = 256
"""Probes in flight at a time; 1,000 silent access points take four timeouts."""
IDLE: Final = 5.0
"""Seconds between two looks for an inventory while there is none."""
LEASE: Final = "prober"
_OURS: Final = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.ENETDOWN,
    errno.ENETUNREACH,
}
"""Errors of the monitor's own machine, which say nothing about an access point."""

Clock = Callable[[], int]


@dataclass(frozen=True)
class Echo:
    """What came of one probe. `connected` when it was no refusal, `blind` when the monitor could not even ask."""

    good: bool
    rtt_us: int | None = None
    connected: bool = False
    blind: bool = False


Probe = Callable[[str, int, float], Awaitable[Echo]]
"""(host, port, timeout in seconds) -> what came of it."""


async def tcp_probe(host: str, port: int, timeout: float) -> Echo:
    """A TCP connection that is closed at once."""
    started = time.perf_counter()
    connected = False
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
        writer.transport.abort()
        connected = True
    except (ConnectionRefusedError, ConnectionResetError):
        pass  # a refusal comes from a host that is there
    except OSError as error:  # TimeoutError is one, too
        return Echo(False, blind=error.errno in _OURS)
    return Echo(True, round((time.perf_counter() - started) * 1e6), connected)


def targets(inventory: Inventory, now: int) -> dict[str, tuple[str, int]]:
    """The endpoints of the access points that are in life now, under their ids."""
    alive: dict[str, tuple[str, int]] = {}
    for site, ap in inventory.access_points():
        zone = inventory.zone(site)
        moment = (now, now + 1)
        if clip(site.span(zone), moment) and clip(ap.span(zone), moment):
            alive[ap.id] = ap.endpoint
    return alive


async def probe_round(inventory: Inventory, at: int, probe: Probe) -> dict[str, Sample]:
    """One sample of every access point in life, all of them dated `at`."""
    endpoints = targets(inventory, at)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(host: str, port: int) -> Echo:
        async with gate:
            return await probe(host, port, inventory.probe.timeout)

    uplink = [split_endpoint(inventory.probe.uplink)] if inventory.probe.uplink else []
    echoes = await asyncio.gather(*(one(*endpoint) for endpoint in [*uplink, *endpoints.values()]))
    connected = all(echo.good for echo in echoes[: len(uplink)])
    return {
        ap: Sample(at, echo.good, connected and not echo.blind, echo.rtt_us)
        for ap, echo in zip(endpoints, echoes[len(uplink) :], strict=True)
    }


def keep(store: Store, samples: dict[str, Sample], settings: ProbeSection) -> None:
    """Folds a round into the stored trackers, in one transaction."""
    with store.telemetry.write() as connection:
        stored = observed.trackers(connection)
        rows: list[observed.SampleRow] = []
        closed: list[observed.IntervalRow] = []
        kept: dict[str, dict[str, object]] = {}
        for ap, sample in samples.items():
            before = Tracker.from_json(stored[ap]) if ap in stored else None
            if before is not None and before.last_at > sample.at + settings.interval * 5 // 2:
                log.warning("the clock had run ahead", ap=ap, at=sample.at, ahead=before.last_at - sample.at)
                observed.forget_beyond(connection, ap, sample.at)
                before = rewound(before, sample.at)
            after, ended = advance(before, sample, settings)
            if after == before:
                log.warning("sample dropped", ap=ap, at=sample.at, reason="the clock went back")
                continue
            rows.append(observed.SampleRow(sample.at, ap, sample.good, sample.monitor, sample.rtt_us))
            closed += [_row(ap, interval) for interval in ended]
            kept[ap] = after.as_json()
            if before is None or before.state is not after.state:
                log.info("state", ap=ap, state=str(after.state), since=after.since)
        observed.keep_round(connection, rows, closed, kept)


def _row(ap: str, interval: Interval) -> observed.IntervalRow:
    return observed.IntervalRow(ap, interval.from_at, interval.to_at, str(interval.state), interval.cause)


class Prober:
    """Rounds on a steady beat, never two at once; a round that is late skips the beats it missed."""

    def __init__(self, store: Store, following: Following, clock: Clock, probe: Probe = tcp_probe):
        self._store = store
        self._following = following
        self._clock = clock
        self._probe = probe
        self._holder = socket.gethostname()[:64]

    async def run(self, stop: asyncio.Event) -> None:
        """Probes until `stop` is set. A store that is away is reported and tried again."""
        beat = time.monotonic()
        while not stop.is_set():
            pause: float = IDLE
            try:
                inventory = await asyncio.to_thread(self._following.inventory)
                pause = inventory.probe.interval
                await self.round(inventory, stop)
            except (ConfigError, PeerError) as error:
                log.error("round failed", reason=str(error))
            beat = _next_beat(beat, pause, time.monotonic())
            await wait(stop, beat - time.monotonic())

    async def round(self, inventory: Inventory, stop: asyncio.Event) -> bool:
        """One round, unless another node holds the lease or `stop` is set meanwhile. Returns whether it was kept."""
        at = self._clock()
        until = at + inventory.probe.interval * 5 // 2
        if not await asyncio.to_thread(self._may, at, until):
            return False
        probing = asyncio.create_task(probe_round(inventory, at, self._probe))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({probing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not probing.done():
            probing.cancel()
            return False
        await asyncio.to_thread(keep, self._store, probing.result(), inventory.probe)
        return True

    def _may(self, at: int, until: int) -> bool:
        with self._store.telemetry.write() as connection:
            return observed.take_lease(connection, LEASE, self._holder, at, until)


def _next_beat(beat: float, pause: float, now: float) -> float:
    """The first beat after now, whole pauses after the last one."""
    return beat + pause * max(1, -(-(now - beat) // pause))


async def wait(stop: asyncio.Event, seconds: float) -> None:
    """Sleeps, but no longer than until `stop` is set."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
    except TimeoutError:
        return
