"""Where each key of a TOML text stands, so that a fault can name its line.

tomli reads the values and keeps no positions. This scanner reads only what positions need: table headers, keys at
the start of a line, and where multi-line strings and arrays end. It is used on texts that tomli has accepted.
"""

import re
from functools import cached_property

Path = tuple[str | int, ...]

_BARE = r"[A-Za-z0-9_-]+"
_KEY = rf"""(?:{_BARE}|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGN = re.compile(rf"\s*({_DOTTED})\s*=\s*(.*)")
_TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*|[\[\]{}]')
_PART = re.compile(_KEY)


def _parts(dotted: str) -> list[str]:
    return [part[1:-1] if part[0] in "\"'" else part for part in _PART.findall(dotted)]


def _open_after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Bracket depth and the open multi-line quote after one more line of a value."""
    position = 0
    while position < len(line):
        if quote:
            end = line.find(quote, position)
            if end < 0:
                return depth, quote
            position, quote = end + 3, ""
            continue
        token = _TOKEN.search(line, position)
        if token is None:
            break
        position = token.end()
        if token[0] in ('"""', "'''"):
            quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return depth, quote


class Lines:
    """Line numbers of a TOML text's keys, by path (`("site", 2, "ap", 0, "mac")`); looked for when one is asked for."""

    def __init__(self, text: str):
        self._text = text
        self._count: dict[Path, int] = {}

    @cached_property
    def _at(self) -> dict[Path, int]:
        found: dict[Path, int] = {}
        table: Path = ()
        depth, quote = 0, ""
        for number, line in enumerate(self._text.split("\n"), 1):
            if depth > 0 or quote:
                depth, quote = _open_after(line, depth, quote)
            elif header := _HEADER.match(line):
                table = self._enter(_parts(header[2]), array=header[1] == "[[")
                found.setdefault(table, number)
            elif assign := _ASSIGN.match(line):
                found.setdefault((*table, *_parts(assign[1])), number)
                depth, quote = _open_after(assign[2], 0, "")
        return found

    def _enter(self, parts: list[str], *, array: bool) -> Path:
        """The path of a header, with the index of the array element each part stands in."""
        path: Path = ()
        for position, part in enumerate(parts):
            path = (*path, part)
            if array and position == len(parts) - 1:
                self._count[path] = self._count.get(path, 0) + 1
            if path in self._count:
                path = (*path, self._count[path] - 1)
        return path

    def of(self, path: Path) -> int:
        """The line of `path`, or of the nearest table that holds it; 0 for the text as a whole."""
        while path and path not in self._at:
            path = path[:-1]
        return self._at.get(path, 0)
