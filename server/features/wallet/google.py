"""Makes links that save a badge in Google Wallet, as a signed JSON Web Token (RFC 7519).

The token contains the whole pass, so our server sends Google nothing. A saved pass can't be changed
or withdrawn; doors refuse its code once the badge is replaced.
"""

import re
from typing import Any

from badges.categories import CategoryPlan
from server.core.event.directory import Event
from server.core.people.attendees import Attendee
from server.core.people.issuing import Badge
from server.features.wallet.certificates import GoogleSigner
from server.features.wallet.settings import read_wallet_settings
from server.storage.localized import text_in

ADDRESS = "https://pay.google.com/gp/v/save/"
# Google's safe length; some browsers cut longer addresses.
TOKEN_CHARS_SAFE = 1_800
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def save_link(
    event: Event,
    signer: GoogleSigner,
    holder: Attendee,
    badge: Badge,
    category: CategoryPlan,
    now: int,
) -> str:
    """Return the address that saves the badge, signed at `now` (Unix ms). Raises WalletError."""
    # Loading is slow and waits for the first link.
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    class_id = f"{signer.issuer}.{event.event_id.hex()}"
    settings = read_wallet_settings(event.path)
    ticket_class: dict[str, Any] = {
        "id": class_id,
        "issuerName": settings.organisation or text_in(event.settings.name, "en"),
        "eventName": _localised(event.settings.name),
        "reviewStatus": "UNDER_REVIEW",
    }
    number = _UNSAFE.sub("", holder.number)
    ticket: dict[str, Any] = {
        "id": f"{class_id}.{number}.{badge.issue}",
        "classId": class_id,
        "state": "ACTIVE",
        "ticketHolderName": holder.name,
        "ticketNumber": holder.number,
        "ticketType": _localised(category.names),
        "barcode": {
            "type": "QR_CODE", "value": badge.credential, "alternateText": holder.number,
        },
    }  # fmt: skip
    if settings.latitude is not None and settings.longitude is not None:
        ticket_class["locations"] = [
            {"latitude": settings.latitude, "longitude": settings.longitude}
        ]
    claims = {
        "iss": signer.account,
        "aud": "google",
        "typ": "savetowallet",
        "iat": now // 1000,
        "origins": [],
        "payload": {"eventTicketClasses": [ticket_class], "eventTicketObjects": [ticket]},
    }
    return ADDRESS + jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(signer.key))


def _localised(names: dict[str, str]) -> dict[str, Any]:
    first = text_in(names, "en")
    localised: dict[str, Any] = {"defaultValue": {"language": "en", "value": first}}
    if names.get("zh") and names["zh"] != first:
        localised["translatedValues"] = [{"language": "zh", "value": names["zh"]}]
    return localised
