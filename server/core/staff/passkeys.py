"""Registers and verifies passkeys (WebAuthn level 3, by the library `webauthn`). A passkey belongs
to a host, so a phishing page gets no signature.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.staff import second_factors
from server.core.staff.second_factors import NAME_CHARS_MAX, PASSKEYS_MAX, WrongFactorError
from server.core.staff.users import AccountError, User
from server.storage.connection import Connection
from server.storage.errors import ConstraintError

ANSWER_CHARS_MAX = 20_000
CHALLENGE_BYTES = 32


@dataclass(frozen=True)
class Place:
    """The server's host and origin, which browsers sign."""

    rp_id: str
    origin: str
    name: str


def registration_options(db: Connection, place: Place, user: User, challenge: bytes) -> str:
    """Return JSON for the browser."""
    # Imported here because it is slow and many events have no passkeys.
    import webauthn
    from webauthn.helpers import structs

    passkeys = second_factors.factors(db, user.user_id).passkeys
    options = webauthn.generate_registration_options(
        rp_id=place.rp_id,
        rp_name=place.name,
        user_name=user.name,
        user_id=hashlib.sha256(f"{place.origin}\x00{user.user_id}".encode()).digest(),
        challenge=challenge,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.DISCOURAGED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[
            structs.PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in passkeys
        ],
    )
    return webauthn.options_to_json(options)


def new_challenge() -> bytes:
    return os.urandom(CHALLENGE_BYTES)


def sign_options(db: Connection, place: Place, user: User, challenge: Callable[[], bytes]) -> str:
    """Return JSON for the browser, or "" without calling `challenge` if the user has no passkey for
    this host.
    """
    passkeys = [
        passkey
        for passkey in second_factors.factors(db, user.user_id).passkeys
        if passkey.rp_id == place.rp_id
    ]
    if not passkeys:
        return ""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=place.rp_id,
        challenge=challenge(),
        allow_credentials=[
            structs.PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in passkeys
        ],
        user_verification=structs.UserVerificationRequirement.PREFERRED,
    )
    return webauthn.options_to_json(options)


def add_passkey(
    db: Connection,
    place: Place,
    user: User,
    answer: str,
    challenge: bytes,
    name: str,
    *,
    now: int,
) -> list[str]:
    """Register a passkey. Returns recovery codes if it is the first factor.

    Raises WrongFactorError for an invalid answer, and AccountError for an invalid name or too many
    passkeys.
    """
    import webauthn

    name = name.strip()
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise AccountError(
            N_("A passkey's name has 1 to %(most)s printable characters."), most=NAME_CHARS_MAX
        )
    before = second_factors.factors(db, user.user_id)
    if len(before.passkeys) >= PASSKEYS_MAX:
        raise AccountError(
            N_("There are %(most)s passkeys already; remove one first."), most=PASSKEYS_MAX
        )
    try:
        verified = webauthn.verify_registration_response(
            credential=_parsed(answer),
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
        )
        db.execute(
            "INSERT INTO passkey"
            " (credential_id, user_id, rp_id, public_key, sign_count, name, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                verified.credential_id, user.user_id, place.rp_id, verified.credential_public_key,
                verified.sign_count, name, now,
            ),
        )  # fmt: skip
    except ConstraintError:
        raise WrongFactorError from None
    except _refused():
        raise WrongFactorError from None
    entry_log.act(db, user.by, Act.FACTOR_ADDED, {"user": user.user_id, "factor": "passkey"}, now)
    return second_factors.fresh_recovery_codes(db, user, now=now) if before.count == 0 else []


def use_passkey(
    db: Connection, place: Place, user: User, answer: str, challenge: bytes, *, now: int
) -> None:
    """Verify a passkey's signature. Raises WrongFactorError."""
    import webauthn

    try:
        given = _parsed(answer)
        credential_id = webauthn.base64url_to_bytes(str(given["id"]))
        row = db.execute(
            "SELECT public_key, sign_count FROM passkey"
            " WHERE credential_id = ? AND user_id = ? AND rp_id = ?",
            (credential_id, user.user_id, place.rp_id),
        ).fetchone()
        if row is None:
            raise WrongFactorError
        verified = webauthn.verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
            credential_public_key=row["public_key"],
            credential_current_sign_count=row["sign_count"],
        )
    except _refused():
        raise WrongFactorError from None
    db.execute(
        "UPDATE passkey SET sign_count = ?, used_at = ? WHERE credential_id = ?",
        (verified.new_sign_count, now, credential_id),
    )


def _refused() -> tuple[type[Exception], ...]:
    from webauthn.helpers import exceptions

    return exceptions.WebAuthnException, ValueError, TypeError, KeyError, RecursionError


def _parsed(answer: str) -> dict[str, object]:
    if len(answer) > ANSWER_CHARS_MAX:
        raise ValueError("longer than any passkey's answer")
    parsed = json.loads(answer)
    if not isinstance(parsed, dict):
        raise ValueError("no object")
    return parsed
