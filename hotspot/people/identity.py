"""People and devices, and how they are known without being named.

A person or a device is known everywhere by a random id. What identifies them (a phone number, a member's name, a
voucher's code, a MAC address) stands once, in the identity tables, as two values made by `Keys`: an HMAC-SHA256 index
under one key, to find it again, and an AES-256-GCM ciphertext under another, to show it to whoever may see it.
Erasing that row erases the person; statistics keep the id, which then means nobody.
"""

import os
import re
import secrets
import time
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache, partial
from typing import Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hotspot.errors import ConfigError, RequestError
from hotspot.keyed_hash import hmac_digest

_NONCE: Final = 12
_MAC = re.compile(r"[0-9a-f]{12}")


class PersonKind(StrEnum):
    """What entitles a person. A click-through person is a device for one local day."""

    DEVICE_DAY = "device-day"
    VOUCHER = "voucher"
    PHONE = "phone"
    """Known by a number in E.164 form, +628123456789."""
    MEMBER = "member"
    SSO = "sso"
    """Known by an OpenID provider's issuer and what it calls them there, `ISSUER|CLAIM`."""


def new_id() -> str:
    """A new 128-bit id, 32 lower-case hex digits: 48 bits of milliseconds since 1970, then 80 random ones.

    What comes into being together stands together in the databases' indexes, so that a batch of it dirties few pages.
    An id is no secret.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def parse_mac(text: str) -> str:
    """A MAC address in the one form used inside, `02:00:5e:aa:bb:01`, from any gateway's spelling.

    Accepts colons, hyphens, dots or nothing between the digits, in any case. RequestError("bad-mac") otherwise.
    """
    digits = text.replace(":", "").replace("-", "").replace(".", "").lower()
    if _MAC.fullmatch(digits) is None:
        raise RequestError("bad-mac", f"{len(text)} characters")  # which may be somebody's address
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:6]}:{digits[6:8]}:{digits[8:10]}:{digits[10:]}"


def is_randomised(mac: str) -> bool:
    """Whether the address is locally administered, as phones' private addresses are (IEEE 802, U/L bit)."""
    return bool(int(mac[:2], 16) & 2)


class Keys:
    """The installation's keys, all derived (HKDF-SHA256, RFC 5869) from one 32-byte master key.

    One secret to keep and to copy to every node, and still no key that serves two purposes.
    """

    def __init__(self, master: bytes):
        if len(master) != 32:
            raise ConfigError("the master key must be 32 bytes; make one with `hotspot secrets create`")
        self._master = master
        self.derive: Callable[[str], bytes] = lru_cache(maxsize=64)(self._derived)
        """The 32-byte key for one purpose."""
        self._index = self.derive("identity index")
        self._seal = AESGCM(self.derive("identity seal"))
        # The same devices come again and again; RADIUS asks for thousands in a second.
        self.device_index: Callable[[str], bytes] = lru_cache(maxsize=65536)(partial(self.index, "mac"))
        """The index of a device by its MAC address in `parse_mac` form."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Keys from the base64 text of a master key, as HOTSPOT_MASTER_KEY holds it."""
        try:
            return cls(b64decode(text.strip(), validate=True))
        except Base64Error as error:
            raise ConfigError("the master key is not base64; make one with `hotspot secrets create`") from error

    @staticmethod
    def new_text() -> str:
        """A new master key as base64 text."""
        return b64encode(os.urandom(32)).decode()

    def _derived(self, purpose: str) -> bytes:
        return HKDF(hashes.SHA256(), 32, None, b"nirkabel/1 " + purpose.encode()).derive(self._master)

    def index(self, kind: str, value: str) -> bytes:
        """32 bytes by which an identifying value is found again; different kinds never meet."""
        return hmac_digest("sha256", self._index, f"{kind}\0{value}".encode())

    def seal(self, kind: str, value: str) -> bytes:
        """Nonce and AES-GCM ciphertext of an identifying value, bound to its kind."""
        nonce = os.urandom(_NONCE)
        return nonce + self._seal.encrypt(nonce, value.encode(), kind.encode())

    def open(self, kind: str, sealed: bytes) -> str:
        """The value that `seal` hid. cryptography's InvalidTag if it was changed or sealed under another key."""
        return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], kind.encode()).decode()
