"""Who may use the server's pages: users, passwords (argon2id), roles, and sessions to end at once.

A session is a random token in a cookie; only its hash is stored. Work with argon2 happens on the
caller's thread, never on the one that writes.
"""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import argon2

from badges import wire
from server import entry_log, feed
from server.database import Database, DiskError

ROLES = ("steward", "supervisor", "badge_desk", "admin", "auditor")
IDLE_MS = 12 * 3_600_000
ABSOLUTE_MS = 24 * 3_600_000
TOUCH_MS = 60_000  # how exactly `seen_at` is kept
TOKEN_BYTES = 32
PASSWORD_CHARS_MIN = 10
PASSWORD_CHARS_MAX = 200
NAME_CHARS_MAX = 60

HASHER = argon2.PasswordHasher()  # RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes
# One hash takes 64 MiB: a crowd of guesses must not take the machine's memory.
_HASHING = threading.BoundedSemaphore(2)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Random = Callable[[int], bytes]


class AccountError(ValueError):
    """The account can't be made or changed so; the text says what to do."""


class SignInError(Exception):
    """No such user, a wrong password, or a disabled user: never said which."""


class SessionEndedError(Exception):
    """There is no such session, or it has ended."""


@dataclass(frozen=True)
class User:
    user_id: int
    name: str
    role: str
    disabled: bool = False

    @property
    def by(self) -> str:
        """How the entry log names this user."""
        return f"user:{self.user_id}"


def make_password(random: Random = os.urandom) -> str:
    """80 bits as four groups of four characters that can't be confused."""
    text = "".join(_ALPHABET[byte & 31] for byte in random(16))
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def hash_password(password: str) -> str:
    """Raises AccountError for a password that is too short or too long."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise AccountError(
            f"A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."
        )
    return HASHER.hash(password)


def add_user(
    db: sqlite3.Connection, name: str, role: str, password_hash: str, *, by: str, now: int
) -> User:
    """A new user. `password_hash` is `hash_password`'s. Raises AccountError."""
    name = name.strip()
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise AccountError(f"A user's name has 1 to {NAME_CHARS_MAX} printable characters.")
    _check_role(role)
    try:
        (user_id,) = db.execute(
            "INSERT INTO user (name, password_hash, role, created_at) VALUES (?, ?, ?, ?)"
            " RETURNING user_id",
            (name, password_hash, role, now),
        ).fetchone()
    except sqlite3.IntegrityError:
        raise AccountError(f"There is already a user called {name}.") from None
    entry_log.act(db, by, "user_added", {"user": user_id, "role": role}, now)
    return User(user_id, name, role)


def users(db: sqlite3.Connection) -> list[User]:
    """All users, by name."""
    rows = db.execute("SELECT user_id, name, role, disabled_at FROM user ORDER BY name")
    return [_user(row) for row in rows]


def user(db: sqlite3.Connection, user_id: int) -> User:
    """Raises AccountError where there is none."""
    row = db.execute(
        "SELECT user_id, name, role, disabled_at FROM user WHERE user_id = ?", (user_id,)
    ).fetchone()
    if row is None:
        raise AccountError("There is no such user.")
    return _user(row)


def set_password(
    db: sqlite3.Connection, user_id: int, password_hash: str, *, by: str, now: int
) -> None:
    """A new password; the user's sessions end."""
    user(db, user_id)
    db.execute("UPDATE user SET password_hash = ? WHERE user_id = ?", (password_hash, user_id))
    end_sessions(db, user_id)
    entry_log.act(db, by, "password_set", {"user": user_id}, now)


def set_role(db: sqlite3.Connection, user_id: int, role: str, *, by: str, now: int) -> None:
    """Raises AccountError where the last admin would be lost."""
    _check_role(role)
    before = user(db, user_id)
    if role != "admin":
        _keep_an_admin(db, before)
    db.execute("UPDATE user SET role = ? WHERE user_id = ?", (role, user_id))
    _tell_doors(db, user_id)
    entry_log.act(db, by, "role_set", {"user": user_id, "role": role}, now)


def disable_user(db: sqlite3.Connection, user_id: int, *, by: str, now: int) -> None:
    """Shut a user out, here and at the doors, whose PIN is gone for good; the user's sessions end.

    Raises AccountError for the last admin.
    """
    _keep_an_admin(db, user(db, user_id))
    _tell_doors(db, user_id)
    db.execute("UPDATE user SET disabled_at = ?, pin_hash = NULL WHERE user_id = ?", (now, user_id))
    end_sessions(db, user_id)
    entry_log.act(db, by, "user_disabled", {"user": user_id}, now)


