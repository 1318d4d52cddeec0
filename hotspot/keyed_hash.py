"""HMAC (RFC 2104) for paths on which thousands are made in a second: the key's part of the work is done once."""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final, Literal

Algorithm = Literal["md5", "sha256"]
md5: Callable[[bytes], Any] = partial(hashlib.md5, usedforsecurity=False)
"""RADIUS is built on it; wherever it protects something, it does so with a shared secret."""
_HASHES: Final[dict[Algorithm, Callable[[bytes], Any]]] = {"md5": md5, "sha256": hashlib.sha256}


@lru_cache(maxsize=4096)
def _states(algorithm: Algorithm, key: bytes) -> tuple[Any, Any]:
    """Hashes that have taken in the key's inner and outer pad."""
    new = _HASHES[algorithm]
    padded = (new(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return new(bytes(byte ^ 0x36 for byte in padded)), new(bytes(byte ^ 0x5C for byte in padded))


def hmac_digest(algorithm: Algorithm, key: bytes, *parts: bytes) -> bytes:
    """The HMAC of the parts, one after the other."""
    inner, outer = _states(algorithm, key)
    inner = inner.copy()
    inner.update(b"".join(parts))
    outer = outer.copy()
    outer.update(inner.digest())
    digest: bytes = outer.digest()
    return digest
