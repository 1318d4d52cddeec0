import select
import threading
import time

import pytest

from hotspot.people.password import hashed
from radius.hashing import Hashing, Known

HASHED = hashed("rahasia sekali")


def taken(hashing: Hashing[int], count: int) -> dict[int, bool]:
    found: dict[int, bool] = {}
    while len(found) < count:
        assert select.select([hashing], [], [], 60)[0], "no result within a minute"
        found |= dict(hashing.take())
    return found


def test_results_come_back_with_their_tags_and_wake_the_loop() -> None:
    hashing: Hashing[int] = Hashing(threads=2)
    try:
        assert not select.select([hashing], [], [], 0)[0]
        assert hashing.take() == []
        for tag, (stored, password) in enumerate([(HASHED, "rahasia sekali"), (HASHED, "x"), (None, "rahasia sekali")]):
            assert hashing.submit(tag, stored, password)
        assert taken(hashing, 3) == {0: True, 1: False, 2: False}
        assert not select.select([hashing], [], [], 0)[0]
    finally:
        hashing.close()


def test_there_is_room_for_so_many_and_no_more() -> None:
    hashing: Hashing[int] = Hashing(threads=1, room=2)
    try:
        accepted = [tag for tag in range(50) if hashing.submit(tag, HASHED, "x")]
        assert 2 <= len(accepted) < 25, "two wait, one is checked, and some may have been by now"
        assert set(taken(hashing, len(accepted))) == set(accepted)
    finally:
        hashing.close()


def test_the_interpreter_goes_on_while_a_password_is_checked() -> None:
    """A thread that held the interpreter's lock for the 30 ms of a hash would stop this loop for as long."""
    hashing: Hashing[int] = Hashing(threads=1)
    try:
        for tag in range(10):
            hashing.submit(tag, HASHED, "x")
        steps, done = 0, 0
        deadline = time.monotonic() + 60
        while done < 10 and time.monotonic() < deadline:
            done += len(hashing.take())
            steps += 1
        assert done == 10
        assert steps > 1000
    finally:
        hashing.close()


def test_closing_ends_the_threads() -> None:
    before = threading.active_count()
    hashing: Hashing[int] = Hashing(threads=3)
    hashing.submit(1, HASHED, "x")
    hashing.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("name", "password", "stored"),
    [
        ("sari", "rahasia", "other hash"),
        ("sari", "rahasi", "hash"),
        ("sarira", "hasia", "hash"),
        ("budi", "rahasia", "hash"),
    ],
)
def test_only_what_was_right_is_known(name: str, password: str, stored: str) -> None:
    known = Known()
    known.add("sari", "rahasia", "hash", 1000)
    assert known.has("sari", "rahasia", "hash", 1299)
    assert not known.has("sari", "rahasia", "hash", 1300), "for five minutes"
    assert not known.has(name, password, stored, 1000)


def test_the_oldest_are_forgotten_first_and_no_password_is_kept() -> None:
    known = Known(most=2)
    for name in ("sari", "budi", "wati"):
        known.add(name, "rahasia", "hash", 0)
    assert [known.has(name, "rahasia", "hash", 0) for name in ("sari", "budi", "wati")] == [False, True, True]
    assert "rahasia" not in repr(vars(known))
