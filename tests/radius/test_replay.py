"""The journal's files and their way into the store, on SQLite and PostgreSQL."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hotspot.admission import ticket as ticket_
from hotspot.admission.session import Record, RecordKind
from hotspot.city.inventory import load
from hotspot.errors import PeerError
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Revision
from hotspot.store.schema import device, journal_position
from hotspot.store.stays import sessions
from hotspot.store.stays.redemption import Claim
from radius.accounting import Restart
from radius.away import backlog
from radius.away.alone import Redemption
from radius.away.backlog import FILE_SIZE, Journal
from radius.away.journal import Batch, Told
from radius.away.memory import Redemptions, _write, recall, remember
from radius.away.replay import Replay
from tests.conftest import MASTER
from tests.store.test_admission import NOW as THEN
from tests.store.test_admission import a_grant, a_ticket, redeem

NOW = int(time.time())
KEYS = Keys.from_text(MASTER)
KEY = KEYS.derive("journal")
MAC = "02:00:00:00:00:01"
LIMIT = 64 * 10**6
CITY = load((Path(__file__).parents[2] / "sites.toml").read_text())
NEVER = threading.Event()


def told(name: str, *, at: int = NOW, mac: str = MAC, **changes: Any) -> Told:
    values: dict[str, Any] = {
        "kind": RecordKind.INTERIM, "gateway": "tk1-gw", "acct_session_id": name, "device": "", "ticket": None,
        "site": "taman-kota-1", "at": at, "seconds": 60, "down": 7, "up": 5,
    }  # fmt: skip
    return Told(mac, Record(**{**values, **changes}))


def batch(*items: Told, restarts: tuple[Restart, ...] = ()) -> bytes:
    return Batch(NOW, items, restarts).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def replay(folder: Path, store: Store) -> Replay:
    return Replay(folder, store, KEYS, lambda: CITY)


def rows(store: Store) -> dict[str, Any]:
    with store.core.read() as connection:
        return {row.acct_session_id: row for row in sessions.listed(connection, running=False, limit=5000)}


def positions(store: Store) -> int:
    with store.core.read() as connection:
        return int(connection.execute(select(func.count()).select_from(journal_position)).scalar_one())


def test_what_is_written_is_applied_once_in_order_and_gone(folder: Path, store: Store) -> None:
    first, second = Journal(folder, KEY, LIMIT), Journal(folder, KEY, LIMIT)
    first.append(batch(told("a"), told("b", mac="02:00:00:00:00:02")))
    second.append(batch(told("c", ticket="c" * 32)))
    first.append(batch(told("a", at=NOW + 60, seconds=120, down=9)))
    first.append(batch(restarts=(Restart("tk1-gw", NOW + 90, "NAS-Reboot"),)))
    applier = replay(folder, store)
    assert applier.round(NEVER) == 4
    assert {name: (row.down, row.seconds) for name, row in rows(store).items()} == {
        "a": (9, 120), "b": (7, 60), "c": (7, 60),
    }  # fmt: skip
    assert {row.presumed_cause for row in rows(store).values() if row.acct_session_id in "ab"} == {"NAS-Reboot"}
    with store.core.read() as connection:
        assert connection.execute(select(func.count()).select_from(device)).scalar_one() == 2
    assert len(backlog.waiting(folder)) == 2, "their writers still have them"
    assert positions(store) == 2
    assert applier.round(NEVER) == 0, "nothing twice"
    second.append(batch(told("d")))
    first.close()
    second.close()
    assert applier.round(NEVER) == 1
    assert backlog.waiting(folder) == []
    assert positions(store) == 0
    assert set(rows(store)) == {"a", "b", "c", "d"}


def test_nothing_of_it_can_be_read_without_the_key(folder: Path) -> None:
    journal = Journal(folder, KEY, LIMIT)
    journal.append(batch(told("a")))
    [path] = backlog.waiting(folder)
    data = path.read_bytes()
    assert MAC.encode() not in data
    assert b"tk1-gw" not in data
    assert path.stat().st_mode & 0o777 == 0o600
    assert backlog.look(path, bytes(32)).frames == ()
    journal.close()


def test_a_position_is_of_one_transaction_with_what_it_counts(folder: Path, store: Store) -> None:
    """A process that is killed after its transaction finds it done; the file of a living writer shows it as well."""
    journal = Journal(folder, KEY, LIMIT)
    for number in range(120):
        names = [f"{number}-{i}" for i in range(10)]
        journal.append(batch(*(told(name, mac=f"02:00:00:00:{number:02x}:0{name[-1]}") for name in names)))

    class AfterTheFirst(threading.Event):
        def is_set(self) -> bool:
            return bool(rows(store))

    assert replay(folder, store).round(AfterTheFirst()) == 500, "stopped in between"
    assert len(rows(store)) == 500
    assert replay(folder, store).round(NEVER) == 700
    assert len(rows(store)) == 1200
    journal.close()


def test_damage_costs_what_is_damaged_and_is_kept(
    folder: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(folder, KEY, LIMIT)
    sizes = []
    for name in "abc":
        journal.append(batch(told(name)))
        sizes.append(backlog.waiting(folder)[0].stat().st_size)
    journal.close()
    [path] = backlog.waiting(folder)
    data = bytearray(path.read_bytes())
    data[sizes[0] + 60] ^= 1
    path.write_bytes(data)
    assert replay(folder, store).round(NEVER) == 2
    assert set(rows(store)) == {"a", "c"}
    assert backlog.waiting(folder) == []
    [kept] = folder.glob("*.damaged")
    assert kept.read_bytes() == data
    assert f"{sizes[0]}-{sizes[1]}" in capsys.readouterr().out


def test_a_torn_tail_is_cut_and_a_foreign_file_kept(folder: Path, store: Store) -> None:
    journal = Journal(folder, KEY, LIMIT)
    journal.append(batch(told("a")))
    journal.append(batch(told("b")))
    journal.close()
    [path] = backlog.waiting(folder)
    path.write_bytes(path.read_bytes()[:-9])
    (folder / "00000000000001-x.journal").write_bytes(b"something else")
    assert replay(folder, store).round(NEVER) == 1
    assert set(rows(store)) == {"a"}
    assert [kept.name for kept in folder.glob("*.damaged")] == ["00000000000001-x.damaged"]
    assert backlog.waiting(folder) == []


def test_what_the_store_refuses_costs_no_other_record(folder: Path, store: Store) -> None:
    journal = Journal(folder, KEY, LIMIT)
    journal.append(batch(told("a"), told("huge", down=2**70), told("b")))
    journal.append(batch(told("c")))
    journal.close()
    assert replay(folder, store).round(NEVER) == 4
    assert set(rows(store)) == {"a", "b", "c"}
    assert len(list(folder.glob("*.damaged"))) == 1
    assert positions(store) == 0


def test_one_process_at_a_time_applies(folder: Path, store: Store) -> None:
    journal = Journal(folder, KEY, LIMIT)
    journal.append(batch(told("a")))
    with backlog.applying(folder) as mine:
        assert mine
        assert replay(folder, store).round(NEVER) == 0
    assert replay(folder, store).round(NEVER) == 1
    journal.close()


def test_a_full_journal_says_so_and_takes_nothing(folder: Path) -> None:
    limit = 3 * FILE_SIZE + 2**20
    journal, payload = Journal(folder, KEY, limit), bytes(2**20)
    for _ in range(12):
        journal.append(payload)
    with pytest.raises(PeerError, match=r"HOTSPOT_RADIUS_JOURNAL \(13631488 bytes\)"):
        journal.append(payload)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= limit + 2**20
    backlog.waiting(folder)[0].unlink()
    with pytest.raises(PeerError):
        journal.append(payload)  # it looks again after a second
    time.sleep(1.1)
    journal.append(payload)
    journal.close()


def test_redemptions_are_told_to_the_store(folder: Path, settings: Settings, store: Store) -> None:
    grant = a_grant(store, settings.keys())
    ticket, other = a_ticket(store, grant), a_ticket(store, grant)
    kept = Redemptions(folder, KEY)
    for name in (ticket, other):
        redemption = Redemption(Claim(name, "gw", b"a" * 16), THEN + 5)
        assert kept.keep(redemption).claim[2] == b"a" * 16
    assert redeem(store, other, b"b" * 16) is not None, "another node has been asked too"
    replay(folder, store).round(NEVER)
    assert list(kept.all()) == [], "told, and long expired"
    now = int(time.time())
    fresh = Redemption(Claim(ticket_.new_id(now), "gw", b"a" * 16), now)
    kept.keep(fresh)
    replay(folder, store).round(NEVER)
    assert list(kept.all()) == [fresh]
    again = redeem(store, ticket, b"a" * 16, THEN + 50)
    assert again.at == THEN + 5


def test_of_many_redemptions_at_once_one_counts(folder: Path) -> None:
    folder.mkdir()
    results: list[bytes] = []

    def claim(i: int) -> None:
        redemption = Redemption(Claim("t" * 32, "gw", bytes([i]) * 16), NOW)
        results.append(Redemptions(folder, KEY).keep(redemption).claim[2])

    threads = [threading.Thread(target=claim, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1


def test_the_inventory_is_remembered_under_its_key_alone(folder: Path) -> None:
    assert recall(folder, KEY) is None
    for number in (3, 4):
        remember(folder, KEY, Revision(number, "a text", NOW))
        assert recall(folder, KEY) == Revision(number, "a text", NOW)
    assert recall(folder, bytes(32)) is None
    earlier = {"number": 7, "text": "a text\nof lines", "activated_at": NOW}
    _write(folder / "inventory", KEY, json.dumps(earlier).encode(), Path.rename)
    assert recall(folder, KEY) == Revision(7, "a text\nof lines", NOW), "as earlier versions wrote it"
    assert [path.name for path in folder.iterdir()] == ["inventory"]
