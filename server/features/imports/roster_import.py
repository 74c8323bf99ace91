"""Imports a whole roster, or nothing and reports every problem and question.

A row belongs to the attendee with its external id, else its e-mail and name, else, without both,
its name and organisation. An empty cell keeps the existing text; category, days and zones always
come from the file. Changes of identity, removals and duplicates need an answer
(`roster_questions.py`).
"""

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from badges.categories import CategoryPlan
from badges.credential.credential import ALL_DAYS, ALL_ZONES
from badges.i18n import Count, Phrase, counted, joined
from badges.printing.latin import syllables
from badges.roster.countries import country_name
from badges.roster.problems import Finding, Problem, shown
from badges.roster.reader import Roster
from badges.roster.rows import RosterRow
from badges.roster.same_name import name_key
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.people import issuing, search
from server.core.people.attendees import CARRIED, draw_serial, more_people_than
from server.core.programme.guests import await_guests, settle_guests
from server.core.programme.organisations import link_people, organisations_by_name
from server.core.programme.speakers import link_speakers, speaking
from server.core.venue import kept_places
from server.core.venue.categories import add_category
from server.features.imports.roster_match import Match
from server.features.imports.roster_people import Person, RosterValues, described, load_people
from server.features.imports.roster_questions import ImportAnswers
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import change_rows, write_rows
from server.storage.transactions import indexes_anew, large_cache, one_state

PROGRESS_ROWS = 1000
FOLDED_AT_ONCE_MAX = 2_000  # people indexed for search in the transaction
ANEW_FROM = 10_000  # with this many new people, and fewer before, indexes are rebuilt
_SAME = "attendee.serial = v.serial"
_OF_NEW = ("flags", "created_at", "revoked_at", "organisation_id")
# Acts that change no people, badges or codes. Any other one after planning may invalidate the plan.
_HARMLESS = frozenset(
    {
        Act.SIGNED_IN, Act.PEOPLE_LOOKED_UP, Act.CAPACITY_SET, Act.HALL_CLEARED, Act.HALL_CLOSED,
        Act.HALL_OPENED, Act.HALL_SCREEN_ADDED, Act.HALL_SCREEN_REVOKED,
        Act.KEPT_PLACES_SET, Act.KIOSK_ATTESTED, Act.KIOSK_MOVED,
        Act.PASSWORD_SET, Act.PIN_REMOVED, Act.PIN_SET, Act.ROLE_SET, Act.SIGNED_OUT,
        Act.SIGN_IN_REFUSED, Act.SIGN_IN_SLOWED,
        Act.PASSWORD_CHANGED, Act.SESSIONS_ENDED, Act.USER_UNLOCKED, Act.PEOPLE_SEARCHED,
        Act.BADGES_PRINTED, Act.ENTRIES_EXPORTED, Act.ACTS_EXPORTED, Act.KIOSK_ADDED,
        Act.KIOSK_CONFIRMED, Act.KIOSK_RETIRED, Act.KIOSK_FENCED, Act.COPY_DENIED, Act.CLOCK_SET,
        Act.PHONE_CODE_MADE, Act.PHONE_CODES_ENDED, Act.PHONE_REFUSED, Act.PHONE_PLACES_SET,
        Act.PHONES_UPDATE_ASKED,
        Act.USER_ADDED, Act.USER_DISABLED, Act.USER_ENABLED, Act.LOG_EXPORTED,
        Act.PROTOCOL_GUEST_SET, Act.PROTOCOL_GUEST_CLEARED, Act.CARDS_SET,
        Act.BADGE_COLLECTED, Act.PEOPLE_EXPORTED, Act.BADGE_COLLECTION_UNDONE, Act.CARD_BOX_SET,
        Act.MAIL_SET, Act.SECOND_DISK_SET, Act.BACKUP_MADE, Act.WALLET_SET,
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
    "phone",
    "order_number",
    "job_title",
}

Random = Callable[[int], bytes]
Progress = Callable[[int], None]


class RosterRefusedError(ValueError):
    """The roster has problems or open questions. Nothing was imported."""

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
    """People or venue changed since planning. Nothing was imported."""


@dataclass(frozen=True)
class ImportResult:
    """The rows by outcome, and the badges that become outdated."""

    added: int
    updated: int
    unchanged: int
    skipped: int
    needs_reissue: tuple[int, ...] = ()  # serials
    # Of skipped rows; only the first ones.
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    revoked: int = 0
    problem_count: int = 0
    changes: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Finding, ...]:
        """Return the questions to answer before the import."""
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
    """Plan and write an import. Raises RosterRefusedError, with nothing changed.

    `db` is in a transaction, which blocks others during planning.
    """
    plan = plan_import(db, roster, answers or ImportAnswers(), skip_bad, now, random)
    plan.write(db, by)
    search.fold(db)
    return plan.result


