"""Unified diffs of managed files with their secrets masked. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from .desired import Desired, File
from .plan import Action, Change

_MASK = r"\g<1>[secret]"


def masked(text: str, masks: tuple[str, ...]) -> str:
    """The text without what `masks` hide; the first group of each stays."""
    for mask in masks:
        text = re.sub(mask, _MASK, text, flags=re.MULTILINE)
    return text


def _difference(before: bytes | None, after: File) -> list[str]:
    old, new = (
        masked(data.decode("utf-8", "replace"), after.masks).splitlines() for data in (before or b"", after.data)
    )
    names = (f"a{after.path}" if before is not None else "/dev/null", f"b{after.path}")
    return list(difflib.unified_diff(old, new, *names, lineterm="")) or [
        f"{after.path}: only secrets or permissions differ"
    ]


def diff(desired: Desired, changes: Iterable[Change], before: Mapping[str, bytes]) -> list[str]:
    """Lines of the diff from what stands on the access point to what is desired."""
    wanted = {file.path: file for file in desired.files}
    lines: list[str] = []
    for change in changes:
        if change.action is Action.REMOVE:
            lines.append(f"{change.path}: removed")  # without its content: we no longer know what in it is secret
        else:
            lines += _difference(before.get(change.path), wanted[change.path])
    return lines


_LARGEST_FILE: Final = 262_144
_MOST_LINES: Final = 1_000
"""Of a diff that is kept; a configuration that was changed on purpose stays far below."""


def kept(desired: Desired, changes: Iterable[Change], before: Mapping[str, bytes]) -> list[str]:
    """The diff as the audit trail keeps it: a new file by its hash alone, since its revision gives the text again."""
    wanted = {file.path: file for file in desired.files}
    lines: list[str] = []
    for change in changes:
        file = wanted.get(change.path)
        if file is None:
            lines.append(f"{change.path}: removed")
        elif change.path not in before:
            lines.append(f"{change.path}: created, sha256 {file.sha256}")
        elif len(file.data) + len(before[change.path]) > _LARGEST_FILE:
            lines.append(f"{change.path}: replaced, sha256 {file.sha256}")
        else:
            lines += _difference(before[change.path], file)
    more = len(lines) - _MOST_LINES
    return lines if more <= 0 else [*lines[:_MOST_LINES], f"… and {more} lines more"]
