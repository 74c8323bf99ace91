"""Users of the pages: passwords (argon2id), roles, and sessions that can be ended at once.

A session is a random token in a cookie; only its hash is stored. Argon2 runs on the caller's
thread, never on the writer's.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import argon2

from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.settings import ROLES
from server.core.feed import changes
from server.core.staff import passwords
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.database import Database
from server.storage.disk import DiskError
from server.storage.errors import ConstraintError

IDLE_MS = 12 * 3_600_000
ABSOLUTE_MS = 24 * 3_600_000
TOUCH_MS = 60_000  # precision of `seen_at`
# For this long after the password was typed, a session may change accounts.
CONFIRMED_MS = 15 * 60_000
TOKEN_BYTES = 32
NAME_CHARS_MAX = 60

HASHER = argon2.PasswordHasher()  # RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes
# A hash takes 64 MiB, so concurrent guesses could exhaust the memory.
_HASHING = threading.BoundedSemaphore(2)
WAITING_MS = 10 * 60_000  # maximum wait for the second factor
_COLUMNS = (
    "user_id, name, role, disabled_at, must_change, unlocked_at, signed_on,"
    " (totp_sealed IS NOT NULL OR EXISTS"
    " (SELECT 1 FROM passkey p WHERE p.user_id = staff_user.user_id)) AS has_factor"
)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

Random = Callable[[int], bytes]


class AccountError(Spoken, ValueError):
    pass


class SignInError(Exception):
    """Raised alike for an unknown user, a wrong password and a disabled user."""


class SessionEndedError(Exception):
    pass


@dataclass(frozen=True)
class User:
    user_id: int
    name: str
    role: str
    disabled: bool = False
    must_change: bool = False  # the password was set by another person
    unlocked_at: int | None = None
    signed_on: bool = False  # by an identity provider, without a password here
    has_factor: bool = False
    # The current session's second factor: still required, or shown.
    waits: bool = False
    showed_factor: bool = False

    @property
    def by(self) -> str:
        """Return the user's id in the entry log."""
        return f"user:{self.user_id}"


def make_password(random: Random = os.urandom) -> str:
    """Return a password of 80 bits, as four groups of four unambiguous characters."""
    text = "".join(_ALPHABET[byte & 31] for byte in random(16))
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


@dataclass(frozen=True)
class Stored:
    user: User
    password_hash: str


@dataclass(frozen=True)
class WebSession:
    """A session as its user sees it. `here` marks the current one."""

    created_at: int
    seen_at: int
    here: bool
    mark: str  # from `mark_of`


def hash_password(password: str) -> str:
    """Passwords chosen by people must pass `passwords.check` first.

    Raises AccountError if the password is too short or too long.
    """
    if not passwords.CHARS_MIN <= len(password) <= passwords.CHARS_MAX:
        raise AccountError(
            N_("A password has %(chars_min)s to %(chars_max)s characters."),
            chars_min=passwords.CHARS_MIN,
            chars_max=passwords.CHARS_MAX,
        )
    with _HASHING:
        return HASHER.hash(password)


def add_user(
    db: Connection,
    name: str,
    role: str,
    password_hash: str,
    *,
    by: str,
    now: int,
    first: bool = False,
) -> User:
    """`password_hash` is from `hash_password`. With `first`, the user must change the password at
    the first sign-in. Raises AccountError.
    """
    name = checked_name(name)
    check_role(role)
    try:
        (user_id,) = db.execute(
            "INSERT INTO staff_user (name, password_hash, role, created_at, must_change)"
            " VALUES (?, ?, ?, ?, ?) RETURNING user_id",
            (name, password_hash, role, now, first),
        ).fetchone()
    except ConstraintError:
        raise AccountError(N_("There is already a user called %(name)s."), name=name) from None
    entry_log.act(db, by, Act.USER_ADDED, {"user": user_id, "role": role}, now)
    return User(user_id, name, role, must_change=first)


def checked_name(name: str) -> str:
    """Return the name without surrounding space. Raises AccountError."""
    name = name.strip()
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise AccountError(
            N_("A user's name has 1 to %(most)s printable characters."), most=NAME_CHARS_MAX
        )
    return name


def users(db: Connection) -> list[User]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM staff_user ORDER BY {dialect.by_letters('name')}")
    return [_user(row) for row in rows]


def user(db: Connection, user_id: int) -> User:
    row = db.execute(f"SELECT {_COLUMNS} FROM staff_user WHERE user_id = ?", (user_id,)).fetchone()
    if row is None:
        raise AccountError(N_("There is no such user."))
    return _user(row)