def plan_import(
    db: Connection,
    roster: Roster,
    answers: ImportAnswers,
    skip_bad: bool,
    now: int,
    random: Random,
    progress: Progress | None = None,
    new_categories: Sequence[CategoryPlan] = (),
) -> "ImportPlan":
    """Plan an import, with every problem and question. Writes nothing.

    `skip_bad` skips problem rows. `progress` receives the number of rows done. `new_categories` are
    added with the people.
    """
    with one_state(db):
        planner = _Planner(db, roster, answers, random, now, tuple(new_categories))
        return planner.plan(skip_bad, progress)


@dataclass(frozen=True)
class ImportPlan:
    """An import's writes and result. Check `result.open` and `refused` first."""

    result: ImportResult
    refused: bool
    newest_act: int  # its number in the entry log when this was planned; -1: none
    now: int
    added: list[tuple[Any, ...]]  # values of the columns in `_add`
    # Values and serial, by changed columns.
    updated: dict[tuple[str, ...], list[tuple[Any, ...]]]
    invited: list[tuple[int, int]]  # session and serial
    revoked: list[int]  # serials
    # Serial and kind of kept place; None removes it.
    accessible: list[tuple[int, kept_places.Kind | None]]
    new_categories: tuple[CategoryPlan, ...] = ()
    # Invited people's ids or e-mails, by code of a missing session.
    awaited: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def changes_people(self) -> bool:
        return bool(self.updated or self.revoked)

    def write(self, db: Connection, by: str) -> None:
        """Write the plan. Raises RosterRefusedError or RosterChangedError.

        After very many people call `search.fold_all`, which blocks other writers briefly.
        """
        if self.refused:
            raise RosterRefusedError(self.result)
        if _acts_since(db, self.newest_act) - _HARMLESS:
            raise RosterChangedError
        for plan in self.new_categories:
            add_category(db, plan)
        # Unordered ids and addresses touch any part of their indexes.
        with large_cache(db):
            self._write(db, by)

    def _write(self, db: Connection, by: str) -> None:
        for columns, rows in self.updated.items():
            # Ids may move between attendees, so all are removed first.
            if "external_id" in columns:
                serials = [(row[-1],) for row in rows]
                change_rows(
                    db, "attendee", ("serial",), serials, sets="external_id = NULL", where=_SAME
                )
        for columns, rows in self.updated.items():
            sets = ", ".join(f"{column} = v.{column}" for column in columns)
            change_rows(db, "attendee", (*columns, "serial"), rows, sets=sets, where=_SAME)
        self._add(db)
        if len(self.added) + sum(map(len, self.updated.values())) <= FOLDED_AT_ONCE_MAX:
            search.fold(db)
        # New people were linked by the plan.
        if any("organisation" in columns for columns in self.updated):
            link_people(db)
        speak = link_speakers(db)
        speak += speaking(db, [row[-1] for rows in self.updated.values() for row in rows])
        invited = self._invite(db)
        # Doors show and greet speakers by name.
        if invited or self.new_categories or speak:
            changes.publish_venue(db)
        kept = kept_places.put(db, self.accessible, by=by, now=self.now)
        if self.revoked:
            issuing.revoke_many(db, self.revoked, reason="not_on_roster", now=self.now, by=by)
        changed = self.added or self.updated or self.revoked or self.new_categories
        if changed or invited or kept:
            counts = {
                "added": self.result.added,
                "updated": self.result.updated,
                "skipped": self.result.skipped,
                "invited": invited,
            }
            if self.new_categories:
                counts["categories"] = len(self.new_categories)
            entry_log.act(db, by, Act.ROSTER_IMPORTED, counts, self.now)

    def _add(self, db: Connection) -> None:
        columns = ("serial", *RosterValues._fields, *_OF_NEW)
        many = len(self.added) >= ANEW_FROM and not more_people_than(db, len(self.added))
        with indexes_anew(db, "attendee") if many else nullcontext():
            write_rows(db, "attendee", columns, self.added)

    def _invite(self, db: Connection) -> int:
        invited = db.executemany(
            "INSERT INTO session_guest (session_id, serial, invited) VALUES (?, ?, 1)"
            " ON CONFLICT DO NOTHING",
            self.invited,
        ).rowcount
        for code, labels in self.awaited.items():
            await_guests(db, code, labels, invited=True)
        return max(0, invited) + settle_guests(db)


