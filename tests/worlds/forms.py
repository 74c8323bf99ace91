"""What the next steps can read of a part: without hashes, signatures, the log, and times."""

import re
from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from typing import Any

from badges.record import decode_record
from server.storage import event_state
from tests.worlds.door import WorldDoor
from tests.worlds.server import WorldServer

# By table: the columns that the steps read, besides those that are constant in a world. The people
# of a row are marked, so that they can be numbered anew.
_SERVER = {
    "place_account": (
        "hall_id, override, kiosk, generation, granted, returned, handed_over, reclaimed, fenced,"
        " awaited, trusted, attested IS NULL, free, wanted_at IS NULL"
    ),
    "kiosk": (
        "kiosk, generation, state, (SELECT code FROM door d WHERE d.door_id = kiosk.door_id),"
        " acked_seq, resting"
    ),
    "hall": (
        "hall_id, parent_id, capacity, closed_at IS NULL, leaving, exits, open_stays,"
        " open_overrides, moved_on, unconfirmed_moves"
    ),
    "stay": (
        "hall_id, kiosk, generation, seq, 'serial', serial, override, gone, after_move, around,"
        " closed_by, closed_at IS NULL"
    ),
    "muster_person": (
        "muster_id, 'serial', serial, kiosk, generation, seq, seen_at IS NULL, left_at IS NULL,"
        " is_unproven"
    ),
    "attendee": "'serial', serial, revoked_at IS NULL",
    "likely_copy": "'serial', serial, cleared_at IS NULL",
    "early_exit": "kiosk, generation, seq, hall_id, closed_by",
    "unnamed_exit": "'serial', serial, hall_id",
}
_JOURNAL = (
    "SELECT acked, offered, incarnation > 1, fenced, resting FROM state",
    "SELECT hall, override, granted, returned, entries, credited, trusted FROM account",
    "SELECT seq, hall, 'serial', serial, override, open, credited, around FROM own_stay",
)
_REPLICA = (
    "SELECT kiosk, generation, seq, 'serial', serial, override, moved, hall FROM stay",
    "SELECT seq, hall FROM ended",
    "SELECT seq, hall FROM moved",
    "SELECT 'serial', serial, highest_issue, revoked, copied_issue FROM holder",
)
REPEAT_MS = 60_000  # kiosk/door/repeats.py


# Doors and people are one character each in a form's text, so that it is fast to name them anew.
_DOORS, _PEOPLE = 0xE000, 0xE800
_ONE_OF_PEOPLE = re.compile(f"[{chr(_PEOPLE)}-{chr(0xF8FF)}]")
Names = dict[int, int]  # new character by character


class Codes:
    """Writes rows as texts, with people by their badges."""

    def __init__(self, places: dict[int, str], serials: Iterable[int]) -> None:
        """`places`: codes of the venue's doors by their numbers. `serials`: of all badges."""
        self.places = places
        self._people = {serial: chr(_PEOPLE + number) for number, serial in enumerate(serials)}
        self._characters = {code: chr(_DOORS + number) for number, code in places.items()}
        self._codes = re.compile(rf"\b({'|'.join(self._characters)})\b")

    def text(self, row: tuple[Any, ...]) -> str:
        """The number after "serial" is a person's."""
        if "serial" in row:
            at = row.index("serial") + 1
            row = (*row[:at], self._people.get(row[at], ""), *row[at + 1 :])
        return self._codes.sub(lambda code: self._characters[code[1]], _joined(row))

    def names(self, doors: Iterable[tuple[str, str]], people: Iterable[tuple[int, int]]) -> Names:
        renamed = {ord(self._characters[old]): ord(self._characters[new]) for old, new in doors}
        return renamed | {_PEOPLE + old: _PEOPLE + new for old, new in people}


def _joined(row: tuple[Any, ...]) -> str:
    """`repr` would escape the characters."""
    return "|".join(map(str, row))