def set_password(db: Connection, user_id: int, password_hash: str, *, by: str, now: int) -> None:
    """Set a password that the user must change at the next sign-in.

    Ends all sessions, forgets known browsers, and voids earlier guesses. Raises AccountError.
    """
    if user(db, user_id).signed_on:
        raise AccountError(
            N_("This user is signed on by the identity provider, without a password.")
        )
    db.execute(
        "UPDATE staff_user SET password_hash = ?, must_change = 1, unlocked_at = ?"
        " WHERE user_id = ?",
        (password_hash, now, user_id),
    )
    end_sessions(db, user_id)
    db.execute("DELETE FROM known_device WHERE user_id = ?", (user_id,))
    entry_log.act(db, by, Act.PASSWORD_SET, {"user": user_id}, now)


def change_password(
    db: Connection,
    before: Stored,
    password_hash: str,
    token: str,
    *,
    now: int,
    showed_factor: bool = False,
) -> None:
    """Set the password that a user has chosen. All sessions end, and one with `token` begins.

    Raises AccountError if the password was changed meanwhile.
    """
    user_id = before.user.user_id
    changed = db.execute(
        "UPDATE staff_user SET password_hash = ?, must_change = 0"
        " WHERE user_id = ? AND password_hash = ? AND disabled_at IS NULL",
        (password_hash, user_id, before.password_hash),
    ).rowcount
    if changed != 1:
        raise AccountError(N_("The password was changed meanwhile; sign in with the new one."))
    end_sessions(db, user_id)
    open_session(db, before, password_hash, token, now, showed_factor=showed_factor)
    entry_log.act(db, before.user.by, Act.PASSWORD_CHANGED, {"user": user_id}, now)


def unlock(db: Connection, user_id: int, *, by: str, now: int) -> None:
    """Allow sign-in from anywhere for a while, despite strangers' guesses."""
    user(db, user_id)
    db.execute("UPDATE staff_user SET unlocked_at = ? WHERE user_id = ?", (now, user_id))
    entry_log.act(db, by, Act.USER_UNLOCKED, {"user": user_id}, now)


def set_role(db: Connection, user_id: int, role: str, *, by: str, now: int) -> None:
    """Without the role of an admin, the user's invitations end. Changes under another role can't
    be undone any more. Raises AccountError if it would demote the last admin.
    """
    check_role(role)
    before = user(db, user_id)
    if role != "admin":
        _keep_an_admin(db, before)
        _end_invitations(db, before, by=by, now=now)
    if role != before.role:
        # The new role may lack the permission for these changes, which undo does not check.
        db.execute("UPDATE page_edit SET dismissed = 1 WHERE made_by = ?", (before.by,))
    db.execute("UPDATE staff_user SET role = ? WHERE user_id = ?", (role, user_id))
    _tell_doors(db, user_id)
    entry_log.act(db, by, Act.ROLE_SET, {"user": user_id, "role": role}, now)


def disable_user(db: Connection, user_id: int, *, by: str, now: int) -> None:
    """Disable a user here and at the doors. Deletes the PIN, and ends all sessions and the user's
    invitations.

    Raises AccountError for the last admin.
    """
    before = user(db, user_id)
    _keep_an_admin(db, before)
    _end_invitations(db, before, by=by, now=now)
    _tell_doors(db, user_id)
    db.execute(
        "UPDATE staff_user SET disabled_at = ?, pin_hash = NULL WHERE user_id = ?", (now, user_id)
    )
    end_sessions(db, user_id)
    entry_log.act(db, by, Act.USER_DISABLED, {"user": user_id}, now)


def enable_user(db: Connection, user_id: int, *, by: str, now: int) -> None:
    user(db, user_id)
    db.execute("UPDATE staff_user SET disabled_at = NULL WHERE user_id = ?", (user_id,))
    entry_log.act(db, by, Act.USER_ENABLED, {"user": user_id}, now)


