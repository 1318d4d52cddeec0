"""Host keys that an SSH authority has signed (OpenSSH, PROTOCOL.certkeys). Pure: texts and `now` in, a fault out.

Who trusts an authority trusts whatever it signed for the name of the access point, for as long as it said. Nothing is
sent that authenticates before all of that is proven.
"""

from typing import Final

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
OFFERED: Final = ("ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com")


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
