"""The statements of telemetry, on both engines."""

from collections.abc import Sequence

from hotspot.store import Store
from hotspot.store.telemetry import observed
from hotspot.store.telemetry.observed import IntervalRow, MaintenanceRow, SampleRow


def keep(store: Store, rounds: Sequence[int], aps: Sequence[str] = ("a", "b")) -> None:
    samples = [SampleRow(at, ap, True, False, 7 if ap == "a" else None) for at in rounds for ap in aps]
    with store.telemetry.write() as connection:
        observed.keep_round(connection, samples, [], {ap: {"last": rounds[-1]} for ap in aps})


def test_a_round_is_kept_and_read_back(store: Store) -> None:
    keep(store, [100, 160])
    keep(store, [220])
    with store.telemetry.read() as connection:
        assert observed.trackers(connection) == {"a": {"last": 220}, "b": {"last": 220}}
        assert observed.last_sample_at(connection) == 220
        rows = observed.samples_between(connection, 100, 220, 3)
    assert rows == [
        SampleRow(160, "a", True, False, 7),
        SampleRow(160, "b", True, False, None),
        SampleRow(220, "a", True, False, 7),
    ]


def test_intervals_that_touch_a_window(store: Store) -> None:
    rows = [IntervalRow("a", 0, 10, "up", ""), IntervalRow("a", 10, 20, "down", ""), IntervalRow("b", 5, 8, "up", "")]
    with store.telemetry.write() as connection:
        assert observed.first_observed(connection) is None
        observed.keep_round(connection, [], rows, {})
    with store.telemetry.read() as connection:
        assert observed.intervals(connection, (10, 15)) == {"a": [rows[1]]}
        assert observed.intervals(connection, (7, 11)) == {"a": rows[:2], "b": [rows[2]]}
        assert observed.first_observed(connection) == 0


def test_old_samples_go_in_whole_rounds(store: Store) -> None:
    keep(store, [100, 160, 220, 280])
    with store.telemetry.write() as connection:
        assert observed.drop_samples(connection, 280, 3) == 4, "the edge falls into the second round"
        assert observed.drop_samples(connection, 280, 3) == 2
        assert observed.drop_samples(connection, 280, 3) == 0
        assert [row.at for row in observed.samples_between(connection, 0, 1000, None)] == [280, 280]


def test_a_lease_has_one_holder(store: Store) -> None:
    with store.telemetry.write() as connection:
        assert observed.take_lease(connection, "job", "a", 10, 20)
        assert not observed.take_lease(connection, "job", "b", 19, 30)
        assert observed.take_lease(connection, "job", "a", 15, 25), "its own, again"
        assert not observed.take_lease(connection, "job", "b", 24, 30)
        assert observed.take_lease(connection, "job", "b", 25, 30), "it has run out"
        assert observed.take_lease(connection, "another job", "a", 26, 30)


def test_a_watermark_moves(store: Store) -> None:
    with store.telemetry.write() as connection:
        assert observed.watermark(connection, "influx") is None
        observed.move_watermark(connection, "influx", 5)
        observed.move_watermark(connection, "influx", 7)
        assert observed.watermark(connection, "influx") == 7


def test_work_is_withdrawn_before_it_begins_only(store: Store) -> None:
    rows = [MaintenanceRow(f"{n}" * 32, "sman-2", 100 * n, 100 * n + 50, "T", "R", "me", 0, None) for n in (1, 2)]
    with store.telemetry.write() as connection:
        for row in rows:
            observed.announce(connection, row)
        assert observed.find_maintenance(connection, "22") == [rows[1]]
        assert observed.find_maintenance(connection, "%") == []
        assert observed.maintenance_between(connection, (0, 200)) == rows[:1]
        assert not observed.withdraw(connection, rows[0].id, 100)
        assert observed.withdraw(connection, rows[1].id, 100)
        assert not observed.withdraw(connection, rows[1].id, 101)
        assert observed.maintenance_between(connection, (200, 300))[0].withdrawn_at == 100


def test_a_reading_transaction_sees_one_state(store: Store) -> None:
    keep(store, [100])
    with store.telemetry.read() as connection:
        assert observed.last_sample_at(connection) == 100
        keep(store, [160])
        assert observed.last_sample_at(connection) == 100
    with store.telemetry.read() as connection:
        assert observed.last_sample_at(connection) == 160
