"""A firmware upgrade of a RouterOS router: packages by their names, and what speaks against them. Pure.

Packages (.npk) that lie on a router are installed when it restarts. All that are installed must change together, to one
version: a router whose `wifi-qcom` stays behind loses its radios.

Source: RouterOS documentation (Packages, Upgrading and installation, Files); never tried on a RouterOS.
"""

import re
from collections.abc import Sequence
from typing import Final

from controller.firmware import Firmware, Image
from controller.transport.remote import Facts
from hotspot.errors import ConfigError, PeerError

from . import console
from .routeros import quoted

_NAME: Final = re.compile(r"([a-z][a-z0-9-]*?)-(\d+\.\d+[0-9a-z.]*)(?:-([a-z0-9_]+))?\.npk")
_MAIN: Final = "routeros"
_WITHOUT_ARCHITECTURE: Final = ("x86", "x86_64")
"""Whose packages bear none in their names."""


def is_package(name: str) -> bool:
    return name.endswith(".npk")


def image_of(name: str, data: bytes) -> Image:
    """A package by the name that MikroTik gave it. ConfigError where it has another."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigError(
            f"{name} is no name of a package: keep the one it was downloaded with (routeros-7.16.1-arm64.npk)"
        )
    return Image(data, version=found[2], file=name, package=found[1], architecture=found[3] or "")


def running(facts: Facts) -> Firmware:
    """What a router runs, from what it says of itself."""
    values = facts.values
    kept_in = "memory_kb" if values.get("flash_folder", "0") != "0" else "flash_kb"
    told = {
        "release": values.get("system", "").removeprefix("RouterOS ").partition(" ")[0],
        "board": values.get("model", ""),
        "machine": values.get("machine", ""),
        "free_kb": values.get(kept_in, ""),
        "packages": ", ".join(sorted(facts.versions)),
        "firmware": values.get("bootloader", ""),
    }
    return Firmware({name: value for name, value in told.items() if value})


def obstacle(found: Firmware, images: Sequence[Image]) -> str:
    """Why packages cannot be put there, as far as can be told from here."""
    machine = found.values.get("machine", "")
    for image in images:
        if image.architecture != machine and (image.architecture or machine not in _WITHOUT_ARCHITECTURE):
            return f"{image.file} is for {image.architecture or 'x86'}, and it is {machine}"
    given = {image.package for image in images}
    missing = sorted({_MAIN, *filter(None, found.values.get("packages", "").split(", "))} - given)
    if missing:
        return f"all its packages must change together: --image for {', '.join(missing)}, too"
    if _numbers(images[0].version) < _numbers(found.version):
        return f"it runs {found.version}, and goes to an older version only by /system/package/downgrade"
    size = sum(len(image.data) for image in images)
    free = int(found.values.get("free_kb") or 0) * 1024
    if free < size:
        return f"it has room for {free // 1024} kB, and the packages have {size // 1024} kB"
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version.partition("beta")[0].partition("rc")[0]))


def read_there(images: Sequence[Image]) -> str:
    """Has the router read the packages that were sent; `refusal` reads the answer."""
    get = "[/file/get [find name={name}] package-{what}]"
    lines = (
        f':put ("package {image.file} " . {get.format(name=quoted(image.file), what="version")}'
        f' . " " . {get.format(name=quoted(image.file), what="architecture")})'
        for image in images
    )
    return console.command("; ".join(lines))


def refusal(images: Sequence[Image], output: str) -> str:
    """What the router reads otherwise than their names say; PeerError where it does not take them for packages."""
    said, whole = console.ended(output)
    if not whole:
        raise PeerError(f"it does not take them for packages: {' '.join(said.split())[:200]}")
    told = {words[1]: words[2] for line in said.splitlines() if len(words := line.split()) >= 3}
    wrong = [f"{image.file} holds {told.get(image.file)}" for image in images if told.get(image.file) != image.version]
    return "; ".join(wrong)


def remove(images: Sequence[Image]) -> str:
    return console.command("; ".join(f"/file remove [find name={quoted(image.file)}]" for image in images))
