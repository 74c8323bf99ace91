"""Certificates and keys like Apple's and Google's, made by the tests."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PASS_TYPE, TEAM = "pass.org.example.forum", "A1B2C3D4E5"
ISSUER, ACCOUNT = "3388000000012345678", "passes@forum.iam.example.org"


@dataclass(frozen=True)
class Chain:
    """A root, an intermediate and a pass type certificate with its key, as PEM files."""

    root: Path
    intermediate: Path
    certificate: Path
    key: Path
    p12: Path


def make_chain(
    directory: Path, now: int, days: int = 365, pass_type: str = PASS_TYPE, curve: bool = False
) -> Chain:
    """Make them in a directory. `now` is Unix ms; the pass type certificate expires in `days`."""
    directory.mkdir(parents=True, exist_ok=True)
    at = datetime.fromtimestamp(now / 1000, UTC)
    root_key = ec.generate_private_key(ec.SECP256R1())
    middle_key = ec.generate_private_key(ec.SECP256R1())
    own_key = ec.generate_private_key(ec.SECP256R1()) if curve else _rsa_key(directory.name)
    root_name, middle_name = _name(cn="Test Root"), _name(cn="Test Intermediate")
    own_name = _name(cn="Pass Type", uid=pass_type, ou=TEAM)
    long, short = at + timedelta(days=3000), at + timedelta(days=days, minutes=5)
    root = _certificate(root_name, root_name, root_key, root_key, at, long, ca=True)
    middle = _certificate(middle_name, root_name, middle_key, root_key, at, long, ca=True)
    own = _certificate(own_name, middle_name, own_key, middle_key, at, short, ca=False)
    chain = Chain(
        *(directory / name for name in ("root.pem", "wwdr.pem", "own.pem", "own.key", "own.p12"))
    )
    for path, certificate in (
        (chain.root, root),
        (chain.intermediate, middle),
        (chain.certificate, own),
    ):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain.key.write_bytes(
        own_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    encryption = serialization.BestAvailableEncryption(b"s3cret")
    chain.p12.write_bytes(
        pkcs12.serialize_key_and_certificates(b"pass", own_key, own, None, encryption)
    )
    return chain


@cache
def _rsa_key(name: str) -> rsa.RSAPrivateKey:
    """Draw a key for chains in directories of this name. A new key takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account(key: rsa.RSAPrivateKey) -> bytes:
    """The JSON file of a service account's key."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return json.dumps(
        {"type": "service_account", "client_email": ACCOUNT, "private_key": pem}
    ).encode()


def _name(cn: str, uid: str = "", ou: str = "") -> x509.Name:
    parts = (
        (NameOID.USER_ID, uid),
        (NameOID.COMMON_NAME, cn),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, ou),
    )
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def _certificate(subject, issuer, key, signer, since, until, *, ca: bool) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(signer, hashes.SHA256())
    )  # fmt: skip
