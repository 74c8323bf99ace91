"""Makes the secret in the link of one badge's phone page. It stands for one issue and needs no
table.
"""

import base64
import binascii
import hmac

from server.event.directory import Event

TOKEN_CHARS = 27
_MAC_BYTES = 16
_CONTEXT = b"hallkeeper/phone/v1\x00"


class PhoneTokenError(ValueError):
    """Is raised where the text is no secret of a phone page of this event."""


def phone_token(event: Event, serial: int, issue: int) -> str:
    """Return the secret in the link of one badge's phone page. It has 27 characters."""
    subject = serial.to_bytes(3, "big") + bytes([issue])
    return base64.urlsafe_b64encode(subject + _mac(event, subject)).rstrip(b"=").decode()


def open_phone_token(event: Event, token: str) -> tuple[int, int]:
    """Return (serial, issue) of a phone page. Raises PhoneTokenError.

    The caller has to find out whether that issue still is the newest.
    """
    if len(token) != TOKEN_CHARS:
        raise PhoneTokenError
    try:
        raw = base64.b64decode(f"{token}=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise PhoneTokenError from None
    if len(raw) != 4 + _MAC_BYTES:
        raise PhoneTokenError
    serial, issue = int.from_bytes(raw[:3], "big"), raw[3]
    # The texts are compared, because base64 has several texts for the same bytes.
    expected = phone_token(event, serial, issue)
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise PhoneTokenError
    return serial, issue


def _mac(event: Event, subject: bytes) -> bytes:
    return hmac.digest(event.phone_secret, _CONTEXT + subject, "sha256")[:_MAC_BYTES]
