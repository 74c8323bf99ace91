"""Takes a whole roster over into the event. If it can't, it names every problem and question and
takes nothing.

A row belongs to the attendee with its external id, else to the one with its e-mail and name. Where
neither side has an id or e-mail, it belongs to the one with the same name and organisation. An
empty cell leaves a text as it was. Category, days and zones are always taken from the file. What
would change who somebody is, or drop or double them, is asked first. `server.setup.roster_match`
finds such rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from badges.roster.problems import Finding, Problem
from badges.roster.reader import Roster, RosterRow
from badges.wire import wire
from server.entry_log import entry_log
from server.entry_log.act_names import Act
from server.feed import changes
from server.people import issuing, search
from server.people.attendees import (
    ALL_ZONES,
    CARRIED,
    draw_serial,
)
from server.programme.organisations import link_people
from server.programme.speakers import link_speakers
from server.setup.roster_match import ImportAnswers, Match, Person, RosterValues, load_people
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.database import large_cache, one_state

ALL_DAYS = 0xFFFF
LANGUAGE = "en"  # For attendees whose language the roster does not say.
PROGRESS_ROWS = 1000
# These acts leave people, their badges and an import's codes as they are. Any other act between
# planning and writing means that the plan may be wrong by now.
_HARMLESS = frozenset(
    {
        Act.SIGNED_IN, Act.PEOPLE_LOOKED_UP, Act.CAPACITY_SET, Act.HALL_CLEARED, Act.HALL_CLOSED,
        Act.HALL_OPENED, Act.KIOSK_ATTESTED, Act.KIOSK_MOVED, Act.PASSWORD_SET, Act.PIN_REMOVED,
        Act.PIN_SET, Act.ROLE_SET, Act.USER_ADDED, Act.USER_DISABLED, Act.USER_ENABLED,
    }
)  # fmt: skip
_KEPT_WHERE_EMPTY = {
    "external_id",
    "email",
    "organisation",
    "country",
    "language",
    "family_name",
    "latin_name",
}

Random = Callable[[int], bytes]
Progress = Callable[[int], None]


class RosterRefusedError(ValueError):
    """Is raised where the roster has problems or leaves questions open. Nothing was imported."""

    def __init__(self, result: "ImportResult") -> None:
        self.problems = result.problems
        self.findings = result.findings
        self.result = result
        asked = sum(finding.open for finding in result.findings)
        super().__init__(
            f"the roster has {result.problem_count:,} problems and {asked} open questions;"
            " nothing was imported"
        )


class RosterChangedError(ValueError):
    """Is raised where somebody changed people or the venue since the import was planned. Nothing
    was imported.
    """


@dataclass(frozen=True)
class ImportResult:
    """Holds how many rows were taken and how, and whose badge no longer says what the roster
    says.
    """

    added: int
    updated: int
    unchanged: int
    skipped: int
    needs_reissue: tuple[int, ...] = ()  # Serials.
    # Of the skipped rows. Only the first ones, where there are very many.
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    revoked: int = 0
    problem_count: int = 0

    @property
    def open(self) -> tuple[Finding, ...]:
        """Return the questions that must be answered before anything is imported."""
        return tuple(finding for finding in self.findings if finding.open)


def import_roster(
    db: Connection,
    roster: Roster,
    *,
    skip_bad: bool,
    by: str,
    now: int,
    random: Random,
    answers: ImportAnswers | None = None,
) -> ImportResult:
    """Make the plan of an import and write it, in one step. Raises RosterRefusedError, with nothing
    changed.

    `db` is in a transaction, which keeps others waiting while a long roster is planned.
    """
    plan = plan_import(db, roster, answers or ImportAnswers(), skip_bad, now, random)
    plan.write(db, by)
    return plan.result


def plan_import(
    db: Connection,
    roster: Roster,
    answers: ImportAnswers,
    skip_bad: bool,
    now: int,
    random: Random,
    progress: Progress | None = None,
) -> "ImportPlan":
    """Find what an import would write, and everything that must be said before. This writes
    nothing.

    `skip_bad` leaves out the rows with a problem. `progress` is told how many rows are done.
    """
    with one_state(db):
        return _Planner(db, roster, answers, random, now).plan(skip_bad, progress)


@dataclass(frozen=True)
class ImportPlan:
    """Holds what an import will write, and its result. Look at `result.open` and `refused`
    first.
    """

    result: ImportResult
    refused: bool
    acts: int  # How many the entry log had when this was planned.
    now: int
    added: list[tuple[Any, ...]]
    # By changed columns, the values and the serial.
    updated: dict[tuple[str, ...], list[tuple[Any, ...]]]
    invited: list[tuple[int, int]]  # Pairs of session and serial.
    revoke: list[int]

    @property
    def changes_people(self) -> bool:
        """Say whether somebody who is in the event already is changed or revoked."""
        return bool(self.updated or self.revoke)

    def write(self, db: Connection, by: str) -> None:
        """Write all of it. Raises RosterRefusedError or RosterChangedError."""
        if self.refused:
            raise RosterRefusedError(self.result)
        if _acts_since(db, self.acts) - _HARMLESS:
            raise RosterChangedError
        # Ids and addresses are in no order, so a write may touch any part of their indexes.
        with large_cache(db):
            self._write(db, by)

    def _write(self, db: Connection, by: str) -> None:
        for columns, rows in self.updated.items():
            # An id may move from one attendee to another, so all of them are removed first.
            if "external_id" in columns:
                ids = [row[-1:] for row in rows]
                db.executemany("UPDATE attendee SET external_id = NULL WHERE serial = ?", ids)
        for columns, rows in self.updated.items():
            sets = ", ".join(f"{column} = ?" for column in columns)
            db.executemany(f"UPDATE attendee SET {sets} WHERE serial = ?", rows)
        inserted = ("serial", *RosterValues._fields, "flags", "created_at", "revoked_at")
        db.executemany(
            f"INSERT INTO attendee ({', '.join(inserted)}) VALUES ({_marks(len(inserted))})",
            self.added,
        )
        search.fold(db)
        link_people(db)
        link_speakers(db)
        invited = db.executemany(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, 1)"
            " ON CONFLICT DO NOTHING",
            self.invited,
        ).rowcount
        if invited > 0:
            changes.publish(db, wire.VenueChanged())
        if self.revoke:
            issuing.revoke_many(db, self.revoke, reason="not_on_roster", now=self.now, by=by)
        if self.added or self.updated or self.revoke or invited > 0:
            counts = {
                "added": self.result.added,
                "updated": self.result.updated,
                "skipped": self.result.skipped,
                "invited": max(0, invited),
            }
            entry_log.act(db, by, Act.ROSTER_IMPORTED, counts, self.now)


def _acts_since(db: Connection, number: int) -> set[str]:
    """Return the kinds of admin acts that the log got after act `number`."""
    rows = db.execute(
        f"SELECT DISTINCT {dialect.in_json('body', 'act')} FROM leaf"
        " WHERE kind = 'act' AND kind <> 'scan' AND number > ?",
        (number,),
    )
    return {str(row[0]) for row in rows}


def _marks(count: int) -> str:
    return ", ".join("?" * count)


class _Planner:
    """Finds row by row what an import will write."""

    def __init__(
        self,
        db: Connection,
        roster: Roster,
        answers: ImportAnswers,
        random: Random,
        now: int,
    ) -> None:
        self._roster = roster
        self._answers = answers
        self._random = random
        self._now = now
        self._categories = _codes(db, "category", "category")
        self._zones = _codes(db, "zone", "bit")
        self._sessions = _codes(db, "session", "session_id")
        (self._acts,) = db.execute(
            "SELECT COALESCE(MAX(number), -1) FROM leaf WHERE kind = 'act' AND kind <> 'scan'"
        ).fetchone()
        self._people = load_people(db)
        self._taken = set(self._people) | {
            row[0] for row in db.execute("SELECT serial FROM unknown_holder")
        }
        self._match = Match(self._people, answers)
        self._problems: list[Problem] = []
        self._added: list[tuple[Any, ...]] = []
        self._updated: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        self._unchanged = 0
        self._invited: list[tuple[int, int]] = []
        self._needs_reissue: set[int] = set()

    def plan(self, skip_bad: bool, progress: Progress | None) -> ImportPlan:
        rows = [row for row in self._roster.rows if self._is_known_here(row)]
        matched = self._match.rows(rows)
        for done, (row, serial) in enumerate(matched, 1):
            self._take(row, serial)
            if progress and (done % PROGRESS_ROWS == 0 or done == len(matched)):
                progress(done)
        self._problems += self._match.problems
        bad = self._roster.bad_lines | {p.line for p in self._problems if p.line is not None}
        count = self._roster.problem_count + len(self._problems)
        gone = self._match.gone(len(bad))
        result = ImportResult(
            added=len(self._added),
            updated=sum(map(len, self._updated.values())),
            unchanged=self._unchanged,
            skipped=len(bad) + self._match.left_out,
            needs_reissue=tuple(sorted(self._needs_reissue)),
            problems=(*self._roster.problems, *self._problems),
            findings=(*self._roster.findings, *self._match.findings(len(bad))),
            revoked=len(gone),
            problem_count=count,
        )
        refused = bool(count and (not skip_bad or not self._roster.rows)) or bool(result.open)
        self._added.sort()  # The order of the table itself is quicker to write.
        return ImportPlan(
            result, refused, self._acts, self._now, self._added, self._updated, self._invited, gone
        )

    def _take(self, row: RosterRow, person: Person | None) -> None:
        values = self._values(row)
        if person is None:
            serial = self._add(values)
        else:
            serial = person.serial
            self._update(person, values)
        self._invited += [(self._sessions[code], serial) for code in row.invitations]

    def _is_known_here(self, row: RosterRow) -> bool:
        """Tell whether the event has all the codes of the row. Each code that it lacks becomes a
        problem.
        """
        before = len(self._problems)
        for column, codes, known in (
            ("category", (row.category,), self._categories),
            ("zones", row.zones, self._zones),
            ("invitations", row.invitations, self._sessions),
        ):
            for code in codes:
                if code not in known:
                    message = f"{code!r} is not known in this event"
                    self._problems.append(Problem(row.line, column, message))
        return len(self._problems) == before

    def _values(self, row: RosterRow) -> RosterValues:
        return RosterValues(
            external_id=row.external_id or None,
            given_name=row.given_name,
            family_name=row.family_name,
            organisation=row.organisation,
            country=row.country,
            email=row.email,
            category=self._categories[row.category],
            valid_days=_bits(day - 1 for day in row.days) if row.days else ALL_DAYS,
            zones=_bits(self._zones[code] for code in row.zones) if row.zones else ALL_ZONES,
            language=row.language,
            latin_name=row.latin_name,
        )

    def _add(self, values: RosterValues) -> int:
        serial = draw_serial(self._taken.__contains__, self._random)
        self._taken.add(serial)
        if not values.language:
            values = values._replace(language=LANGUAGE)
        self._added.append((serial, *values, 0, self._now, None))
        return serial

    def _update(self, person: Person, values: RosterValues) -> None:
        before = person.values
        if before == values:
            self._unchanged += 1
            return
        after = {
            column: value if value or column not in _KEPT_WHERE_EMPTY else old
            for column, value, old in zip(values._fields, values, before, strict=True)
        }
        if (after["given_name"], after["family_name"]) != person.names:
            after["family_name"] = values.family_name  # A name changes as a whole.
        old = zip(before._fields, before, strict=True)
        changed = tuple(column for column, value in old if after[column] != value)
        if not changed:
            self._unchanged += 1
            return
        row = (*(after[column] for column in changed), person.serial)
        self._updated.setdefault(changed, []).append(row)
        if person.issue and CARRIED.intersection(changed):
            self._needs_reissue.add(person.serial)


def _codes(db: Connection, table: str, key: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT code, {key} FROM {table}").fetchall())


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
