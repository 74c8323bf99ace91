"""Takes a roster over into the event: all of it, or with every problem named, nothing.

A row is the attendee with its external id, else with its e-mail, else with the same name and
organisation where neither side has an id or e-mail. An empty cell leaves a text as it was;
category, days and zones are always the file's.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from badges import wire
from badges.roster import Problem, Roster, RosterRow
from server import entry_log, feed, searching
from server.attendees import (
    ALL_ZONES,
    CARRIED,
    Attendee,
    AttendeeError,
    UnknownAttendeeError,
    add_attendee,
    attendee,
    change_attendee,
    draw_serial,
    find_attendees,
    whole_name,
)
from server.tables import tables

__all__ = [
    "Attendee", "AttendeeError", "ImportResult", "RosterRefusedError", "UnknownAttendeeError",
    "add_attendee", "attendee", "change_attendee", "find_attendees", "import_roster", "whole_name",
]  # fmt: skip

ALL_DAYS = 0xFFFF
LANGUAGE = "en"  # of attendees of whom the roster does not say

PROGRESS_ROWS = 1000

Random = Callable[[int], bytes]
Key = tuple[str, ...]


class RosterRefusedError(ValueError):
    """The roster has problems, and nothing was imported."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"the roster has {len(self.problems):,} problems; nothing was imported")


@dataclass(frozen=True)
class ImportResult:
    """How many rows were taken and how; whose badge no longer says what the roster says."""

    added: int
    updated: int
    unchanged: int
    skipped: int
    needs_reissue: tuple[int, ...] = ()  # serials
    problems: tuple[Problem, ...] = ()  # of the skipped rows


def import_roster(
    db: sqlite3.Connection,
    roster: Roster,
    *,
    skip_bad: bool,
    by: str,
    now: int,
    random: Random,
    progress: Callable[[int], None] | None = None,
) -> ImportResult:
    """Add and change attendees. Raises RosterRefusedError, with nothing changed.

    `db` is in a transaction. `skip_bad` leaves out the rows with a problem; `progress` hears how
    many rows are done.
    """
    plan = _Plan(db, random, now)
    for done, row in enumerate(roster.rows, 1):
        plan.take(row)
        if progress and done % PROGRESS_ROWS == 0:
            progress(done)
    problems = (*roster.problems, *plan.problems)
    if problems and (not skip_bad or not roster.rows):
        raise RosterRefusedError(problems)
    result = ImportResult(
        added=len(plan.added),
        updated=len(plan.updated),
        unchanged=plan.unchanged,
        skipped=len({problem.line for problem in problems if problem.line is not None}),
        needs_reissue=tuple(sorted(plan.needs_reissue)),
        problems=problems,
    )
    invited = plan.write()
    if plan.added or plan.updated or invited:
        counts = {
            "added": result.added,
            "updated": result.updated,
            "skipped": result.skipped,
            "invited": invited,
        }
        entry_log.act(db, by, "roster_imported", counts, now)
    return result