def enable_user(db: sqlite3.Connection, user_id: int, *, by: str, now: int) -> None:
    """Let a disabled user in again."""
    user(db, user_id)
    db.execute("UPDATE user SET disabled_at = NULL WHERE user_id = ?", (user_id,))
    entry_log.act(db, by, "user_enabled", {"user": user_id}, now)


def sign_in(
    database: Database, name: str, password: str, *, now: int, random: Random = os.urandom
) -> tuple[User, str]:
    """The user, and the token of a new session. Raises SignInError."""
    found, stored = _verified(database, name, password)
    token = random(TOKEN_BYTES).hex()
    renewed = HASHER.hash(password) if HASHER.check_needs_rehash(stored) else stored

    def step(db: sqlite3.Connection) -> None:
        if renewed != stored:
            db.execute(
                "UPDATE user SET password_hash = ? WHERE user_id = ? AND password_hash = ?",
                (renewed, found.user_id, stored),
            )
        db.execute(
            "INSERT INTO web_session (token_hash, user_id, created_at, seen_at)"
            " VALUES (?, ?, ?, ?)",
            (_token_hash(token), found.user_id, now, now),
        )
        db.execute(
            "DELETE FROM web_session WHERE seen_at < ? OR created_at < ?",
            (now - IDLE_MS, now - ABSOLUTE_MS),
        )
        entry_log.act(db, found.by, "signed_in", {"user": found.user_id}, now)

    database.write(step)
    return found, token


def verify(database: Database, name: str, password: str) -> User:
    """The user whose password this is, without a session. Raises SignInError."""
    return _verified(database, name, password)[0]


def session_user(database: Database, token: str, *, now: int) -> User:
    """The user of a live session, which lives on by being used. Raises SessionEndedError."""
    row = database.reader.execute(
        "SELECT user_id, name, role, disabled_at, s.created_at, s.seen_at"
        " FROM web_session AS s JOIN user USING (user_id) WHERE token_hash = ?",
        (_token_hash(token),),
    ).fetchone()
    if row is None or row["disabled_at"] is not None:
        raise SessionEndedError
    if now - row["seen_at"] > IDLE_MS or now - row["created_at"] > ABSOLUTE_MS:
        raise SessionEndedError
    if now - row["seen_at"] > TOUCH_MS:
        touch = "UPDATE web_session SET seen_at = ? WHERE token_hash = ?"
        with suppress(DiskError):  # whoever is signed in can still look what is wrong
            database.write(lambda db: db.execute(touch, (now, _token_hash(token))) and None)
    return _user(row)


def sign_out(db: sqlite3.Connection, token: str) -> None:
    """End one session."""
    db.execute("DELETE FROM web_session WHERE token_hash = ?", (_token_hash(token),))


def end_sessions(db: sqlite3.Connection, user_id: int) -> None:
    """End all sessions of a user."""
    db.execute("DELETE FROM web_session WHERE user_id = ?", (user_id,))


def _verified(database: Database, name: str, password: str) -> tuple[User, str]:
    row = database.reader.execute(
        "SELECT user_id, name, role, disabled_at, password_hash FROM user WHERE name = ?",
        (name.strip()[:NAME_CHARS_MAX],),
    ).fetchone()
    with _HASHING:
        if row is None:
            HASHER.hash(password[:PASSWORD_CHARS_MAX])  # takes as long as a known name
            raise SignInError
        try:
            HASHER.verify(row["password_hash"], password[:PASSWORD_CHARS_MAX])
        except argon2.exceptions.VerificationError:
            raise SignInError from None
    if row["disabled_at"] is not None:
        raise SignInError
    return _user(row), row["password_hash"]


def _user(row: sqlite3.Row) -> User:
    return User(row["user_id"], row["name"], row["role"], row["disabled_at"] is not None)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise AccountError(f"There is no role {role!r}; the roles are {', '.join(ROLES)}.")


def _keep_an_admin(db: sqlite3.Connection, leaving: User) -> None:
    (others,) = db.execute(
        "SELECT COUNT(*) FROM user WHERE role = 'admin' AND disabled_at IS NULL AND user_id <> ?",
        (leaving.user_id,),
    ).fetchone()
    if leaving.role == "admin" and not leaving.disabled and not others:
        raise AccountError("This is the last admin; make another one first.")


def _tell_doors(db: sqlite3.Connection, user_id: int) -> None:
    """Where the user has a PIN, kiosks must hear whether it still counts."""
    query = "SELECT 1 FROM user WHERE user_id = ? AND pin_hash IS NOT NULL"
    if db.execute(query, (user_id,)).fetchone():
        feed.publish(db, wire.VenueChanged())


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
