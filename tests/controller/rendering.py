"""Rendering the cities of the golden files, and comparing with these.

`UPDATE_GOLDEN=1 pytest tests/controller` writes the golden files anew; read the difference before you commit it.
"""

import os
from pathlib import Path

from controller.desired import Desired
from controller.kinds import render, secrets_of
from controller.payload import manifest
from hotspot.inventory import load
from hotspot.sites import Inventory

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


def compare(kind: str, ap: str) -> None:
    """Fails where what is rendered for an access point is not what its golden folder holds."""
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
    assert sorted(found) == sorted(expected)
    for name, data in expected.items():
        assert found[name] == data, f"{ap}: {name} differs from its golden file"


def staged(desired: Desired, folder: Path) -> None:
    """Writes the managed files below a folder, as the helper stages them."""
    for file in desired.files:
        path = folder / file.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


def no_secret_is_open(inventory: Inventory, ap: str) -> None:
    """Fails where a secret stands in a file that others may read."""
    for file in rendered(inventory, ap).files:
        for value in secrets(inventory, ap).values():
            assert value not in file.data or file.mode == 0o600
        if b"inner=" in file.data:
            assert file.mode == 0o700
