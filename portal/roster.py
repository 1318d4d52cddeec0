"""A list of members to import, as spreadsheets save it: CSV with a head, `name` and perhaps `password`. Pure."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hotspot.errors import Fault, RequestError
from hotspot.password import LONGEST_PASSWORD, SHORTEST_PASSWORD, long_enough
from hotspot.store.people import normal_name

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

    Columns are parted by commas, or by semicolons where the head has one: spreadsheets write these where a comma is
    the decimal sign.
    """
    first = text.partition("\n")[0]
    lines = iter(_records(text, ";" if ";" in first else ","))
    try:
        head = [cell.strip().lower() for cell in next(lines, (1, []))[1]]
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


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, each with the line on which it begins."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    begin = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begin, cells
        begin = reader.line_num + 1


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
