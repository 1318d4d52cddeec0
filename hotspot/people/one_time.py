"""One-time codes: six digits for one phone number, asked for by one device at one gateway. Pure.

A code is computed, not kept: the first 64 bits of HMAC-SHA256(code key, id of the challenge), modulo a million. The id
is random (128 bits), so the code is as random as the key is secret, and the store holds nothing that shows it.
"""

import hashlib
import hmac
from typing import Final

from hotspot.typed import symbols

DIGITS: Final = 6
LIFETIME: Final = 300
"""Seconds from the last sending in which a code is good."""
TRIES: Final = 5


def code(key: bytes, challenge: str) -> str:
    """The code of a challenge."""
    digest = hmac.digest(key, challenge.encode(), hashlib.sha256)
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}d}"


def matches(key: bytes, challenge: str, typed: str) -> bool:
    """Whether what somebody typed is the code, whatever parts its digits and whatever script they are of; takes as long
    either way."""
    digits = symbols(typed)
    return hmac.compare_digest(code(key, challenge).encode(), digits.encode())


def masked(number: str) -> str:
    """A number as its owner recognises it: +62 ••• 234."""
    return f"{number[:3]} ••• {number[-3:]}"
