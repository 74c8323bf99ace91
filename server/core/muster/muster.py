"""Begins and ends musters, and records who was seen. Only one muster is active at a time.

It begins with a list of everyone inside, taken in one transaction (`snapshot`). People seen at an
assembly point leave the list, and late entries from offline doors are added.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from badges.i18n import N_, Phrase, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event import clock
from server.core.muster import sightings, snapshot
from server.core.muster.snapshot import Listed, Sureness
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import write_rows

# Assembly points may start before the muster begins on the server.
EARLY_MS = 30 * 60_000
WORDS_MAX = 200
SHOWN_MAX = 20

_PERSON = (
    "muster_id", "serial", "hall_id", "kiosk", "generation", "seq", "door_id", "since", "sureness",
    "away_since", "also_in",
)  # fmt: skip


class MusterError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class Muster:
    """A roll call of all people on site, such as after an evacuation. Times are Unix ms."""

    muster_id: int
    reason: str
    begun_at: int
    begun_by: str
    ended_at: int | None
    ended_by: str | None
    note: str | None
    epoch: int  # of the server's time in which it was begun


class RollCallScan(NamedTuple):
    """A badge seen at an assembly point."""

    number: int  # of the scan
    serial: int
    issue: int
    at: int  # Unix ms, by the server's clock as far as the kiosk knew its error
    clock_known: bool
    epoch: int  # of the server's time, in which the kiosk measured its clock's error
    point: str
    by: str | None


class ShownLine(NamedTuple):
    """The line of a list on which staff tick a person off."""

    at: int  # when the page was opened, Unix ms
    epoch: int  # of the server's time then, 0 if unknown
    entries: str  # the person's entries that were known then, by `sightings.known_entries`


# Whether a muster is active.
IS_ON = "SELECT EXISTS (SELECT 1 FROM muster WHERE ended_at IS NULL)"


def current(db: Connection) -> Muster | None:
    row = db.execute("SELECT * FROM muster WHERE ended_at IS NULL").fetchone()
    return None if row is None else Muster(**dict(row))


def musters(db: Connection) -> list[Muster]:
    """Newest first."""
    rows = db.execute("SELECT * FROM muster ORDER BY muster_id DESC LIMIT ?", (SHOWN_MAX,))
    return [Muster(**dict(row)) for row in rows.fetchall()]


def muster(db: Connection, muster_id: int) -> Muster | None:
    row = db.execute("SELECT * FROM muster WHERE muster_id = ?", (muster_id,)).fetchone()
    return None if row is None else Muster(**dict(row))


def begin(db: Connection, reason: str, *, by: str, now: int) -> Muster:
    """Begin a muster that lists everyone inside, with recent sightings. The doors are not
    affected. Raises MusterError.
    """
    if current(db) is not None:
        raise MusterError(N_("a muster is on already. End it first."))
    reason = _words(reason, Phrase("state briefly why, such as: drill, fire alarm in hall 3."))
    newest = clock.newest(db)
    epoch = 0 if newest is None else newest.number
    (muster_id,) = db.execute(
        "INSERT INTO muster (reason, begun_at, begun_by, epoch) VALUES (?, ?, ?, ?)"
        " RETURNING muster_id",
        (reason, now, by, epoch),
    ).fetchone()
    halls, people = snapshot.halls(db, now), snapshot.people_inside(db)
    write_rows(
        db,
        "muster_hall",
        ("muster_id", "hall_id", "sureness", "away_since", "away_doors", "unseen"),
        [
            (muster_id, item.hall_id, item.sureness.value, item.away_since,
             json.dumps(item.away_doors), item.unseen)
            for item in halls.values()
        ],
    )  # fmt: skip
    write_rows(
        db,
        "muster_person",
        _PERSON,
        [_row(muster_id, item, halls[item.hall_id]) for item in people],
    )
    _take_earlier(db, muster_id, now)
    subject = {"muster": muster_id, "people": len(people), "reason": reason}
    entry_log.act(db, by, Act.MUSTER_BEGUN, subject, now)
    return Muster(muster_id, reason, now, by, None, None, None, epoch)


def end(db: Connection, muster_id: int, note: str, *, by: str, now: int) -> None:
    """End a muster. Raises MusterError."""
    _require_on(db, muster_id)
    note = _words(note, Phrase("state briefly how it ended."))
    (missing,) = db.execute(
        "SELECT COUNT(*) FROM muster_person WHERE muster_id = ? AND left_at IS NULL"
        " AND (seen_at IS NULL OR is_unproven = 1)",
        (muster_id,),
    ).fetchone()
    db.execute(
        "UPDATE muster SET ended_at = ?, ended_by = ?, note = ? WHERE muster_id = ?",
        (now, by, note, muster_id),
    )
    subject = {"muster": muster_id, "people": missing, "reason": note}
    entry_log.act(db, by, Act.MUSTER_ENDED, subject, now)


def tick(
    db: Connection,
    muster_id: int,
    serial: int,
    point: str,
    *,
    shown: ShownLine,
    by: str,
    now: int,
) -> None:
    """Record that staff saw the person at `point`, after the page with the line `shown` was opened.

    Raises MusterError, also if the server has other entries of the person now.
    """
    _require_on(db, muster_id)
    _require_known(db, muster_id, serial)
    if sightings.known_entries(db, [serial]).get(serial, "") != shown.entries:
        raise MusterError(
            N_(
                "since you opened the list, the entries of this person have changed."
                " Look at the line again. If you see them now, tick them off again."
            )
        )
    point = " ".join(point.split())[:WORDS_MAX]
    epoch = clock.newest(db)
    # If the clock was set since the page was opened, its two times can't be compared.
    clock_known = epoch is not None and epoch.number == shown.epoch
    db.execute(
        "INSERT INTO muster_seen (muster_id, serial, at, not_before, clock_known, epoch,"
        " shown_entry, point, by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            muster_id, serial, now, min(shown.at, now), clock_known, shown.epoch,
            sightings.newest_entry(db, serial), point, by,
        ),
    )  # fmt: skip
    _mark(db, muster_id, serial)
    subject = {"muster": muster_id, "serial": serial}
    entry_log.act(db, by, Act.MUSTER_PERSON_SEEN, subject, now)


def take_back(db: Connection, muster_id: int, serial: int, *, by: str, now: int) -> None:
    """Mark a person as missing again. Sightings stay on record but no longer count. Raises
    MusterError.
    """
    _require_on(db, muster_id)
    changed = db.execute(
        "UPDATE muster_seen SET withdrawn = 1 WHERE muster_id = ? AND serial = ? AND withdrawn = 0",
        (muster_id, serial),
    ).rowcount
    if not changed:
        raise MusterError(N_("this person was not reported as seen."))
    _mark(db, muster_id, serial)
    subject = {"muster": muster_id, "serial": serial}
    entry_log.act(db, by, Act.MUSTER_PERSON_UNSEEN, subject, now)


def note(
    db: Connection, scans: Sequence[RollCallScan], moved: Collection[int], *, quarantined: bool
) -> bool:
    """Record a batch's scans at assembly points, and list where the people (serials) are who
    entered or left a hall. Return whether a muster may be active.

    The batch's scans and stays must be stored already. A fenced kiosk's records (`quarantined`)
    add people, who may be inside, but move nobody.
    """
    for sighting in scans:
        muster_id = _muster_of(db, sighting)
        if muster_id is not None:
            _see(db, muster_id, sighting)
    if not moved:
        return True  # not checked
    on = current(db)
    if on is not None:
        for serial in sorted(moved):
            _list(db, on, serial, moves=not quarantined)
    return on is not None


def note_cleared(db: Connection) -> None:
    """After a hall was counted as empty, list its people who are in another hall by the records."""
    on = current(db)
    if on is None:
        return
    left = db.execute(
        "SELECT serial FROM muster_person WHERE muster_id = ? AND left_at IS NOT NULL"
        " AND serial IN (SELECT serial FROM stay WHERE closed_at IS NULL) ORDER BY serial",
        (on.muster_id,),
    )
    for (serial,) in left.fetchall():
        _list(db, on, serial, moves=False)


def judge_again(db: Connection, serials: Collection[int]) -> None:
    """Judge the sightings of these people again, because badges of theirs became void."""
    on = current(db)
    if on is None:
        return
    seen = db.execute(
        "SELECT DISTINCT serial FROM muster_seen WHERE muster_id = ?"
        f" AND {dialect.one_of('serial')} ORDER BY serial",
        (on.muster_id, dialect.many(serials)),
    )
    for (serial,) in seen.fetchall():
        _mark(db, on.muster_id, serial)


def _see(db: Connection, muster_id: int, sighting: RollCallScan) -> None:
    db.execute(
        "INSERT INTO muster_seen (muster_id, serial, number, at, not_before, clock_known, epoch,"
        " point, by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            muster_id, sighting.serial, sighting.number, sighting.at, sighting.at,
            sighting.clock_known, sighting.epoch, sighting.point, sighting.by,
        ),
    )  # fmt: skip
    _mark(db, muster_id, sighting.serial)


def _mark(db: Connection, muster_id: int, serial: int) -> None:
    """Set the sighting that the list shows, and whether it may be older than an entry."""
    _find_void_badges(db, muster_id, serial)
    chosen = sightings.chosen(db, muster_id, serial)
    values: tuple[object, ...] = (None, None, None, 0)
    if chosen is not None:
        sighting, is_proven = chosen
        values = (sighting.at, sighting.point, sighting.by, not is_proven)
    db.execute(
        "UPDATE muster_person SET seen_at = ?, seen_point = ?, seen_by = ?, is_unproven = ?"
        " WHERE muster_id = ? AND serial = ?",
        (*values, muster_id, serial),
    )


def _find_void_badges(db: Connection, muster_id: int, serial: int) -> None:
    """Note the sightings whose badge another person may have had: it is void or suspected as a
    copy. The suspicion may arise after the sighting.
    """
    db.execute(
        "UPDATE muster_seen SET void_badge = 1 WHERE muster_id = ? AND serial = ?"
        " AND void_badge = 0 AND number IN (SELECT x.number FROM scan x"
        " LEFT JOIN attendee a ON a.serial = x.serial"
        " WHERE x.serial = ? AND x.reason = 'roll_call' AND (a.serial IS NULL"
        " OR a.revoked_at IS NOT NULL OR COALESCE(x.issue, 0) < (SELECT COALESCE(MAX(b.issue), 0)"
        " FROM badge b WHERE b.serial = x.serial)"
        " OR EXISTS (SELECT 1 FROM withdrawn_badge w WHERE w.serial = x.serial"
        " AND w.issue = COALESCE(x.issue, 0))"
        " OR EXISTS (SELECT 1 FROM likely_copy c WHERE c.serial = x.serial"
        " AND c.issue >= COALESCE(x.issue, 0) AND c.cleared_at IS NULL)))",
        (muster_id, serial, serial),
    )


def _muster_of(db: Connection, sighting: RollCallScan) -> int | None:
    """Return the muster to which a sighting belongs, or None. Assembly points may report late, or
    start early. A muster that was on at the time comes before one that began soon after.

    If no muster's time can be compared with its own, it belongs to the current muster, where its
    order to the entries decides whether it counts.
    """
    on = current(db)
    if not sighting.clock_known:
        return None if on is None else on.muster_id
    row = db.execute(
        "SELECT muster_id, epoch FROM muster WHERE begun_at - ? <= ? AND (ended_at IS NULL OR"
        " ended_at >= ?) ORDER BY epoch <> ?, begun_at <= ? DESC, muster_id DESC LIMIT 1",
        (EARLY_MS, sighting.at, sighting.at, sighting.epoch, sighting.at),
    ).fetchone()
    is_comparable = row is not None and row["epoch"] == sighting.epoch
    if not is_comparable and on is not None and sighting.epoch not in (0, on.epoch):
        return on.muster_id
    return None if row is None else int(row["muster_id"])


def _take_earlier(db: Connection, muster_id: int, now: int) -> None:
    rows = db.execute(
        "SELECT s.number, s.serial, s.issue, s.scanned_at - COALESCE(s.skew_ms, 0) AS at,"
        " s.skew_ms, s.note, s.supervisor, l.body FROM scan s JOIN leaf l USING (number)"
        " WHERE s.reason = 'roll_call' AND s.received_at >= ? AND s.quarantined = 0"
        " AND s.serial IS NOT NULL AND l.kind = 'scan'"
        " AND NOT EXISTS (SELECT 1 FROM muster_seen m WHERE m.number = s.number)",
        (now - EARLY_MS,),
    ).fetchall()
    for row in rows:
        if row["at"] >= now - EARLY_MS:
            epoch = json.loads(row["body"])["record"].get("epoch", 0)
            _see(
                db,
                muster_id,
                RollCallScan(
                    row["number"], row["serial"], row["issue"] or 0, row["at"],
                    row["skew_ms"] is not None, epoch, row["note"] or "", row["supervisor"],
                ),
            )  # fmt: skip


def _list(db: Connection, on: Muster, serial: int, *, moves: bool) -> None:
    """List the person in the hall where they are now, if they are not listed, left the hall of
    their line, or (if it `moves` people) entered later.
    """
    line = snapshot.inside(db, serial)
    if line is not None:  # Otherwise a trigger notes that they left.
        _list_in(db, on, line, moves=moves)
    # Sightings before this entry do not count any more.
    _mark(db, on.muster_id, serial)


def _list_in(db: Connection, on: Muster, line: Listed, *, moves: bool) -> None:
    hall = db.execute(
        "SELECT h.sureness, h.away_since FROM muster_hall h JOIN scan s ON s.kiosk = ?"
        " AND s.generation = ? AND s.seq = ? AND s.received_at <= ?"
        " WHERE h.muster_id = ? AND h.hall_id = ?",
        (line.kiosk, line.generation, line.seq, on.begun_at, on.muster_id, line.hall_id),
    ).fetchone()
    sureness, away_since = (Sureness.TOLD_LATE.value, None) if hall is None else hall
    later = " OR excluded.since > muster_person.since" if moves else ""
    db.execute(
        f"INSERT INTO muster_person ({', '.join(_PERSON)}) VALUES"
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (muster_id, serial) DO UPDATE SET hall_id = excluded.hall_id,"
        " kiosk = excluded.kiosk, generation = excluded.generation, seq = excluded.seq,"
        " door_id = excluded.door_id, sureness = excluded.sureness,"
        # Keep the time of an entry during the muster, also when they left that inner hall.
        " since = CASE WHEN muster_person.since > ? AND muster_person.since > excluded.since"
        " THEN muster_person.since ELSE excluded.since END,"
        " away_since = excluded.away_since, also_in = excluded.also_in, left_at = NULL"
        f" WHERE muster_person.left_at IS NOT NULL{later}",
        (on.muster_id, line.serial, line.hall_id, line.kiosk, line.generation, line.seq,
         line.door_id, line.since, sureness, away_since, line.also_in, on.begun_at),
    )  # fmt: skip


def _require_on(db: Connection, muster_id: int) -> None:
    on = current(db)
    if on is None or on.muster_id != muster_id:
        raise MusterError(N_("this muster has ended."))


def _require_known(db: Connection, muster_id: int, serial: int) -> None:
    """Require a person of the roster or of the list, on which a badge of no roster may be."""
    known = db.execute(
        "SELECT 1 FROM attendee WHERE serial = ?"
        " UNION SELECT 1 FROM muster_person WHERE muster_id = ? AND serial = ?",
        (serial, muster_id, serial),
    ).fetchone()
    if known is None:
        raise MusterError(N_("There is no attendee with this badge number."))


def _words(text: str, missing: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise MusterError(missing)
    if len(text) > WORDS_MAX:
        raise MusterError(N_("that is longer than %(most)s letters."), most=WORDS_MAX)
    return text


def _row(muster_id: int, person: Listed, hall: snapshot.HallSureness) -> tuple[object, ...]:
    return (
        muster_id, person.serial, person.hall_id, person.kiosk, person.generation, person.seq,
        person.door_id, person.since, hall.sureness.value, hall.away_since, person.also_in,
    )  # fmt: skip
