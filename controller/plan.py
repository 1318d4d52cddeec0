"""What a push would do to one access point: desired against observed. Pure.

new       the access point carries no configuration of ours yet
in-sync   everything stands as desired
changed   it carries what was committed last, and that differs from what is desired
drifted   something was changed on the access point itself since the last commit
pending   a push waits there for its confirmation, or is being rolled back
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hotspot.errors import PeerError

from .desired import Desired, File
from .payload import digest, manifest, unpacked


class State(StrEnum):
    NEW = "new"
    IN_SYNC = "in-sync"
    CHANGED = "changed"
    DRIFTED = "drifted"
    PENDING = "pending"


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    REPAIR = "repair"


@dataclass(frozen=True)
class Stamp:
    """A file as the helper reports it: SHA-256 of its bytes, and its mode as `ls -l` shows it."""

    sha256: str
    mode: str


@dataclass(frozen=True)
class Pending:
    tx: str
    seconds: int
    """Until it reverts."""
    applied: bool


@dataclass(frozen=True)
class Observed:
    """One access point as its helper reports it. `live` lacks files that are not there."""

    current: str | None
    committed: Mapping[str, Stamp]
    live: Mapping[str, Stamp]
    pending: Pending | None = None
    last: str = ""


@dataclass(frozen=True)
class Change:
    action: Action
    path: str


@dataclass(frozen=True)
class Plan:
    state: State
    changes: tuple[Change, ...]
    drifted: tuple[str, ...] = ()
    """Paths that were changed on the access point itself."""
    note: str = ""

    @property
    def summary(self) -> str:
        """One line: `changed: 2 update, 1 create`."""
        if self.note:
            return f"{self.state}: {self.note}"
        counts = [(sum(change.action is action for change in self.changes), action) for action in Action]
        text = ", ".join(f"{count} {action}" for count, action in counts if count)
        return f"{self.state}: {text}" if text else str(self.state)


def parse_observed(text: str) -> Observed:
    """The helper's answer to `observe`. PeerError when it is none."""
    current: str | None = None
    stamps: dict[str, dict[str, Stamp]] = {"committed": {}, "live": {}}
    pending: Pending | None = None
    last = ""
    lines = text.splitlines()
    if not lines or lines[-1] != "result observed":
        raise PeerError(f"the access point answered {' / '.join(lines[-3:])[:200]!r}")
    for line in lines[:-1]:
        match line.split(" "):
            case ["current", name] if name:
                current = name
            case ["committed" | "live" as kind, sha256, mode, path] if sha256 != "-":
                stamps[kind][path] = Stamp(sha256, mode)
            case ["pending", tx, seconds, word]:
                pending = Pending(tx, int(seconds) if seconds.lstrip("-").isdigit() else 0, word == "applied")
            case ["last", *words]:
                last = " ".join(words)
            case _:
                continue
    return Observed(current, stamps["committed"], stamps["live"], pending, last)


@dataclass(frozen=True)
class Told:
    """What a push replaces on an access point, as the helper tells before it switches."""

    changes: tuple[Change, ...] = ()
    before: Mapping[str, bytes] = field(default_factory=dict)
    """Contents that stand there, of files that are written over."""


def parse_told(output: bytes) -> Told:
    """The helper's answer to `apply` up to its result. PeerError when what it sent along is no archive."""
    written: list[str] = []
    changes: list[Change] = []
    before: dict[str, bytes] = {}
    rest = output
    while rest:
        line, _, rest = rest.partition(b"\n")
        word, _, value = line.decode("utf-8", "replace").partition(" ")
        if word == "writes":
            written.append(value)
        elif word == "removes":
            changes.append(Change(Action.REMOVE, value))
        elif word == "before" and value.isdigit():
            before = unpacked(rest[: int(value)])
            break
    changes += [Change(Action.UPDATE if path in before else Action.CREATE, path) for path in written]
    return Told(tuple(sorted(changes, key=lambda change: change.path)), before)


def stamp(file: File) -> Stamp:
    return Stamp(file.sha256, stat.filemode(stat.S_IFREG | file.mode))


def plan(desired: Desired, observed: Observed) -> Plan:
    """What a push of `desired` would find and do."""
    wanted = {file.path: stamp(file) for file in desired.files}
    drifted = {path for path, was in observed.committed.items() if observed.live.get(path) != was}
    changes = tuple(
        Change(action, path)
        for path in sorted(set(wanted) | set(observed.committed))
        if (action := _action(wanted.get(path), observed.live.get(path), drifted=path in drifted)) is not None
    )
    if observed.pending is not None:
        what = "applied" if observed.pending.applied else "being applied"
        note = f"push {observed.pending.tx} is {what} and reverts in {max(0, observed.pending.seconds)} s"
        return Plan(State.PENDING, changes, tuple(sorted(drifted)), note)
    if observed.current is None:
        return Plan(State.NEW, changes)
    if drifted:
        return Plan(State.DRIFTED, changes, tuple(sorted(drifted)))
    if changes:
        return Plan(State.CHANGED, changes)
    if observed.current != digest(manifest(desired)):
        return Plan(State.CHANGED, (), note="only how it is checked or reloaded")
    return Plan(State.IN_SYNC, ())


def _action(wanted: Stamp | None, live: Stamp | None, *, drifted: bool) -> Action | None:
    if wanted is None:
        return Action.REMOVE if live is not None else None
    if live == wanted:
        return None
    if drifted:
        return Action.REPAIR
    return Action.CREATE if live is None else Action.UPDATE
