"""The telemetry service: one process tree of a main process and a web worker.

The main process runs granian's supervisor, which owns signals and the socket, and beside it, in one thread with its
own event loop, the prober and the jobs. Whichever of them ends for a reason of its own ends the service with an exit
code other than 0, so that what started it can start it again. The worker is spawned, not forked: a fork would copy
the thread's locks in whatever state they were.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from hotspot.node.logs import LIBRARIES
from hotspot.node.service import announce_web, end_with_parent, must_be_free
from hotspot.node.web_server import patience
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Following
from hotspot.store.deadline import WORK

from . import jobs
from .measure.prober import Prober
from .web import create_app

STOP_WITHIN = 3
"""Seconds a worker has to finish its requests before it is killed."""


class Background:
    """The prober and the jobs in a thread of their own."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ended: Future[None] | None = None

    def start(self, when_ended: Callable[[], None]) -> None:
        """Begins; `when_ended` is called from the thread when it is over without having been stopped."""
        self._ended = self._executor.submit(self._loop.run_until_complete, self._run())
        self._ended.add_done_callback(lambda _: None if self._stop.is_set() else when_ended())

    async def _run(self) -> None:
        prober, turns = Prober(self._store, Following(self._store)), jobs.Turns(self._store, self._settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(prober.run(self._stop))
            group.create_task(turns.run(jobs.declared(), self._stop))

    def stop(self) -> None:
        """Ends it and raises what ended it, if anything did."""
        self._loop.call_soon_threadsafe(self._stop.set)
        try:
            if self._ended is not None:
                self._ended.result()
        finally:
            self._executor.shutdown()
            self._loop.close()


def load_app(state: Path) -> Any:
    """The WSGI application in a worker, which ends when its parent does."""
    end_with_parent()
    return create_app(Settings.load(state))


def main(settings: Settings, stop: threading.Event) -> None:
    """Runs until SIGTERM or SIGINT. Raises HotspotError for what stands in the way, whatever ended the prober."""
    multiprocessing.set_start_method("spawn")
    host, port = settings.telemetry_listen
    must_be_free("HOTSPOT_TELEMETRY_LISTEN", (host, port))
    store = Store.open(settings, seconds=WORK)
    background = Background(store, settings)
    server = Server(
        target="telemetry.service:load_app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=4,
        **patience(),
        workers_kill_timeout=STOP_WITHIN,
        log_dictconfig=LIBRARIES,
        log_level=LogLevels.warning,
    )

    @server.on_startup
    def _started() -> None:
        background.start(lambda: os.kill(os.getpid(), signal.SIGTERM))
        announce_web("telemetry", "http", (host, port), stop)

    try:
        server.serve(target_loader=partial(load_app, settings.state), wrap_loader=False)
    finally:
        stop.set()
        background.stop()
        store.close()
