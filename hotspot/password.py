"""Members' passwords: argon2id as OWASP recommends it, 19 MiB and two passes; about 30 ms on one core."""

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
LONGEST_PASSWORD: Final = 128
"""Characters; also what RADIUS can carry, in bytes."""
_NOBODY: Final = HASHER.hash("nobody's password")


def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed. Without a hash the answer, no, takes as long.

    Works outside the interpreter's lock: a thread that waits for it holds up no other.
    """
    try:
        HASHER.verify(_NOBODY if password_hash is None else password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
