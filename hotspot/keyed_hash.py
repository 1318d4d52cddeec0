"""HMAC (RFC 2104) for paths on which thousands are made in a second: the key's part of the work is done once."""

import hashlib
from functools import lru_cache
from typing import Any, Literal

Algorithm = Literal["md5", "sha256"]


@lru_cache(maxsize=4096)
def _states(algorithm: Algorithm, key: bytes) -> tuple[Any, Any]:
    """Hashes that have taken in the key's inner and outer pad."""
    short = hashlib.new(algorithm, key, usedforsecurity=False).digest() if len(key) > 64 else key
    padded = short.ljust(64, b"\0")
    inner, outer = (
        hashlib.new(algorithm, bytes(byte ^ pad for byte in padded), usedforsecurity=False) for pad in (0x36, 0x5C)
    )
    return inner, outer


def hmac_digest(algorithm: Algorithm, key: bytes, *parts: bytes) -> bytes:
    """The HMAC of the parts, one after the other."""
    inner, outer = _states(algorithm, key)
    inner = inner.copy()
    for part in parts:
        inner.update(part)
    outer = outer.copy()
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest
