"""Counts of one process, brought to the store every few seconds by a thread of its own: the store may be slow, and the
gateways' answers must not wait for it.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from hotspot.errors import HotspotError
from hotspot.store import Store
from hotspot.store.telemetry import counts, visits
from hotspot.store.telemetry.visits import Visits

from .accounting import AGREES
from .endpoint import Endpoint
from .wire.show import CODES

log = structlog.get_logger("radius")

EVERY: Final = 10.0
"""Seconds between two times; what a process that is killed has counted since is lost."""
SOFTWARE_EVERY: Final = 86400.0
"""Seconds after which it is written down again that a gateway still runs the same."""
DROPPED: Final = "dropped:"


def node_name() -> str:
    return socket.gethostname()[:64]


class Counting:
    """Brings an endpoint's counts to the store. Use as a context manager around the process's work."""

    def __init__(self, store: Store, endpoint: Endpoint):
        self._store = store
        self._endpoint = endpoint
        self._kept: Counter[tuple[str, str]] = Counter()
        self._admitted: Counter[str] = Counter()
        self._skews: dict[str, int] = {}
        self._software: dict[str, tuple[str, float]] = {}
        """The versions that gateways told, and when (monotonic seconds) that was brought."""
        self._wrong: set[str] = set()
        """Gateways that were warned about."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)

    def __enter__(self) -> "Counting":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            self._bring()
        self._bring()

    def _bring(self) -> None:
        counted = outcomes(self._endpoint)
        grown = counted - self._kept
        admitted = self._endpoint.admitted.copy()
        fresh = admitted - self._admitted
        strangers = self._endpoint.strangers()
        if strangers:
            log.warning("unknown sources", addresses=strangers, remedy="name them in a gateway's radius.sources")
        skews = self._endpoint.skews.copy()
        self._warn(skews)
        told = {gateway: skew for gateway, skew in skews.items() if self._skews.get(gateway) != skew}
        versions = self._fresh_versions()
        try:
            if grown or told or fresh or versions:
                with self._store.telemetry.write() as connection:
                    counts.add(connection, node_name(), grown, int(time.time()))
                    counts.note_clocks(connection, told, int(time.time()))
                    counts.note_software(connection, versions, int(time.time()))
                    visits.add(connection, {site: Visits(admitted=n) for site, n in fresh.items()}, int(time.time()))
        except HotspotError as error:  # the next time brings both
            log.error("counts wait", error=str(error))
        else:
            self._kept, self._admitted, self._skews = counted, admitted, skews
            self._software |= {gateway: (version, time.monotonic()) for gateway, version in versions.items()}

    def _fresh_versions(self) -> dict[str, str]:
        """What gateways tell of their software and is not known, or was brought long ago."""
        long_ago = time.monotonic() - SOFTWARE_EVERY
        return {
            gateway: version
            for gateway, version in self._endpoint.versions.copy().items()
            if (known := self._software.get(gateway)) is None or known[0] != version or known[1] < long_ago
        }

    def _warn(self, skews: Mapping[str, int]) -> None:
        """One line for each gateway whose clock is wrong, and one when it is right again."""
        for gateway, skew in skews.items():
            wrong = abs(skew) > AGREES
            if wrong and gateway not in self._wrong:
                remedy = "set NTP there; until then its records count from when they arrive"
                log.warning("gateway's clock is wrong", gateway=gateway, seconds_ahead=skew, remedy=remedy)
            elif not wrong and gateway in self._wrong:
                log.info("gateway's clock is right again", gateway=gateway, seconds_ahead=skew)
            (self._wrong.add if wrong else self._wrong.discard)(gateway)


def outcomes(endpoint: Endpoint) -> Counter[tuple[str, str]]:
    """What an endpoint has counted, by gateway and outcome."""
    answers = {(gateway, CODES[code].lower()): count for (gateway, code), count in endpoint.answers.copy().items()}
    drops = {(gateway, DROPPED + reason): count for (gateway, reason), count in endpoint.drops.copy().items()}
    return Counter({**answers, **endpoint.noted.copy(), **drops})
