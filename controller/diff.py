"""Unified diffs of managed files with their secrets masked. Pure."""

import difflib
import re

from .desired import Desired, File
from .plan import Action, Plan

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


def diff(desired: Desired, plan: Plan, before: dict[str, bytes]) -> list[str]:
    """Lines of the diff from what stands on the access point to what is desired."""
    wanted = {file.path: file for file in desired.files}
    lines: list[str] = []
    for change in plan.changes:
        if change.action is Action.REMOVE:
            lines.append(f"{change.path}: removed")  # without its content: we no longer know what in it is secret
        else:
            lines += _difference(before.get(change.path), wanted[change.path])
    return lines