def open_session(
    db: Connection,
    account: Stored,
    password_hash: str,
    token: str,
    now: int,
    *,
    waits: bool = False,
    showed_factor: bool = False,
) -> None:
    """Begin a session and delete expired ones.

    `password_hash` replaces a stored hash with old parameters. A session that `waits` opens no page
    before the second factor.
    """
    if password_hash != account.password_hash:
        db.execute(
            "UPDATE staff_user SET password_hash = ? WHERE user_id = ? AND password_hash = ?",
            (password_hash, account.user.user_id, account.password_hash),
        )
    db.execute(
        "INSERT INTO web_session"
        " (token_hash, user_id, created_at, seen_at, confirmed_at, waits, factor_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            _token_hash(token), account.user.user_id, now, now, 0 if waits else now, waits,
            now if showed_factor else None,
        ),
    )  # fmt: skip
    db.execute(
        "DELETE FROM web_session WHERE seen_at < ? OR created_at < ?",
        (now - IDLE_MS, now - ABSOLUTE_MS),
    )


def verify(database: Database, name: str, password: str) -> User:
    """Opens no session. Raises SignInError."""
    account = stored(database, name)
    if not fits(account, password) or account is None or account.user.disabled:
        raise SignInError
    return account.user


def stored(database: Database, name: str) -> Stored | None:
    """Return the account, ignoring case."""
    row = database.reader.execute(
        f"SELECT {_COLUMNS}, password_hash FROM staff_user WHERE {dialect.same_letters('name')}",
        (name_key(name),),
    ).fetchone()
    return None if row is None else Stored(_user(row), row["password_hash"])


def is_unchanged(db: Connection, account: Stored) -> bool:
    row = db.execute(
        f"SELECT {_COLUMNS}, password_hash FROM staff_user WHERE user_id = ?",
        (account.user.user_id,),
    ).fetchone()
    return Stored(_user(row), row["password_hash"]) == account


def name_key(name: str) -> str:
    return name.strip()[:NAME_CHARS_MAX]


def fits(account: Stored | None, password: str) -> bool:
    """Return whether the password is right. Takes equally long if there is no account."""
    with _HASHING:
        try:
            if account is None:
                HASHER.hash(password)
                return False
            return HASHER.verify(account.password_hash, password)
        except (argon2.exceptions.Argon2Error, argon2.exceptions.InvalidHashError):
            return False


def renewed(account: Stored, password: str) -> str:
    """Return the hash to store for a right password, rehashed if its parameters are old."""
    if not HASHER.check_needs_rehash(account.password_hash):
        return account.password_hash
    with _HASHING:
        return HASHER.hash(password)


def session_user(database: Database, token: str, *, now: int) -> User:
    """Extends the session. Raises SessionEndedError."""
    row = database.reader.execute(
        f"SELECT {_COLUMNS}, s.created_at, s.seen_at, s.waits, s.factor_at"
        " FROM web_session AS s JOIN staff_user USING (user_id) WHERE token_hash = ?",
        (_token_hash(token),),
    ).fetchone()
    if row is None or row["disabled_at"] is not None:
        raise SessionEndedError
    if now - row["seen_at"] > IDLE_MS or now - row["created_at"] > ABSOLUTE_MS:
        raise SessionEndedError
    if row["waits"] and now - row["created_at"] > WAITING_MS:
        raise SessionEndedError
    if now - row["seen_at"] > TOUCH_MS:
        touch = "UPDATE web_session SET seen_at = ? WHERE token_hash = ?"
        with suppress(DiskError):  # With a full disk, signed-in users can still see the alerts.
            database.write(lambda db: db.execute(touch, (now, _token_hash(token))) and None)
    shown = row["factor_at"] is not None
    return replace(_user(row), waits=bool(row["waits"]), showed_factor=shown)


def sign_out(db: Connection, token: str) -> None:
    db.execute("DELETE FROM web_session WHERE token_hash = ?", (_token_hash(token),))


def leave(db: Connection, token: str, user: User | None, *, now: int) -> None:
    """Sign a user out. `user` is None if the session had ended already."""
    sign_out(db, token)
    if user is not None:
        entry_log.act(db, user.by, Act.SIGNED_OUT, {"user": user.user_id}, now)


def end_sessions(db: Connection, user_id: int) -> int:
    return db.execute("DELETE FROM web_session WHERE user_id = ?", (user_id,)).rowcount


def sessions(db: Connection, user_id: int, token: str, *, now: int) -> list[WebSession]:
    """Return the live sessions, newest first. `token` is the current session's."""
    rows = db.execute(
        "SELECT created_at, seen_at, token_hash FROM web_session WHERE user_id = ?"
        " AND seen_at >= ? AND created_at >= ? ORDER BY seen_at DESC",
        (user_id, now - IDLE_MS, now - ABSOLUTE_MS),
    )
    here = _token_hash(token)
    return [
        WebSession(
            row["created_at"], row["seen_at"], row["token_hash"] == here, mark_of(row["token_hash"])
        )
        for row in rows
    ]


