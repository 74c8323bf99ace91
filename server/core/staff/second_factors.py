"""Second factors of users: authenticator apps (TOTP, RFC 6238), passkeys and recovery codes.

An app's secret is encrypted under a key that is not in the database. A code counts once. Recovery
codes are 120 random bits, so a plain hash is enough.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass

import nacl.exceptions
import nacl.secret
import pyotp

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.staff import users
from server.core.staff.users import AccountError, User
from server.storage.connection import Connection

STEP_S = 30
# allowed error of the phone's clock, in steps
STEPS_AROUND = 1
RECOVERY_CODES = 10
PASSKEYS_MAX = 10
NAME_CHARS_MAX = 40
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class WrongFactorError(Exception):
    """Raised for a wrong, old or used code, or another user's passkey."""


@dataclass(frozen=True)
class Passkey:
    credential_id: bytes
    name: str
    rp_id: str  # the host for which it was made
    created_at: int
    used_at: int | None


@dataclass(frozen=True)
class Factors:
    totp: bool
    passkeys: tuple[Passkey, ...]
    recovery_codes: int  # unused ones

    @property
    def count(self) -> int:
        """Return the number of second factors, without recovery codes."""
        return self.totp + len(self.passkeys)


def factors(db: Connection, user_id: int) -> Factors:
    row = db.execute(
        "SELECT totp_sealed IS NOT NULL, (SELECT COUNT(*) FROM recovery_code r"
        " WHERE r.user_id = staff_user.user_id) FROM staff_user WHERE user_id = ?",
        (user_id,),
    ).fetchone()
    rows = db.execute(
        "SELECT credential_id, name, rp_id, created_at, used_at FROM passkey WHERE user_id = ?"
        " ORDER BY created_at, name",
        (user_id,),
    )
    passkeys = tuple(Passkey(**dict(record)) for record in rows)
    return Factors(bool(row[0]), passkeys, row[1])


def setup_uri(secret: str, user_name: str, event_name: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=user_name, issuer_name=event_name)


def add_totp(
    db: Connection, key: bytes, user: User, secret: str, code: str, *, now: int
) -> list[str]:
    """Enable an authenticator app by one of its codes, replacing an earlier app.

    `key` is from `sealing_key`. Returns recovery codes if this is the first factor. Raises
    WrongFactorError.
    """
    step = _step_of(secret, code, now, after=0)
    first = factors(db, user.user_id).count == 0
    sealed = bytes(nacl.secret.SecretBox(key).encrypt(secret.encode()))
    db.execute(
        "UPDATE staff_user SET totp_sealed = ?, totp_step = ? WHERE user_id = ?",
        (sealed, step, user.user_id),
    )
    _note(db, Act.FACTOR_ADDED, user.by, user.user_id, "app", now)
    return fresh_recovery_codes(db, user, now=now) if first else []


def use_totp(db: Connection, key: bytes, user: User, code: str, *, now: int) -> None:
    """Verify a code of the user's app, once. Raises WrongFactorError."""
    sealed, after = db.execute(
        "SELECT totp_sealed, totp_step FROM staff_user WHERE user_id = ?", (user.user_id,)
    ).fetchone()
    if sealed is None:
        raise WrongFactorError
    try:
        secret = nacl.secret.SecretBox(key).decrypt(sealed).decode()
    except nacl.exceptions.CryptoError:
        raise WrongFactorError from None
    step = _step_of(secret, code, now, after=after)
    db.execute("UPDATE staff_user SET totp_step = ? WHERE user_id = ?", (step, user.user_id))


