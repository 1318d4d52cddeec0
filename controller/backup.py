"""A backup of one access point: its managed files as they stand there, sealed, since they hold its secrets. Pure.

    nirkabel backup 1
    {"ap": "tk2-ap1", "at": 1790000000, "digest": "…", "kind": "debian", "revision": 7}
    12 bytes of nonce, then AES-256-GCM over the compressed files; both lines above are authenticated with them

The key is derived from the master key for this purpose alone: whoever loses that key loses the backups with it.
"""

import hashlib
import hmac
import json
import os
import re
import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hotspot.errors import ConfigError
from hotspot.people.identity import Keys

from .desired import Desired, File, Reload
from .plan import Observed

MANIFESTS: Final = ("/var/lib/nirkabel/current", "/etc/nirkabel/state/current")
"""Where an access point keeps the manifest of what it carries (Debian, OpenWrt)."""
_MAGIC: Final = b"nirkabel backup 1\n"
_PURPOSE: Final = "access point backup"
_NONCE: Final = 12
_LARGEST: Final = 64 * 2**20
_ALL: Final = (r"^().+$",)
"""Masks every line."""


@dataclass(frozen=True)
class Head:
    """What a backup is of. `at` UTC seconds; `digest` names the configuration that the access point was committed to,
    `revision` the one that it came from, where the store knew it.
    """

    ap: str
    kind: str
    at: int
    digest: str
    revision: int | None


def sealed(head: Head, desired: Desired, keys: Keys) -> bytes:
    """The bytes of a backup file."""
    lines = _MAGIC + json.dumps(vars(head), sort_keys=True).encode() + b"\n"
    content = {
        "files": [[file.path, file.mode, b64encode(file.data).decode()] for file in desired.files],
        "checks": desired.checks,
        "reloads": [[reload.command, reload.paths] for reload in desired.reloads],
        "undo": desired.undo,
        "restored": desired.restored,
        "probes": desired.probes,
    }
    nonce = os.urandom(_NONCE)
    packed = zlib.compress(json.dumps(content).encode())
    return lines + nonce + AESGCM(keys.derive(_PURPOSE)).encrypt(nonce, packed, lines)


def opened(data: bytes, keys: Keys) -> tuple[Head, Desired]:
    """What a backup file holds. ConfigError when it is none, was changed, or was sealed under another master key."""
    magic, line, rest = data[: len(_MAGIC)], *data[len(_MAGIC) :].partition(b"\n")[::2]
    if magic != _MAGIC or len(rest) <= _NONCE or len(data) > _LARGEST:
        raise ConfigError("it is no backup of an access point")
    try:
        packed = AESGCM(keys.derive(_PURPOSE)).decrypt(rest[:_NONCE], rest[_NONCE:], magic + line + b"\n")
    except InvalidTag as error:
        raise ConfigError("it was changed, or made under another master key than this node's") from error
    # Nobody without the key could have written what follows.
    return Head(**json.loads(line)), _desired(json.loads(zlib.decompress(packed)))


def password(ap: str, keys: Keys) -> str:
    """With which an access point encrypts its own part of a backup, where it makes one."""
    return hmac.new(keys.derive(f"{_PURPOSE} password"), ap.encode(), hashlib.sha256).hexdigest()


def _desired(content: Any) -> Desired:
    return Desired(
        files=tuple(File(path, b64decode(data), mode, _ALL) for path, mode, data in content["files"]),
        checks=tuple(content["checks"]),
        reloads=tuple(Reload(command, tuple(paths)) for command, paths in content["reloads"]),
        undo=tuple(content["undo"]),
        restored=tuple(content["restored"]),
        probes=tuple(content["probes"]),
    )


def carried(observed: Observed, contents: dict[str, bytes]) -> Desired:
    """What an access point carries, from what it reports and the contents that were fetched with its manifest.

    ConfigError where the manifest is not among them: without it nobody knows what to check and to reload.
    """
    manifest = next((contents[path] for path in MANIFESTS if path in contents), None)
    if manifest is None:
        raise ConfigError("it did not give its manifest; push its configuration anew and back it up then")
    lines = [line.partition(" ")[::2] for line in manifest.decode("utf-8", "replace").splitlines()]

    def values(kind: str) -> tuple[str, ...]:
        return tuple(value for word, value in lines if word == kind)

    reloads = [value.partition(" ")[::2] for value in values("reload")]
    return Desired(
        files=tuple(
            File(path, contents[path], octal(stamp.mode), _ALL)
            for path, stamp in sorted(observed.live.items())
            if path in observed.committed and path in contents
        ),
        checks=values("check"),
        reloads=tuple(Reload(command, () if paths == "-" else tuple(paths.split(","))) for paths, command in reloads),
        undo=values("undo"),
        restored=values("restored"),
        probes=values("probe"),
    )


def octal(symbolic: str) -> int:
    """0o640 from `-rw-r-----`."""
    if re.fullmatch(r"-([r-][w-][x-]){3}", symbolic) is None:
        raise ConfigError(f"a managed file has the mode {symbolic}, which cannot be given back")
    return sum(1 << (8 - place) for place, letter in enumerate(symbolic[1:]) if letter != "-")


def masked_as(desired: Desired, rendered: Desired | None) -> Desired:
    """The same with the masks that rendering gives these files; what it does not know stays hidden whole."""
    masks = {file.path: file.masks for file in rendered.files} if rendered else {}
    return replace(desired, files=tuple(replace(file, masks=masks.get(file.path, _ALL)) for file in desired.files))
