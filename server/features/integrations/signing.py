"""Signs webhooks according to Standard Webhooks (version 1, symmetric).

`webhook-signature` is `v1,` and the base64 HMAC-SHA256 over message id, time in seconds and body,
joined by full stops.
"""

import base64
import hashlib
import hmac

PREFIX = "whsec_"
SECRET_OF_BYTES = 16


def secret(event_secret: bytes, secret_of: bytes) -> bytes:
    """Derive an endpoint's key from the event's secret and the database's part `secret_of`."""
    return hmac.digest(event_secret, b"hallkeeper/webhook/v1\x00" + secret_of, hashlib.sha256)


def shown(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def headers(key: bytes, message_id: str, sent_at_s: int, body: bytes) -> dict[str, str]:
    signed = b".".join((message_id.encode(), str(sent_at_s).encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at_s),
        "webhook-signature": f"v1,{signature}",
    }
