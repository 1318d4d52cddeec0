"""Files that must outlast a power cut, and that their owner alone reads; files that somebody else gave us."""

import os
import stat
from io import BufferedWriter
from pathlib import Path


def private(path: Path, *, new: bool = False) -> BufferedWriter:
    """An empty file that its owner alone reads. FileExistsError where it must be `new` and is not."""
    file = open(path, "xb" if new else "wb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    os.fchmod(file.fileno(), 0o600)  # it may have been there, for all to read
    return file


def keep(file: BufferedWriter, data: bytes) -> None:
    """Writes it and closes the file. Both are durable before this returns."""
    with file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(Path(os.fsdecode(file.name)).parent)


def replace(path: Path, data: bytes) -> None:
    """A private file with a new content: whoever reads it sees the old one or the new one, also after a power cut."""
    new = path.with_name(f"{path.name}.new")
    with private(new) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes durable which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def received(path: Path, most: int) -> bytes:
    """A file that somebody else gave us, of at most so many bytes. OSError, which says why, for what is no plain file
    (a link, a FIFO, a device: reading them may never end) and for one that is larger."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no plain file", str(path))
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"it is larger than {most:,} bytes", str(path))
    return content
