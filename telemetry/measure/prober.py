"""Probing every access point once an interval, and keeping what that says about it.

An access point is reached when it answers itself (`telemetry.measure.device`). (ICMP echo needs rights that a service
should not have.) A round is kept in one transaction: samples, ended states, trackers. After a restart the trackers are
read back, and the time that nobody watched becomes UNKNOWN by the rule that a sample holds for 2.5 intervals.

On several nodes one probes and the others stand by: the round's lease decides, and rounds are dated by the store's
clock.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import MappingProxyType
from typing import Final

import structlog

from hotspot.city.sites import Inventory, ProbeSection
from hotspot.entry.fields import split_endpoint
from hotspot.errors import ConfigError, PeerError
from hotspot.host_key import trusted_of
from hotspot.node.lease import Lease, StoreClock
from hotspot.store import Store
from hotspot.store.city import pushes
from hotspot.store.city.revisions import Following
from hotspot.store.portable import clock as store_clock
from hotspot.store.telemetry import observed
from telemetry.uptime.spans import clip
from telemetry.uptime.states import Interval, Sample, Tracker, advance, rewound

from .device import PROOFS_AT_ONCE, Devices, Echo, Target, connection_stands

log = structlog.get_logger()

AT_ONCE: Final = 256
"""Probes in flight at a time; 1,000 silent access points take four timeouts."""
IDLE: Final = 5.0
"""Seconds between two looks for an inventory while there is none."""
LEASE: Final = "prober"
Probe = Callable[[str, Target, float], Awaitable[Echo]]
"""(access point, where, timeout in seconds) -> what came of it."""


def targets(inventory: Inventory, pinned: Mapping[str, str], now: int) -> dict[str, Target]:
    """Where the access points that are in life now answer, and what each must show, under their ids. `pinned` are the
    host keys of those that were adopted."""
    alive: dict[str, Target] = {}
    for site, ap in inventory.access_points():
        zone = inventory.zone(site)
        moment = (now, now + 1)
        if clip(site.span(zone), moment) and clip(ap.span(zone), moment):
            host, port = ap.endpoint
            trusted = trusted_of(pinned.get(ap.id), inventory.controller.host_ca)
            alive[ap.id] = Target(host, port, ap.tunnel is not None, trusted, (ap.id, host))
    return alive


async def probe_round(
    inventory: Inventory, at: int, probe: Probe, pinned: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Sample]:
    """One sample of every access point in life, all of them dated `at`."""
    asked = targets(inventory, pinned, at)
    gate = asyncio.Semaphore(AT_ONCE)
    timeout = inventory.probe.timeout

    async def one(ap: str, target: Target) -> Echo:
        async with gate:
            return await probe(ap, target, timeout)

    async def connected() -> bool:
        uplink = inventory.probe.uplink
        return uplink is None or (await connection_stands(*split_endpoint(uplink), timeout)).good

    asking = asyncio.gather(*(one(ap, target) for ap, target in asked.items()))
    online, echoes = await asyncio.gather(connected(), asking)
    return {ap: _sample(at, echo, online) for ap, echo in zip(asked, echoes, strict=True)}


def _sample(at: int, echo: Echo, online: bool) -> Sample:
    """Who another one answers for is not there, whatever the monitor's own uplink says."""
    return Sample(at, echo.good, echo.wrong or (online and not echo.blind), echo.rtt_us)


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

    def __init__(self, store: Store, following: Following, clock: StoreClock = store_clock, probe: Probe | None = None):
        self._store = store
        self._following = following
        self._lease = Lease(store, LEASE, 0, clock)
        self._threads = ThreadPoolExecutor(PROOFS_AT_ONCE, thread_name_prefix="proof")
        self._probe = probe or Devices(self._threads)
        self._keys: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Probes until `stop` is set. A store that is away is reported and tried again."""
        try:
            await self._rounds(stop)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(self._lease.give_back)

    async def _rounds(self, stop: asyncio.Event) -> None:
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
        self._lease.seconds = inventory.probe.interval * 5 // 2
        at = await asyncio.to_thread(self._lease.take)
        if at is None:
            return False
        pinned = await asyncio.to_thread(self._pinned)
        probing = asyncio.create_task(probe_round(inventory, at, self._probe, pinned))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({probing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not probing.done():
            probing.cancel()
            return False
        await asyncio.to_thread(keep, self._store, probing.result(), inventory.probe)
        return True

    def _pinned(self) -> dict[str, str]:
        """The host keys of those that were adopted, as they were last known while the store is away."""
        with suppress(PeerError), self._store.core.read() as connection:
            self._keys = {ap: pinned.key for ap, pinned in pushes.pinned(connection).items()}
        return self._keys


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
