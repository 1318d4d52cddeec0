"""The check of a report pack: who signed it, every hash, and whether its inputs still give the same figures.

Whoever checks may have another version of this software or of its libraries than whoever made the pack. A PDF drawn by
another version is not compared, and said so; the data files are, value by value, and decide.
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from hotspot.catalogue import Catalogue
from hotspot.errors import ConfigError
from hotspot.files import received
from telemetry.uptime.coverage import Inputs
from telemetry.uptime.freeze import SOFTWARE

from .pack import INPUTS, MANIFEST, SIGNATURE, fingerprint, libraries, render

_LARGEST: Final = 256 << 20
"""Bytes of a pack's file; a year of a thousand sites takes a tenth of that."""
_LARGEST_MANIFEST: Final = 1 << 20
_SHOWN: Final = 3
"""Differences of a data file that are told."""


class State(StrEnum):
    """What became of one thing that was checked."""

    HOLDS = "holds"
    BROKEN = "broken"
    OPEN = "open"
    """Nothing speaks against it, and nothing shows it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what, what became of it, and why."""

    subject: str
    state: State
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.state is not State.BROKEN


@dataclass(frozen=True)
class Checked:
    """A pack after its check. `signer` is the fingerprint of the key that signed it, empty where no key did."""

    signer: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> State:
        """BROKEN where anything is, OPEN where nobody said whose key the signer's is, else HOLDS."""
        if any(finding.state is State.BROKEN for finding in self.findings):
            return State.BROKEN
        return self.findings[0].state


def verify(folder: Path, catalogue: Catalogue, trusted: str | None) -> Checked:
    """Checks a pack: its signature first, then every hash, and that its inputs still give the same figures.

    `trusted` is the fingerprint of the key that should have signed it; without one the signature only shows that the
    pack was not changed since. ConfigError when the folder holds no pack.
    """
    manifest, content = _manifest(folder)
    signer, signed = _signed(folder, manifest, content, trusted)
    findings = [signed]
    contents: dict[str, bytes] = {}
    for name, digest in sorted(manifest["files"].items()):
        found = _read(folder / name)
        contents[name] = found
        same = hashlib.sha256(found).hexdigest() == digest
        findings.append(_finding(name, "" if same else "its bytes are not those of the manifest"))
    return Checked(signer, (*findings, *_rendered_again(manifest, contents, catalogue)))


def _finding(subject: str, fault: str) -> Finding:
    return Finding(subject, State.BROKEN if fault else State.HOLDS, fault)


def _read(path: Path, most: int = _LARGEST) -> bytes:
    try:
        return received(path, most)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; is it the folder of a report?") from error


def _manifest(folder: Path) -> tuple[dict[str, Any], bytes]:
    content = _read(folder / MANIFEST, _LARGEST_MANIFEST)
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{folder / MANIFEST} is not JSON: {error}") from error
    files = manifest.get("files") if isinstance(manifest, dict) else None
    named = isinstance(files, dict) and all(Path(name).name == name for name in files)
    if not named or not isinstance(manifest.get("public_key"), str):
        raise ConfigError(f"{folder / MANIFEST} is no manifest of a report")
    return manifest, content


def _signed(folder: Path, manifest: dict[str, Any], content: bytes, trusted: str | None) -> tuple[str, Finding]:
    """Whose key signed it (empty: nobody's), and what that shows."""
    try:
        key = load_pem_public_key(manifest["public_key"].encode())
        if not isinstance(key, Ed25519PublicKey):
            return "", _finding(SIGNATURE, "the manifest's key is no Ed25519 key")
        key.verify(_read(folder / SIGNATURE, _LARGEST_MANIFEST), content)
    except (ValueError, UnsupportedAlgorithm):
        return "", _finding(SIGNATURE, "the manifest holds no public key")
    except InvalidSignature:
        return "", _finding(SIGNATURE, "the signature is not of this manifest")
    mark = fingerprint(manifest["public_key"])
    if trusted is None:
        return mark, Finding(SIGNATURE, State.OPEN, f"compare the key's fingerprint with the sender's: {mark}")
    return mark, _finding(SIGNATURE, "" if mark == trusted.lower() else f"signed by another key: {mark}")


# -- rendered again --------------------------------------------------------------------------------------------------


def _rendered_again(manifest: dict[str, Any], contents: dict[str, bytes], catalogue: Catalogue) -> list[Finding]:
    theirs = _made_by(manifest.get("software"), manifest.get("libraries"))
    subject = "rendered again"
    try:
        inputs = Inputs.model_validate_json(contents.get(INPUTS, b""))
        _, files = render(inputs, catalogue)
    except (ValidationError, ConfigError) as error:
        fault = f"its inputs cannot be used: {str(error).splitlines()[0]}"
        ours = _made_by(SOFTWARE, libraries(None))
        if theirs == ours:
            return [_finding(f"{subject}: {INPUTS}", fault)]
        return [Finding(f"{subject}: {INPUTS}", State.OPEN, f"not compared, made by {theirs}, here is {ours}; {fault}")]
    ours = _made_by(SOFTWARE, libraries(inputs))
    return [
        _compared(f"{subject}: {name}", name, (contents.get(name, b""), again), (theirs, ours))
        for name, again in files.items()
    ]


def _made_by(software: object, drawn_with: object) -> str:
    versions = drawn_with if isinstance(drawn_with, dict) else {}
    return ", ".join([str(software), *(f"{name} {version}" for name, version in sorted(versions.items()))])


def _compared(subject: str, name: str, contents: tuple[bytes, bytes], makers: tuple[str, str]) -> Finding:
    """One file beside what its inputs give here; `contents` and `makers` are (theirs, ours)."""
    theirs, ours = makers
    if contents[0] == contents[1]:
        return Finding(subject, State.HOLDS)
    if theirs == ours:
        return _finding(subject, f"comes out differently; made by {theirs}")
    if name not in _READERS:
        return Finding(subject, State.OPEN, f"not compared: made by {theirs}, here is {ours}")
    try:
        before, after = (_READERS[name](content) for content in contents)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _finding(subject, "it is no file of its kind")
    faults, apart = _differences(before, after)
    if faults:
        return _finding(subject, f"{'; '.join(faults[:_SHOWN])}; made by {theirs}, here is {ours}")
    return Finding(
        subject, State.HOLDS, f"not compared, as one version alone has them: {', '.join(apart)}" if apart else ""
    )


_Rows = dict[str, Mapping[str, Any]]
"""Rows by the site's id, each with its values by column."""


def _csv_rows(content: bytes) -> _Rows:
    return {row["id_titik"]: row for row in csv.DictReader(io.StringIO(content.decode()))}


def _geojson_rows(content: bytes) -> _Rows:
    features = json.loads(content)["features"]
    return {one["id"]: {**one["properties"], "geometry": one["geometry"]} for one in features}


_READERS: Final = {"titik.csv": _csv_rows, "titik.geojson": _geojson_rows}


def _differences(before: _Rows, after: _Rows) -> tuple[list[str], list[str]]:
    """What differs in the rows and columns that both have, and the columns that one alone has."""
    faults = [f"site {site} is in one of them only" for site in sorted(before.keys() ^ after.keys())]
    apart: set[str] = set()
    for site in sorted(before.keys() & after.keys()):
        old, new = before[site], after[site]
        apart |= old.keys() ^ new.keys()
        faults += [
            f"{site}: {column} is {old[column]!r} in the pack, {new[column]!r} from its inputs"
            for column in sorted(old.keys() & new.keys())
            if old[column] != new[column]
        ]
    return faults, sorted(str(one) for one in apart)
