"""Whether what an SSH server shows is the host key that it must show. Pure: texts and `now` in, a fault out.

What is trusted is one key (`TYPE BASE64`), or an authority that signs host keys (`MARK` and its key; OpenSSH,
PROTOCOL.certkeys). Who trusts an authority trusts whatever it signed for the name of the access point, for as long as
it said. Nothing is sent that authenticates before all of that is proven.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    SSHCertPublicKeyTypes,
    load_ssh_public_identity,
)

MARK: Final = "@cert-authority "
"""Before an authority's key, where a host key could stand (as in OpenSSH's known_hosts)."""
KEX: Final = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
"""The key exchanges that are offered: 2.3 and 2.2 ms of CPU, where the finite-field groups take 24 to 82."""
_CERTIFICATES: Final = ("ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com")
_ALGORITHMS: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""Host key algorithms of a key type where they are not its own name (RFC 8332, section 3)."""


class Shown(Protocol):
    """A public key as paramiko gives it; `public_blob` is there where it came in a certificate."""

    public_blob: Any

    def get_name(self) -> str: ...

    def get_base64(self) -> str: ...


def text_of(key: Shown) -> str:
    """What a server showed, as `TYPE BASE64`."""
    if key.public_blob is not None:
        return f"{key.public_blob.key_type} {b64encode(key.public_blob.key_blob).decode()}"
    return f"{key.get_name()} {key.get_base64()}"


def algorithms(trusted: str) -> tuple[str, ...]:
    """The host key algorithms with which a server can show what is trusted."""
    if trusted.startswith(MARK):
        return _CERTIFICATES
    key_type = trusted.split(maxsplit=1)[0]
    return _ALGORITHMS.get(key_type, (key_type,))


def fingerprint(key: str) -> str:
    """`SHA256:…` as OpenSSH shows it, of `ssh-ed25519 AAAA…`."""
    digest = hashlib.sha256(b64decode(key.split()[1])).digest()
    return f"SHA256:{b64encode(digest).decode().rstrip('=')}"


def trusted_of(pinned: str | None, authority: str | None) -> str | None:
    """What an access point must show: its pinned key, else a certificate of the city's authority; None where there is
    neither, as before it is adopted."""
    return pinned or (MARK + authority if authority else None)


def fault(shown: str, trusted: str, names: tuple[str, ...], now: float) -> str:
    """Why a server that showed this is not the one that is trusted; "" when it is. `names` are what it may be called in
    a certificate."""
    if trusted.startswith(MARK):
        return refusal(shown, trusted.removeprefix(MARK), names, now)
    if not hmac.compare_digest(shown.encode(), trusted.encode()):
        return f"it shows the host key {fingerprint(shown)}, pinned is {fingerprint(trusted)}"
    return ""


def refusal(shown: str, trusted: str, names: tuple[str, ...], now: float) -> str:
    """Why the certificate `shown` (`TYPE BASE64`) does not speak for a host of one of `names`; "" when it does."""
    try:
        found = load_ssh_public_identity(shown.encode())
        if not isinstance(found, SSHCertificate):
            return "it shows a key and no certificate"
        found.verify_cert_signature()
    except (ValueError, InvalidSignature) as error:
        return f"its certificate is not valid: {error or type(error).__name__}"
    meant = b", ".join(found.valid_principals).decode("utf-8", "replace") or "nobody"
    faults = (
        (_text(found.signature_key()) != trusted, "another authority signed its certificate"),
        (found.type is not SSHCertificateType.HOST, "its certificate is a person's, not a host's"),
        (bool(found.critical_options), "its certificate has conditions that are not known"),
        (not found.valid_after <= now < found.valid_before, "its certificate is not valid now"),
        (not {name.encode() for name in names} & set(found.valid_principals), f"its certificate is for {meant}"),
    )
    return next((why for wrong, why in faults if wrong), "")


def belongs(certificate: str, key: str) -> bool:
    """Whether it certifies that public key (both as `TYPE BASE64`)."""
    try:
        found = load_ssh_public_identity(certificate.encode())
    except ValueError:
        return False
    return isinstance(found, SSHCertificate) and _text(found.public_key()) == key


def _text(key: SSHCertPublicKeyTypes) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
