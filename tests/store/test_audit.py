"""The audit trail on both engines: whole chains, and every way to break one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from hotspot.errors import HotspotError
from hotspot.store import Store, audit
from hotspot.store.audit import Happening, Head


def fill(store: Store) -> None:
    with store.core.write() as connection:
        audit.record(connection, "ani", "adopt", "ap1", 100, fingerprint="SHA256:x")
        audit.record_all(
            connection, "budi", 200, [Happening("apply", name, {"outcome": "applied"}) for name in ("ap1", "ap2")]
        )
        audit.record(connection, "ani", "exec", "ap1", 300, command="uptime — ☃", code=0)


def verdicts(store: Store, *against: Head) -> dict[str, tuple[int, str]]:
    with store.core.read() as connection:
        return {one.subject: (one.entries, one.fault) for one in audit.verify(connection, against)}


def heads(store: Store) -> list[Head]:
    with store.core.read() as connection:
        return [Head(one.subject, one.entries, one.hash) for one in audit.verify(connection)]


def tamper(store: Store, statement: str) -> None:
    """What somebody with the database's own rights could do."""
    with store.core.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        else:
            for event in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER audit_no_{event}"))
        connection.execute(text(statement))


def test_a_whole_trail(store: Store) -> None:
    fill(store)
    assert verdicts(store) == {"ap1": (3, ""), "ap2": (1, "")}
    assert verdicts(store, *heads(store)) == verdicts(store)
    with store.core.read() as connection:
        last = audit.latest(connection, 2, "ap1")
        assert [(entry.number, entry.who, entry.action) for entry in last] == [(2, "budi", "apply"), (3, "ani", "exec")]
        assert last[1].values == {"command": "uptime — ☃", "code": 0}
        assert [entry.subject for entry in audit.latest(connection, 3)] == ["ap1", "ap2", "ap1"]


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit"])
def test_the_database_refuses_to_change_an_entry(store: Store, statement: str) -> None:
    fill(store)
    with pytest.raises(HotspotError), store.core.write() as connection:
        connection.execute(text(statement))
    assert verdicts(store) == {"ap1": (3, ""), "ap2": (1, "")}


@pytest.mark.parametrize(
    "change",
    ["at = 201", "who = 'x'", "action = 'x'", "detail = '{}'", "hash = 'x'"],
)
def test_a_changed_entry_is_named(store: Store, change: str) -> None:
    fill(store)
    tamper(store, f"UPDATE audit SET {change} WHERE subject = 'ap1' AND number = 2")  # noqa: S608 - the test's own
    assert verdicts(store) == {"ap1": (1, "entry 2 was changed"), "ap2": (1, "")}


def test_an_entry_that_was_moved_to_another_subject_is_named(store: Store) -> None:
    fill(store)
    tamper(store, "UPDATE audit SET subject = 'ap3' WHERE subject = 'ap2'")
    assert verdicts(store)["ap3"] == (0, "entry 1 was changed")


def test_an_entry_taken_out_is_named(store: Store) -> None:
    fill(store)
    tamper(store, "DELETE FROM audit WHERE subject = 'ap1' AND number = 2")
    assert verdicts(store)["ap1"] == (1, "entry 2 is gone")


def test_a_trail_cut_at_its_end_shows_against_what_was_noted(store: Store) -> None:
    fill(store)
    noted = heads(store)
    tamper(store, "DELETE FROM audit WHERE subject = 'ap2' OR (subject = 'ap1' AND number = 3)")
    assert verdicts(store) == {"ap1": (2, "")}
    assert verdicts(store, *noted) == {"ap1": (2, "entries 3 to 3 are gone"), "ap2": (0, "every entry is gone")}
    with store.core.write() as connection:
        audit.record(connection, "x", "exec", "ap1", 300, command="something else")
    assert verdicts(store, *noted)["ap1"] == (3, "entry 3 is not the one that was noted")


def test_writers_at_once_make_one_chain(store: Store) -> None:
    def add(number: int) -> None:
        with store.core.write() as connection:
            audit.record(connection, "x", "exec", f"ap{number % 2}", number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert verdicts(store) == {"ap0": (20, ""), "ap1": (20, "")}
