"""A TLS certificate authority for tests: a root, and an intermediate that signs."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def key_pem(key: object, password: bytes | None = None) -> bytes:
    way = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way)  # type: ignore[attr-defined]


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


class Authority:
    def __init__(self, now: int) -> None:
        self.now = datetime.fromtimestamp(now / 1000, UTC)
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._authority("Test Root", self.root_key, "Test Root", self.root_key)
        self.between = self._authority("Test Issuer", self.key, "Test Root", self.root_key)

    def _authority(self, name: str, key, issuer: str, issuer_key) -> x509.Certificate:
        return (
            self._begun(name, issuer, key.public_key(), -DAY, 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(SIGNS_CERTIFICATES, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_signed_by(issuer_key), False)
            .sign(issuer_key, hashes.SHA256())
        )

    def _begun(self, name: str, issuer: str, public, since, until) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + since)
            .not_valid_after(self.now + until)
        )

    def certificate(
        self,
        *names: str,
        key=None,
        since: timedelta = -DAY,
        until: timedelta = 90 * DAY,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        critical: Sequence[x509.ExtensionType] = (),
    ) -> tuple[x509.Certificate, object]:
        """A certificate for these names, and its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        built = (
            self._begun("Server", "Test Issuer", key.public_key(), since, until)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_signed_by(self.key), critical=False)
        )
        for extension in critical:
            built = built.add_extension(extension, critical=True)
        return built.sign(self.key, hashes.SHA256()), key

    def files(self, path: Path, *names: str) -> list[str]:
        """CERT, KEY and CHAIN files for these names."""
        certificate, key = self.certificate(*names)
        for name, data in (
            ("cert.pem", pem(certificate)),
            ("key.pem", key_pem(key)),
            ("chain.pem", pem(self.between)),
        ):
            (path / name).write_bytes(data)
        return [str(path / name) for name in ("cert.pem", "key.pem", "chain.pem")]


def _signed_by(key) -> x509.AuthorityKeyIdentifier:
    """Name the key that signs (RFC 5280). Without it Python 3.13 trusts no certificate."""
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
