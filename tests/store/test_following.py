"""How services follow the active revision: beside whoever asks, by its fingerprint, parsed outside transactions."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from hotspot.city.inventory import load
from hotspot.errors import StoreError
from hotspot.settings import Settings
from hotspot.store import Store, schema
from hotspot.store.city import revisions
from hotspot.store.city.revisions import Following, Revision
from radius.jobs import watch_sessions
from tests.bed.net import wait_until
from tests.node import EXAMPLE

TEXT = EXAMPLE.read_text(encoding="utf-8")


def city(mark: str) -> str:
    """A text that no other test has."""
    return f"{TEXT}\n# {mark}\n"


def activate(store: Store, text: str) -> int:
    with store.core.write() as connection:
        return revisions.activate(connection, text, "test", 100).number


def test_a_newer_revision_is_taken_up_beside_whoever_asks(store: Store) -> None:
    """They go on with the one they know until all that is made of the newer one is ready."""
    first = activate(store, city(f"a {store.core}"))
    may_go, threads = Event(), []

    def prepare(revision: Revision) -> None:
        threads.append(current_thread())
        if revision.number != first:
            assert may_go.wait(60)

    following = Following(store, prepare=prepare, patience=0.01)
    assert following.revision().number == first
    assert threads == [main_thread()], "the first one is waited for"
    second = activate(store, city(f"b {store.core}"))
    wait_until(lambda: following.revision().number == first and len(threads) == 2, "it is being taken up")
    assert following.revision().number == first
    may_go.set()
    wait_until(lambda: following.revision().number == second, "it is taken up")
    assert threads[1] is not main_thread()


def test_who_knows_the_present_one_waits_for_no_parsing(store: Store) -> None:
    """A batch asks for the inventory a few times; once it waited for as long as a newer one was being parsed."""
    activate(store, city(f"waits {store.core}"))
    following = Following(store)
    following.revision()
    asked: list[object] = []
    with revisions._PARSING:
        asking = Thread(target=lambda: asked.append(following.inventory()))
        asking.start()
        asking.join(30)
        assert len(asked) == 1


def test_a_small_one_is_there_at_the_next_look(store: Store) -> None:
    activate(store, city(f"c {store.core}"))
    following = Following(store)
    following.revision()
    second = activate(store, city(f"d {store.core}"))
    wait_until(lambda: following.revision().number == second, "it is there")


def test_what_was_changed_in_the_store_is_not_used(store: Store) -> None:
    first = activate(store, city(f"e {store.core}"))
    following = Following(store)
    assert following.revision().number == first
    second = activate(store, city(f"f {store.core}"))
    revisions._texts.clear()  # as in another process
    with store.core.write() as connection:
        row = schema.revision.c.number == second
        connection.execute(update(schema.revision).where(row).values(text=city("somebody's")))
    with capture_logs() as logs:
        wait_until(lambda: bool(following.revision() and logs), "it is refused")
        assert following.revision().number == first
    assert [entry["revision"] for entry in logs if entry["event"] == "revision not taken up"] == [second]
    with pytest.raises(StoreError, match=f"revision {second} was changed in the store"):
        Following(store).revision()


@contextmanager
def no_parsing_in_transactions() -> Iterator[list[str]]:
    """The names of what parsed a city while this thread's transaction held the others up."""
    found: list[str] = []
    inside = 0

    def look(frame: Any, event: str, argument: Any) -> None:
        nonlocal inside
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        if name == "write" and file.endswith("hotspot/store/engine.py"):
            inside = int(event == "return" and argument is not None)  # it yields; it goes on, or has ended
        elif event == "call" and name in ("check", "trusted") and file.endswith("hotspot/city/inventory.py") and inside:
            found.append(name)

    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)


def test_a_city_is_parsed_outside_transactions(settings: Settings) -> None:
    store = Store.open(settings)
    text = city(f"g {store.core}")
    inventory = load(text)
    try:
        with no_parsing_in_transactions() as found:
            with store.core.write():
                load(text)
            assert found == ["check"], "it sees one"
            found.clear()
            with store.core.write() as connection:
                revisions.activate(connection, text, "test", 100, checked=inventory)
            watch_sessions(store, settings, 200)
            assert found == []
    finally:
        store.close()
