"""How a RouterOS router is asked what it carries, tries a configuration, and keeps it: scripts and answers. Pure.

What it carries stands in a script of its own that is never run, `nirkabel-current`: the configuration's digest, its
files, and the SHA-256 of the router's own export of whatever is named nirkabel, and of each page as its console shows
it, taken when it was kept. A router has no program that hashes files, so a drift is an export that differs, or a page
that is shown otherwise than then.

On a router with a folder `flash` everything beside that is in memory: what must outlive a restart goes there.

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

from controller.desired import Desired
from controller.payload import digest, manifest
from controller.plan import Observed, Pending, Stamp, stamp
from hotspot.errors import PeerError

from .routeros import parse, quoted

SCRIPT: Final = "/nirkabel.rsc"
"""The managed file that is imported and not left there, since it holds secrets."""
_DONE: Final = '/system/scheduler remove [find name="nirkabel-trying"]'
"""Once the backup is back, in which the mark of the try stands, too."""
APPLIED: Final = " applied"
"""After the id of what is tried, once all of it is there."""
RESTORED: Final = "nirkabel-restored"
"""The mark of a backup that was loaded and is not kept yet (`controller.mikrotik.router_backup`)."""
_ANSWER: Final = "nirkabel answers"
_CHANGED: Final = Stamp("changed on the router", "")
_PAGES: Final = "nirkabel pages"
_PAGE_ENDS: Final = "nirkabel page ends"

OBSERVE: Final = "; ".join(
    (
        ':do { :put [/system/script/get [find name="nirkabel-current"] source] } on-error={ :put "nirkabel 0" }',
        ':do { :put ("trying " . [/system/scheduler/get [find name="nirkabel-trying"] comment]) } on-error={ }',
        f':do {{ :put ("trying " . [/system/scheduler/get [find name="{RESTORED}"] comment]) }} on-error={{ }}',
        ':put ("flash " . [:len [/file/find where name="flash" and type="disk"]])',
        ':foreach one in=[/file/find where name~"^nirkabel" or name~"^flash/nirkabel"] '
        'do={ :put ("file " . [/file/get $one size] . " " . [/file/get $one name]) }',
        ':put "export"',
        "/export terse",
        f':put "{_PAGES}"',
        ':foreach one in=[/file/find where name~"nirkabel-.*/"] do={ :put ("page " . [/file/get $one name]); '
        f':do {{ :put [/file/get $one contents] }} on-error={{ }}; :put "{_PAGE_ENDS}" }}',
        ':put "nirkabel end"',
    )
)
"""The command whose output `parse_router` reads."""


@dataclass(frozen=True)
class Seen:
    """A file there: its name, its size, and the SHA-256 of what the console shows of it; "" where it was not asked."""

    name: str
    size: int
    shown: str = ""


@dataclass(frozen=True)
class Router:
    """What a router said of itself."""

    export: str
    """SHA-256 of what it carries of ours, as it exports it."""
    flash: str = ""
    """`flash/` where that is what outlives a restart."""
    files: dict[str, Seen] = field(default_factory=dict)
    """Those that are named nirkabel…, by path from the root or from `flash`."""
    current: str | None = None
    kept_export: str = ""
    committed: dict[str, tuple[Stamp, int, str]] = field(default_factory=dict)
    """Stamps, sizes and how they were shown, of the files that it keeps."""
    trying: str = ""
    """The push that it tries."""
    applied: bool = False
    """Whether all of that was imported."""

    def observed(self) -> Observed:
        live: dict[str, Stamp] = {}
        for path, (was, size, shown) in self.committed.items():
            if path == SCRIPT:
                live[path] = was if self.export == self.kept_export else _CHANGED
            elif seen := self.files.get(path[1:]):
                live[path] = was if (seen.size, seen.shown) == (size, shown) else _CHANGED
        committed = {path: was for path, (was, *_) in self.committed.items()}
        pending = Pending(self.trying, 0, self.applied) if self.trying else None
        return Observed(self.current, committed, live, pending)


def parse_router(text: str) -> Router:
    """The answer to `OBSERVE`. PeerError when it is none."""
    head, found, rest = text.replace("\r", "").partition("\nexport\n")
    lines = head.splitlines()
    rest, ends, _ = rest.rpartition("nirkabel end")
    export, _, pages = rest.partition(f"{_PAGES}\n")
    if not found or not ends or not lines or not lines[0].startswith("nirkabel "):
        raise PeerError(f"the router answered {text[-200:].strip()!r}")
    shown = _shown(pages)
    files: dict[str, Seen] = {}
    trying = flash = ""
    for line in lines[1:]:
        match line.split(" ", 2):
            case ["trying", *words]:
                trying = " ".join(words)
            case ["flash", number] if number != "0":
                flash = "flash/"
            case ["file", size, name] if size.isdigit():
                name = name.lstrip("/")
                files[name.removeprefix("flash/")] = Seen(name, int(size), shown.get(name, ""))
            case _:
                continue
    current, kept, committed = _parse_kept(lines[0])
    tx = trying.removesuffix(APPLIED)
    return Router(exported(export), flash, files, current, kept, committed, tx, trying.endswith(APPLIED))


def _shown(pages: str) -> dict[str, str]:
    """SHA-256 of the text that the console shows for each page, by name."""
    found: dict[str, str] = {}
    for part in pages.split(f"{_PAGE_ENDS}\n"):
        head, _, text = part.partition("\n")
        if head.startswith("page "):
            found[head.removeprefix("page ").lstrip("/")] = hashlib.sha256(text.encode()).hexdigest()
    return found


_FILE: Final = re.compile(r"file ([0-9a-f]{64}) (\S{10}) (\d+) ([0-9a-f]{64}|-) (/\S+)")


def _parse_kept(line: str) -> tuple[str | None, str, dict[str, tuple[Stamp, int, str]]]:
    match line.split("|"):
        case ["nirkabel 1", name, export, *files]:
            found = [match for one in files if (match := _FILE.fullmatch(one))]
            files_kept = {one[5]: (Stamp(one[1], one[2]), int(one[3]), one[4].strip("-")) for one in found}
            return name, export, files_kept
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


def back(flash: str) -> str:
    """Loads what it had. A password must be given where nobody can be asked for one, an empty one for a backup that has
    none. It restarts.
    """
    return f'/system/backup load name="{flash}nirkabel-before" password=""'


def withdraw(flash: str) -> str:
    """The same at once, where nobody is asked whether that is meant."""
    return f":execute script={quoted(back(flash))}"


def placed(desired: Desired, flash: str) -> dict[str, bytes]:
    """The files of a configuration by where they go, but for the script."""
    return {f"/{flash}{one.path[1:]}": one.data for one in desired.files if one.path != SCRIPT}


def script_for(desired: Desired, flash: str) -> bytes:
    """The script of a configuration, naming the Hotspot's folder where `placed` puts it."""
    [script] = [one.data for one in desired.files if one.path == SCRIPT]
    return script.replace(b'html-directory="', f'html-directory="{flash}'.encode())


