"""Stores the keys and certificates that sign passes, among the event's keys.

A pass type certificate signs Apple's passes, a service account's key Google's links.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from badges.i18n import N_, Phrase, counted
from server.core.event.directory import Event
from server.core.event.files import read_small
from server.core.event.served import UNREADABLE
from server.core.event.settings import EventError

APPLE_CERTIFICATE = "wallet-apple.pem"
APPLE_KEY = "wallet-apple.key"
GOOGLE = "wallet-google.json"
FILE_BYTES_MAX = 100_000
DAY_MS = 24 * 3_600_000
WARN_DAYS = 30
_ISSUER = re.compile(r"[0-9]{5,32}")
_TYPE_ID = re.compile(r"[A-Za-z0-9.-]{3,155}")
_TEAM_ID = re.compile(r"[A-Z0-9]{10}")

PassKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class WalletError(EventError):
    """A certificate or key can't be used. The text gives the remedy."""


@dataclass(frozen=True)
class AppleSigner:
    certificate: x509.Certificate
    intermediate: x509.Certificate
    key: PassKey = field(repr=False)
    pass_type: str  # Such as pass.org.example.forum
    team: str

    @property
    def ends_at(self) -> int:
        ends = (self.certificate.not_valid_after_utc, self.intermediate.not_valid_after_utc)
        return _ms(min(ends))


@dataclass(frozen=True)
class GoogleSigner:
    issuer: str
    account: str
    key: rsa.RSAPrivateKey = field(repr=False)


def read_apple(
    certificate: bytes, key: bytes, intermediate: bytes, password: bytes | None, now: int
) -> tuple[AppleSigner, dict[str, bytes]]:
    """Check the certificates and key. Return the signer, and the files to store by their names.

    `certificate` is PEM or DER, or PKCS #12 including the key; then `key` is empty. Raises
    WalletError.
    """
    try:
        own, private = _own(certificate, key, password)
        signer = _apple_signer(
            own, _certificate(intermediate, Phrase("the intermediate certificate")), private
        )
        _check_dates(signer, now)
        chain = own.public_bytes(serialization.Encoding.PEM)
        chain += signer.intermediate.public_bytes(serialization.Encoding.PEM)
    except UNREADABLE:
        raise WalletError(
            N_(
                "A certificate is damaged, or of a kind that is not known here. Download both again"
                " at Apple's developer site."
            )
        ) from None
    return signer, {APPLE_KEY: _key_pem(private), APPLE_CERTIFICATE: chain}


def _check_dates(signer: AppleSigner, now: int) -> None:
    if signer.ends_at <= now:
        raise WalletError(
            N_("This certificate has expired: make a new one at Apple's developer site.")
        )
    if now < _ms(signer.certificate.not_valid_before_utc):
        raise WalletError(N_("This certificate is not valid yet: is this computer's clock right?"))


def apple_signer(event: Event) -> AppleSigner | None:
    """Raises WalletError."""
    certificate, key = _read(event, APPLE_CERTIFICATE), _read(event, APPLE_KEY)
    if certificate is None and key is None:
        return None
    try:
        own, intermediate = x509.load_pem_x509_certificates(certificate or b"")
        return _apple_signer(own, intermediate, _private(key or b"", None))
    except (*UNREADABLE, WalletError) as error:
        raise WalletError(
            N_("%(path)s or %(key)s is damaged: install Apple's certificate again."),
            path=APPLE_CERTIFICATE,
            key=APPLE_KEY,
        ) from error


def read_google(account: bytes, issuer: str) -> tuple[GoogleSigner, dict[str, bytes]]:
    """Check a service account's key (Google's JSON). Return the signer, and the file to store by
    its name. Raises WalletError.
    """
    try:
        values = json.loads(account)
    except (ValueError, RecursionError):
        raise WalletError(N_("The service account's key is not a JSON file from Google.")) from None
    signer = _google_signer(values, issuer)
    kept = {"issuer": issuer, "client_email": signer.account}
    kept["private_key"] = _key_pem(signer.key).decode()
    return signer, {GOOGLE: json.dumps(kept, indent=1).encode()}


def google_signer(event: Event) -> GoogleSigner | None:
    """Raises WalletError."""
    kept = _read(event, GOOGLE)
    if kept is None:
        return None
    try:
        values = json.loads(kept)
        return _google_signer(values, values["issuer"])
    except (ValueError, TypeError, KeyError, WalletError) as error:
        raise WalletError(
            N_("%(path)s is damaged: install Google's key again."), path=GOOGLE
        ) from error


def trouble(event: Event, now: int) -> str:
    """Return what staff must do soon about the certificates, or ""."""
    try:
        google_signer(event)
        apple = apple_signer(event)
    except WalletError as error:
        return error.phrase
    return end_of(apple, now) if apple else ""


