"""What staff confirm when they find a hall empty: the hall, the halls inside it, and the stopped
kiosks whose places this frees.
"""

from collections.abc import Collection
from typing import NamedTuple

from badges.i18n import N_, Phrase
from badges.places.pool import KioskKey
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.occupancy import pools
from server.core.staff import confirmations
from server.core.staff.confirmations import ShownChangedError
from server.core.venue import nesting, store
from server.storage import dialect
from server.storage.connection import Connection

# The key of the newest scan before there is any.
NO_SCAN = "none"
DIGITS_MAX = 15  # of a scan's number


class StoppedKiosk(NamedTuple):
    """A fenced or retired kiosk's account with a hall, whatever it holds by the database."""

    hall_id: int
    kiosk: str
    generation: int
    replaced_at: int | None  # when a later kiosk got the name, Unix ms

    @property
    def key(self) -> KioskKey:
        return self.kiosk, self.generation


class Emptied(NamedTuple):
    """What a clearing empties: the hall and those inside it, and kiosks that it attests."""

    halls: list[int]
    stopped: list[StoppedKiosk]

    def keys(self) -> list[str]:
        kiosks = [f"{each.hall_id} {each.generation} {each.kiosk}" for each in self.stopped]
        return [*map(str, self.halls), *kiosks]


def emptied(db: Connection, hall_id: int) -> Emptied:
    """Return what clearing the hall empties now.

    A kiosk is included even if it holds no places by the database: an old copy of the database may
    be in use unnoticed. A kiosk is left out once an attestation has left nothing to attest.
    """
    halls = [hall_id, *nesting.inside(nesting.parents_of(db), hall_id)]
    rows = db.execute(
        "SELECT hall_id, kiosk, generation, (SELECT MAX(k.created_at) FROM kiosk k"
        "  WHERE k.kiosk = a.kiosk AND k.generation > a.generation) AS replaced_at"
        f" FROM (SELECT *, {pools.HELD} AS held FROM place_account"
        f"  WHERE fenced = 1 AND {dialect.one_of('hall_id')}) a"
        " GROUP BY hall_id, kiosk, generation"
        " HAVING COUNT(attested) < COUNT(*) OR MAX(held) > 0 OR MAX(awaited) > 0"
        " ORDER BY kiosk, generation, hall_id",
        (dialect.many(halls),),
    ).fetchall()
    stopped = [
        StoppedKiosk(hall, kiosk, generation, replaced_at)
        for hall, kiosk, generation, replaced_at in rows
    ]
    return Emptied(halls, stopped)


def require_shown(db: Connection, shown: Collection[str], present: Emptied) -> None:
    """Raises ShownChangedError."""
    codes = {str(hall.hall_id): hall.code for hall in store.halls(db)}

    def label(key: str) -> str:
        hall, _, kiosk = key.partition(" ")
        code = codes.get(hall, hall)
        if not kiosk:
            return Phrase("hall %(hall)s", hall=code)
        generation, _, name = kiosk.partition(" ")
        return Phrase(
            "kiosk %(kiosk)s, number %(generation)s, in hall %(hall)s",
            kiosk=name, generation=generation, hall=code,
        )  # fmt: skip

    confirmations.require_shown(shown, present.keys(), label)


def newest_scan(db: Connection) -> str:
    """Return a key of the newest scan, for `first_unseen`: its number and its hash in the log."""
    row = db.execute(
        "SELECT number, hash FROM leaf WHERE number = (SELECT MAX(number) FROM scan)"
    ).fetchone()
    return f"{row['number']} {bytes(row['hash']).hex()}" if row else NO_SCAN


def first_unseen(db: Connection, newest: str) -> int:
    """Return the number from which scans came after this key was shown.

    Raises ShownChangedError if the log has another scan there, or none: an earlier database was put
    back meanwhile, and gave its numbers to other scans.
    """
    if newest == NO_SCAN:
        return 0
    number, _, hashed = newest.partition(" ")
    if number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX:
        row = db.execute("SELECT hash FROM leaf WHERE number = ?", (int(number),)).fetchone()
        if row is not None and bytes(row["hash"]).hex() == hashed:
            return int(number) + 1
    raise ShownChangedError(
        N_(
            "the database was put back since the page was opened. Look whether the hall is still "
            "empty, and confirm it on the page as it is now."
        )
    )


def stopped_at(db: Connection, kiosk: KioskKey) -> int | None:
    """Return when the kiosk was stopped (Unix ms), or None if the log does not say."""
    acts = (entry_log.newest_act(db, act, kiosk) for act in (Act.KIOSK_FENCED, Act.KIOSK_RETIRED))
    numbers = [number for number in acts if number is not None]
    if not numbers:
        return None
    # A kiosk may be retired first and fenced later. It stopped at the first of them.
    (at,) = db.execute("SELECT at FROM leaf WHERE number = ?", (min(numbers),)).fetchone()
    return int(at)
