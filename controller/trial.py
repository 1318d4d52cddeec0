"""How a RouterOS router is asked what it carries, tries a configuration, and keeps it: scripts and answers. Pure.

What it carries stands in a script of its own that is never run, `nirkabel-current`: the configuration's digest, its
files, and the SHA-256 of the router's own export of whatever is named nirkabel, taken when it was kept. A router has no
program that hashes files, so a drift is an export that differs, or a page of another size.

A try is a backup of everything that the router's scheduler loads again at the deadline or when it starts, and an import
behind it; `nirkabel-trying` bears the push's id while it lasts. Who keeps it has come over a new connection, read
there that the import had ended, and heard that what it is for works. (RouterOS's safe mode goes back only when the
session dies, after minutes, and forgets silently what exceeds 100 actions.)

Source: RouterOS documentation (Scripting, Scheduler, Backup, Configuration Management); never tried on a RouterOS.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hotspot.errors import PeerError

from .desired import Desired
from .payload import digest, manifest
from .plan import Observed, Pending, Stamp, stamp
from .routeros import parse, quoted

SCRIPT: Final = "/nirkabel.rsc"
"""The managed file that is imported and not left there, since it holds secrets."""
BACK: Final = '/system/backup load name="nirkabel-before" password=""'
"""A password must be given where nobody can be asked for one, an empty one for a backup that has none. It restarts."""
WITHDRAW: Final = f":execute script={quoted(BACK)}"
"""The same at once, where nobody is asked whether that is meant."""
_DONE: Final = '/system/scheduler remove [find name="nirkabel-trying"]'
"""Once the backup is back, in which the mark of the try stands, too."""
APPLIED: Final = " applied"
"""After the id of what is tried, once all of it is there."""
RESTORED: Final = "nirkabel-restored"
"""The mark of a backup that was loaded and is not kept yet (`controller.router_backup`)."""
_ANSWER: Final = "nirkabel answers"
_CHANGED: Final = Stamp("changed on the router", "")

OBSERVE: Final = "; ".join(
    (
        ':do { :put [/system/script/get [find name="nirkabel-current"] source] } on-error={ :put "nirkabel 0" }',
        ':do { :put ("trying " . [/system/scheduler/get [find name="nirkabel-trying"] comment]) } on-error={ }',
        f':do {{ :put ("trying " . [/system/scheduler/get [find name="{RESTORED}"] comment]) }} on-error={{ }}',
        ':foreach one in=[/file/find where name~"^nirkabel"] '
        'do={ :put ("file " . [/file/get $one size] . " " . [/file/get $one name]) }',
        ':put "export"',
        "/export terse",
        ':put "nirkabel end"',
    )
)
"""The command whose output `parse_router` reads."""


@dataclass(frozen=True)
class Router:
    """What a router said of itself."""

    export: str
    """SHA-256 of what it carries of ours, as it exports it."""
    files: dict[str, int] = field(default_factory=dict)
    """Sizes of the files that are named nirkabel…, by path from the root."""
    current: str | None = None
    kept_export: str = ""
    committed: dict[str, tuple[Stamp, int]] = field(default_factory=dict)
    """Stamps and sizes of the configuration that it keeps."""
    trying: str = ""
    """The push that it tries."""
    applied: bool = False
    """Whether all of that was imported."""

    def observed(self) -> Observed:
        live: dict[str, Stamp] = {}
        for path, (was, size) in self.committed.items():
            if path == SCRIPT:
                live[path] = was if self.export == self.kept_export else _CHANGED
            elif path[1:] in self.files:
                live[path] = was if self.files[path[1:]] == size else _CHANGED
        committed = {path: was for path, (was, _) in self.committed.items()}
        pending = Pending(self.trying, 0, self.applied) if self.trying else None
        return Observed(self.current, committed, live, pending)


def parse_router(text: str) -> Router:
    """The answer to `OBSERVE`. PeerError when it is none."""
    head, found, rest = text.replace("\r", "").partition("\nexport\n")
    lines = head.splitlines()
    export, ends, _ = rest.rpartition("nirkabel end")
    if not found or not ends or not lines or not lines[0].startswith("nirkabel "):
        raise PeerError(f"the router answered {text[-200:].strip()!r}")
    files: dict[str, int] = {}
    trying = ""
    for line in lines[1:]:
        match line.split(" ", 2):
            case ["trying", *words]:
                trying = " ".join(words)
            case ["file", size, name] if size.isdigit():
                files[name.lstrip("/")] = int(size)
            case _:
                continue
    current, kept, committed = _parse_kept(lines[0])
    tx = trying.removesuffix(APPLIED)
    return Router(exported(export), files, current, kept, committed, tx, trying.endswith(APPLIED))


_FILE: Final = re.compile(r"file ([0-9a-f]{64}) (\S{10}) (\d+) (/\S+)")


def _parse_kept(line: str) -> tuple[str | None, str, dict[str, tuple[Stamp, int]]]:
    match line.split("|"):
        case ["nirkabel 1", name, export, *files]:
            found = [match for one in files if (match := _FILE.fullmatch(one))]
            return name, export, {one[4]: (Stamp(one[1], one[2]), int(one[3])) for one in found}
        case _:
            return None, "", {}


def exported(text: str) -> str:
    """SHA-256 of the lines of an export that are ours, but for the marks of a try and what is kept of it."""
    ours = (
        line.strip()
        for line in text.splitlines()
        if "nirkabel" in line and not line.startswith(("#", "/system script", "/system scheduler"))
    )
    return hashlib.sha256("\n".join(ours).encode()).hexdigest()


def script_of(lines: Iterable[str]) -> str:
    """Read back before it counts."""
    text = "\n".join(lines) + "\n"
    parse(text)
    return text


def try_script(tx: str, confirm: int) -> str:
    """Tries `nirkabel-TX.rsc` for `confirm` seconds. Its first line fails where a try is under way already, since its
    name is taken, and where any line fails the rest of it is not run.
    """
    return script_of(
        (
            "/system/scheduler",
            f'add name="nirkabel-trying" comment={quoted(tx)} start-time=startup on-event={quoted(_DONE)}',
            "/system/backup",
            'save name="nirkabel-before" dont-encrypt=yes',
            "/system/scheduler",
            f'add name="nirkabel-revert" interval={confirm}s on-event={quoted(BACK)}',
            f'add name="nirkabel-boot" start-time=startup on-event={quoted(BACK)}',
            f"/import file-name={quoted(staged(tx))}",
            "/file",
            f"remove [find name={quoted(staged(tx))}]",
            "/system/scheduler",
            f'set [find name="nirkabel-trying"] comment={quoted(tx + APPLIED)}',
        )
    )


def keep_script(tx: str, desired: Desired, export: str, stale: Iterable[str]) -> str:
    """Keeps what `tx` has tried. Its first line fails where that is not what is tried. `stale` files go."""
    kept = f"nirkabel 1|{digest(manifest(desired))}|{export}"
    for one in desired.files:
        mark = stamp(one)
        kept += f"|file {mark.sha256} {mark.mode} {len(one.data)} {one.path}"
    return script_of(
        (
            "/system/scheduler",
            f'get [find name="nirkabel-trying" comment={quoted(tx + APPLIED)}] name',
            "/system/script",
            'remove [find name="nirkabel-current"]',
            f'add name="nirkabel-current" source={quoted(kept)}',
            "/system/scheduler",
            'remove [find name="nirkabel-revert"]',
            'remove [find name="nirkabel-boot"]',
            'remove [find name="nirkabel-trying"]',
            "/file",
            'remove [find name="nirkabel-before.backup"]',
            *(f"remove [find name={quoted(name)}]" for name in stale),
        )
    )


def probe(condition: str, otherwise: str) -> str:
    """A console text for `Desired.probes`: tells whether a condition of the console's language holds, or what not."""
    return f':if ({condition}) do={{ :put "{_ANSWER} yes" }} else={{ :put "{_ANSWER} no {otherwise}" }}'


def refusal(probes: Iterable[str], output: str) -> str:
    """What probes that were asked in this order say against what is tried; "" for nothing."""
    told = [line.removeprefix(f"{_ANSWER} ") for line in output.splitlines() if line.startswith(f"{_ANSWER} ")]
    against = [one.removeprefix("no ") for one in told if one != "yes"]
    if against:
        return "; ".join(against)
    return "" if len(told) == len(tuple(probes)) else f"the router answered {output[-200:].strip()!r}"


def staged(tx: str) -> str:
    """The file that a push imports."""
    return f"nirkabel-{tx}.rsc"