@dataclass
class _Known:
    """The attendees in the database by what a row may be known by, and what is claimed so far."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)  # by serial
    by_id: dict[str, int] = field(default_factory=dict)
    by_email: dict[str, int] = field(default_factory=dict)
    nameless: dict[Key, list[int]] = field(default_factory=dict)  # without id and e-mail
    badged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)  # serials of badges that a restore lost sight of


def _load(db: sqlite3.Connection) -> _Known:
    known = _Known()
    for row in tables(db).query("SELECT * FROM attendee ORDER BY serial"):
        serial = row["serial"]
        known.rows[serial] = row
        if row["external_id"]:
            known.by_id[row["external_id"]] = serial
        if row["email"]:
            known.by_email[row["email"].casefold()] = serial
        if not row["external_id"] and not row["email"]:
            known.nameless.setdefault(_key(row), []).append(serial)
    known.badged = {row[0] for row in db.execute("SELECT DISTINCT serial FROM badge")}
    known.unknown = {row[0] for row in db.execute("SELECT serial FROM unknown_holder")}
    return known


def _key(row: Mapping[str, Any]) -> Key:
    return (row["given_name"], row["family_name"], row["organisation"])


class _Plan:
    """What an import will write, found row by row; writes nothing before `write`."""

    def __init__(self, db: sqlite3.Connection, random: Random, now: int) -> None:
        self._db = db
        self._random = random
        self._now = now
        self._known = _load(db)
        self._categories = _codes(db, "category", "category")
        self._zones = _codes(db, "zone", "bit")
        self._sessions = _codes(db, "session", "session_id")
        self._claimed: dict[int, int] = {}  # serial: line
        self.added: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []
        self.unchanged = 0
        self.invited: list[tuple[int, int]] = []  # session, serial
        self.needs_reissue: set[int] = set()
        self.problems: list[Problem] = []

    def take(self, row: RosterRow) -> None:
        """Plan one row, or note what is wrong with it."""
        before = len(self.problems)
        values = self._values(row)
        serial = self._whose(row)
        if len(self.problems) > before:
            return
        if serial is None:
            serial = self._add(values)
        else:
            self._update(serial, values)
        self._claimed[serial] = row.line
        self.invited += [(self._sessions[code], serial) for code in row.invitations]

    def _values(self, row: RosterRow) -> dict[str, Any]:
        for column, codes, known in (
            ("category", (row.category,), self._categories),
            ("zones", row.zones, self._zones),
            ("invitations", row.invitations, self._sessions),
        ):
            for code in codes:
                if code not in known:
                    self._problem(row, column, f"{code!r} is not known in this event")
        return {
            "external_id": row.external_id or None,
            "given_name": row.given_name,
            "family_name": row.family_name,
            "organisation": row.organisation,
            "country": row.country,
            "email": row.email,
            "category": self._categories.get(row.category),
            "valid_days": _bits(day - 1 for day in row.days) if row.days else ALL_DAYS,
            "zones": _bits(self._zones.get(code, 0) for code in row.zones) or ALL_ZONES,
            "language": row.language,
        }

    def _whose(self, row: RosterRow) -> int | None:
        """The serial of the attendee that the row is about; None for a new one."""
        known = self._known
        by_id = known.by_id.get(row.external_id)
        by_email = known.by_email.get(row.email.casefold()) if row.email else None
        found = by_id if by_id is not None else by_email
        if found is None:
            key = (row.given_name, row.family_name, row.organisation)
            same = [] if row.external_id or row.email else known.nameless.get(key, [])
            return same.pop(0) if same else None
        other_id = row.external_id and known.rows[found]["external_id"] != row.external_id
        if by_email is not None and by_email != found:
            self._problem(row, "email", f"belongs to {self._named(by_email)} already")
        elif other_id and known.rows[found]["external_id"]:
            self._problem(row, "email", f"belongs to {self._named(found)} already")
        elif found in self._claimed:
            line = self._claimed[found]
            self._problem(row, "email", f"is the attendee of line {line} too. Keep one")
        return found

    def _named(self, serial: int) -> str:
        external_id = self._known.rows[serial]["external_id"]
        return f"the attendee with id {external_id}" if external_id else "another attendee"

    def _add(self, values: dict[str, Any]) -> int:
        serial = draw_serial(
            lambda one: (
                one in self._known.rows or one in self._claimed or one in self._known.unknown
            ),
            self._random,
        )
        fixed = {"flags": 0, "created_at": self._now, "revoked_at": None}
        values["language"] = values["language"] or LANGUAGE
        self.added.append({"serial": serial, **values, **fixed})
        return serial

    def _update(self, serial: int, values: Mapping[str, Any]) -> None:
        before = self._known.rows[serial]
        changed = {
            column: value
            for column, value in values.items()
            if before[column] != value and (value or column not in _KEPT_WHERE_EMPTY)
        }
        if {"given_name", "family_name"} & changed.keys():
            changed["family_name"] = values["family_name"]  # a name changes as a whole
        if not changed:
            self.unchanged += 1
            return
        self.updated.append({**before, **changed})
        if serial in self._known.badged and CARRIED & changed.keys():
            self.needs_reissue.add(serial)

    def _problem(self, row: RosterRow, column: str, message: str) -> None:
        self.problems.append(Problem(row.line, column, message))

    def write(self) -> int:
        """Everything that was planned; how many invitations are new."""
        attendees = tables(self._db).table("attendee")
        if self.added:
            attendees.insert_all(self.added, batch_size=1000)
        if self.updated:
            attendees.upsert_all(self.updated, pk="serial", batch_size=1000)
        searching.fold(self._db)
        invited = self._db.executemany(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, 1)"
            " ON CONFLICT DO NOTHING",
            self.invited,
        ).rowcount
        if invited > 0:
            feed.publish(self._db, wire.VenueChanged())
        return max(0, invited)


_KEPT_WHERE_EMPTY = {"external_id", "email", "organisation", "country", "language", "family_name"}


def _codes(db: sqlite3.Connection, table: str, key: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT code, {key} FROM {table}").fetchall())


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
