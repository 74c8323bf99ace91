"""Signs users in by password: counts the guess, checks it, and logs the result.

Known browsers and addresses have their own allowance, so strangers who guess at an account can't
lock its user out (docs/security.md).
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from badges.limits import Backoff
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.staff import passwords, users
from server.core.staff.guesses import FORGET_MS, Guesses, Key
from server.core.staff.lane import BusyError
from server.core.staff.users import SignInError, User
from server.storage.connection import Connection
from server.storage.database import Database

MINUTE = 60_000
HERE = Backoff(10, 30_000, 15 * MINUTE, FORGET_MS)  # one name from one place
ADDRESS = Backoff(60, 30_000, 15 * MINUTE, FORGET_MS)  # all names from one address
ACCOUNT = Backoff(30, 10_000, 5 * MINUTE, FORGET_MS)  # one name from all unknown places
# For this long an unlocked account can be entered despite guesses by strangers.
UNLOCKED_MS = 15 * MINUTE
KNOWN_MS = 30 * 24 * 60 * MINUTE
KNOWN_MAX = 20  # browsers and addresses of one account
DEVICE_BYTES = 16
TAG_CHARS = 8  # digits of the address's hash in the entry log
# The actor in the entry log: a typed name proves nothing.
NOBODY = "nobody"

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Attempt:
    """A sign-in request. `address` is a keyed hash in hex, never the address.

    `device` is the browser's token of an earlier success, and `session` its current session's
    token. Both may be "".
    """

    name: str
    password: str
    address: str
    device: str = ""
    session: str = ""

    @property
    def tag(self) -> str:
        """Return a short hash for the entry log, which does not reveal the address."""
        return self.address[:TAG_CHARS]


@dataclass(frozen=True)
class SignedIn:
    user: User
    token: str  # of the new session
    # kept by the browser; "" until the second factor is shown
    device: str


def sign_in(
    database: Database,
    guesses: Guesses,
    attempt: Attempt,
    *,
    now: int,
    random: Random = os.urandom,
    with_factor: frozenset[str] = frozenset(),
) -> SignedIn:
    """Open a session, which waits for the second factor if the user has one, and end the browser's
    former session.

    Roles in `with_factor` require a factor, so shorter passwords are allowed. A password that is
    too short today must be changed. The browser becomes known, at once or after the second factor.
    Raises SignInError for a wrong name or password, WaitError after too many guesses, and BusyError
    if too many are being checked, or if the account was changed meanwhile.
    """
    account = users.stored(database, attempt.name)
    keys, void_until, favoured = _keys(database, attempt, account, now)
    # Report a wait first, without taking a turn.
    counts = guesses.check(keys, now, void_until=void_until)
    lane = guesses.known if favoured else guesses.strangers
    # The last of the three counts is the account's, which strangers elsewhere increase.
    with lane.turn(attempt.address, max(counts[:2])):
        tries = guesses.charge(keys, now, void_until=void_until)
        right = users.fits(account, attempt.password)
    if account is None or not right or account.user.disabled:
        _note_refusal(
            database, guesses, attempt, account.user if account else None, keys, tries, now
        )
        raise SignInError
    token, renewed = random(users.TOKEN_BYTES).hex(), users.renewed(account, attempt.password)
    user = account.user
    short = len(attempt.password) < chars_min(user, with_factor)

    def step(db: Connection) -> str:
        # The account was read before the wait for a turn.
        if not users.is_unchanged(db, account):
            raise BusyError
        guesses.refund(db, keys, now)
        users.sign_out(db, attempt.session)
        users.open_session(db, account, renewed, token, now, waits=user.has_factor)
        if short:
            users.must_choose_password(db, user.user_id)
        before = {"refused_before": tries[0] - 1} if tries[0] > 1 else {}
        subject: Subject = {"user": user.user_id, "caller": attempt.tag, **before}
        act = Act.PASSWORD_TAKEN if user.has_factor else Act.SIGNED_IN
        entry_log.act(db, user.by, act, subject, now)
        if user.has_factor:
            return ""
        return _know(db, user, attempt.address, attempt.device, now, random)

    return SignedIn(user, token, database.write(step))


def factor_keys(
    db: Connection, user: User, address: str, device: str, now: int, *, code: bool
) -> list[Key]:
    """Return the keys under which a wrong second factor counts.

    It counts for the browser or address, so a thief of the password can't lock the user out
    elsewhere. A `code` of six digits from unknown places also counts for the account. Other
    factors are too long to guess.
    """
    subject = f"factor of {user.user_id}"
    key = _known_key(db, user.user_id, subject, address, device, now)
    if key is not None:
        return [key]
    here = Key(f"{subject} at {address}", HERE, own=True)
    return [here, Key(_codes_key(user), ACCOUNT)] if code else [here]


def chars_min(user: User, with_factor: frozenset[str]) -> int:
    beside = user.has_factor or user.role in with_factor
    return passwords.CHARS_MIN if beside else passwords.CHARS_ALONE_MIN


def strangers_wait(
    db: Connection, guesses: Guesses, users: Sequence[User], now: int
) -> dict[int, int]:
    """Return, by user id, until when unknown browsers and addresses have to wait (Unix ms). Users
    without such a wait are left out.
    """
    keys = {user.user_id: (_account_key(user.name), _codes_key(user)) for user in users}
    pairs = [Key(text, ACCOUNT) for pair in keys.values() for text in pair]
    waiting = guesses.waiting(db, pairs, now)
    waits: dict[int, int] = {}
    for user in users:
        for key in keys[user.user_id]:
            last_at, until = waiting.get(key, (-1, 0))
            if last_at > (user.unlocked_at or -1):
                waits[user.user_id] = max(until, waits.get(user.user_id, 0))
    return waits


def _keys(
    database: Database, attempt: Attempt, account: users.Stored | None, now: int
) -> tuple[list[Key], int | None, bool]:
    """Return the keys under which the attempt counts, the time up to which counts are void, and
    whether browser or address is known or the account unlocked.
    """
    name, address = _name(attempt.name), attempt.address
    here = Key(f"{name} at {address}", HERE, own=True)
    strange = [here, Key(f"from {address}", ADDRESS), Key(_account_key(attempt.name), ACCOUNT)]
    if account is None:
        return strange, None, False
    key = _known_key(database.reader, account.user.user_id, name, address, attempt.device, now)
    if key is not None:
        return [key], account.user.unlocked_at, True
    unlocked_at = account.user.unlocked_at
    if unlocked_at is not None and 0 <= now - unlocked_at < UNLOCKED_MS:
        return [here], unlocked_at, True
    return strange, unlocked_at, False


def _note_refusal(
    database: Database,
    guesses: Guesses,
    attempt: Attempt,
    user: User | None,
    keys: list[Key],
    tries: list[int],
    now: int,
) -> None:
    """Log the first wrong password of a series, and each start of a wait."""
    slowed = [key for key, count in zip(keys, tries, strict=True) if count == key.limit.free]
    if tries[0] != 1 and not slowed:
        return
    subject: Subject = {
        "user": user.user_id if user else None,
        "caller": attempt.tag,
        "tries": max((key.limit.free for key in slowed), default=1),
    }
    act = Act.SIGN_IN_SLOWED if slowed else Act.SIGN_IN_REFUSED
    database.write(lambda db: note(db, guesses, act, subject, now))


def note(db: Connection, guesses: Guesses, act: Act, subject: Subject, now: int) -> None:
    """Log a refused sign-in, unless the entry log has too many already."""
    unlisted = guesses.take_note(db, now)
    if unlisted is None:
        return
    more = {"unlisted": unlisted} if unlisted else {}
    entry_log.act(db, NOBODY, act, {**subject, **more}, now)


def _known_key(
    db: Connection, user_id: int, subject: str, address: str, device: str, now: int
) -> Key | None:
    """Return None for an unknown browser and address."""
    marks = _known(db, user_id, now)
    for mark in (_device_mark(device), _address_mark(address)):
        if mark in marks:
            return Key(f"{subject} known {mark.hex()}", HERE, own=True)
    return None


def _know(
    db: Connection, user: User, address: str, device: str, now: int, random: Random = os.urandom
) -> str:
    """Store the browser and address of a sign-in, and return the browser's token."""
    if _device_mark(device) not in _known(db, user.user_id, now):
        device = random(DEVICE_BYTES).hex()
    for mark in (_device_mark(device), _address_mark(address)):
        _remember(db, user.user_id, mark, now)
    return device


