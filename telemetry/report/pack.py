"""The report pack: every file of it as bytes, the signed manifest, the folder. `check.py` checks one.

The signature is Ed25519 (RFC 8032) under the installation's own key. It shows that a pack is unchanged since that
installation made it; it is no certified electronic signature.
"""

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import babel
import reportlab
import uharfbuzz
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from hotspot.catalogue import Catalogue
from hotspot.errors import PeerError
from hotspot.files import sync_folder
from hotspot.letters import borrowed, missing
from hotspot.people.identity import Keys
from telemetry.uptime.coverage import Coverage, Inputs, cover

from .data import titik_csv, titik_geojson
from .look import FONT, register_fonts
from .pdf import render_pdf
from .words import Words

PURPOSE: Final = "report signature"
INPUTS: Final = "inputs.json"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"


def signing_key(keys: Keys) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.derive(PURPOSE))


def public_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(pem: str) -> str:
    """SHA-256 of a public key's DER form in hex, to compare by phone or on paper."""
    der = load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def libraries(inputs: Inputs | None) -> dict[str, str]:
    """The versions of what draws a report here, and the fonts of this machine that its names need."""
    versions = {"babel": babel.__version__, "reportlab": reportlab.__version__, "uharfbuzz": uharfbuzz.__version__}
    if inputs is None:
        return versions
    register_fonts()
    return {**versions, **borrowed(_texts(inputs), FONT)}


def unprintable(inputs: Inputs) -> str:
    """The letters of its names that no font of this machine has, each once: the PDF is without them."""
    register_fonts()
    return missing(" ".join(_texts(inputs)), FONT)


def _texts(inputs: Inputs) -> list[str]:
    """What people named: every text in the inventory, and what was written of maintenance."""
    written = (text for work in inputs.maintenance for text in (work.ticket, work.reason))
    return [*_strings(tomllib.loads(inputs.inventory)), *written]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def freeze_bytes(inputs: Inputs) -> bytes:
    """inputs.json: the same inputs are the same bytes."""
    return _json(inputs.model_dump(mode="json"))


def report_number(coverage: Coverage) -> str:
    """The report's own number: region, period, and the beginning of the hash of its inputs; not a letter's number."""
    digest = hashlib.sha256(freeze_bytes(coverage.inputs)).hexdigest()
    return f"{coverage.inventory.city.region}/{coverage.period.name}/{digest[:8]}"


def render(inputs: Inputs, catalogue: Catalogue) -> tuple[Coverage, dict[str, bytes]]:
    """The figures, and the files made from them. Pure: the same inputs give the same bytes with the same libraries."""
    coverage = cover(inputs)
    words = Words(catalogue, inputs.language)
    return coverage, {
        "laporan.pdf": render_pdf(coverage, words, report_number(coverage)),
        "titik.csv": titik_csv(coverage),
        "titik.geojson": titik_geojson(coverage),
        INPUTS: freeze_bytes(inputs),
    }


def pack(inputs: Inputs, catalogue: Catalogue, key: Ed25519PrivateKey) -> dict[str, bytes]:
    """Every file of the pack under its name."""
    coverage, files = render(inputs, catalogue)
    manifest = {
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        "generated_at": inputs.generated_at,
        "inputs_sha256": hashlib.sha256(files[INPUTS]).hexdigest(),
        "libraries": libraries(inputs),
        "number": report_number(coverage),
        "period": inputs.period,
        "provisional": coverage.provisional,
        "public_key": public_pem(key.public_key()),
        "revision": inputs.revision,
        "signature": "Ed25519 over the bytes of manifest.json; not a certified electronic signature",
        "software": inputs.software,
        "status": "SEMENTARA" if coverage.provisional else "FINAL",
        "window": [coverage.window[0], coverage.cut],
    }
    content = _json(manifest)
    return {**files, MANIFEST: content, SIGNATURE: key.sign(content)}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Puts the files into a folder, each one whole or not at all, the signature last. PeerError if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as temporary:
            for name, content in files.items():
                with (Path(temporary) / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            (folder / SIGNATURE).unlink(missing_ok=True)  # what lies here is no pack until its signature is back
            for name in files:
                (Path(temporary) / name).rename(folder / name)
            sync_folder(folder)
    except OSError as error:
        raise PeerError(f"the pack cannot be written to {folder}: {error.strerror}") from error
