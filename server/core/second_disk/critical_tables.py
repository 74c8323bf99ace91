"""Declares which rows are on the second disk, and which changes are refused while it is away.

A change is held back if forgetting it would let doors admit more people than staff allow, or admit
by a badge key that staff took away. A change that protects at once (a fence, a closed hall, a
revoked badge) is not: refused, the thief goes on for certain; done, it is forgotten only if the
server's disk fails too. Its user is told so (docs/backup.md).
"""

from dataclasses import dataclass

from server.core.people import badge_keys
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.event_state import WITHOUT_ACTS
from server.storage.tables import columns_of

ALWAYS, NEVER = "1 = 1", "1 = 0"


@dataclass(frozen=True)
class Held:
    """Which new rows and which changes are held back, as SQL conditions on NEW and OLD."""

    insert: str = NEVER
    update: str = NEVER


@dataclass(frozen=True)
class Kept:
    """A table whose rows are stored: all columns except `without`, or only the key and `only`.

    `inserts` and `updates` are SQL conditions on NEW: rows that come by the thousand are not
    critical. None: no new row is.
    """

    table: str
    key: tuple[str, ...]
    without: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    where: str = "1"
    inserts: str | None = ALWAYS
    updates: str = ALWAYS
    held: Held = Held()

    def columns(self, db: Connection) -> list[str]:
        if self.only:
            return [*self.key, *self.only]
        return [name for name in columns_of(db, self.table) if name not in self.without]


def _changed(column: str) -> str:
    return dialect.differs(f"NEW.{column}", f"OLD.{column}")


# Without kiosks nobody is admitted, so a venue that is being set up is not held back.
_AT_WORK = "EXISTS (SELECT 1 FROM kiosk k WHERE k.state = 'active')"
_AT_THIS_DOOR = (
    "EXISTS (SELECT 1 FROM kiosk k WHERE k.door_id = NEW.door_id AND k.state = 'active')"
)
# What a restored server must know to hold a hall's capacity.
_STRICTER_HALL = (
    "NEW.capacity < OLD.capacity OR NEW.fire_limit < OLD.fire_limit"
    f" OR ({_changed('exits')} AND NEW.exits = 'strict')"
    f" OR ({_changed('leaving')} AND NEW.leaving = 'scanned')"
    f" OR ({_changed('parent_id')} AND {_AT_WORK})"
)
# An active kiosk holds places. Its latest run and version are no promise: its own batches say them.
_KIOSK_AT_WORK = (
    "NEW.state = 'active' AND"
    f" ({_changed('state')} OR {_changed('door_id')} OR {_changed('public_key')})"
)
_OF_KEYS = f"NEW.key = '{badge_keys.SETTING}'"

KEPT = (
    Kept(
        "hall",
        ("hall_id",),
        without=(
            *("open_stays", "open_overrides", "open_accessible"),
            *("change_cursor", "shared_until"),
            *("moved_on", "unconfirmed_moves"),
        ),
        held=Held(update=_STRICTER_HALL),
    ),
    Kept("door", ("door_id",), held=Held(update=f"{_changed('hall_id')} AND {_AT_THIS_DOOR}")),
    Kept("door_from", ("door_id",), held=Held(insert=_AT_THIS_DOOR, update=_AT_THIS_DOOR)),
    Kept(
        "kiosk",
        ("kiosk", "generation"),
        without=(
            *("counter", "acked_seq", "head", "log_size"),
            *("cursor", "resting", "seen_at", "health", "last_seq", "reported_at"),
        ),
        held=Held(insert="NEW.state = 'active'", update=_KIOSK_AT_WORK),
    ),
    # An account may hold places from now on. Without acts, the kiosk's own batch opens it, and may
    # do so again after another restore.
    Kept(
        "place_account",
        ("hall_id", "override", "kiosk", "generation"),
        only=("fenced",),
        held=Held(insert=f"NOT {WITHOUT_ACTS}"),
    ),
    Kept("staff_user", ("user_id",)),
    Kept(
        "badge",
        ("serial", "issue"),
        where="issue > 1",
        inserts="NEW.issue > 1",
        updates="NEW.issue > 1",
    ),
    Kept("withdrawn_badge", ("serial", "issue")),
    Kept("day_credential", ("serial", "issue", "day"), without=("printed", "printed_at")),
    Kept(
        "attendee", ("serial",), only=("revoked_at",), where="revoked_at IS NOT NULL", inserts=None
    ),
    Kept("unknown_holder", ("serial",)),
    # A restored server must not take a dropped key back, nor sign by it.
    Kept(
        "setting",
        ("key",),
        where=f"key = '{badge_keys.SETTING}'",
        inserts=_OF_KEYS,
        updates=_OF_KEYS,
        held=Held(insert=ALWAYS, update=ALWAYS),
    ),
    # A link in wrong hands shows a badge.
    Kept("phone_link", ("serial",)),
    Kept("api_token", ("token_id",), without=("used_at",)),
    Kept("hall_screen", ("screen_id",)),
    # No messages may be sent to a removed webhook.
    Kept(
        "webhook_endpoint",
        ("endpoint_id",),
        only=("removed_at",),
        where="removed_at IS NOT NULL",
    ),
)
TABLES = tuple(kept.table for kept in KEPT)
# missing in files of earlier versions
SINCE = {
    "withdrawn_badge",
    "unknown_holder",
    "phone_link",
    "door_from",
    "day_credential",
    "api_token",
    "webhook_endpoint",
    "hall_screen",
    "setting",
}
