"""The TLS certificate that the server serves: the event's own, which is always kept, or an
installed one.

An installed one is one file with key and chain, so it is replaced atomically. Kiosks follow the
change by a statement signed with the event's key.
"""

import ipaddress
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from badges.i18n import N_, Phrase, Spoken
from badges.system_reasons import reason_of
from badges.wire.server_key import ServerKey, sign_server_key
from server.core.event.directory import (
    NUMBER_FILE,
    OWN_FILE,
    SERVED_FILE,
    Event,
    read_key_number,
)
from server.core.event.settings import EventError, EventSettings
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.files_to_delete import delete_after_commit

FILE_BYTES_MAX = 1_000_000
# The server's TLS (rustls with ring) signs with no other RSA keys.
RSA_BITS = (2048, 3072, 4096)
RSA_EXPONENT_MIN = 65_537
CURVES = ("secp256r1", "secp384r1")
# The server's TLS refuses a certificate with any other critical extension, and does not start.
CRITICAL = {
    ExtensionOID.KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.EXTENDED_KEY_USAGE,
}
# cryptography raises these for damaged certificates, and for unknown kinds, such as SM2.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
SOON = timedelta(days=14)


class CertificateError(Spoken):
    """Raised if a certificate can't be served. The text gives the remedy."""


@dataclass(frozen=True)
class Checked:
    """A valid certificate with its chain. `warnings` list likely problems with phones."""

    chain: tuple[x509.Certificate, ...]  # the server's own first
    pem: bytes  # the key, then the chain
    warnings: tuple[str, ...]


def read_certificate(
    certificate: Path, key: Path, chain: Path | None, settings: EventSettings, now: int
) -> Checked:
    """Check an authority's PEM files. Raises CertificateError."""
    try:
        return _checked(certificate, key, chain, settings, now)
    except UNREADABLE:
        raise CertificateError(
            N_(
                "The certificate in %(path)s or its chain is damaged, or of a kind that this server"
                " and phones do not know, such as SM2. Get it anew, for a key of ECDSA P-256."
            ),
            path=certificate,
        ) from None


def _checked(
    certificate: Path, key: Path, chain: Path | None, settings: EventSettings, now: int
) -> Checked:
    """Raises CertificateError, or one of UNREADABLE."""
    private = _private_key(key)
    public = _spki(private.public_key())
    given = _certificates(certificate) + ([] if chain is None else _certificates(chain))
    leaf = next((candidate for candidate in given if _spki(candidate.public_key()) == public), None)
    if leaf is None:
        raise CertificateError(
            N_(
                "The key in %(key)s is not the key of a certificate in %(certificate)s. Take the"
                " two that were made together."
            ),
            key=key,
            certificate=certificate,
        )
    at = datetime.fromtimestamp(now / 1000, UTC)
    _check_leaf(leaf, certificate, settings, at)
    ordered = _ordered(leaf, given, at)
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem = text + b"".join(candidate.public_bytes(Encoding.PEM) for candidate in ordered)
    _check_loads(pem, certificate)
    return Checked(tuple(ordered), pem, tuple(_warnings(ordered, at)))


def install(
    event: Event,
    database: Database,
    checked: Checked | None,
    note: Callable[[Connection, str], object],
) -> None:
    """Serve this certificate from the next start, or the event's own if None.

    `note` writes the change to the entry log, in the transaction; it gets the certificate's
    SHA-256. If it raises, nothing has changed. Raises EventError, OSError or an error of the
    database.
    """
    keys = event.path / "keys"

    def step(db: Connection) -> None:
        note(db, _fingerprint(event, checked))
        number = read_key_number(event.path) + 1
        # The number first: one that was skipped is harmless.
        durable_files.replace_after_commit(db, keys / NUMBER_FILE, str(number).encode())
        if checked is None:
            delete_after_commit(db, keys / SERVED_FILE)
        else:
            durable_files.replace_after_commit(db, keys / SERVED_FILE, checked.pem)

    # Kiosks refuse two keys of one number. So changes are one after the other, and who loads the
    # event sees number and key of the same change.
    with durable_files.directory_locked(keys):
        database.write(step)


def _fingerprint(event: Event, checked: Checked | None) -> str:
    if checked is not None:
        return checked.chain[0].fingerprint(hashes.SHA256()).hex()
    own = x509.load_pem_x509_certificate((event.path / "keys" / OWN_FILE).read_bytes())
    return own.fingerprint(hashes.SHA256()).hex()


def check_served(event: Event) -> None:
    """Raise EventError if the event's certificate can't be served with its key."""
    certificate, key = event.certificate_path, event.certificate_key_path
    try:
        # Without a password OpenSSL would ask for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError:  # also an SSLError
        raise EventError(
            N_(
                "%(key)s is missing, damaged, or not the key of %(certificate)s: put both back from"
                " the event's backup."
            ),
            key=key,
            certificate=certificate.name,
        ) from None


def signed_word(event: Event) -> bytes:
    """Return the server's public key, signed by the event's root key."""
    key = ServerKey(event.event_id, event.spki_sha256, event.server_key_number)
    return sign_server_key(event.root_key, key)


def served(event: Event) -> x509.Certificate:
    return x509.load_pem_x509_certificate(event.certificate_path.read_bytes())


def names_of(certificate: x509.Certificate) -> list[str]:
    try:
        alternative = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return []
    names = alternative.get_values_for_type(x509.DNSName)
    return [*names, *(str(address) for address in alternative.get_values_for_type(x509.IPAddress))]


