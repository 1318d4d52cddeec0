"""Private files: readable by their owner alone, also where one lay there before."""

from pathlib import Path

import pytest

from hotspot.files import keep, private, replace


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("what was there, and is longer\n")
    path.chmod(0o644)
    keep(private(path), b"ABCD\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"ABCD\n", 0o600)


def test_a_new_one_takes_no_others_place(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("theirs")
    with pytest.raises(FileExistsError):
        private(path, new=True)
    assert path.read_text() == "theirs"


def test_one_that_is_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "hotspot.env"
    replace(path, b"A=1\n")
    replace(path, b"A=2\n")
    assert path.read_bytes() == b"A=2\n"
    assert [one.name for one in tmp_path.iterdir()] == ["hotspot.env"]
