"""The queue of `hotspot reconcile` and its lease, on both engines."""

from dataclasses import replace

from hotspot.store import Store
from hotspot.store.city import catch_up, pushes
from hotspot.store.city.catch_up import Waiting
from hotspot.store.city.pushes import RECONCILE, Run
from hotspot.store.telemetry import observed

FIRST = Waiting("ap1", 7, "away", "run1", 100, detail="unreachable: no route")
SECOND = Waiting("ap2", 7, "drifted", "", 200, tries=2, next_at=500, given_up_at=600)


def queue(store: Store) -> dict[str, Waiting]:
    with store.core.read() as connection:
        return catch_up.waiting(connection)


def test_an_entry_is_replaced_and_taken_out(store: Store) -> None:
    with store.core.write() as connection:
        catch_up.put(connection, [])
        catch_up.put(connection, [FIRST, SECOND])
    assert queue(store) == {"ap1": FIRST, "ap2": SECOND}
    newer = replace(FIRST, revision=8, run="run2")
    with store.core.write() as connection:
        catch_up.put(connection, [newer])
        catch_up.drop(connection, ["ap2", "nobody"])
        catch_up.drop(connection, [])
    assert queue(store) == {"ap1": newer}
    with store.core.write() as connection:
        catch_up.drop_run(connection, "run1")
    assert queue(store) == {"ap1": newer}, "it was queued anew by another run"
    with store.core.write() as connection:
        catch_up.drop_run(connection, "run2")
    assert queue(store) == {}


def test_a_run_that_nobody_started_is_not_the_last_one(store: Store) -> None:
    with store.core.write() as connection:
        pushes.begin_run(connection, Run("a" * 32, "apply", "ani", 100, {}))
        pushes.begin_run(connection, Run("b" * 32, RECONCILE, "ani", 200, {}))
    with store.core.read() as connection:
        last = pushes.find_run(connection)
        named = pushes.find_run(connection, "bbb")
    assert last is not None
    assert named is not None
    assert (last.action, named.action) == ("apply", RECONCILE)


def test_a_lease_is_told_and_given_back(store: Store) -> None:
    with store.telemetry.write() as connection:
        assert observed.take_lease(connection, "x", "one", 100, 160)
        assert not observed.take_lease(connection, "x", "two", 110, 170)
    with store.telemetry.read() as connection:
        assert observed.lease_holder(connection, "x", 159) == "one"
        assert observed.lease_holder(connection, "x", 160) is None
    with store.telemetry.write() as connection:
        observed.give_lease_back(connection, "x", "two")
        assert not observed.take_lease(connection, "x", "two", 120, 170)
        observed.give_lease_back(connection, "x", "one")
        assert observed.take_lease(connection, "x", "two", 121, 170)
