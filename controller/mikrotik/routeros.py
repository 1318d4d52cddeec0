"""The text of RouterOS scripts (.rsc): a strict reader of what our templates may write, and how values are. Pure.

The reader is independent of the templates: whatever they write is read back before it counts. It knows one line a
command, and of the scripting language no more than that needs:

    /ip/pool                                        a menu, for the lines below it
    remove [find comment="nirkabel"]                a verb; words, NAME=VALUE, [find …]
    :do { … } on-error={ … }                        a block on one line, its commands divided by ;
    :execute script="…"                             commands that run in the background
    /import file-name="x.rsc"                       and /export
    # a comment

A value is a bare word or a text in quotes, in which \\" \\\\ \\$ \\n \\r \\t \\_ and \\XX (two hex digits) stand for
characters; a bare $ or [ in a text would be evaluated, so it is refused.

Source: RouterOS documentation, "Scripting" (line structure, escape sequences).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from hotspot.errors import ConfigError, Fault

_PLAIN: Final = frozenset(" !#%&'()*+,-./0123456789:;<=>@ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~")
_ESCAPES: Final = {'"': '"', "\\": "\\", "$": "$", "n": "\n", "r": "\r", "t": "\t", "_": " "}
_BARE: Final = re.compile(r"[A-Za-z0-9_.:/,!@*-]+")
_NAME: Final = re.compile(r"[a-z0-9.-]+")
_MENU: Final = re.compile(r"(/[a-z0-9-]+)+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Command:
    """One command. `words` are those without a value (numbers, `default`), `find` the values of a [find …]; `inner` are
    the commands of a block, `otherwise` those of its on-error.
    """

    line: int
    menu: str
    verb: str
    words: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    find: Mapping[str, str] | None = None
    inner: tuple["Command", ...] = ()
    otherwise: tuple["Command", ...] = ()


def quoted(value: object) -> str:
    """A value as it stands in a script. ConfigError for control characters, which no value of ours has."""
    text = str(value)
    if _CONTROL.search(text):
        raise ConfigError(f"{text!r} cannot be a value in a RouterOS script")
    return '"' + "".join(_written(letter) for letter in text) + '"'


def _written(letter: str) -> str:
    if letter in _PLAIN:
        return letter
    return f"\\{letter}" if letter in '"\\$' else "".join(f"\\{byte:02X}" for byte in letter.encode())


def parse(text: str) -> tuple[Command, ...]:
    """The commands of a script. ConfigError names the line and what is wrong with it."""
    found: list[Command] = []
    menu = ""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if _MENU.fullmatch(stripped):
            menu = stripped
            continue
        reader = _Reader(stripped, number, menu)
        found.append(reader.command())
        reader.end()
    return tuple(found)


def flat(commands: tuple[Command, ...]) -> Iterator[Command]:
    """Every command, those in blocks after the block."""
    for one in commands:
        yield one
        yield from flat(one.inner)
        yield from flat(one.otherwise)


class _Reader:
    """One line, read once from left to right."""

    def __init__(self, text: str, line: int, menu: str):
        self._text = text
        self._line = line
        self._menu = menu
        self._at = 0

    def command(self) -> Command:
        if self._take(":do"):
            inner = self._block()
            self._must(self._take("on-error="), "a :do needs its on-error")
            return Command(self._line, self._menu, ":do", inner=inner, otherwise=self._block())
        if self._take(":execute"):
            name, script = self._argument()
            self._must(name == "script" and script is not None, "an :execute needs its script")
            return Command(self._line, self._menu, ":execute", values={name: script or ""})
        menu = self._menu
        if self._peek() == "/":
            path = self._word()
            self._must(_MENU.fullmatch(path), f"{path!r} is no menu")
            menu = path
        self._must(menu, "a command before any menu")
        verb = menu[1:] if menu in ("/import", "/export") else self._word()
        self._must(_NAME.fullmatch(verb), f"{verb!r} is no command")
        words: list[str] = []
        values: dict[str, str] = {}
        found: dict[str, str] | None = None
        while self._peek() not in ("", ";", "}"):
            if self._peek() == "[":
                self._must(found is None, "a second [find]")
                found = self._find()
                continue
            name, value = self._argument()
            if value is None:
                words.append(name)
            else:
                self._must(name not in values, f"{name} stands twice")
                values[name] = value
        return Command(self._line, menu, verb, tuple(words), values, found)

    def end(self) -> None:
        self._must(not self._peek(), f"{self._text[self._at :]!r} is left over")

    def _block(self) -> tuple[Command, ...]:
        self._must(self._take("{"), "{ is missing")
        found: list[Command] = []
        while not self._take("}"):
            self._must(self._peek(), "} is missing")
            found.append(self.command())
            self._take(";")
        return tuple(found)

    def _find(self) -> dict[str, str]:
        self._must(self._take("[find"), "only [find …] is understood")
        found: dict[str, str] = {}
        while not self._take("]"):
            name, value = self._argument()
            if value is None:
                self._must(name in ("default", "dynamic"), f"{name!r} cannot be looked for")
                value = "yes"
            found[name] = value
        return found

    def _argument(self) -> tuple[str, str | None]:
        self._skip()
        match = re.compile(r"[a-z0-9.-]+=").match(self._text, self._at)
        if match is None:
            return self._word(), None
        self._at = match.end()
        name = match[0][:-1]
        return name, self._quotation() if self._text[self._at : self._at + 1] == '"' else self._word(skip=False)

    def _word(self, *, skip: bool = True) -> str:
        if skip:
            self._skip()
        match = _BARE.match(self._text, self._at)
        word = match[0] if match else ""
        self._must(word, f"{self._text[self._at : self._at + 1]!r} is not understood")
        self._at += len(word)
        return word

    def _quotation(self) -> str:
        self._at += 1
        found = bytearray()
        while True:
            letter = self._text[self._at : self._at + 1]
            self._must(letter, "a text does not end")
            self._at += 1
            if letter == '"':
                return found.decode("utf-8", "replace")
            self._must(letter in _PLAIN or letter == "\\", f"{letter!r} in a text must be escaped")
            found += self._escape() if letter == "\\" else letter.encode()

    def _escape(self) -> bytes:
        letter = self._text[self._at : self._at + 1]
        pair = self._text[self._at : self._at + 2]
        if re.fullmatch(r"[0-9A-F]{2}", pair):
            self._at += 2
            return bytes([int(pair, 16)])
        self._must(letter in _ESCAPES, f"\\{letter} is no escape")
        self._at += 1
        return _ESCAPES[letter].encode()

    def _skip(self) -> None:
        while self._text[self._at : self._at + 1] == " ":
            self._at += 1

    def _peek(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        self._skip()
        there = self._text.startswith(text, self._at)
        self._at += len(text) * there
        return there

    def _must(self, condition: object, message: str) -> None:
        if not condition:
            raise ConfigError([Fault(self._line, "", message)])
