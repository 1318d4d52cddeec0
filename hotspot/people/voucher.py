"""Voucher codes: 10 symbols of Crockford's base 32 (50 random bits) and a check symbol, printed as XXXX-XXXX-XXX.

50 bits: with 50,000 live codes and ten guesses a second, a month of guessing finds one with a chance of 0.1 %.
The check symbol (the value modulo 37, as Crockford defines it, restricted to codes whose check is one of the 32 digit
symbols) catches a mistyped character before the store is asked. The store keeps only an HMAC of the code.
"""

import re
import secrets
from enum import StrEnum
from typing import Final

from hotspot.errors import RequestError
from hotspot.typed import plain, symbols

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS: Final = 10
_CHECK_MODULUS: Final = 37
_READ_AS = str.maketrans("OIL", "011")
_LINK = re.compile(r"(?i)^\S*/v/|[?#].*$")
"""What stands around a code in the link that its card shows."""
LONGEST_TYPED: Final = 300
"""Characters of what is read as a code: a link with a long host is one."""


class VoucherState(StrEnum):
    NEW = "new"
    ACTIVE = "active"
    USED_UP = "used-up"
    EXPIRED = "expired"
    REVOKED = "revoked"


def _value(symbols: str) -> int:
    value = 0
    for symbol in symbols:
        value = value * 32 + ALPHABET.index(symbol)
    return value


def new_code() -> str:
    """A random code in its normal form: 11 symbols without hyphens."""
    while True:
        value = secrets.randbits(5 * SYMBOLS)
        check = value % _CHECK_MODULUS
        if check < len(ALPHABET):
            digits = "".join(ALPHABET[value >> 5 * i & 31] for i in reversed(range(SYMBOLS)))
            return digits + ALPHABET[check]


def format_code(code: str) -> str:
    """A code as it is printed and read aloud: XXXX-XXXX-XXX."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def parse_code(text: str) -> str:
    """The normal form of a code as typed: any case, with or without hyphens, dots and spaces of any kind, O read as 0,
    I and L as 1, in the letters and digits of any keyboard; or the link on its card.

    RequestError("voucher-mistyped") where it cannot be a code.
    """
    code = symbols(_LINK.sub("", plain(text))).upper().translate(_READ_AS)
    if len(code) != SYMBOLS + 1 or any(symbol not in ALPHABET for symbol in code):
        raise RequestError("voucher-mistyped")
    if _value(code[:-1]) % _CHECK_MODULUS != ALPHABET.index(code[-1]):
        raise RequestError("voucher-mistyped")
    return code


def state(now: int, *, used_at: int | None, expires_at: int, valid: int, revoked_at: int | None) -> VoucherState:
    """What a voucher may do at `now`: first used until `expires_at`, then for `valid` seconds from its first use."""
    if revoked_at is not None:
        return VoucherState.REVOKED
    if used_at is None:
        return VoucherState.NEW if now < expires_at else VoucherState.EXPIRED
    return VoucherState.ACTIVE if now < used_at + valid else VoucherState.USED_UP
