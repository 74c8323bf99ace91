"""Requests time stamps from an authority (RFC 3161), and verifies them.

A stamp covers the SHA-512 of a checkpoint's note, and proves only when this note existed.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from server.core.entry_log.outside import Code, OutsideError
from server.core.outgoing.posting import Send

ANSWER_BYTES_MAX = 64 * 1024
CA_BYTES_MAX = 1_000_000
NAME_CHARS_MAX = 120
_HEADERS = {"Content-Type": "application/timestamp-query"}
_CERTIFICATES = 0xA0  # Tag of the certificates in the signed data (RFC 5652, 5.1)
# OpenSSL's reason in the library's error messages.
_FOUND = re.compile(r'(?:reason: "|Verify error: *)([^"]+)"')
_SHA512 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.3")


@dataclass(frozen=True)
class Authority:
    url: str
    certificates: tuple[x509.Certificate, ...]
    policy: str | None = None


@dataclass(frozen=True)
class Verified:
    """A stamp's facts: its signer, and the time (Unix ms) when the note existed."""

    authority: str
    stamped_at: int


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the authority's root and intermediate certificates. Raises OutsideError."""
    try:
        with path.open("rb") as file:
            raw = file.read(CA_BYTES_MAX)
    except OSError as error:
        raise OutsideError(
            Code.SETTINGS, f"time_authority_ca: {path} can't be read: {error.strerror}"
        ) from None
    return certificates_of(raw, f"time_authority_ca: {path}")


def certificates_of(pem: bytes, place: str) -> tuple[x509.Certificate, ...]:
    """Read PEM certificates, among them a root. Raises OutsideError that names their `place`."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise OutsideError(Code.SETTINGS, f"{place} can't be read as PEM certificates") from None
    if not any(certificate.issuer == certificate.subject for certificate in certificates):
        raise OutsideError(Code.SETTINGS, f"{place} has no root certificate")
    return tuple(certificates)


def ask(send: Send, authority: Authority, note: str) -> tuple[bytes, Verified]:
    """Request a stamp over a checkpoint's note. Return the whole answer, and its facts. Raises
    OutsideError.
    """
    message = note.encode()
    request = TimestampRequestBuilder(message, HashAlgorithm.SHA512, nonce=True).build()
    body = request.as_bytes()
    if authority.policy is not None:
        body = with_policy(body, authority.policy)
    reply = send(authority.url, body, _HEADERS, ANSWER_BYTES_MAX)
    if reply.status != 200:
        raise OutsideError(Code.AWAY, reply.words)
    if reply.too_long:
        raise OutsideError(Code.WRONG, "its answer is too long")
    verified = verify(reply.body, message, authority, nonce=request.nonce)
    return reply.body, verified


def verify(
    answer: bytes, message: bytes, authority: Authority, *, nonce: int | None = None
) -> Verified:
    """Return the stamp's facts about `message`. Raises OutsideError.

    The signer's certificate must lead to one of the authority's roots, be valid at the stamp's
    time, and be for time stamps only.
    """
    try:
        response = decode_timestamp_response(_in_order(answer))
        if response.status != 0:
            raise OutsideError(Code.WRONG, f"it refuses to stamp (status {response.status})")
        imprint = response.tst_info.message_imprint
        if imprint.hash_algorithm != _SHA512:
            raise OutsideError(Code.WRONG, "its stamp is not over SHA-512")
        if imprint.message != hashlib.sha512(message).digest():
            raise OutsideError(Code.WRONG, "its stamp is of another checkpoint")
        if nonce is not None and response.tst_info.nonce != nonce:
            raise OutsideError(Code.WRONG, "its stamp is an old one, not made for this request")
        _builder(authority, nonce).verify(response, imprint.message)
        return Verified(_signer(response), int(response.tst_info.gen_time.timestamp() * 1000))
    except OutsideError:
        raise
    except VerificationError as error:
        raise OutsideError(Code.WRONG, f"its stamp does not hold: {_reason(error)}") from None
    # The library raises many types for malformed input.
    except (ValueError, TypeError, OverflowError, x509.DuplicateExtension) as error:
        raise OutsideError(Code.WRONG, f"its stamp is malformed ({type(error).__name__})") from None


def _reason(error: VerificationError) -> str:
    reasons = _FOUND.findall(str(error))
    if not reasons:
        return str(error)
    return f"{reasons[-1]}. Are the certificates those of the authority that made it?"


def _in_order(answer: bytes) -> bytes:
    """Return the answer with its certificates in DER order, which the library requires. No
    signature covers the order.
    """
    try:
        _, token = _elements(_content(answer))
        _, signed = _elements(_content(token))
        (signed_data,) = _elements(_content(signed))
        parts = _elements(_content(signed_data))
        (certificates,) = [_content(part) for part in parts if part[0] == _CERTIFICATES]
        in_order = b"".join(sorted(_elements(certificates)))
    except (IndexError, ValueError):
        return answer  # A refusal, or malformed: the library reports it.
    return answer.replace(certificates, in_order, 1)


def _content(element: bytes) -> bytes:
    """Return the content of an element, after its tag and length (DER)."""
    return element[2 if element[1] < 0x80 else 2 + (element[1] & 0x7F) :]


def _elements(content: bytes) -> list[bytes]:
    """Split the content of a sequence or set into its elements (DER)."""
    elements = []
    while content:
        head = len(content) - len(_content(content))
        size = content[1] if head == 2 else int.from_bytes(content[2:head], "big")
        elements.append(content[: head + size])
        content = content[head + size :]
    return elements


def _builder(authority: Authority, nonce: int | None) -> Verifier:
    roots = [item for item in authority.certificates if item.issuer == item.subject]
    between = [item for item in authority.certificates if item.issuer != item.subject]
    policy = authority.policy
    return VerifierBuilder(
        policy_id=None if policy is None else x509.ObjectIdentifier(policy),
        intermediates=between,
        roots=roots,
        nonce=nonce,
    ).build()


def _signer(response: TimeStampResponse) -> str:
    (signer,) = response.signed_data.signer_infos
    for raw in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(raw)
        if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number):
            names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            name = str(names[0].value) if names else certificate.subject.rfc4514_string()
            return "".join(char for char in name if char.isprintable())[:NAME_CHARS_MAX]
    raise ValueError("no certificate of the signer")


def with_policy(request: bytes, policy: str) -> bytes:
    """Add a policy to a request (DER), which the library can't."""
    body = _content(request)
    # The version has three bytes; the hash follows, then the policy.
    at = 3 + 2 + body[4]
    number = _object_identifier(policy)
    body = body[:at] + number + body[at:]
    return _tagged(0x30, body)


def _object_identifier(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    encoded = bytearray()
    for part in (40 * first + second, *rest):
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return _tagged(0x06, bytes(encoded))


def _tagged(tag: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