class PartForm:
    """What can be read of one part, and its hash by new names."""

    def __init__(
        self, rows: list[str], cursor: int, *, mark: tuple[str, int] = ("", 0),
        runs: Iterable[str] = (), scans: int = 0,
    ) -> None:  # fmt: skip
        self.rows = rows
        self.cursor = cursor  # how far the feed is, or was read
        self.mark = mark  # how far a server had come in which of its runs, as a door knows
        self.runs = {"", *runs}  # of a server
        self.scans = scans  # in a server's ledger
        self._hashes: dict[tuple[tuple[int, int], ...], bytes] = {}

    def is_older(self, door: "PartForm") -> bool:
        """Whether a door knows that a server had come further than this one."""
        run, cursor = door.mark
        return run not in self.runs or cursor > self.cursor

    def hash(self, names: Names) -> bytes:
        key = tuple(names.items())
        if key not in self._hashes:
            text = "\n".join(sorted(row.translate(names) for row in self.rows))
            self._hashes[key] = blake2b(text.encode(), digest_size=12).digest()
        return self._hashes[key]

    def is_alike(self, other: "PartForm") -> bool:
        mine, theirs = (
            (form.hash({}), form.cursor, form.mark, form.runs, form.scans) for form in (self, other)
        )
        return mine == theirs

    @cached_property
    def by_person(self) -> dict[int, list[str]]:
        """The rows about each person, by badge, without people."""
        found: dict[int, list[str]] = {}
        for row in self.rows:
            for character in _ONE_OF_PEOPLE.findall(row):
                rest = row.replace(character, "")
                found.setdefault(ord(character) - _PEOPLE, []).append(rest)
        return found


def form_of_server(server: WorldServer, codes: Codes) -> PartForm:
    db = server.db
    rows: list[tuple[Any, ...]] = [
        (table, *tuple(row))
        for table, columns in _SERVER.items()
        for row in db.execute(f"SELECT {columns} FROM {table}")
    ]
    told = event_state.event_state(db)
    rows.append(("event", told.incarnation > 1, told.restored_without_acts))
    (scans,) = db.execute("SELECT COALESCE(MAX(number), 0) FROM scan").fetchone()
    runs = [run for (run,) in db.execute("SELECT run FROM server_run")]
    return PartForm(list(map(codes.text, rows)), server.cursor(), runs=runs, scans=scans)


def form_of_door(door: WorldDoor, codes: Codes, monotonic: int) -> PartForm:
    """`monotonic` in ms."""
    journal, replica = door._connections
    rows = [
        ("journal", number, *tuple(row))
        for number, sql in enumerate(_JOURNAL)
        for row in journal.execute(sql).fetchall()
    ]
    acked = rows[0][2]
    waiting = journal.execute("SELECT record FROM scan WHERE seq > ? ORDER BY seq", (acked,))
    rows += [_of_record(record) for (record,) in waiting.fetchall()]
    rows += [
        ("replica", number, *tuple(row))
        for number, sql in enumerate(_REPLICA)
        for row in replica.execute(sql).fetchall()
    ]
    context = door.replica.context
    if context is not None:
        around = tuple(hall.hall_id for hall in context.outer)
        place = codes.places[context.door.door]
        rows.append(
            ("context", context.capacity, context.hall.closed, context.ring_order, place, around)
        )
    if monotonic - door.admitter._repeats._started_at <= REPEAT_MS:
        rows += [("repeats", "serial", serial) for serial in door.admitter._repeats._records]
    link = door.link.state
    rows.append(
        ("memory", link.online, link.feed_live, door.changes.snapshot_wanted,
         bool(door.exchange._wants))
    )  # fmt: skip
    stored = journal.execute("SELECT run, cursor FROM mark").fetchone()
    mark = ("", 0) if stored is None else tuple(stored)
    newest = door.exchange._mark
    if newest is not None and (newest.run, newest.cursor) != mark:
        mark = newest.run, max(newest.cursor, mark[1])
    return PartForm(list(map(codes.text, rows)), door.replica.cursor, mark=mark)


def _of_record(record: bytes) -> tuple[Any, ...]:
    known = decode_record(record)
    closes = known.closes
    return (
        "waits", known.seq, known.direction, known.decision, "serial", known.serial, known.hall,
        None if closes is None else (closes.kiosk, closes.generation, closes.seq),
        known.credited, int(known.kind),
    )  # fmt: skip
