"""Takes the list of who is in which hall, with how sure each line is.

Whoever is listed is so by an entry whose stay nothing has ended. How sure that is depends on what
could have ended it: exits that are scanned, and doors that can be heard.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from server.core.occupancy import hall_control
from server.core.occupancy.grants import LIVE_MS
from server.core.venue.rules import Rules, rules
from server.storage.connection import Connection, Row


class Sureness(StrEnum):
    """Says what could have ended a stay unnoticed, the surest first. The words are stored."""

    EXITS_SCANNED = "exits_scanned"  # Whoever leaves is scanned, and every door is heard.
    EXITS_INFERRED = "exits_inferred"  # Leaving is known by entering another hall as well.
    NO_EXITS = "no_exits"  # No kiosk of this hall scans exits.
    DOOR_AWAY = "door_away"  # A door of the hall is not heard, and may know more.
    TOLD_LATE = "told_late"  # A door that was away told of it after the muster had begun.


@dataclass(frozen=True)
class HallSureness:
    """Says how sure the lines of a hall are."""

    hall_id: int
    sureness: Sureness
    away_since: int | None  # Since when the first of the silent doors was not heard (Unix ms).
    away_doors: tuple[int, ...]  # The doors whose kiosks are not heard.
    unseen: int  # The most people whom silent kiosks may have let in, and nobody knows of.


@dataclass(frozen=True)
class Listed:
    """Represents one line: a person, and the stay by which they are in the hall."""

    serial: int
    hall_id: int
    kiosk: str
    generation: int
    seq: int
    door_id: int
    since: int
    # Another hall that they have entered too, and of which nothing shows that they left it.
    also_in: int | None = None


def halls(db: Connection, now: int) -> dict[int, HallSureness]:
    """Return how sure the lines of each hall are, by what is heard of its doors now."""
    scanned = {
        row[0]
        for row in db.execute(
            "SELECT DISTINCT d.hall_id FROM door d JOIN kiosk k USING (door_id)"
            " WHERE d.mode IN ('exit', 'both') AND k.state = 'active'"
        )
    }
    found = {}
    for row in db.execute("SELECT hall_id, leaving FROM hall ORDER BY hall_id").fetchall():
        silent = [one for one in hall_control.holdings(db, row["hall_id"]) if _is_silent(one, now)]
        found[row["hall_id"]] = HallSureness(
            hall_id=row["hall_id"],
            sureness=_sureness(row, scanned, bool(silent)),
            away_since=min((one.seen_at for one in silent if one.seen_at), default=None),
            away_doors=tuple(sorted({one.door_id for one in silent})),
            unseen=sum(one.held + one.overrides for one in silent),
        )
    return found


def _is_silent(one: hall_control.KioskHolding, now: int) -> bool:
    """Say whether the kiosk may know of people of whom the server does not. One that was never
    heard has had nothing to let anybody in by.
    """
    if one.seen_at is None:
        return False
    if one.state == "active":
        return one.seen_at < now - LIVE_MS
    return one.held + one.overrides > 0


def _sureness(hall: Row, scanned: Collection[int], silent: bool) -> Sureness:
    """Return the weakest that applies."""
    if silent:
        return Sureness.DOOR_AWAY
    if hall["hall_id"] not in scanned:
        return Sureness.NO_EXITS
    inferred = hall["leaving"] == "inferred"
    return Sureness.EXITS_INFERRED if inferred else Sureness.EXITS_SCANNED


def people_inside(db: Connection) -> list[Listed]:
    """Return everybody of whom a stay is open, each once, in the hall that they entered last.

    Somebody in a hall inside another one is listed in the inner one alone.
    """
    # Each hall's open stays have an index.
    rows = db.execute(
        "SELECT s.serial, s.hall_id, s.kiosk, s.generation, s.seq, s.door_id, s.opened_at"
        " FROM hall h JOIN stay s ON s.hall_id = h.hall_id AND s.closed_at IS NULL"
    )
    by_serial: dict[int, list[Listed]] = defaultdict(list)
    for row in rows:
        line = Listed(*(row[at] for at in range(7)))
        by_serial[line.serial].append(line)
    known = rules(db)
    return [_one_line(stays, known) for _, stays in sorted(by_serial.items())]


def _one_line(stays: list[Listed], known: Rules) -> Listed:
    if len(stays) == 1:
        return stays[0]
    lineage: Mapping[int, frozenset[int]] = known.lineage
    # The hall of one entry that lies inside the others has the most halls around it.
    last = max(stays, key=lambda one: (one.since, len(lineage[one.hall_id])))
    others = [one for one in stays if one.hall_id not in lineage[last.hall_id]]
    if not others:
        return last
    other = max(others, key=lambda one: one.since)
    return Listed(
        last.serial, last.hall_id, last.kiosk, last.generation, last.seq, last.door_id,
        last.since, also_in=other.hall_id,
    )  # fmt: skip


def door_list(text: str) -> tuple[int, ...]:
    """Read the doors of a stored hall."""
    return tuple(json.loads(text))


def door_text(doors: Iterable[int]) -> str:
    """Write the doors of a hall to store."""
    return json.dumps(list(doors))
