"""What a part of the system asks to be done regularly. Declared under the entry-point group `hotspot.jobs`, beside its
subject, and run by telemetry on one node at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hotspot.settings import Settings
from hotspot.store import Store


@dataclass(frozen=True)
class Job:
    """`run(store, settings, now)` is called every so many seconds. It may raise any HotspotError."""

    name: str
    every: int
    run: Callable[[Store, Settings, int], None]
