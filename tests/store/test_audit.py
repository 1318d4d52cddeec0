"""The audit trail on both engines: whole chains, and every way to break one."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from hotspot.errors import ConfigError, HotspotError, PeerError
from hotspot.node.anchoring import ANCHORS, drop_anchor
from hotspot.settings import Settings
from hotspot.store import Store, audit
from hotspot.store.audit import Entry, Happening, Head
from hotspot.store.keyed import open_keyed
from hotspot.store.schema import audit as audit_table
from tests.conftest import settings_in


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


def anchored(store: Store, now: int) -> audit.Anchor | None:
    with store.core.write() as connection:
        return audit.drop_anchor(connection, now)


def anchor_fault(store: Store, number: int, digest: str) -> str:
    with store.core.read() as connection:
        return audit.anchor_fault(connection, number, digest)


def forge(store: Store, entry: Entry) -> None:
    """An entry as whoever has the database, and no master key, can make it: by the rule that needs none."""
    fields = ["", entry.subject, entry.number, entry.at, entry.who, entry.action, entry.detail]
    digest = hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()
    with store.core.write() as connection:
        connection.execute(insert(audit_table), {**vars(entry), "hash": digest})


def test_a_whole_trail(store: Store) -> None:
    fill(store)
    assert verdicts(store) == {"ap1": (3, ""), "ap2": (1, "")}
    assert verdicts(store, *heads(store)) == verdicts(store)
    with store.core.read() as connection:
        last = audit.latest(connection, 2, "ap1")
        assert [(entry.number, entry.who, entry.action) for entry in last] == [(2, "budi", "apply"), (3, "ani", "exec")]
        assert last[1].values == {"command": "uptime — ☃", "code": 0}
        assert [entry.subject for entry in audit.latest(connection, 3)] == ["ap1", "ap2", "ap1"]


COLUMNS = "id, at, who, action, subject, detail, number, hash"
REPLACED = f"audit ({COLUMNS}) SELECT {COLUMNS.replace('who', repr('x'))} FROM audit"  # noqa: S608 - the test's own
ON_SQLITE = (
    f"INSERT OR REPLACE INTO {REPLACED}",
    f"REPLACE INTO {REPLACED} WHERE number = 2",
    f"INSERT INTO {REPLACED} WHERE true ON CONFLICT (subject, number) DO UPDATE SET who = 'x'",
    f"INSERT INTO {REPLACED} WHERE true ON CONFLICT (id) DO UPDATE SET who = 'x'",
)
ON_POSTGRESQL = (
    "TRUNCATE audit",
    f"INSERT INTO {REPLACED} ON CONFLICT (id) DO UPDATE SET who = 'x'",
    "TRUNCATE audit_anchor",
)


def test_no_way_of_writing_replaces_an_entry(store: Store) -> None:
    fill(store)
    on_sqlite = store.core.engine.dialect.name == "sqlite"
    for statement in ON_SQLITE if on_sqlite else ON_POSTGRESQL:
        with pytest.raises(HotspotError), store.core.write() as connection:
            connection.execute(text(statement))
    assert verdicts(store) == {"ap1": (3, ""), "ap2": (1, "")}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'x'",
        "DELETE FROM audit",
        "UPDATE audit_anchor SET digest = 'x'",
        "DELETE FROM audit_anchor",
    ],
)
def test_the_database_refuses_to_change_an_entry(store: Store, statement: str) -> None:
    fill(store)
    anchored(store, 300 + audit.SETTLED)
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


def test_who_has_no_master_key_makes_no_entry(store: Store) -> None:
    fill(store)
    forge(store, Entry("ap3", 1, 100, "ani", "apply", "{}", ""))
    with store.core.read() as connection:
        [told] = [one for one in audit.verify(connection) if one.subject == "ap3"]
    assert (told.entries, told.unkeyed, told.fault) == (1, 1, ""), "an old entry, by its looks, and called one"
    tamper(store, "UPDATE audit SET subject = 'ap4' WHERE subject = 'ap3'")
    forge(store, Entry("ap2", 2, 100, "ani", "apply", "{}", ""))
    assert verdicts(store)["ap2"] == (1, "entry 2 was changed"), "after an entry with a key none without one holds"


def test_a_node_without_the_master_key_records_nothing_beside_those_that_have_it(tmp_path: Path) -> None:
    other = Store.open(Settings.load(tmp_path, {}))
    fill(other)
    with other.core.read() as connection:
        assert {(one.entries, one.unkeyed) for one in audit.verify(connection)} == {(3, 3), (1, 1)}
    open_keyed(settings_in(tmp_path))[0].close()
    with pytest.raises(ConfigError, match="HOTSPOT_MASTER_KEY"), other.core.write() as connection:
        audit.record(connection, "x", "exec", "ap1", 1)
    other.close()


def test_an_anchor_stands_for_the_whole_trail(store: Store) -> None:
    assert anchored(store, 1000) is None, "there is nothing yet"
    fill(store)
    assert anchored(store, 299 + audit.SETTLED) is not None
    first = anchored(store, 300 + audit.SETTLED)
    with store.core.write() as connection:
        audit.record(connection, "x", "exec", "ap1", 5000)
        audit.record(connection, "x", "exec", "ap2", 5000)
    second = anchored(store, 5000 + audit.SETTLED)
    assert first is not None
    assert second is not None
    assert (first.number, first.entries, second.number, second.entries) == (2, 1, 3, 2)
    for one in (first, second):
        assert anchor_fault(store, one.number, one.digest.upper()) == ""
    assert anchor_fault(store, 4, second.digest) == "anchor 4 is gone"
    assert anchor_fault(store, 3, first.digest) == "anchor 3 is not the one that was noted"
    tamper(store, "DELETE FROM audit WHERE subject = 'ap2' AND number = 2")
    assert verdicts(store)["ap2"] == (1, ""), "the chain alone does not tell"
    assert anchor_fault(store, 3, second.digest).startswith("the entries up to anchor 3 are not those")
    assert anchor_fault(store, first.number, first.digest) == ""


def test_anchors_leave_a_trace_outside(settings: Settings, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    named = replace(settings, environment={**settings.environment, ANCHORS: str(file)})
    fill(store)
    drop_anchor(store, named, 1000)
    drop_anchor(store, named, 1001)
    [line] = file.read_text().splitlines()
    told = json.loads(line)
    assert anchor_fault(store, told["number"], told["digest"]) == ""
    fill(store)
    with pytest.raises(PeerError, match=ANCHORS):
        drop_anchor(store, replace(named, environment={ANCHORS: str(tmp_path)}), 2000)


def test_writers_at_once_make_one_chain(store: Store) -> None:
    def add(number: int) -> None:
        with store.core.write() as connection:
            audit.record(connection, "x", "exec", f"ap{number % 2}", number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(40)))
    assert verdicts(store) == {"ap0": (20, ""), "ap1": (20, "")}
