from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from server.core.occupancy import hall_control, stays
from server.core.occupancy.grants import LIVE_MS
from server.core.venue.rules import Rules, rules
from server.storage.connection import Connection, Row


class Sureness(StrEnum):
    """How certain the list of people inside is, most certain first. The values are stored."""

    EXITS_SCANNED = "exits_scanned"  # exits are scanned, and all doors are online
    EXITS_INFERRED = "exits_inferred"  # entering another hall also counts as leaving
    NO_EXITS = "no_exits"  # no kiosk of this hall scans exits
    DOOR_AWAY = "door_away"  # a door is offline and may know more
    TOLD_LATE = "told_late"  # reported by an offline door after the muster began


@dataclass(frozen=True)
class HallSureness:
    hall_id: int
    sureness: Sureness
    away_since: int | None  # when the first silent door was last heard (Unix ms)
    away_doors: tuple[int, ...]  # doors with silent kiosks
    unseen: int  # maximum of unknown people admitted by silent kiosks


@dataclass(frozen=True)
class Listed:
    serial: int
    hall_id: int
    kiosk: str
    generation: int
    seq: int
    door_id: int
    since: int
    # Another hall entered without a known exit.
    also_in: int | None = None


def halls(db: Connection, now: int) -> dict[int, HallSureness]:
    scanned = {
        row[0]
        for row in db.execute(
            "SELECT DISTINCT d.hall_id FROM door d JOIN kiosk k USING (door_id)"
            " WHERE d.mode IN ('exit', 'both') AND k.state = 'active'"
        )
    }
    certainty = {}
    for row in db.execute("SELECT hall_id, leaving FROM hall ORDER BY hall_id").fetchall():
        silent = [
            kiosk for kiosk in hall_control.holdings(db, row["hall_id"]) if _is_silent(kiosk, now)
        ]
        certainty[row["hall_id"]] = HallSureness(
            hall_id=row["hall_id"],
            sureness=_sureness(row, scanned, bool(silent)),
            away_since=min((kiosk.seen_at for kiosk in silent if kiosk.seen_at), default=None),
            away_doors=tuple(sorted({kiosk.door_id for kiosk in silent})),
            unseen=sum(kiosk.held + kiosk.overrides for kiosk in silent),
        )
    return certainty


def _is_silent(kiosk: hall_control.KioskHolding, now: int) -> bool:
    """Return whether the kiosk may know of people unknown to the server. A kiosk that never
    reported has had no places.
    """
    if kiosk.seen_at is None:
        return False
    if kiosk.state == "active":
        return kiosk.seen_at < now - LIVE_MS
    return kiosk.held + kiosk.overrides > 0


def _sureness(hall: Row, scanned: Collection[int], silent: bool) -> Sureness:
    if silent:
        return Sureness.DOOR_AWAY
    if hall["hall_id"] not in scanned:
        return Sureness.NO_EXITS
    inferred = hall["leaving"] == "inferred"
    return Sureness.EXITS_INFERRED if inferred else Sureness.EXITS_SCANNED


def people_inside(db: Connection) -> list[Listed]:
    """Return everyone with an open stay, once, in the hall last entered.

    A person in a nested hall is listed only there.
    """
    # Uses the index of each hall's open stays.
    rows = db.execute(
        "SELECT s.serial, s.hall_id, s.kiosk, s.generation, s.seq, s.door_id, s.opened_at"
        " FROM hall h JOIN stay s ON s.hall_id = h.hall_id AND s.closed_at IS NULL"
    )
    by_serial: dict[int, list[Listed]] = defaultdict(list)
    for row in rows:
        line = Listed(*row)
        by_serial[line.serial].append(line)
    venue_rules = rules(db)
    return [_one_line(lines, venue_rules) for _, lines in sorted(by_serial.items())]


def inside(db: Connection, serial: int) -> Listed | None:
    """Return the person's line, or None if they are in no hall."""
    lines = [
        Listed(serial, stay.hall_id, *stay.ref_values, stay.door_id, stay.opened_at)
        for stay in stays.open_stays(db, serial)
    ]
    return _one_line(lines, rules(db)) if lines else None


def _one_line(lines: list[Listed], venue_rules: Rules) -> Listed:
    if len(lines) == 1:
        return lines[0]
    lineage: Mapping[int, frozenset[int]] = venue_rules.lineage
    # Of nested halls, the innermost has the most surrounding ones.
    last = max(lines, key=lambda line: (line.since, len(lineage[line.hall_id])))
    others = [line for line in lines if line.hall_id not in lineage[last.hall_id]]
    if not others:
        return last
    other = max(others, key=lambda line: line.since)
    return replace(last, also_in=other.hall_id)
