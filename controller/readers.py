"""What this machine's own programs say of rendered files, before anything is sent: nft, dnsmasq, hostapd and sh.

Every file goes through a pipe, so that no secret touches a disk. A program that is not here, that is too old, or that
may not do it here says nothing: the access point asks its own programs in any case, before it touches anything.
"""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Final

from .desired import Desired, File

_SECONDS: Final = 20
_DNSMASQ_SINCE: Final = (2, 87)
"""The first that filters AAAA records and knows nft's sets."""
_END: Final = b"\nnirkabel=\n"
_OF_THIS_KERNEL: Final = re.compile(r"Operation not permitted|Could not process rule|cache initialization failed", re.I)
"""What nft says of this machine and not of the file."""


def _asked(argv: list[str], data: bytes) -> tuple[int, str]:
    try:
        done = subprocess.run(argv, input=data, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0, ""
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace").strip()


@cache
def _dnsmasq_knows_all() -> bool:
    found = re.search(r"version (\d+)\.(\d+)", _asked(["dnsmasq", "--version"], b"")[1])
    return found is not None and (int(found[1]), int(found[2])) >= _DNSMASQ_SINCE


def _nft(data: bytes) -> str:
    code, said = _asked(["nft", "-c", "-f", "-"], data)
    return said if code and _OF_THIS_KERNEL.search(said) is None else ""


def _dnsmasq(data: bytes) -> str:
    code, said = _asked(["dnsmasq", "--test", "--conf-file=/dev/stdin"], data) if _dnsmasq_knows_all() else (0, "")
    return said if code else ""


def _hostapd(data: bytes) -> str:
    """It only reads and never starts, since the last line is one that it must refuse."""
    code, said = _asked(["hostapd", "/dev/stdin"], data + _END)
    if not code or re.search(r"^1 errors found", said, re.MULTILINE):
        return ""
    return "\n".join(line for line in said.splitlines() if "nirkabel" not in line and "Failed to" not in line)


def _shell(data: bytes) -> str:
    code, said = _asked(["sh", "-n"], data)
    return said if code else ""


_READERS: Final[tuple[tuple[str, re.Pattern[str], Callable[[bytes], str]], ...]] = (
    ("nft", re.compile(r".*\.nft"), _nft),
    ("dnsmasq", re.compile(r".*/dnsmasq\.conf"), _dnsmasq),
    ("hostapd", re.compile(r".*/hostapd-\d+\.conf"), _hostapd),
)


def _reader(file: File) -> tuple[str, Callable[[bytes], str]] | None:
    """The program that reads such a file, where it is here."""
    for name, pattern, read in _READERS:
        if pattern.fullmatch(file.path) and shutil.which(name):
            return name, read
    return ("sh", _shell) if file.data.startswith(b"#!/bin/sh") and shutil.which("sh") else None


@dataclass(frozen=True)
class Refusal:
    path: str
    program: str
    said: str

    def __str__(self) -> str:
        return f"{self.program} refuses {self.path}: {' / '.join(self.said.splitlines()[:3])}"


class Readers:
    """Asks about each text once, however many access points it goes to."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], str] = {}

    def refusals(self, desired: Desired) -> list[Refusal]:
        """The files that a program of this machine refuses."""
        found = []
        for file in desired.files:
            reader = _reader(file)
            if reader is None:
                continue
            name, read = reader
            key = (name, hashlib.sha256(file.data).hexdigest())
            if key not in self._said:
                self._said[key] = read(file.data)
            if self._said[key]:
                found.append(Refusal(file.path, name, self._said[key]))
        return found

    def refusals_of_all(self, configurations: list[Desired]) -> list[list[Refusal]]:
        """The same for many, several at once."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(self.refusals, configurations))