def fresh_recovery_codes(db: Connection, user: User, *, now: int) -> list[str]:
    """Create recovery codes and void earlier ones. Only hashes are stored."""
    codes = []
    for _ in range(RECOVERY_CODES):
        text = "".join(_ALPHABET[byte & 31] for byte in os.urandom(24))
        codes.append("-".join(text[i : i + 4] for i in range(0, 24, 4)))
    db.execute("DELETE FROM recovery_code WHERE user_id = ?", (user.user_id,))
    for code in codes:
        db.execute(
            "INSERT INTO recovery_code (user_id, code_hash) VALUES (?, ?)",
            (user.user_id, _code_hash(code)),
        )
    _note(db, Act.FACTOR_ADDED, user.by, user.user_id, "recovery codes", now)
    return codes


def use_recovery_code(db: Connection, user: User, code: str) -> None:
    """Verify and delete a recovery code. Raises WrongFactorError."""
    gone = db.execute(
        "DELETE FROM recovery_code WHERE user_id = ? AND code_hash = ?",
        (user.user_id, _code_hash(code)),
    ).rowcount
    if gone != 1:
        raise WrongFactorError


def remove_totp(db: Connection, user: User, *, now: int) -> None:
    """Raises AccountError if the user has none."""
    gone = db.execute(
        "UPDATE staff_user SET totp_sealed = NULL WHERE user_id = ? AND totp_sealed IS NOT NULL",
        (user.user_id,),
    ).rowcount
    if gone != 1:
        raise AccountError(N_("There is no authenticator app."))
    _after_removal(db, user, "app", now)


def remove_passkey(db: Connection, user: User, credential_id: bytes, *, now: int) -> None:
    gone = db.execute(
        "DELETE FROM passkey WHERE user_id = ? AND credential_id = ?", (user.user_id, credential_id)
    ).rowcount
    if gone != 1:
        raise AccountError(N_("There is no such passkey."))
    _after_removal(db, user, "passkey", now)


def remove_all(db: Connection, user_id: int, password_hash: str, *, by: str, now: int) -> None:
    """Remove all second factors of a user who lost them, and set a new first password, so that a
    thief of the old one can't set up factors. Raises AccountError.
    """
    account = users.user(db, user_id)
    db.execute("UPDATE staff_user SET totp_sealed = NULL WHERE user_id = ?", (user_id,))
    db.execute("DELETE FROM passkey WHERE user_id = ?", (user_id,))
    db.execute("DELETE FROM recovery_code WHERE user_id = ?", (user_id,))
    _note(db, Act.FACTOR_REMOVED, by, user_id, "all", now)
    if account.signed_on:
        users.end_sessions(db, user_id)
    else:
        users.set_password(db, user_id, password_hash, by=by, now=now)


def sealing_key(event_secret: bytes) -> bytes:
    return hmac.digest(event_secret, b"hallkeeper/totp/v1", "sha256")


def _after_removal(db: Connection, user: User, factor: str, now: int) -> None:
    if factors(db, user.user_id).count == 0:
        db.execute("DELETE FROM recovery_code WHERE user_id = ?", (user.user_id,))
        # If a role later requires a factor, a removed one must not count.
        db.execute("UPDATE web_session SET factor_at = NULL WHERE user_id = ?", (user.user_id,))
    _note(db, Act.FACTOR_REMOVED, user.by, user.user_id, factor, now)


def _step_of(secret: str, code: str, now: int, *, after: int) -> int:
    """Return the code's 30-second step, later than `after`. Raises WrongFactorError."""
    plain, here, app = code.replace(" ", ""), now // 1000 // STEP_S, pyotp.TOTP(secret)
    for step in range(here + STEPS_AROUND, max(after, here - STEPS_AROUND - 1), -1):
        if hmac.compare_digest(app.generate_otp(step).encode(), plain.encode()):
            return step
    raise WrongFactorError


def _code_hash(code: str) -> bytes:
    plain = "".join(char for char in code.lower() if char in _ALPHABET)
    return hashlib.sha256(b"hallkeeper/recovery/v1\x00" + plain.encode()).digest()


def _note(db: Connection, act: Act, by: str, user_id: int, factor: str, now: int) -> None:
    entry_log.act(db, by, act, {"user": user_id, "factor": factor}, now)
