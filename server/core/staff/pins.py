"""Keeps supervisors' PINs, which kiosks verify without the server, by argon2id hashes
(docs/doors.md).

Six digits can be guessed within days on a stolen kiosk, so PINs are replaced when a kiosk is
fenced.
"""

from badges.i18n import N_
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.staff import users
from server.core.staff.users import AccountError, user
from server.storage.connection import Connection

PIN_DIGITS = (6, 12)
ROLES = ("supervisor", "admin")
_ROW = "0123456789012345678909876543210987654321"


def hash_pin(pin: str) -> str:
    """Raises AccountError if the PIN is too short, too long or too easily guessed."""
    low, high = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and low <= len(pin) <= high):
        raise AccountError(N_("A PIN has %(low)s to %(high)s digits."), low=low, high=high)
    if len(set(pin)) < 3 or pin in _ROW:
        raise AccountError(N_("This PIN is too easy to guess; choose another."))
    return users.HASHER.hash(pin)


def set_pin(db: Connection, user_id: int, pin_hash: str, *, by: str, now: int) -> None:
    """Lets the user act as supervisor at doors. Raises AccountError."""
    account = user(db, user_id)
    if account.role not in ROLES or account.disabled:
        raise AccountError(N_("Only supervisors and admins have a PIN; change the role first."))
    db.execute("UPDATE staff_user SET pin_hash = ? WHERE user_id = ?", (pin_hash, user_id))
    changes.publish_venue(db)
    entry_log.act(db, by, Act.PIN_SET, {"user": user_id}, now)


def remove_pin(db: Connection, user_id: int, *, by: str, now: int) -> None:
    """Raises AccountError if there is no such user."""
    user(db, user_id)
    db.execute("UPDATE staff_user SET pin_hash = NULL WHERE user_id = ?", (user_id,))
    changes.publish_venue(db)
    entry_log.act(db, by, Act.PIN_REMOVED, {"user": user_id}, now)


def supervisors(db: Connection) -> list[wire.SupervisorFacts]:
    rows = db.execute(
        "SELECT user_id, name, pin_hash FROM staff_user WHERE pin_hash IS NOT NULL"
        " AND disabled_at IS NULL AND role IN (?, ?) ORDER BY name",
        ROLES,
    )
    return [wire.SupervisorFacts(row["user_id"], row["name"], row["pin_hash"]) for row in rows]


def has_pin(db: Connection) -> frozenset[int]:
    rows = db.execute("SELECT user_id FROM staff_user WHERE pin_hash IS NOT NULL")
    return frozenset(row[0] for row in rows)
