"""Files that must outlast a power cut, and that their owner alone reads."""

import os
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