def is_for(certificate: x509.Certificate, host: str) -> bool:
    """Return whether the certificate has the host's name or a wildcard for it (RFC 9525 §6.3)."""
    wanted = host.strip("[]").lower().rstrip(".")
    try:
        wanted = str(ipaddress.ip_address(wanted))
        return wanted in names_of(certificate)
    except ValueError:
        pass
    _, _, domain = wanted.partition(".")
    names = {name.lower() for name in names_of(certificate)}
    return wanted in names or (bool(domain) and f"*.{domain}" in names)


def until(certificate: x509.Certificate, now: int) -> str:
    """Return a warning if a certificate ends soon or has ended."""
    left = certificate.not_valid_after_utc - datetime.fromtimestamp(now / 1000, UTC)
    day = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    if left < timedelta(0):
        return Phrase("It expired on %(day)s. Phones refuse it.", day=day)
    if left < SOON:
        return Phrase("It expires on %(day)s, in %(days)s days.", day=day, days=str(left.days))
    return ""


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError:
        raise CertificateError(
            N_(
                "The key in %(path)s is behind a password, and a server starts without one. Take"
                " that off: `openssl pkey -in %(path)s -out open.key`."
            ),
            path=path,
        ) from None
    except ValueError:
        raise CertificateError(N_("%(path)s is no private key in PEM."), path=path) from None
    except UnsupportedAlgorithm:
        key = None
    if isinstance(key, rsa.RSAPrivateKey):
        exponent = key.public_key().public_numbers().e
        if key.key_size in RSA_BITS and exponent >= RSA_EXPONENT_MIN:
            return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise CertificateError(
        N_(
            "This server and phones do not take a key as in %(path)s. Use ECDSA P-256 or P-384, or"
            " RSA of %(bits)s bits."
        ),
        path=path,
        bits=", ".join(map(str, RSA_BITS)),
    )


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise CertificateError(N_("%(path)s has no certificate in PEM."), path=path) from None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CertificateError(
                N_("%(path)s is too large for a certificate or a key."), path=path
            )
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(
            N_("%(path)s can't be read: %(why)s."), path=path, why=reason_of(error)
        ) from None


def _check_leaf(leaf: x509.Certificate, path: Path, settings: EventSettings, at: datetime) -> None:
    if not is_for(leaf, settings.public_host):
        names = ", ".join(names_of(leaf)) or "nothing"
        raise CertificateError(
            N_(
                "The certificate in %(path)s is for %(names)s, and phones open %(host)s. Use a "
                "certificate for that name, or have the server's operator change the name "
                "(public_host in event.toml)."
            ),
            path=path,
            names=names,
            host=settings.public_host,
        )
    _check_dates(leaf, at)
    for extension in leaf.extensions:
        if extension.critical and extension.oid not in CRITICAL:
            raise CertificateError(
                N_(
                    "The certificate in %(path)s has a critical extension that this server does not"
                    " know (%(oid)s). Ask its issuer for one in which it is not critical."
                ),
                path=path,
                oid=extension.oid.dotted_string,
            )
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise CertificateError(
            N_("The certificate in %(path)s is not meant for servers."), path=path
        )


def _check_loads(pem: bytes, path: Path) -> None:
    """Refuse a certificate that the server could not load at its next start."""
    # OpenSSL reads files only. This one is in memory, so the key gets to no disk.
    with os.fdopen(os.memfd_create("certificate"), "wb") as file:
        file.write(pem)
        file.flush()
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        except ssl.SSLError as error:
            raise CertificateError(
                N_(
                    "The server can't use the certificate in %(path)s with its key and chain"
                    " (%(why)s). Ask its issuer for another, for a key of ECDSA P-256."
                ),
                path=path,
                why=error.reason or "SSL",
            ) from None


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    subject = certificate.subject.rfc4514_string() or ", ".join(names_of(certificate))
    if certificate.not_valid_after_utc < at:
        raise CertificateError(
            N_(
                "The certificate of %(subject)s expired on %(day)s. Use a certificate that is valid"
                " during the event."
            ),
            subject=subject,
            day=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )
    if certificate.not_valid_before_utc > at:
        raise CertificateError(
            N_(
                "The certificate of %(subject)s is valid only from %(time)s UTC. If that is past,"
                " set this computer's clock."
            ),
            subject=subject,
            time=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}",
        )


def _ordered(
    leaf: x509.Certificate, given: Sequence[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """Return the chain from the leaf upwards, given in any order."""
    ordered, left = [leaf], [other for other in given if other != leaf]
    while True:
        issuer = next((other for other in left if _issued(ordered[-1], other)), None)
        if issuer is None:
            break
        _check_dates(issuer, at)
        ordered.append(issuer)
        left = [other for other in left if other != issuer]
    if left:
        raise CertificateError(
            N_(
                "The certificate of %(stranger)s does not belong to the chain: %(last)s was issued"
                " by %(issuer)s. Remove it, or add the missing certificate."
            ),
            stranger=left[0].subject.rfc4514_string(),
            last=ordered[-1].subject.rfc4514_string(),
            issuer=ordered[-1].issuer.rfc4514_string(),
        )
    return ordered


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate == issuer:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _warnings(ordered: Sequence[x509.Certificate], at: datetime) -> list[str]:
    warnings: list[str] = []
    leaf, last = ordered[0], ordered[-1]
    if leaf.issuer == leaf.subject:
        warnings.append(Phrase("This certificate is self-signed, so browsers warn about it."))
    elif len(ordered) == 1:
        warnings.append(
            Phrase(
                "No certificate of its issuer came along (%(issuer)s). Unless phones know that one"
                " themselves, name the file of the chain too.",
                issuer=last.issuer.rfc4514_string(),
            )
        )
    words = until(leaf, int(at.timestamp() * 1000))
    return [*warnings, words] if words else warnings


def _spki(public: object) -> bytes:
    encode = getattr(public, "public_bytes", None)
    if encode is None:
        return b""
    raw: bytes = encode(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return raw
