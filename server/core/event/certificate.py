"""Creates the server's own TLS certificate. Kiosks pin its key, since venue networks have no public
names.
"""

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=3650)
_CLOCK_SLACK = timedelta(days=1)  # for kiosks and phones whose clocks are slow


def make_certificate(host: str, now: int) -> tuple[bytes, bytes]:
    """Return a self-signed ECDSA P-256 certificate for `host` and this computer, and its key, as
    PEM.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    created = datetime.fromtimestamp(now / 1000, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hallkeeper")])
    names = dict.fromkeys((host.strip("[]"), "localhost", "127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(created - _CLOCK_SLACK)
        .not_valid_after(created + LIFE)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def spki_sha256(certificate_pem: bytes) -> bytes:
    """Return the SHA-256 of the certificate's public key (RFC 7469 §2.4). Raises ValueError."""
    public = x509.load_pem_x509_certificate(certificate_pem).public_key()
    return hashlib.sha256(
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).digest()


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
