"""The fault matrix: whatever goes wrong at whichever step, an access point ends whole, old or new, and says which.

The table in docs/controller.md is what this shows: a row that ends otherwise fails. `REWRITE_DOCS=1` writes the page's
rows instead. `make test` does each row as often as it takes to see all its endings, `make test-long` all of it under
both layouts, dash's and busybox's.
"""

import os
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from .faults import FAULTS, OLD, Fault, Patient
from .local import busybox_path, lay_out_as_openwrt

PAGE = Path(__file__).parents[2] / "docs/controller.md"
HEAD = "| step | what happens | it ends | its last word on the push | told at once |\n|---|---|---|---|---|\n"


@pytest.fixture
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Patient]:
    layout, small = request.param
    root = tmp_path / "root"
    root.mkdir()
    if small:
        if os.geteuid() != 0:
            pytest.skip("needs root")
        ram = root / ("tmp" if layout == "openwrt" else "run")
        for folder, size in ((root, "512k"), (ram, "4m")):
            folder.mkdir(exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(folder)], check=True)
    path = os.environ["PATH"]
    if layout == "openwrt":
        lay_out_as_openwrt(root)
        path = busybox_path(tmp_path / "bin")
    else:
        (root / "etc/systemd/system").mkdir(parents=True)
    one = Patient(root, path)
    assert one.push(OLD).startswith("confirmed ")
    yield one
    one.clean()
    if small:
        subprocess.run(["umount", "-R", "-l", str(root)], check=True)


def _split() -> tuple[str, list[str], str]:
    """The page up to the rows, the rows, and the rest."""
    before, head, rest = PAGE.read_text().partition(HEAD)
    assert head, "the page has no such table"
    lines = list(takewhile(lambda line: line.startswith("|"), rest.splitlines(keepends=True)))
    return before + head, lines, rest[sum(map(len, lines)) :]


def rows() -> dict[tuple[str, str], list[str]]:
    """The page's table, by step and fault."""
    cells = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in _split()[1]]
    return {(one[0], one[1]): one[2:] for one in cells}


def rewrite(fault: Fault, shown: list[str]) -> None:
    before, _, after = _split()
    known = rows() | {(fault.step, fault.what): shown}
    names = [name for name in ((one.step, one.what) for one in FAULTS) if name in known]
    PAGE.write_text(before + "".join(f"| {' | '.join([*name, *known[name]])} |\n" for name in names) + after)


def befall(fault: Fault, number: int, patient: Patient, folder: Path) -> tuple[str, str, str]:
    """(how it ends, its last word, what was told at once)"""
    heard = fault.inflict(patient, number, folder)
    ends = patient.ends()
    return ends, patient.says(), heard


def undocumented(fault: Fault, shown: tuple[str, str, str]) -> list[str]:
    """What was shown and does not stand in the fault's row."""
    cells = zip(rows()[fault.step, fault.what], shown, strict=True)
    return [one for cell, one in cells if one not in cell.split("; ")]


def test_the_table_has_exactly_these_rows() -> None:
    assert list(rows()) == [(fault.step, fault.what) for fault in FAULTS]


def _case(fault: Fault, number: int, layout: str) -> object:
    name = f"{fault.step}: {fault.what}, {number}, {layout}"
    return pytest.param(fault, number, (layout, fault.small_disk), id=name)


def _layouts(fault: Fault) -> tuple[str, ...]:
    """Busybox runs its own programs without looking for them, so that nothing can be put before those."""
    return ("debian",) if "before any change" in fault.what else ("debian", "openwrt")


SHORT = [
    _case(fault, number, _layouts(fault)[index % len(_layouts(fault))])
    for index, fault in enumerate(FAULTS)
    for number in fault.short
]
LONG = [
    _case(fault, number, layout)
    for fault in FAULTS
    for number in fault.long or fault.short
    for layout in _layouts(fault)
]


@pytest.mark.parametrize(("fault", "number", "patient"), SHORT, indirect=["patient"])
def test_it_ends_whole_as_the_page_says(fault: Fault, number: int, patient: Patient, tmp_path: Path) -> None:
    shown = befall(fault, number, patient, tmp_path)
    if os.environ.get("REWRITE_DOCS"):
        known = rows().get((fault.step, fault.what)) if number != fault.short[0] else None
        before = [set(cell.split("; ")) for cell in known] if known else [set(), set(), set()]
        rewrite(fault, ["; ".join(sorted(cell | {one})) for cell, one in zip(before, shown, strict=True)])
    assert undocumented(fault, shown) == []


@pytest.mark.long
@pytest.mark.parametrize(("fault", "number", "patient"), LONG, indirect=["patient"])
def test_it_ends_whole_every_time(fault: Fault, number: int, patient: Patient, tmp_path: Path) -> None:
    assert undocumented(fault, befall(fault, number, patient, tmp_path)) == []
