"""Members' passwords: argon2id as OWASP recommends it, 19 MiB and two passes; about 30 ms on one core."""

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hotspot import typed
from hotspot.cores import anywhere

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 128
"""Bytes: what RADIUS can carry."""
_LETTERS: Final = "abcdefghjkmnpqrstvwxyz23456789"
"""None that is taken for another."""
_NOBODY: Final = _HASHER.hash("nobody's password")


def long_enough(password: str) -> bool:
    """Whether a password can be one."""
    known = typed.password(password)
    return len(known) >= SHORTEST_PASSWORD and len(known.encode()) <= LONGEST_PASSWORD


def made_up() -> str:
    """A password of 58 random bits that people can copy from paper: xxxx-xxxx-xxxx."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def hashed(password: str) -> str:
    """What is kept of a password."""
    with anywhere():
        return _HASHER.hash(typed.password(password))


def hash_all(passwords: Sequence[str]) -> list[str]:
    """The hashes of many, on every core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_HASHER.hash, map(typed.password, passwords)))


def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. Without a hash the answer, no, takes as long.

    Works outside the interpreter's lock: a thread that waits for it holds up no other.
    """
    forms = dict.fromkeys((typed.password(password), password))  # older hashes are of what was typed
    return any(_verified(_NOBODY if password_hash is None else password_hash, form) for form in forms) and (
        password_hash is not None
    )


def _verified(password_hash: str, password: str) -> bool:
    try:
        with anywhere():
            _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
    return True