def _acts_since(db: Connection, number: int) -> set[str]:
    """Return the kinds of admin acts after act `number`."""
    rows = db.execute(
        f"SELECT DISTINCT {dialect.in_json('body', 'act')} FROM leaf"
        f" WHERE {entry_log.ACTS} AND number > ?",
        (number,),
    )
    return {str(row[0]) for row in rows}


class _Planner:
    def __init__(
        self,
        db: Connection,
        roster: Roster,
        answers: ImportAnswers,
        random: Random,
        now: int,
        new_categories: tuple[CategoryPlan, ...] = (),
    ) -> None:
        self._new_categories = new_categories
        self._roster = roster
        self._answers = answers
        self._random = random
        self._now = now
        self._categories = _codes(db, "category", "category")
        self._categories |= {plan.key: plan.code for plan in new_categories}
        self._zones = _codes(db, "zone", "bit")
        self._sessions = {
            code.casefold(): number for code, number in _codes(db, "session", "session_id").items()
        }
        self._session_codes = [row[0] for row in db.execute("SELECT code FROM session ORDER BY 1")]
        emails = Counter(row.email.casefold() for row in roster.rows if row.email)
        self._shared = {email for email, people in emails.items() if people > 1}
        self._awaited: dict[str, list[str]] = {}
        self._spelling: dict[str, str] = {}  # by folded code
        self._awaited_since: dict[str, int] = {}  # first line with the code
        newest_act = entry_log.newest(db)
        self._newest_act = -1 if newest_act is None else newest_act
        self._people = load_people(db)
        self._taken = set(self._people) | {
            row[0] for row in db.execute("SELECT serial FROM unknown_holder")
        }
        self._organisations = organisations_by_name(db)
        self._printed: dict[str, int | None] = {"": None}
        self._match = Match(self._people, answers, roster.unread_sheets)
        self._problems: list[Problem] = []
        self._added: list[tuple[Any, ...]] = []
        self._updated: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        self._unchanged = 0
        self._invited: list[tuple[int, int]] = []
        self._needs_reissue: set[int] = set()
        self._changes: list[str] = []
        self._keys = {number: key for key, number in self._categories.items()}
        self._zone_codes = {bit: code for code, bit in self._zones.items()}
        self._accessible: list[tuple[int, kept_places.Kind | None]] = []

    def plan(self, skip_bad: bool, progress: Progress | None) -> ImportPlan:
        rows = [row for row in self._roster.rows if self._is_known_here(row)]
        # People are also asked about in rows that wait for another answer.
        pending = () if skip_bad else self._roster.pending
        matched = self._match.rows(sorted((*rows, *pending), key=lambda row: row.line))
        waiting = {row.line for row in pending}
        for done, (row, person) in enumerate(matched, 1):
            if row.line not in waiting:
                self._take(row, person)
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
            findings=(
                *self._roster.findings,
                *self._match.findings(len(bad)),
                *self._awaited_findings(),
            ),
            revoked=len(gone),
            problem_count=count,
            changes=tuple(self._changes),
        )
        refused = bool(count and (not skip_bad or not self._roster.rows)) or bool(result.open)
        self._added.sort()  # Writing in the table's order is faster.
        return ImportPlan(
            result=result,
            refused=refused,
            newest_act=self._newest_act,
            now=self._now,
            added=self._added,
            updated=self._updated,
            invited=self._invited,
            revoked=gone,
            accessible=self._accessible,
            new_categories=self._new_categories,
            awaited=self._awaited,
        )

    def _take(self, row: RosterRow, person: Person | None) -> None:
        values = self._values(row)
        if person is None:
            serial = self._add(values)
        else:
            serial = person.serial
            self._update(row, person, values)
        for code in row.invitations:
            session_id = self._sessions.get(code.casefold())
            if session_id is not None:
                self._invited.append((session_id, serial))
            else:
                # The existing id stays if the row has none.
                own = person.values.external_id if person is not None else None
                code = self._spelling.setdefault(code.casefold(), code)
                self._awaited.setdefault(code, []).append(row.external_id or own or row.email)
                self._awaited_since.setdefault(code, row.line)
        if row.accessible:
            kind = kept_places.kind_named(row.accessible)
            self._accessible.append((serial, kind))

    def _is_known_here(self, row: RosterRow) -> bool:
        before = len(self._problems)
        for column, codes, existing in (
            ("category", (row.category,), self._categories),
            ("zones", row.zones, self._zones),
        ):
            for code in codes:
                if code not in existing:
                    message = Phrase("%(code)s is not known in this event", code=repr(code))
                    self._problems.append(Problem(row.line, column, message))
        for code in row.invitations:
            if code.casefold() not in self._sessions and not self._may_wait(row):
                message = Phrase(
                    "%(code)s is not a session of this event yet, and a person without an id or"
                    " their own e-mail can't be invited in advance. Import the venue first",
                    code=shown(code),
                )
                self._problems.append(Problem(row.line, "invitations", message))
        return len(self._problems) == before

    def _may_wait(self, row: RosterRow) -> bool:
        return bool(row.external_id or (row.email and row.email.casefold() not in self._shared))

    def _awaited_findings(self) -> list[Finding]:
        if not self._awaited:
            return []
        examples = []
        for code, labels in self._awaited.items():
            near = difflib.get_close_matches(code, self._session_codes, n=2)
            meant = (
                Phrase(". Is it %(near)s?", near=joined(Phrase(" or "), map(shown, near)))
                if near
                else ""
            )
            examples.append(
                counted(
                    "%(code)s: %(num)s person, first in line %(line)s%(meant)s",
                    "%(code)s: %(num)s people, first in line %(line)s%(meant)s",
                    len(labels),
                    code=shown(code),
                    line=self._awaited_since[code],
                    meant=meant,
                )
            )
        message = Phrase(
            "invitations to sessions that do not exist yet, which become valid once a venue "
            "file adds the session: %(count)s",
            count=Count(sum(map(len, self._awaited.values()))),
        )
        return [Finding("awaited_sessions", len(examples), message, tuple(examples))]

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
            phone=row.phone,
            order_number=row.order_number,
            job_title=row.job_title,
        )

    def _add(self, values: RosterValues) -> int:
        serial = draw_serial(self._taken.__contains__, self._random)
        self._taken.add(serial)
        if not values.language:
            values = values._replace(language=_usual_language(values))
        organisation_id = self._organisation_id(values.organisation)
        self._added.append((serial, *values, 0, self._now, None, organisation_id))
        return serial

    def _organisation_id(self, printed: str) -> int | None:
        if printed not in self._printed:
            self._printed[printed] = self._organisations.get(name_key("", printed))
        return self._printed[printed]

    def _update(self, row: RosterRow, person: Person, values: RosterValues) -> None:
        before = person.values
        if before == values:
            self._unchanged += 1
            return
        after = {
            column: value if value or column not in _KEPT_WHERE_EMPTY else old
            for column, value, old in zip(values._fields, values, before, strict=True)
        }
        if (after["given_name"], after["family_name"]) != person.names:
            after["family_name"] = values.family_name  # both names change together
        old = zip(before._fields, before, strict=True)
        changed = tuple(column for column, value in old if after[column] != value)
        if not changed:
            self._unchanged += 1
            return
        written = (*(after[column] for column in changed), person.serial)
        self._updated.setdefault(changed, []).append(written)
        texts = (
            f"{_COLUMN_NAMES.get(column, column)} {self._shown(column, getattr(before, column))} →"
            f" {self._shown(column, after[column])}"
            for column in changed
        )
        self._changes.append(f"line {row.line}: {described(person)}: {', '.join(texts)}")
        # A country's code for its name does not change the badge.
        same = country_name(after["country"]) == country_name(before.country)
        carried = CARRIED - {"country"} if same else CARRIED
        if person.issue and carried.intersection(changed):
            self._needs_reissue.add(person.serial)

    def _shown(self, column: str, value: Any) -> str:
        if column == "category":
            return self._keys.get(value, str(value))
        if column == "valid_days":
            return _listed(value, ALL_DAYS, lambda bit: str(bit + 1))
        if column == "zones":
            return _listed(value, ALL_ZONES, lambda bit: self._zone_codes.get(bit, str(bit)))
        return shown(value, 80) if value else "nothing"


_COLUMN_NAMES = {"valid_days": "days"}


def _usual_language(person: RosterValues) -> str:
    """Return the language of a person for whom the roster names none: Chinese for names in Han
    characters, except from Japan and Korea, and else English.
    """
    in_han, _ = syllables(person.given_name, person.family_name)
    return "zh" if in_han and person.country not in ("JP", "KR") else "en"


def _listed(bits: int, every: int, name: Callable[[int], str]) -> str:
    if bits == every:
        return "all"
    return ",".join(name(bit) for bit in range(bits.bit_length()) if bits >> bit & 1)


def _codes(db: Connection, table: str, key: str) -> dict[str, int]:
    return dict(db.execute(f"SELECT code, {key} FROM {table}").fetchall())


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
