"""First pages, kept between phones: a page is made once, and then differs in the form's token alone."""

import secrets
from collections.abc import Callable
from typing import Final

Key = tuple[int, str, str, bool]
"""Revision, site, language, and whether the gateway has proven who arrives."""

_MOST: Final = 4096
"""Pages that are kept, some 10 kB each; then all are made anew."""


class Doors:
    """First pages. For threads of one process."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(16)  # nobody can have written it into a page
        self._pages: dict[Key, tuple[list[bytes], str]] = {}

    def page(self, key: Key, form: str, make: Callable[[str], tuple[str, str]]) -> tuple[bytes, str]:
        """The page of `key` with this token, and its policy; `make` makes them with another in its place, where they
        are not known yet.

        Tokens consist of letters, digits, hyphens, underscores and a dot: nothing of them needs an escape.
        """
        known = self._pages.get(key)
        if known is None:
            if len(self._pages) >= _MOST or any(number != key[0] for number, *_ in self._pages):
                self._pages = {}
            text, policy = make(self._mark)
            known = self._pages[key] = text.encode().split(self._mark.encode()), policy
        pieces, policy = known
        return form.encode().join(pieces), policy
