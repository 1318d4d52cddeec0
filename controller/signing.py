"""Signatures under pushes to who is not root there: `ssh-keygen -Y verify` reads them on the access point. Pure.

They are made with a key of the installation's own, derived from its master key, and not with the key that logs in: who
has that alone can push nothing. Source: OpenSSH's PROTOCOL.sshsig; ed25519 as in RFC 8709 and RFC 8032.
"""

import hashlib
import struct
from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PURPOSE: Final = "access point pushes"
"""The name of the key among those that are derived from the master key; 32 bytes, an ed25519 seed."""
IDENTITY: Final = "nirkabel"
NAMESPACE: Final = "nirkabel-push"
_TYPE: Final = b"ssh-ed25519"
_HASH: Final = b"sha512"
_WIDTH: Final = 70


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _public(seed: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return _string(_TYPE) + _string(key.public_bytes_raw())


def allowed_signer(seed: bytes) -> str:
    """The line of an `allowed_signers` file that lets these signatures count, for nothing else than pushes."""
    return f'{IDENTITY} namespaces="{NAMESPACE}" {_TYPE.decode()} {b64encode(_public(seed)).decode()}'


def signature(seed: bytes, message: bytes) -> bytes:
    """The armoured signature under a message."""
    named = _string(NAMESPACE.encode()) + _string(b"") + _string(_HASH)
    signed = b"SSHSIG" + named + _string(hashlib.sha512(message).digest())
    made = _string(_TYPE) + _string(Ed25519PrivateKey.from_private_bytes(seed).sign(signed))
    blob = b"SSHSIG" + struct.pack(">I", 1) + _string(_public(seed)) + named + _string(made)
    text = b64encode(blob)
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return b"\n".join([b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----", b""])
