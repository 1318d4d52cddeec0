"""Of several nodes one does the work, whatever their clocks and their names; on both engines, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotspot.node.lease import KeptLease, Lease
from hotspot.settings import Settings
from hotspot.store import Store
from tests.bed.net import wait_until

NODE = """
import asyncio, os, sys, threading
from pathlib import Path
from hotspot.node.job import Job
from hotspot.settings import Settings
from hotspot.store import Store
from telemetry.jobs import Turns

async def main(state, done):
    def work(store, settings, now):
        with open(done, "a") as file:
            file.write(f"{os.getpid()}\\n")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True).start()
    settings = Settings.load(Path(state))
    store = Store.open(settings)
    await Turns(store, settings).run([Job("work", 1, work)], stop)
    store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def node(settings: Settings, done: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A node that does a job every second, and notes that it did. All of them have this machine's name."""
    command = [sys.executable, "-c", NODE, str(settings.state), str(done)]
    process = subprocess.Popen(command, env={**os.environ, **settings.environment}, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def who(done: Path) -> list[int]:
    """Which process did it, each time."""
    return [int(line) for line in done.read_text().split()] if done.exists() else []


@pytest.mark.parametrize("end", ["clean", "killed"])
def test_of_two_nodes_of_one_name_one_works_and_then_the_other(
    settings: Settings, store: Store, tmp_path: Path, end: str
) -> None:
    done = tmp_path / "done"
    with node(settings, done) as one, node(settings, done) as two:
        wait_until(lambda: len(who(done)) >= 4, "somebody works")
        [first] = set(who(done))
        ended, other = (one, two) if first == one.pid else (two, one)
        if end == "killed":
            ended.send_signal(signal.SIGKILL)
            ended.wait()
        else:
            ended.communicate()
            assert Lease(store, "jobs", 1).take() is not None or other.pid in who(done), "given back at once"
        wait_until(lambda: other.pid in who(done), "the other goes on")


def test_a_lease_is_dated_by_the_store(store: Store) -> None:
    """A node whose own clock is an hour ahead takes no more than its seconds."""
    ahead, other = Lease(store, "work", 30), Lease(store, "work", 30)
    taken = ahead.take()
    assert taken is not None
    assert abs(taken - time.time()) < 60
    assert other.take() is None
    later = Lease(store, "work", 30, lambda _: taken + 30)
    assert later.take() is not None, "it died; nobody has to wait for an hour"


def test_a_lease_that_is_given_back_is_free_at_once(store: Store) -> None:
    one, two = Lease(store, "work", 600), Lease(store, "work", 600)
    assert (one.holder == two.holder, one.taken_by()) == (False, "")
    assert two.taken_by() == one.holder
    two.give_back()
    assert two.taken_by() == one.holder, "nobody gives back what is another's"
    one.give_back()
    assert two.taken_by() == ""


def test_a_kept_lease_outlasts_its_seconds_and_ends_with_its_keeper(store: Store) -> None:
    kept, other = KeptLease(store, "work", 3), Lease(store, "work", 3)
    taken = kept.take()
    assert taken is not None
    wait_until(lambda: time.time() > taken + 7, "twice times its seconds are over")
    assert other.take() is None
    kept.close()
    assert other.take() is not None
