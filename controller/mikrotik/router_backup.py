"""A backup of a RouterOS router, and its way back: scripts. Pure.

What is kept is the router's own backup of everything, encrypted there; its export, for people; and the Hotspot's pages,
which no backup has. In the backup stands a schedule that is on the router only while it is made: loaded again, it takes
the router back to what it had, unless the controller comes over a new connection and takes the schedule away.

Source: RouterOS documentation (Backup, Configuration Management, Scheduler); never tried on a RouterOS.
"""

from collections.abc import Iterable
from typing import Final

from controller.desired import Desired, File

from .routeros import quoted
from .trial import APPLIED, RESTORED, back, script_of

BINARY: Final = "/nirkabel-kept.backup"
EXPORT: Final = "/nirkabel-kept.rsc"
_NAME: Final = "nirkabel-kept"
_NONE: Final = (r"^().+$",)
"""Masks every line."""


def is_one(desired: Desired) -> bool:
    """Whether it is a backup of a router, and not its configuration."""
    return BINARY in desired.paths


def of(contents: dict[str, bytes]) -> Desired:
    """What a router carries, from the files that were fetched, by path."""
    return Desired(tuple(File(path, data, 0o600, _NONE) for path, data in sorted(contents.items())))


def placed(backup: Desired, flash: str) -> dict[str, bytes]:
    """Its files by where they go: the pages must outlive a restart, the backup is read before it."""
    return {
        one.path if one.path == BINARY else f"/{flash}{one.path[1:]}": one.data
        for one in backup.files
        if one.path != EXPORT
    }


def give_up(confirm: int, flash: str) -> str:
    """What the schedule in a backup does: without a backup to go back to it only goes away itself."""
    gone = f'/system/scheduler remove [find name="{RESTORED}"]'
    goes = f":do {{ {back(flash)} }} on-error={{ {gone} }}"
    return f':delay {confirm}s; :if ([:len [/system/scheduler/find name="{RESTORED}"]] > 0) do={{ {goes} }}'


def save_script(tx: str, password: str, confirm: int, flash: str = "") -> str:
    """Makes the backup and the export. The schedule goes away also where no backup could be made."""
    return script_of(
        (
            "/system/scheduler",
            f'remove [find name="{RESTORED}"]',
            f'add name="{RESTORED}" comment={quoted(tx + APPLIED)} start-time=startup '
            f"on-event={quoted(give_up(confirm, flash))}",
            f':do {{ /system/backup save name="{_NAME}" encryption=aes-sha256 password={quoted(password)} }} '
            "on-error={ }",
            f'remove [find name="{RESTORED}"]',
            f'/export file="{_NAME}" show-sensitive',
        )
    )


def load_script(password: str, flash: str = "") -> str:
    """Keeps what it has, and loads a backup that was sent; it restarts."""
    return script_of(
        (
            "/system/backup",
            f'save name="{flash}nirkabel-before" dont-encrypt=yes',
            f'load name="{_NAME}" password={quoted(password)}',
        )
    )


def keep_script(tx: str, stale: Iterable[str]) -> str:
    """Keeps what was loaded. Its first line fails where that is not what the router has."""
    return script_of(
        (
            "/system/scheduler",
            f'get [find name="{RESTORED}" comment={quoted(tx + APPLIED)}] name',
            f'remove [find name="{RESTORED}"]',
            "/file",
            *(f"remove [find name={quoted(name)}]" for name in stale),
        )
    )
