"""Work that belongs to nobody's request, done by one node under a lease in the store, by the store's clock.

A part of the system declares its jobs under the entry-point group `hotspot.jobs`, beside their subject; this module
runs them. Each entry point names a `hotspot.node.job.Job`.
"""

import asyncio
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.node.job import Job
from hotspot.node.lease import KeptLease, StoreClock
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.portable import clock as store_clock
from hotspot.store.telemetry import observed

from .measure.prober import wait

log = structlog.get_logger()

SAMPLES_KEPT: Final = 35 * 86400
"""Seconds for which single samples are kept; the states made from them stay."""
LEASE: Final = "jobs"
_LEASE_SECONDS: Final = 15
"""After which the jobs of a node that died are another's; sessions are watched every two seconds."""
_AT_ONCE: Final = 20_000
"""Samples that one transaction deletes, so that the prober never waits long."""


def declared() -> list[Job]:
    """Every job of the installation, by name."""
    jobs = [point.load() for point in entry_points(group="hotspot.jobs")]
    return sorted(jobs, key=lambda job: str(job.name))


class Turns:
    """The jobs as one node does them, or leaves them to the one that does."""

    def __init__(self, store: Store, settings: Settings, clock: StoreClock = store_clock):
        self._store, self._settings = store, settings
        self._lease = KeptLease(store, LEASE, _LEASE_SECONDS, clock)

    async def run(self, jobs: Sequence[Job], stop: asyncio.Event) -> None:
        """Runs every job on its own beat until `stop` is set. A job that fails is reported and has its next turn."""
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(self._repeat(job, stop))
        finally:
            await asyncio.to_thread(self.close)

    async def _repeat(self, job: Job, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.turn, job)
            except HotspotError as error:
                log.error("job failed", job=job.name, reason=str(error))
            await wait(stop, job.every)

    def turn(self, job: Job) -> bool:
        """Does a job once, unless another node has the jobs, or has just done this one. Returns whether it was done."""
        with self._store.telemetry.write() as connection:
            now = self._lease.taken(connection)
            due = now is not None and observed.begin_job(connection, job.name, now, job.every * 9 // 10)
        if now is None or not due:
            return False
        job.run(self._store, self._settings, now)
        return True

    def close(self) -> None:
        """Leaves the jobs to another node at once."""
        self._lease.close()


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