def _known(db: Connection, user_id: int, now: int) -> frozenset[bytes]:
    rows = db.execute(
        "SELECT mark FROM known_device WHERE user_id = ? AND seen_at > ?",
        (user_id, now - KNOWN_MS),
    )
    return frozenset(row[0] for row in rows)


def _remember(db: Connection, user_id: int, mark: bytes, now: int) -> None:
    db.execute(
        "INSERT INTO known_device (user_id, mark, seen_at) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id, mark) DO UPDATE SET seen_at = excluded.seen_at",
        (user_id, mark, now),
    )
    db.execute(
        "DELETE FROM known_device WHERE user_id = ? AND mark NOT IN"
        " (SELECT mark FROM known_device WHERE user_id = ? ORDER BY seen_at DESC LIMIT ?)",
        (user_id, user_id, KNOWN_MAX),
    )


def _device_mark(token: str) -> bytes:
    return hashlib.sha256(b"hallkeeper/device/v1\x00" + token.encode()).digest()


def _address_mark(address: str) -> bytes:
    return hashlib.sha256(b"hallkeeper/address/v1\x00" + address.encode()).digest()


def _name(text: str) -> str:
    plain = users.name_key(text).casefold()
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()


def _account_key(name: str) -> str:
    return f"all at {_name(name)}"


def _codes_key(user: User) -> str:
    return f"all codes of {user.user_id}"


def finish(
    db: Connection,
    user: User,
    before: str,
    token: str,
    *,
    factor: str,
    address: str,
    device: str,
    now: int,
) -> str:
    """Complete a session's sign-in after its second factor, under the new `token`.

    Return the token by which the browser is known later.
    """
    users.confirm(db, before, token, now=now, showed_factor=True)
    subject: Subject = {"user": user.user_id, "caller": address[:TAG_CHARS], "factor": factor}
    entry_log.act(db, user.by, Act.SIGNED_IN, subject, now)
    return _know(db, user, address, device, now)


def know_alone(db: Connection, user: User, address: str, device: str, now: int) -> str:
    """Forget all known browsers and addresses except the current ones, and return the browser's
    token.
    """
    kept = _known(db, user.user_id, now) & {_device_mark(device)}
    db.execute("DELETE FROM known_device WHERE user_id = ?", (user.user_id,))
    for mark in kept:
        _remember(db, user.user_id, mark, now)
    return _know(db, user, address, device, now)
