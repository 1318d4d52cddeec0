"""The text of OpenWrt's configuration files (UCI): a strict reader, and how a value is written. Pure.

The reader is independent of the templates: whatever they write is read back before it is sent. It follows libuci's
grammar (file.c of openwrt/uci) and refuses what libuci would take silently but cannot be meant: an empty value (libuci
drops it), an option that is told twice, `;` between commands, a section's name that stands already.

    config TYPE [NAME]      TYPE printable ASCII without spaces, NAME of A-Z, a-z, 0-9 and _
        option NAME VALUE
        list NAME VALUE     again for each value
    # a comment, at the start of a word

A word may be quoted with ' or ", in parts. Between apostrophes every character counts as it is, line ends too;
elsewhere a backslash takes the next character as it is, and at a line's end joins the next line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hotspot.errors import ConfigError, Fault

Value = str | tuple[str, ...]
"""Of an option, or of a list."""

_NAME: Final = re.compile(r"[A-Za-z0-9_]+")
_TYPE: Final = re.compile(r"[!-~]+")
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_SPACES: Final = " \t\r\f\v\n"


@dataclass(frozen=True)
class Section:
    """One `config`. An option is a text, a list a tuple of texts."""

    type: str
    name: str | None
    options: Mapping[str, Value] = field(default_factory=dict)


def quoted(value: object) -> str:
    """A value as it stands in a file. ConfigError for what UCI or the shell scripts behind it would not keep."""
    text = str(value)
    if not text or _UNWRITABLE.search(text):
        raise ConfigError(f"{text!r} cannot be a value in an OpenWrt configuration")
    return "'" + text.replace("'", "'\\''") + "'"


def parse(text: str) -> tuple[Section, ...]:
    """The sections of a file. ConfigError names the line and what is wrong with it."""
    sections: list[Section] = []
    options: dict[str, Value] = {}
    for line, words in _Reader(text).commands():
        match words:
            case ["config", kind, *rest] if len(rest) <= 1:
                name = rest[0] if rest else None
                _must(line, _TYPE.fullmatch(kind), f"{kind!r} cannot be a section's type")
                _must(line, name is None or _NAME.fullmatch(name), f"{name!r} cannot be a section's name")
                _must(line, name is None or all(one.name != name for one in sections), f"section {name!r} stands twice")
                options = {}
                sections.append(Section(kind, name, options))
            case ["option" | "list" as command, name, value]:
                _must(line, sections, f"{command} {name} stands before the first section")
                _must(line, _NAME.fullmatch(name), f"{name!r} cannot be an option's name")
                _must(line, value, f"{name} is empty")
                _add(line, options, command, name, value)
            case _:
                raise _error(line, f"no command: {' '.join(words)[:60]!r}")
    return tuple(sections)


def _add(line: int, options: dict[str, Value], command: str, name: str, value: str) -> None:
    before = options.get(name)
    if command == "option":
        _must(line, before is None, f"{name} stands twice")
        options[name] = value
    else:
        _must(line, not isinstance(before, str), f"{name} is an option and a list")
        options[name] = (*(before or ()), value)


def _error(line: int, message: str) -> ConfigError:
    return ConfigError([Fault(line, "", message)])


def _must(line: int, condition: object, message: str) -> None:
    if not condition:
        raise _error(line, message)


class _Reader:
    """Takes a text apart into commands of words."""

    def __init__(self, text: str):
        self._text = text
        self._at = 0
        self._line = 1

    def commands(self) -> Iterator[tuple[int, list[str]]]:
        """(line, words) of every command; comments and empty lines are none."""
        _must(0, "\0" not in self._text, "a NUL in the text")
        while self._at < len(self._text):
            line, words = self._line, list(self._words())
            if words:
                yield line, words

    def _take(self) -> str:
        """The next character; empty at the end of the text."""
        one = self._text[self._at : self._at + 1]
        self._at += 1
        self._line += one == "\n"
        return one

    def _words(self) -> Iterator[str]:
        """The words up to the end of the line."""
        while True:
            one = self._take()
            if one in ("", "\n"):
                return
            if one == "#":
                self._skip_line()
                return
            if one not in _SPACES:
                self._at -= 1
                yield self._word()

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end + 1
        self._line += end >= 0

    def _word(self) -> str:
        found: list[str] = []
        while True:
            one = self._take()
            if one in ("'", '"'):
                found += self._quoted(one)
            elif one == "\\":
                found += self._escaped()
            elif one == ";":
                raise _error(self._line, "unquoted ';'")
            elif one in ("", "#", *_SPACES):
                self._at -= one != ""
                self._line -= one == "\n"
                return "".join(found)
            else:
                found.append(one)

    def _quoted(self, mark: str) -> Iterator[str]:
        start = self._line
        while True:
            one = self._take()
            if one == mark:
                return
            if not one:
                raise _error(start, f"{mark} is not closed")
            if one == "\\" and mark == '"':
                yield from self._escaped()
            else:
                yield one

    def _escaped(self) -> Iterator[str]:
        one = self._take()
        if one == "\r" and self._text[self._at : self._at + 1] == "\n":
            one = self._take()
        if one not in ("", "\n"):
            yield one
