"""Who may use a hall's kept places, and when they are released to all. Only doors of such halls get
this, as serials. Badges and logs have nothing of it.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.venue import store
from server.storage.connection import Connection

Kind = Literal["wheelchair", "companion"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MINUTE_MS = 60_000


def released(
    db: Connection, hall_id: int, places: int, until_min: int | None
) -> tuple[tuple[int, int], ...]:
    """Return when kept places are open to everyone, as (start, end) in Unix ms, soonest first:
    from `until_min` minutes before a session's start until its admission closes. None means never.
    """
    if not places or until_min is None:
        return ()
    rows = db.execute(
        "SELECT starts_at, closes_at FROM session WHERE hall_id = ? ORDER BY starts_at, closes_at",
        (hall_id,),
    ).fetchall()
    before = until_min * MINUTE_MS
    spans = ((row["starts_at"] - before, row["closes_at"]) for row in rows)
    return tuple((max(0, since), until) for since, until in spans if since < until)


def now_kept(db: Connection, hall_id: int, now: int) -> tuple[bool, int | None]:
    """Return whether kept places are open to everyone now, and when that changes (Unix ms), if
    known. Raises UnknownHallError.
    """
    row = store.hall(db, hall_id)
    spans = released(db, hall_id, row.accessible_places, row.accessible_until_min)
    until = max((end for since, end in spans if since <= now < end), default=None)
    if until is not None:
        return True, until
    return False, min((since for since, _ in spans if since > now), default=None)


def kind_of(db: Connection, serial: int) -> Kind | None:
    row = db.execute("SELECT kind FROM accessible_guest WHERE serial = ?", (serial,)).fetchone()
    return None if row is None else row["kind"]


def kind_named(word: str) -> Kind | None:
    return next((kind for kind in KINDS if kind == word), None)


def serials(db: Connection) -> list[int]:
    rows = db.execute("SELECT serial FROM accessible_guest ORDER BY serial").fetchall()
    return [row["serial"] for row in rows]


def put(
    db: Connection, entitlements: Iterable[tuple[int, Kind | None]], *, by: str, now: int
) -> int:
    """Set for whom places are kept, by serial; None removes the entitlement. Return how many
    changed.

    The permanent entry log records only the number of people.
    """
    before: dict[int, Kind] = dict(
        db.execute("SELECT serial, kind FROM accessible_guest").fetchall()
    )
    changed = [(serial, kind) for serial, kind in entitlements if before.get(serial) != kind]
    for serial, kind in changed:
        if kind is None:
            db.execute("DELETE FROM accessible_guest WHERE serial = ?", (serial,))
        else:
            db.execute(
                "INSERT INTO accessible_guest (serial, kind) VALUES (?, ?)"
                " ON CONFLICT (serial) DO UPDATE SET kind = excluded.kind",
                (serial, kind),
            )
    if changed:
        rows = db.execute("SELECT hall_id FROM hall WHERE accessible_places > 0").fetchall()
        changes.publish_venue(db, [row["hall_id"] for row in rows])
        entry_log.act(db, by, Act.KEPT_PLACES_SET, {"people": len(changed)}, now)
    return len(changed)
