"""What a node keeps in STATE/journal for the time while its store is away: the last inventory, and the tickets that
were redeemed without it. A thin shell.

Each is a file of one frame, sealed as the journal is (radius/away/journal.py): a file that opens was written under this
node's master key. It has its name only when it is whole and on the disk.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from hotspot.errors import PeerError
from hotspot.files import keep, private, sync_folder
from hotspot.people.identity import new_id
from hotspot.store.city.revisions import Revision

from .alone import Redemption
from .journal import Cipher, Frame

_INVENTORY: Final = "inventory"
_SPENT: Final = ".spent"


def remember(folder: Path, key: bytes, revision: Revision) -> None:
    """Keeps the inventory that a process needs which starts while the store is away. It holds no secret."""
    kept = recall(folder, key)
    if kept != revision:
        # The text, megabytes, as it is: to write it as JSON would keep the interpreter's lock all that time.
        head = json.dumps({"number": revision.number, "activated_at": revision.activated_at}).encode()
        _write(folder / _INVENTORY, key, head + b"\n" + revision.text.encode(), Path.rename)


def recall(folder: Path, key: bytes) -> Revision | None:
    """The inventory that was last remembered under this key."""
    data = _read(folder / _INVENTORY, key)
    if data is None:
        return None
    head, _, text = data.partition(b"\n")
    return Revision(**{"text": text.decode(), **json.loads(head)})  # earlier versions had it in there


class Redemptions:
    """The tickets that any process of this node has redeemed while the store was away."""

    def __init__(self, folder: Path, key: bytes):
        self._folder, self._key = folder, key

    def find(self, ticket: str) -> Redemption | None:
        data = _read(self._folder / f"{ticket}{_SPENT}", self._key)
        return None if data is None else Redemption.decode(data)

    def keep(self, redemption: Redemption) -> Redemption:
        """The redemption that counts from now on: this one, or another process's that was first. Durable.

        PeerError where it cannot be kept.
        """
        path = self._folder / f"{redemption.claim.ticket}{_SPENT}"
        try:
            with suppress(FileExistsError):
                _write(path, self._key, redemption.encode(), lambda new, name: name.hardlink_to(new))
        except OSError as error:
            raise PeerError(f"a redemption cannot be kept: {error.strerror}") from error
        return self.find(redemption.claim.ticket) or redemption

    def all(self) -> Iterator[Redemption]:
        """Those that have not been forgotten."""
        for path in sorted(self._folder.glob(f"*{_SPENT}")):
            found = self.find(path.stem)
            if found is not None:
                yield found

    def forget(self, ticket: str) -> None:
        """After the store was told, and the ticket has expired."""
        (self._folder / f"{ticket}{_SPENT}").unlink(missing_ok=True)


def _write(path: Path, key: bytes, payload: bytes, publish: Callable[[Path, Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    cipher = Cipher.new(key)
    new = path.with_name(f"{new_id()}.new")
    try:
        keep(private(new, new=True), cipher.header + cipher.frame(0, 0, payload))
        publish(new, path)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read(path: Path, key: bytes) -> bytes | None:
    """None where there is no such file, or none that this key opens. PeerError where it cannot be read."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PeerError(f"{path} cannot be read: {error.strerror}") from error
    cipher = Cipher.of(key, data)
    first = next(cipher.frames(data), None) if cipher else None
    return first.payload if isinstance(first, Frame) else None
