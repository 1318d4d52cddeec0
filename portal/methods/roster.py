"""A list of members to import, as spreadsheets save it: CSV with a head, `name` and perhaps `password`. Pure."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hotspot.errors import Fault, RequestError
from hotspot.people.password import LONGEST_PASSWORD, SHORTEST_PASSWORD, long_enough
from hotspot.store.persons.people import normal_name
from hotspot.typed import plain

MOST: Final = 10_000
"""Members in one file."""
_COLUMNS: Final = ("name", "password")


@dataclass(frozen=True)
class Entry:
    """A member to be. `name` is in its normal form; without a password one is to be made up."""

    line: int
    name: str
    password: str | None


def read(text: str) -> tuple[list[Entry], list[Fault]]:
    """The entries of a file, and everything that is wrong with it, by line.

    Columns are parted by commas, or by what else the head has, semicolons or tabs: spreadsheets write these where a
    comma is the decimal sign. Excel's first line `sep=;`, spaces after what parts columns, and empty columns at the end
    of every line are no part of the list.
    """
    said = re.match(r"(?i)sep=([,;\t|])[,;\t]*\r?\n", text)
    first = text[said.end() if said else 0 :].partition("\n")[0]
    delimiter = said[1] if said else next((one for one in ";\t" if one in first), ",")
    lines = iter(_records(text, delimiter, skipped=1 if said else 0))
    try:
        head = [plain(cell).lower() for cell in next(lines, (1, []))[1]]
        while head and not head[-1]:
            head.pop()
        faults = list(_of_head(head))
        if faults:
            return [], faults
        entries: list[Entry] = []
        seen: dict[str, int] = {}
        for line, cells in lines:
            faults += _of_record(line, head, cells, entries, seen)
    except csv.Error as error:
        return [], [Fault(0, "", f"this is no CSV: {error}")]
    if not entries and not faults:
        faults.append(Fault(0, "", "there is nobody in it"))
    if len(entries) > MOST:
        faults.append(Fault(entries[MOST].line, "", f"there are more than {MOST} members; import them in parts"))
    return entries, faults


def _records(text: str, delimiter: str, *, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, each with the line on which it begins, without the first `skipped` lines."""
    lines = io.StringIO(text, newline="").readlines()[skipped:]
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    begin = skipped + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begin, cells
        begin = skipped + reader.line_num + 1


def _of_head(head: list[str]) -> Iterator[Fault]:
    for name in head:
        if name not in _COLUMNS:
            yield Fault(1, name or "head", f"is no column; there are {' and '.join(_COLUMNS)}")
        elif head.count(name) > 1:
            yield Fault(1, name, "is there twice")
    if "name" not in head:
        yield Fault(1, "name", "this column is missing; the first line names the columns: name,password")


def _of_record(
    line: int, head: list[str], cells: list[str], entries: list[Entry], seen: dict[str, int]
) -> Iterator[Fault]:
    """Adds a record's entry to `entries`; what is wrong with it. `seen` knows where each name stands first."""
    while len(cells) > len(head) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != len(head):
        yield Fault(line, "", f"has {len(cells)} columns, the head has {len(head)}")
        return
    values = dict(zip(head, cells, strict=True))
    password = values.get("password") or None
    if password is not None and not long_enough(password):
        yield Fault(line, "password", password_rule())
    try:
        name = normal_name(values["name"])
    except RequestError:
        yield Fault(line, "name", "must have 1 to 64 printable characters")
        return
    if name in seen:
        yield Fault(line, "name", f"{name!r} stands on line {seen[name]} already")
        return
    seen[name] = line
    entries.append(Entry(line, name, password))


def password_rule() -> str:
    return f"must have at least {SHORTEST_PASSWORD} characters, at most {LONGEST_PASSWORD}"
