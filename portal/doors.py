"""First pages, kept between phones: a page is made once, and then differs in the form's token alone."""

import secrets
from collections.abc import Callable
from typing import Final

Key = tuple[int, str, str, bool]
"""Revision, site, language, and whether the gateway has proven who arrives."""

_MOST: Final = 4096
"""Pages that are kept, some 10 kB each; then all are made anew."""


class Doors:
    """The texts of first pages. For threads of one process."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)  # nobody can have written it into a page
        self._texts: dict[Key, str] = {}

    def text(self, key: Key, form: str, make: Callable[[str], str]) -> str:
        """The page of `key` with this token; `make` makes it with another in its place, where it is not known yet.

        Tokens consist of letters, digits, hyphens, underscores and a dot: nothing of them needs an escape.
        """
        known = self._texts.get(key)
        if known is None:
            if len(self._texts) >= _MOST or any(number != key[0] for number, *_ in self._texts):
                self._texts = {}
            known = self._texts[key] = make(self._mark)
        return known.replace(self._mark, form)
