"""A large TOML text, parsed piece by piece: the parser is C and lets nobody else work until it is done, which for ten
thousand gateways is a third of a second. Pure.

The text is parted where a list's entry begins (`[[site]]`, `[[gateway]]`), and the pieces' tables are put together.
What cannot be parted so (such a line inside a text of several lines, `[[site.ap]]` after a `[[gateway]]`) shows in a
piece, and the text is parsed whole.
"""

import re
from typing import Any, Final

import tomli

_BEGINS: Final = re.compile(r"^\[\[[a-z]+\]\][ \t]*$", re.M)
_SMALL: Final = 2_000
"""Characters of a piece: a fifth of a millisecond. A batch of RADIUS asks for the lock thirty times, and waits for
the rest of a piece each time."""


class _CannotPartError(ValueError):
    pass


def loads(text: str) -> dict[str, Any]:
    """What `tomli.loads` makes of a text that it takes. TOMLDecodeError, RecursionError."""
    if len(text) > _SMALL:
        try:
            return _joined([tomli.loads(piece) for piece in _pieces(text)])
        except (tomli.TOMLDecodeError, _CannotPartError):
            pass
    return tomli.loads(text)


def _pieces(text: str) -> list[str]:
    """Parts of at least `_SMALL` characters, each but the first beginning with an entry."""
    begins = [0]
    for found in _BEGINS.finditer(text):
        if found.start() - begins[-1] >= _SMALL:
            begins.append(found.start())
    return [text[start:end] for start, end in zip(begins, [*begins[1:], len(text)], strict=True)]


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole = parts[0]
    for part in parts[1:]:
        _add(whole, part, ())
    return whole


def _add(into: dict[str, Any], more: dict[str, Any], path: tuple[str, ...]) -> None:
    """Puts a later piece's tables to those before: lists of entries grow, and tables take what is new in them."""
    for key, value in more.items():
        before = into.get(key)
        if key not in into:
            into[key] = value
        elif not path and isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        elif isinstance(before, dict) and isinstance(value, dict):
            _add(before, value, (*path, key))
        else:
            raise _CannotPartError(key)
