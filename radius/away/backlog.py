"""The journal's files in STATE/journal: written by one process each, read by whoever applies them. A thin shell.

A process appends to a file of its own and holds a lock on it while it lives; a file without a lock is one that nobody
will write to again, however its writer ended. A file appears under its name only when its header is on the disk and
its lock is held. Files are applied in the order of their names, which begin with the time at which they were begun.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from hotspot.errors import PeerError
from hotspot.files import sync_folder

from .journal import Cipher, Damage, Frame, Torn

log = structlog.get_logger("radius")

FOLDER: Final = "journal"
"""In the state folder."""
FILE_SIZE: Final = 4 * 2**20
"""Bytes after which a file is left to whoever applies it, and a new one begun."""
_PAUSE: Final = 1.0
"""Seconds after which a journal that could not be written is tried again."""
_SUFFIX: Final = ".journal"
_ASIDE: Final = ".damaged"


class Journal:
    """One process's part of the journal: `append` is durable when it returns."""

    def __init__(self, folder: Path, key: bytes, limit: int):
        self._folder, self._key, self._limit = folder, key, limit
        self._file: _Open | None = None
        self._closed_until = 0.0
        self._why = ""

    def append(self, payload: bytes) -> None:
        """Writes one batch. PeerError where it cannot be kept: the disk, or the journal's limit, is full."""
        if time.monotonic() < self._closed_until:
            raise PeerError(self._why)
        try:
            if self._file is None:
                self._has_room()
                self._file = _Open(self._folder, self._key)
            self._file.append(payload)
        except (OSError, PeerError) as error:
            if self._file is not None and self._file.unsound:
                self.close()
            self._why = f"the journal cannot be written: {getattr(error, 'strerror', None) or error}"
            self._closed_until = time.monotonic() + _PAUSE
            raise PeerError(self._why) from error
        if self._file.size >= FILE_SIZE:
            self.close()

    def close(self) -> None:
        """Leaves the file to whoever applies it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _has_room(self) -> None:
        """Every file may grow to its full size, so that many processes together keep to the limit."""
        total = FILE_SIZE
        for path in _files(self._folder, _SUFFIX, _ASIDE):
            with suppress(FileNotFoundError):  # it has been applied meanwhile
                total += max(path.stat().st_size, FILE_SIZE)
        if total > self._limit:
            raise PeerError(f"it has reached HOTSPOT_RADIUS_JOURNAL ({self._limit} bytes)")


class _Open:
    """A file while its process writes it."""

    def __init__(self, folder: Path, key: bytes):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cipher = Cipher.new(key)
        self._sequence = self._nonce = 0
        self.size = len(self._cipher.header)
        self.unsound = False
        """Whether what a failed write left stands in the file."""
        path = folder / f"{time.time_ns() // 1_000_000:014d}-{self._cipher.id.hex()}{_SUFFIX}"
        new = path.with_suffix(".new")
        self._descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(self._descriptor, self._cipher.header)
            os.fsync(self._descriptor)
            new.rename(path)
            sync_folder(folder)
        except OSError:
            os.close(self._descriptor)
            new.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise

    def append(self, payload: bytes) -> None:
        data = self._cipher.frame(self._sequence, self._nonce, payload)
        self._nonce += 1
        self.unsound = True
        try:
            _write(self._descriptor, data)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            self.unsound = False
            raise
        # Where this fails the frame stays: it may have been read and applied already, and no other may have its number.
        os.fdatasync(self._descriptor)
        self.unsound = False
        self._sequence += 1
        self.size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _files(folder: Path, *suffixes: str) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in suffixes)
    except FileNotFoundError:
        return []


# -- for whoever applies them ------------------------------------------------------------------------------------


@dataclass
class Found:
    """A file of the journal as it is now."""

    path: Path
    id: str
    finished: bool
    """Whether nobody will write to it again."""
    frames: tuple[Frame, ...]
    damage: tuple[Damage, ...]
    torn: int
    """Bytes of a write that never came to its end, which a crash has left."""


@contextmanager
def applying(folder: Path) -> Iterator[bool]:
    """Whether this process, alone on this machine, may apply the journal for as long as the block lasts."""
    if not folder.is_dir():
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def waiting(folder: Path) -> list[Path]:
    """The journal's files, in the order in which they are to be applied."""
    return _files(folder, _SUFFIX)


def look(path: Path, key: bytes) -> Found:
    """Reads a file. A header that is not whole is damage: a file gets its name only after its header."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            finished = True
        except BlockingIOError:
            finished = False
        data = file.read()
    cipher = Cipher.of(key, data)
    if cipher is None:
        return Found(path, path.stem, finished, (), (Damage(0, len(data)),), 0)
    items = list(cipher.frames(data))
    return Found(
        path=path,
        id=cipher.id.hex(),
        finished=finished,
        frames=tuple(item for item in items if isinstance(item, Frame)),
        damage=tuple(item for item in items if isinstance(item, Damage)),
        torn=sum(len(data) - item.start for item in items if isinstance(item, Torn)),
    )


def remove(found: Found) -> None:
    """Forgets a file that has been applied."""
    found.path.unlink()
    sync_folder(found.path.parent)


def keep(found: Found) -> Path:
    """Gives a file that cannot be applied whole a second name, which nobody applies or removes."""
    kept = found.path.with_suffix(_ASIDE)
    with suppress(FileExistsError):
        kept.hardlink_to(found.path)
        sync_folder(kept.parent)
    return kept


def tidy(folder: Path, now: float) -> None:
    """Removes what writers left that were killed before their file had its name."""
    for path in _files(folder, ".new"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < now - 60:
                path.unlink()
