"""Makes passes for Apple Wallet: signed ZIP files with the badge's code.

A replaced or revoked badge's pass is void, without a code.
"""

import hashlib
import hmac
import io
import json
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from badges.credential.badge_number import badge_number, parse_badge_number
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.people import attendees, issuing
from server.core.people.attendees import Attendee
from server.core.venue import store
from server.features.wallet.certificates import AppleSigner
from server.features.wallet.settings import read_wallet_settings
from server.storage.connection import Connection
from server.storage.localized import text_in

MIME = "application/vnd.apple.pkpass"
SERVICE = "/pass"  # Appended to the server's public address; phones append "/v1/…"
_FOLDERS = {"en": "en.lproj", "zh": "zh-Hans.lproj"}
_LABELS = {
    "label_name": {"en": "Name", "zh": "姓名"},
    "label_organisation": {"en": "Organisation", "zh": "单位"},
    "label_job_title": {"en": "Job title", "zh": "职务"},
    "label_category": {"en": "Category", "zh": "类别"},
    "label_number": {"en": "Badge number", "zh": "证件号"},
}
_TOKEN_CONTEXT = b"hallkeeper/pass/v1\x00"
_NUMBER = re.compile(r"([0-9A-Z]{5})\.([1-9][0-9]{0,2})")


class UnknownPassError(ValueError):
    """There is no such pass, or a wrong token."""


def pass_name(serial: int, issue: int) -> str:
    return f"{badge_number(serial)}.{issue}"


def pass_token(event: Event, serial: int, issue: int) -> str:
    """Return the secret with which a phone requests a pass."""
    subject = serial.to_bytes(3, "big") + bytes([issue])
    return hmac.digest(event.phone_secret, _TOKEN_CONTEXT + subject, "sha256").hex()[:40]


def open_pass(event: Event, name: str, token: str) -> tuple[int, int]:
    """Check a pass's name and token. Return (serial, issue). Raises UnknownPassError."""
    parts = _NUMBER.fullmatch(name)
    try:
        if parts is None:
            raise UnknownPassError
        serial, issue = parse_badge_number(parts[1]), int(parts[2])
        expected = pass_token(event, serial, issue)
    except ValueError:
        raise UnknownPassError from None
    if pass_name(serial, issue) != name or not hmac.compare_digest(
        expected.encode(), token.encode()
    ):
        raise UnknownPassError
    return serial, issue


def contents(
    db: Connection, event: Event, signer: AppleSigner, serial: int, issue: int
) -> dict[str, bytes]:
    """Return a pass's text files by name. Raises UnknownPassError or WalletError."""
    try:
        holder = attendees.attendee(db, serial)
    except attendees.UnknownAttendeeError:
        raise UnknownPassError from None
    badge = next((item for item in issuing.badges_of(db, serial) if item.issue == issue), None)
    if badge is None:
        raise UnknownPassError
    stands = holder.issue == issue and holder.revoked_at is None
    content = _pass(db, event, holder, issue, badge.credential if stands else "")
    content |= {"passTypeIdentifier": signer.pass_type, "teamIdentifier": signer.team}
    return {
        "pass.json": json.dumps(content, ensure_ascii=False, sort_keys=True).encode(),
        **_strings(db, event, holder),
    }


def content_hash(texts: Mapping[str, bytes]) -> bytes:
    total = hashlib.sha256()
    for name in sorted(texts):
        total.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(texts[name]).digest())
    return total.digest()[:16]


def package(signer: AppleSigner, files: Mapping[str, bytes]) -> bytes:
    # Apple's format requires SHA-1 here; the manifest's signature uses SHA-256.
    digests = {
        name: hashlib.sha1(data, usedforsecurity=False).hexdigest() for name, data in files.items()
    }
    manifest = json.dumps(digests, sort_keys=True).encode()
    signature = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(signer.certificate, signer.key, hashes.SHA256())
        .add_certificate(signer.intermediate)
        .sign(
            serialization.Encoding.DER,
            [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary],
        )
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "manifest.json": manifest, "signature": signature}.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def _pass(
    db: Connection, event: Event, holder: Attendee, issue: int, credential: str
) -> dict[str, Any]:
    settings = read_wallet_settings(event.path)
    name = pass_name(holder.serial, issue)
    fields = {
        "headerFields": [_field("category", "category_name")],
        "primaryFields": [{"key": "event", "value": "event_name"}],
        "secondaryFields": [_field("name", holder.name)],
        "auxiliaryFields": [
            _field(key, text)
            for key, text in (
                ("organisation", holder.organisation),
                ("job_title", holder.job_title),
            )
            if text
        ],
        "backFields": [_field("number", holder.number)],
    }
    if not fields["auxiliaryFields"]:
        del fields["auxiliaryFields"]
    content: dict[str, Any] = {
        "formatVersion": 1,
        "serialNumber": name,
        "organizationName": settings.organisation or text_in(event.settings.name, "en"),
        "description": "event_name",
        "groupingIdentifier": event.uuid,
        "sharingProhibited": True,
        "webServiceURL": event.settings.public_address + SERVICE,
        "authenticationToken": pass_token(event, holder.serial, issue),
        "backgroundColor": _rgb(settings.background),
        "foregroundColor": _rgb(settings.foreground),
        "labelColor": _rgb(settings.foreground),
        "eventTicket": fields,
        "expirationDate": _iso(event, day_starts(event.settings)[-1]),
    }
    if not credential:
        return content | {"voided": True}
    code = {
        "format": "PKBarcodeFormatQR",
        "message": credential,
        "messageEncoding": "iso-8859-1",
        "altText": holder.number,
    }
    content |= {"barcodes": [code], "relevantDate": _iso(event, _begins_at(db, event, holder))}
    if settings.latitude is not None and settings.longitude is not None:
        content["locations"] = [{"latitude": settings.latitude, "longitude": settings.longitude}]
    return content


def _field(key: str, value: str) -> dict[str, str]:
    return {"key": key, "label": f"label_{key}", "value": value}


def _strings(db: Connection, event: Event, holder: Attendee) -> dict[str, bytes]:
    (category,) = (plan for plan in store.categories(db) if plan.code == holder.category)
    words = {"event_name": event.settings.name, "category_name": category.names, **_LABELS}
    return {
        f"{folder}/pass.strings": "".join(
            f"{_quoted(key)} = {_quoted(text_in(names, language))};\n"
            for key, names in words.items()
        ).encode()
        for language, folder in _FOLDERS.items()
    }


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _begins_at(db: Connection, event: Event, holder: Attendee) -> int:
    """Return when doors open for the holder's first session, else the first valid day's start."""
    starts = day_starts(event.settings)
    first = store.programme_for(db, holder.serial, starts, limit=1)
    if first:
        return first[0].opens_at
    days = [day for day in range(event.settings.days) if holder.valid_days >> day & 1]
    return starts[days[0] if days else 0]


def _iso(event: Event, at: int) -> str:
    local = datetime.fromtimestamp(at / 1000, ZoneInfo(event.settings.time_zone))
    return local.isoformat(timespec="seconds")


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
