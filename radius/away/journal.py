"""The journal's bytes: what accounting writes to disk where it cannot wait for the store. Pure.

A file is a header and frames; a frame is one batch of reports, sealed with AES-256-GCM.

    header   magic "NKJ1" | 16 random bytes: the file's id | CRC-32 of both
    frame    marker | length of the sealed bytes, u32 | sequence, u64 | nonce, u64 | CRC-32 of these | sealed bytes

Every file has a key of its own (HKDF of the journal's key with the file's id as salt), so a nonce need only never come
twice within a file: it is a counter, which goes on where a frame is written again after a failure. The seal covers the
header and the frame's head, so frames cannot be moved between files or places. Sequences are 0, 1, 2, ...

What a crash leaves: the bytes of the last write may be missing or zero. That is a torn tail; it was never acknowledged
and is cut. Everything else that does not read as it was written is damage, and is told apart from a torn tail by the
CRC of the frame's head: the reader goes on at the next whole head, and whoever applies the frames reports the damage
and keeps the file.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hotspot.admission.session import Record, RecordKind
from radius.accounting import Heard, Restart

_MAGIC: Final = b"NKJ1"
_MARKER: Final = b"\xf7NKF"
_ID: Final = 16
_HEADER: Final = len(_MAGIC) + _ID + 4
_HEAD: Final = struct.Struct(">4sIQQ")
_HEAD_SIZE: Final = _HEAD.size + 4
_TAG: Final = 16
_KINDS: Final = {str(kind): kind for kind in RecordKind}


# -- what a frame tells ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A record of a device that is known by its MAC address: ids of devices are in the store."""

    mac: str
    record: Record
    """Its `device` is empty."""

    def heard(self) -> Heard:
        """As accounting heard it."""
        return Heard(self.mac, self.record.ticket, lambda device: _record(_values(self.record), device))


@dataclass(frozen=True)
class Batch:
    """What one batch of Accounting-Requests reported, at `at` (UTC seconds, our clock)."""

    at: int
    told: tuple[Told, ...] = ()
    restarts: tuple[Restart, ...] = ()

    @classmethod
    def of(cls, at: int, heard: Iterable[Heard], restarts: Iterable[Restart]) -> Self:
        return cls(at, tuple(Told(report.mac, report.record("")) for report in heard), tuple(restarts))

    def followed_by(self, later: Self) -> Self:
        """What both reported."""
        return replace(later, told=self.told + later.told, restarts=self.restarts + later.restarts)

    def parts(self) -> Iterator["Batch"]:
        """Each record and each restart for itself."""
        yield from (Batch(self.at, told=(told,)) for told in self.told)
        yield from (Batch(self.at, restarts=(restart,)) for restart in self.restarts)

    def encode(self) -> bytes:
        """JSON: the time, the records and the restarts, each a list of its values in the order of their fields."""
        told = [[one.mac, *_values(one.record)] for one in self.told]
        restarts = [[restart.gateway, restart.at, restart.cause] for restart in self.restarts]
        return json.dumps([self.at, told, restarts], ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What `encode` made. ValueError for anything else."""
        try:
            at, told, restarts = json.loads(data)
            return cls(
                int(at),
                tuple(Told(mac, _record(values)) for mac, *values in told),
                tuple(Restart(*values) for values in restarts),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no batch of this version: {error}") from error


def _values(record: Record) -> tuple[Any, ...]:
    """All but the device's id."""
    return (
        record.kind, record.gateway, record.acct_session_id, record.ticket, record.site, record.at,
        record.seconds, record.down, record.up, record.cause,
    )  # fmt: skip


def _record(values: Iterable[Any], device: str = "") -> Record:
    kind, gateway, session, ticket, site, at, seconds, down, up, cause = values
    return Record(_KINDS[kind], gateway, session, device, ticket, site, at, seconds, down, up, cause)


# -- frames ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """A whole, authentic frame; the next one begins at `end`."""

    sequence: int
    payload: bytes
    end: int


@dataclass(frozen=True)
class Damage:
    """Bytes from `start` to `end` that are not what was written, or, where both are equal, frames that are missing."""

    start: int
    end: int


@dataclass(frozen=True)
class Torn:
    """What a crash left of the last write, from `start` on."""

    start: int


class Cipher:
    """The frames of one file: to bytes and back."""

    def __init__(self, key: bytes, file_id: bytes):
        self.id = file_id
        start = _MAGIC + file_id
        self.header = start + zlib.crc32(start).to_bytes(4, "big")
        self._seal = AESGCM(HKDF(hashes.SHA256(), 32, file_id, b"nirkabel/1 journal file").derive(key))

    @classmethod
    def new(cls, key: bytes) -> Self:
        """For a file that is begun now."""
        return cls(key, os.urandom(_ID))

    @classmethod
    def of(cls, key: bytes, data: bytes) -> Self | None:
        """For a file that is there; None where its header is not whole."""
        file_id = data[len(_MAGIC) : len(_MAGIC) + _ID]
        if len(data) < _HEADER:
            return None
        made = cls(key, file_id)
        return made if data.startswith(made.header) else None

    def frame(self, sequence: int, nonce: int, payload: bytes) -> bytes:
        """The bytes of a frame. `nonce` must never have been given before for this file."""
        head = _HEAD.pack(_MARKER, len(payload) + _TAG, sequence, nonce)
        head += zlib.crc32(head).to_bytes(4, "big")
        return head + self._seal.encrypt(nonce.to_bytes(12, "big"), payload, self.header + head)

    def frames(self, data: bytes) -> Iterator[Frame | Damage | Torn]:
        """Everything in a file's bytes, in order."""
        at = _HEADER
        expected: int | None = 0
        while at < len(data):
            found = self._read(data, at)
            if isinstance(found, Frame):
                if expected is not None and found.sequence != expected:
                    yield Damage(at, at)
                expected = found.sequence + 1
                yield found
                at = found.end
                continue
            yield found
            if isinstance(found, Torn):
                return
            at, expected = found.end, None

    def _read(self, data: bytes, at: int) -> Frame | Damage | Torn:
        head = data[at : at + _HEAD_SIZE]
        if not _is_head(head):
            # Fewer bytes than a head, which begin like one, or zeroes: the write never came to its end.
            if not data[at:].strip(b"\0") or (len(head) < _HEAD_SIZE and _MARKER.startswith(head[: len(_MARKER)])):
                return Torn(at)
            return Damage(at, _next_head(data, at + 1))
        _, length, sequence, nonce = _HEAD.unpack(head[: _HEAD.size])
        end = at + _HEAD_SIZE + length
        if end > len(data):
            following = _next_head(data, at + 1)
            return Torn(at) if following == len(data) else Damage(at, following)
        sealed = data[at + _HEAD_SIZE : end]
        try:
            payload = self._seal.decrypt(nonce.to_bytes(12, "big"), sealed, self.header + head)
        except InvalidTag:
            return Damage(at, end) if data[end - _TAG // 2 :].strip(b"\0") else Torn(at)
        return Frame(sequence, payload, end)


def _is_head(head: bytes) -> bool:
    whole = len(head) == _HEAD_SIZE and head.startswith(_MARKER)
    return whole and zlib.crc32(head[: _HEAD.size]) == int.from_bytes(head[_HEAD.size :], "big")


def _next_head(data: bytes, at: int) -> int:
    """Where the next whole head begins; the end of the data where none does."""
    while (at := data.find(_MARKER, at)) >= 0:
        if _is_head(data[at : at + _HEAD_SIZE]):
            return at
        at += 1
    return len(data)
