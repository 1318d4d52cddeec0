"""Rendering the cities of the golden files, and comparing with these.

`UPDATE_GOLDEN=1 pytest tests/controller` writes the golden files anew; read the difference before you commit it.
"""

import os
from pathlib import Path

from controller.desired import Desired
from controller.kinds import render, secrets_of
from controller.payload import manifest
from hotspot.city.inventory import load
from hotspot.city.sites import Inventory

GOLDEN = Path(__file__).parents[1] / "golden"


def text_of(kind: str) -> str:
    return (GOLDEN / kind / "sites.toml").read_text()


def aps_of(kind: str) -> list[str]:
    return [ap.id for _, ap in load(text_of(kind)).access_points()]


def changed(kind: str, *pairs: tuple[str, str]) -> Inventory:
    """The city of a kind with some texts replaced."""
    text = text_of(kind)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return load(text)


def secrets(inventory: Inventory, ap: str) -> dict[str, bytes]:
    """Fixed values, so that golden files can be compared."""
    return {name: name.lower().replace(":", "-").encode() + b"-0123456789abcdef" for name in secrets_of(inventory, ap)}


def rendered(inventory: Inventory, ap: str) -> Desired:
    return render(inventory, ap, secrets(inventory, ap))


def file_of(desired: Desired, end: str) -> str:
    """The text of the one managed file whose path ends so."""
    [found] = [file.data.decode() for file in desired.files if file.path.endswith(end)]
    return found


def differing(kind: str, ap: str) -> list[str]:
    """The files rendered for an access point, and those of its golden folder, that are not the same in both."""
    desired = rendered(load(text_of(kind)), ap)
    expected = {f"files{file.path}": file.data for file in desired.files} | {"manifest": manifest(desired).encode()}
    folder = GOLDEN / kind / ap
    if os.environ.get("UPDATE_GOLDEN"):
        for old in folder.rglob("*"):
            if old.is_file():
                old.unlink()
        for name, data in expected.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def staged(desired: Desired, folder: Path) -> None:
    """Writes the managed files below a folder, as the helper stages them."""
    for file in desired.files:
        path = folder / file.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


def open_secrets(inventory: Inventory, ap: str) -> list[str]:
    """The files with a secret that others may read."""
    values = secrets(inventory, ap).values()
    return [
        file.path
        for file in rendered(inventory, ap).files
        if (file.mode != 0o600 and any(value in file.data for value in values))
        or (b"inner=" in file.data and file.mode != 0o700)
    ]
