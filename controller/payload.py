"""What one contact sends to an access point, and how its helper is started. Pure: the same input gives the same bytes.

Everything travels in one exec: stdin is a `ustar.gz` with the helper and, for a push, the manifest and the files. The
command line unpacks it, and runs the helper only when its SHA-256 is the one that the command line names: a stream that
was cut or changed on its way never runs.

Manifest, one entry a line, in this order:
    nirkabel 1
    file SHA256 MODE SYMBOLIC PATH      MODE octal, SYMBOLIC as `ls -l` shows it (-rw-r--r--)
    check COMMAND                       run in the folder of the staged files
    reload PATHS COMMAND                PATHS joined by commas, "-" for always
    probe COMMAND                       succeeds soon after the reloads, or the configuration is undone
    undo COMMAND                        run when the configuration that follows has no such line
    restored COMMAND                    run when the files that stood before any configuration of ours are back
"""

import hashlib
import io
import re
import stat
import struct
import tarfile
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from typing import Final

from hotspot.errors import PeerError

from . import signing
from .desired import Desired

VERSION = 1
LARGEST_UNPACKED: Final = 256 << 20
"""Bytes of an archive's content: gzip makes a thousand of one."""
_TX = re.compile(r"[0-9a-f]{16,64}")
_ARGUMENT = re.compile(r"[0-9a-f]+")


@lru_cache(maxsize=1)
def helper() -> bytes:
    """The script that runs on the access point."""
    return (files("controller.posix") / "helper/helper.sh").read_bytes()


def manifest(desired: Desired) -> str:
    """The text of a configuration's manifest."""
    lines = [f"nirkabel {VERSION}"]
    for file in sorted(desired.files, key=lambda file: file.path):
        symbolic = stat.filemode(stat.S_IFREG | file.mode)
        lines.append(f"file {file.sha256} {file.mode:o} {symbolic} {file.path}")
    lines += [f"check {command}" for command in desired.checks]
    lines += [f"reload {','.join(reload.paths) or '-'} {reload.command}" for reload in desired.reloads]
    lines += [f"probe {command}" for command in desired.probes]
    lines += [f"undo {command}" for command in desired.undo]
    lines += [f"restored {command}" for command in desired.restored]
    return "\n".join(lines) + "\n"


def digest(text: str) -> str:
    """The name of a configuration: SHA-256 of its manifest, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1024)
def _header(name: str, size: int, mode: int) -> bytes:
    """Of a file in the archive; many have the same size."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry.tobuf(tarfile.USTAR_FORMAT)


def _deflated(raw: bytes) -> tuple[bytes, bytes]:
    """Bytes, and the same in blocks that refer to nothing before them: they may follow any others (RFC 1951)."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return raw, compressor.compress(raw) + compressor.flush(zlib.Z_FULL_FLUSH)


@lru_cache(maxsize=256)
def _member(name: str, data: bytes, mode: int) -> tuple[bytes, bytes]:
    """A file as it stands in the archive, and deflated. Most access points have the same files, and to compress them is
    what costs most of packing.
    """
    return _deflated(_header(name, len(data), mode) + data + bytes(-len(data) % tarfile.BLOCKSIZE))


_GZIP: Final = b"\x1f\x8b\x08" + bytes(6) + b"\x03"
"""A header without time and name (RFC 1952)."""
_LAST: Final = zlib.compress(b"", wbits=-zlib.MAX_WBITS)
"""The block that ends a deflated stream."""
_PADDING: Final = _deflated(bytes(2 * tarfile.BLOCKSIZE))
"""The zeros that end an archive."""


def _stream(script: bytes, members: Iterable[tuple[str, bytes, int]]) -> bytes:
    packed = [_member("helper.sh", script, 0o700), *(_member(*member) for member in members), _PADDING]
    checksum = size = 0
    for raw, _ in packed:
        checksum, size = zlib.crc32(raw, checksum), size + len(raw)
    return b"".join([_GZIP, *(deflated for _, deflated in packed), _LAST, struct.pack("<II", checksum, size)])


def pack(desired: Desired, script: bytes, signer: bytes = b"") -> bytes:
    """The stream of a push; with `signer` its manifest is signed (`controller.signing`)."""
    files = [(f"files{file.path}", file.data, file.mode) for file in sorted(desired.files, key=lambda file: file.path)]
    text = manifest(desired).encode()
    signed = [("signature", signing.signature(signer, text), 0o600)] if signer else []
    return _stream(script, [*files, ("manifest", text, 0o600), *signed])


@lru_cache(maxsize=8)
def pack_call(script: bytes, paths: tuple[str, ...] = ()) -> bytes:
    """The stream of a question: the helper and the paths that it is asked about."""
    return _stream(script, [("paths", "".join(f"{path}\n" for path in paths).encode(), 0o600)])


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Files of a `tar.gz` with relative names, by absolute path. PeerError when it is none, or unpacks to more than
    `LARGEST_UNPACKED` bytes."""
    found: dict[str, bytes] = {}
    try:
        unzip = zlib.decompressobj(wbits=31)  # gzip
        plain = unzip.decompress(archive, LARGEST_UNPACKED)
        if unzip.unconsumed_tail or not unzip.eof:
            raise PeerError(
                f"the access point's archive is cut off, or unpacks to more than {LARGEST_UNPACKED:,} bytes"
            )
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry)
                if content is not None:
                    found[entry.name.removeprefix(".")] = content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise PeerError(f"the access point sent no archive: {error}") from error
    return found


def command(script: bytes, verb: str, tx: str = "", *arguments: int | str, root: str = "") -> str:
    """The shell text that takes such a stream on stdin and runs the helper's verb. `tx` is 16 to 64 hex digits,
    arguments are numbers or hex digits.

    A push is unpacked where its worker will look for it, every other contact into a folder of its own.
    """
    if tx and _TX.fullmatch(tx) is None:
        raise ValueError(f"{tx!r} is no transaction id")
    if not all(_ARGUMENT.fullmatch(str(argument)) for argument in arguments):
        raise ValueError(f"{arguments!r} are no arguments of the helper")
    stage = f"s=$r/stage.{tx}; mkdir -p $s" if verb == "apply" else "mkdir -p $r; s=$(mktemp -d $r/call.XXXXXX)"
    words = " ".join([verb, tx, *map(str, arguments)]).strip()
    return (
        f"umask 077; r={root}/run/nirkabel; [ ! -f {root}/etc/openwrt_release ] || r={root}/tmp/run/nirkabel; "  # noqa: S108
        f"{stage} && tar xzf - -C $s 2>/dev/null && "
        f'[ "$(sha256sum <$s/helper.sh)" = "{hashlib.sha256(script).hexdigest()}  -" ] && '
        f"{{ NIRKABEL_ROOT={root} sh $s/helper.sh {words}; exit; }}; rm -rf $s; echo result damaged"
    )
