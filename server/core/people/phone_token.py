"""Derives the secret in the link of a badge's phone page. It needs no table."""

import base64
import binascii
import hmac

from server.core.event.directory import Event

TOKEN_CHARS = 27
_MAC_BYTES = 16
_CONTEXT = b"hallkeeper/phone/v1\x00"


class PhoneTokenError(ValueError):
    pass


def phone_token(event: Event, serial: int, issue: int, number: int = 0) -> str:
    """Return the secret in a phone page's link, 27 characters. `number` (0 to 255) counts the
    link's renewals (server/core/people/phone_links.py).
    """
    subject = serial.to_bytes(3, "big") + bytes([issue])
    # Links made before renewals existed stay valid.
    secret = _mac(event, subject + (bytes([number]) if number else b""))
    return base64.urlsafe_b64encode(subject + secret).rstrip(b"=").decode()


def token_subject(token: str) -> tuple[int, int]:
    """Return the (serial, issue) that a secret claims, unverified. Raises PhoneTokenError."""
    if len(token) != TOKEN_CHARS:
        raise PhoneTokenError
    try:
        raw = base64.b64decode(f"{token}=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PhoneTokenError from None
    if len(raw) != 4 + _MAC_BYTES:
        raise PhoneTokenError
    return int.from_bytes(raw[:3], "big"), raw[3]


def open_phone_token(event: Event, token: str, number: int = 0) -> tuple[int, int]:
    """Return the verified (serial, issue). Raises PhoneTokenError.

    The caller must check that the issue and the link are still the newest.
    """
    serial, issue = token_subject(token)
    # Compare the texts: base64 has several texts for the same bytes.
    expected = phone_token(event, serial, issue, number)
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise PhoneTokenError
    return serial, issue


def _mac(event: Event, subject: bytes) -> bytes:
    return hmac.digest(event.phone_secret, _CONTEXT + subject, "sha256")[:_MAC_BYTES]
