"""Certificates for tests: an authority in a folder, and whatever it signs."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM
_PRIVATE = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
_BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Signs certificates; its own is in `file`."""

    def __init__(self, folder: Path, name: str = "authority"):
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        builder = self._builder(self._name, self._key, timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self._own = made.public_bytes(PEM)
        self.file.write_bytes(self._own)

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + min(life, timedelta()) - timedelta(days=1))
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )

    def issue(
        self, name: str, *, also: tuple[str, ...] = (), days: float = 1, file: str | None = None
    ) -> tuple[Path, Path]:
        """(certificate, key) of a name; `also` are DNS names or addresses. Negative days have passed."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(name), key, timedelta(days=days)).add_extension(_BOTH, critical=False)
        if also:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_other(text) for text in also]), critical=False
            )
        certificate, private = self.folder / f"{file or name}.pem", self.folder / f"{file or name}.key"
        certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        private.write_bytes(key.private_bytes(PEM, *_PRIVATE))
        return certificate, private

    def revoke(self, *certificates: Path) -> None:
        """Puts a list of revoked certificates beside the authority's own."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name).last_update(now - timedelta(days=1))
        builder = builder.next_update(now + timedelta(days=1))
        for file in certificates:
            number = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now - timedelta(hours=1))
            builder = builder.add_revoked_certificate(revoked.build())
        self.file.write_bytes(self._own + builder.sign(self._key, hashes.SHA256()).public_bytes(PEM))


def _other(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
