"""`hotspot retention`."""

from pathlib import Path

from tests.node import Node


def test_the_command_counts_erases_and_is_audited(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.activate()
    store = node.store()
    with store.core.write() as connection:
        for number in range(3):
            connection.exec_driver_sql(
                "INSERT INTO device (id, lookup, sealed, randomised, first_seen) VALUES (?, ?, ?, 0, 1)",
                (f"{number:032x}", bytes([number]) * 32, b"x"),
            )
    store.close()
    expected = {
        "grants": 0,
        "devices": 3,
        "persons": 0,
        "complaints": 0,
        "held": 0,
        "personal": 90 * 86400,
        "school": 35 * 86400,
    }
    assert node.json("retention", "run", "--dry-run") == {"dry_run": True, **expected}
    assert "would forget 0 grants, 3 devices, 0 persons" in node.run("retention", "run", "--dry-run")
    assert node.json("retention", "run") == {"dry_run": False, **expected}
    assert node.json("retention", "run")["devices"] == 0
    entries = [one for one in node.json("audit", "list") if one["action"] == "retention.run"]
    assert len(entries) == 1
    assert "3" in str(entries[0])
