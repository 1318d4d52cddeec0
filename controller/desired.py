"""What an access point should hold: the one form that every kind renders to and everything else works with. Pure."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from hotspot.errors import ConfigError

_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._@-]*)+")


@dataclass(frozen=True)
class File:
    """One managed file. `masks` are regular expressions; in a diff their first group is shown and the rest hidden."""

    path: str
    data: bytes
    mode: int = 0o644
    masks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if _PATH.fullmatch(self.path) is None:
            raise ConfigError(f"{self.path!r} cannot be the path of a managed file")

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Reload:
    """A command that makes changed files count. It runs when one of `paths` changed; always without paths."""

    command: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desired:
    """All that an access point should hold, and how it is checked, put to work and undone.

    `checks` run in the folder of the staged files, before anything is touched, with paths relative to it. `probes` run
    once it is in use, each again and again for a while until it succeeds, and before it can be confirmed. `undo`
    commands run when a later configuration, or the one that is restored, no longer has them. `restored` commands run
    when the first push was taken back and what the admin had before stands again.
    """

    files: tuple[File, ...]
    checks: tuple[str, ...] = ()
    reloads: tuple[Reload, ...] = ()
    undo: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files)