def end_session(db: Connection, user: User, mark: str, *, now: int) -> None:
    """End the user's session with the hash `mark`. Raises AccountError if it has ended already."""
    rows = db.execute("SELECT token_hash FROM web_session WHERE user_id = ?", (user.user_id,))
    for (token_hash,) in rows.fetchall():
        if mark_of(token_hash) == mark:
            db.execute("DELETE FROM web_session WHERE token_hash = ?", (token_hash,))
            entry_log.act(db, user.by, Act.SESSIONS_ENDED, {"user": user.user_id, "count": 1}, now)
            return
    raise AccountError(N_("That session has ended already."))


def end_other_sessions(db: Connection, user: User, token: str, *, now: int) -> int:
    ended = db.execute(
        "DELETE FROM web_session WHERE user_id = ? AND token_hash <> ?",
        (user.user_id, _token_hash(token)),
    ).rowcount
    entry_log.act(db, user.by, Act.SESSIONS_ENDED, {"user": user.user_id, "count": ended}, now)
    return ended


def sign_everywhere_out(db: Connection, user_id: int, *, by: str, now: int) -> None:
    user(db, user_id)
    ended = end_sessions(db, user_id)
    entry_log.act(db, by, Act.SESSIONS_ENDED, {"user": user_id, "count": ended}, now)


def is_confirmed(db: Connection, token: str, *, now: int) -> bool:
    """Return whether the user recently typed the password or showed a second factor."""
    row = db.execute(
        "SELECT confirmed_at FROM web_session WHERE token_hash = ?", (_token_hash(token),)
    ).fetchone()
    return row is not None and 0 <= now - row[0] < CONFIRMED_MS


def confirm(
    db: Connection, token: str, new_token: str, *, now: int, showed_factor: bool = False
) -> None:
    """Record that the user typed the password again or showed a second factor. The session
    continues under a new token.
    """
    db.execute(
        "UPDATE web_session SET token_hash = ?, confirmed_at = ? WHERE token_hash = ?",
        (_token_hash(new_token), now, _token_hash(token)),
    )
    if showed_factor:
        db.execute(
            "UPDATE web_session SET waits = 0, factor_at = ? WHERE token_hash = ?",
            (now, _token_hash(new_token)),
        )


def must_choose_password(db: Connection, user_id: int) -> None:
    db.execute("UPDATE staff_user SET must_change = 1 WHERE user_id = ?", (user_id,))


def _user(row: Row) -> User:
    return User(
        row["user_id"],
        row["name"],
        row["role"],
        row["disabled_at"] is not None,
        bool(row["must_change"]),
        row["unlocked_at"],
        bool(row["signed_on"]),
        bool(row["has_factor"]),
    )


def check_role(role: str) -> None:
    """Raises AccountError for an unknown role."""
    if role not in ROLES:
        raise AccountError(
            N_("There is no role %(role)s; the roles are %(roles)s."),
            role=repr(role),
            roles=", ".join(ROLES),
        )


def _keep_an_admin(db: Connection, leaving: User) -> None:
    (others,) = db.execute(
        "SELECT COUNT(*) FROM staff_user"
        " WHERE role = 'admin' AND disabled_at IS NULL AND user_id <> ?",
        (leaving.user_id,),
    ).fetchone()
    if leaving.role == "admin" and not leaving.disabled and not others:
        raise AccountError(N_("This is the last admin; make another one first."))


def _end_invitations(db: Connection, maker: User, *, by: str, now: int) -> None:
    """End the links that the user has seen, and could open as another user."""
    rows = db.execute(
        "DELETE FROM invitation WHERE made_by = ? RETURNING role, expires_at", (maker.by,)
    ).fetchall()
    for row in rows:
        if row["expires_at"] > now:
            entry_log.act(db, by, Act.INVITATION_ENDED, {"role": row["role"]}, now)


def _tell_doors(db: Connection, user_id: int) -> None:
    query = "SELECT 1 FROM staff_user WHERE user_id = ? AND pin_hash IS NOT NULL"
    if db.execute(query, (user_id,)).fetchone():
        changes.publish_venue(db)


def mark_of(token_hash: bytes) -> str:
    """Return an identifier of a session or invitation that is no secret."""
    return hashlib.sha256(token_hash).hexdigest()[:16]


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
