"""Work that belongs to nobody's request, done by one node at a time under a lease in the store.

A part of the system declares its jobs under the entry-point group `hotspot.jobs`, beside their subject; this module
runs them. Each entry point names a `hotspot.job.Job`.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.job import Job
from hotspot.settings import Settings
from hotspot.store import Store, observed

from .prober import wait

log = structlog.get_logger()

SAMPLES_KEPT: Final = 35 * 86400
"""Seconds for which single samples are kept; the states made from them stay."""
_AT_ONCE: Final = 20_000
"""Samples that one transaction deletes, so that the prober never waits long."""


def declared() -> list[Job]:
    """Every job of the installation, by name."""
    jobs = [point.load() for point in entry_points(group="hotspot.jobs")]
    return sorted(jobs, key=lambda job: str(job.name))


async def run(
    jobs: Sequence[Job], store: Store, settings: Settings, clock: Callable[[], int], stop: asyncio.Event
) -> None:
    """Runs every job on its own beat until `stop` is set. A job that fails is reported and has its next turn."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(job, store, settings, clock, stop))


async def _repeat(job: Job, store: Store, settings: Settings, clock: Callable[[], int], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await asyncio.to_thread(turn, job, store, settings, clock())
        except HotspotError as error:
            log.error("job failed", job=job.name, reason=str(error))
        await wait(stop, job.every)


def turn(job: Job, store: Store, settings: Settings, now: int) -> bool:
    """Does a job once, unless another node has it. Returns whether it was done."""
    holder = socket.gethostname()[:64]
    with store.telemetry.write() as connection:
        ours = observed.take_lease(connection, f"job {job.name}", holder, now, now + 2 * job.every)
    if ours:
        job.run(store, settings, now)
    return ours


def drop_old_samples(store: Store, _settings: Settings, now: int) -> None:
    dropped = 0
    while True:
        with store.telemetry.write() as connection:
            count = observed.drop_samples(connection, now - SAMPLES_KEPT, _AT_ONCE)
        dropped += count
        if not count:
            break
    if dropped:
        log.info("old samples dropped", count=dropped)


RETENTION: Final = Job("sample-retention", 3600, drop_old_samples)