def end_of(apple: AppleSigner, now: int) -> str:
    """Return a warning if the certificate ends within WARN_DAYS, else ""."""
    remedy = Phrase(
        "Make a new one at Apple's developer site and install it (page Wallets, or `hallkeeper "
        "wallet install apple`). Passes that are on phones keep working."
    )
    left_ms = apple.ends_at - now
    if left_ms <= 0:
        return Phrase(
            "The certificate for Apple Wallet has expired, and no pass is made. %(remedy)s",
            remedy=remedy,
        )
    days = left_ms // DAY_MS
    if days >= WARN_DAYS:
        return ""
    if not days:
        return Phrase("The certificate for Apple Wallet expires today. %(remedy)s", remedy=remedy)
    return counted(
        "The certificate for Apple Wallet expires in %(num)s day. %(remedy)s",
        "The certificate for Apple Wallet expires in %(num)s days. %(remedy)s",
        days,
        remedy=remedy,
    )


def _own(
    certificate: bytes, key: bytes, password: bytes | None
) -> tuple[x509.Certificate, PassKey]:
    """Return the certificate and its key, from one PKCS #12 file or two files."""
    if not key:
        try:
            private, own, _ = pkcs12.load_key_and_certificates(certificate, password)
        except (ValueError, TypeError):
            raise WalletError(
                N_(
                    "The file is not a PKCS #12 file (.p12), or has another password. Give the "
                    "password, or the key as a separate file."
                )
            ) from None
        if own is None or not isinstance(private, PassKey):
            raise WalletError(N_("The .p12 file has no certificate with its private key."))
        return own, private
    return _certificate(certificate, Phrase("the certificate")), _private(key, password)


def _apple_signer(
    own: x509.Certificate, intermediate: x509.Certificate, key: PassKey
) -> AppleSigner:
    if _spki(own.public_key()) != _spki(key.public_key()):
        raise WalletError(N_("The key is not the certificate's: they are from two requests."))
    try:
        own.verify_directly_issued_by(intermediate)
    except (ValueError, TypeError, InvalidSignature):
        raise WalletError(
            N_(
                "The intermediate certificate has not signed the pass type certificate. Use the"
                " Apple certificate (WWDR) that it names as its issuer."
            )
        ) from None
    pass_type = _subject(own, NameOID.USER_ID)
    team = _subject(own, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if not _TYPE_ID.fullmatch(pass_type) or not _TEAM_ID.fullmatch(team):
        raise WalletError(
            N_(
                "This is not a pass type certificate: its subject lacks a pass type (UID) or a "
                "team (OU)."
            )
        )
    return AppleSigner(own, intermediate, key, pass_type, team)


def _google_signer(values: Any, issuer: str) -> GoogleSigner:
    if not _ISSUER.fullmatch(issuer):
        raise WalletError(N_("The issuer is a number, as Google's Wallet console shows it."))
    account = values.get("client_email") if isinstance(values, dict) else None
    text = values.get("private_key") if isinstance(values, dict) else None
    if not isinstance(account, str) or "@" not in account or not isinstance(text, str):
        raise WalletError(
            N_("The file is not a key of a service account: it lacks client_email or private_key.")
        )
    key = _private(text.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WalletError(N_("The service account's key is not an RSA key."))
    return GoogleSigner(issuer, account, key)


def _certificate(data: bytes, subject: str) -> x509.Certificate:
    load = (
        x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
    )
    try:
        return load(data)
    except ValueError:
        raise WalletError(
            N_("The file for %(what)s is not a certificate in PEM or DER."), what=subject
        ) from None


@lru_cache(maxsize=4)
def _parsed(data: bytes) -> PrivateKeyTypes:
    """Load and cache a key: checking RSA takes tens of milliseconds."""
    return load_pem_private_key(data, None)


def _private(data: bytes, password: bytes | None) -> PassKey:
    try:
        key = _parsed(data) if password is None else load_pem_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WalletError(
            N_(
                "The file for the key is not a private key in PEM, or has another password. "
                "Give the password."
            )
        ) from None
    if not isinstance(key, PassKey):
        raise WalletError(N_("The key is neither RSA nor of an elliptic curve."))
    return key


def _subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    attributes = certificate.subject.get_attributes_for_oid(oid)
    return str(attributes[0].value) if len(attributes) == 1 else ""


def _spki(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _key_pem(key: PassKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _read(event: Event, name: str) -> bytes | None:
    path = event.path / "keys" / name
    return read_limited(path) if path.exists() else None


def read_limited(path: Path) -> bytes:
    """Read a certificate's or key's file. Raises WalletError."""
    return read_small(path, FILE_BYTES_MAX, WalletError)