def try_script(tx: str, confirm: int, flash: str = "") -> str:
    """Tries `nirkabel-TX.rsc` for `confirm` seconds. Its first line fails where a try is under way already, since its
    name is taken, and where any line fails the rest of it is not run.
    """
    return script_of(
        (
            "/system/scheduler",
            f'add name="nirkabel-trying" comment={quoted(tx)} start-time=startup on-event={quoted(_DONE)}',
            "/system/backup",
            f'save name="{flash}nirkabel-before" dont-encrypt=yes',
            "/system/scheduler",
            f'add name="nirkabel-revert" interval={confirm}s on-event={quoted(back(flash))}',
            f'add name="nirkabel-boot" start-time=startup on-event={quoted(back(flash))}',
            f"/import file-name={quoted(staged(tx))}",
            "/file",
            f"remove [find name={quoted(staged(tx))}]",
            "/system/scheduler",
            f'set [find name="nirkabel-trying"] comment={quoted(tx + APPLIED)}',
        )
    )


def keep_script(tx: str, desired: Desired, found: Router) -> str:
    """Keeps what `tx` has tried, as it was found. Its first line fails where that is not what is tried. Other files of
    ours go.
    """
    kept = f"nirkabel 1|{digest(manifest(desired))}|{found.export}"
    for one in desired.files:
        mark, seen = stamp(one), found.files.get(one.path[1:])
        kept += f"|file {mark.sha256} {mark.mode} {len(one.data)} {(seen and seen.shown) or '-'} {one.path}"
    pages = {one.path[1:] for one in desired.files}
    stale = sorted(seen.name for path, seen in found.files.items() if path not in pages)
    kept_folders = {found.flash + one.partition("/")[0] for one in pages}
    folders = sorted({name.rpartition("/")[0] for name in stale} - kept_folders - {"", "flash"})
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
            *(f"remove [find name={quoted(name)}]" for name in (*stale, *folders)),
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
