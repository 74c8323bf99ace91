"""Matches a roster's rows with attendees, and notes what must be asked before an import.

Certain matches come first, so that no row takes an attendee whose own row follows. Each remaining
row may be a new or a known person; the organiser decides.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from badges.i18n import Phrase
from badges.roster import cells
from badges.roster.problems import Finding, Problem
from badges.roster.rows import RosterRow
from badges.roster.same_name import name_key
from badges.roster.table import UnreadSheet, sheet_of
from server.features.imports.roster_people import Person
from server.features.imports.roster_questions import ImportAnswers, Questions, row_key

_SIMILAR = 0.7  # of two spellings of one organisation


class Match:
    """Call `rows` once, then read `problems`, `left_out`, `gone` and `findings`."""

    def __init__(
        self,
        people: dict[int, Person],
        answers: ImportAnswers,
        unread_sheets: Iterable[UnreadSheet] = (),
    ) -> None:
        self._people = people
        self._answers = answers
        self._other_sheets = [sheet for sheet in unread_sheets if sheet.may_have_people]
        # Also by `_id_key`, but ids may differ by case alone: the one as written comes first.
        self._by_id = {
            person.external_id: person for person in people.values() if person.external_id
        }
        self._by_email: dict[str, list[Person]] = {}
        # People without id and e-mail.
        self._nameless: dict[tuple[str, str], list[Person]] = {}
        for person in people.values():
            if person.external_id:
                self._by_id.setdefault(_id_key(person.external_id), person)
            if person.email:
                self._by_email.setdefault(person.email.casefold(), []).append(person)
            if not person.external_id and not person.email:
                key = (name_key(*person.names), _plain(person.values.organisation))
                self._nameless.setdefault(key, []).append(person)
        self._questions = Questions(people.values(), answers, self._other_sheets)
        self._claimed: dict[int, RosterRow] = {}  # by serial
        # Serials that a question is about, which are not also missing.
        self._asked_about: set[int] = set()
        self._free_by_name: dict[str, list[Person]] = {}
        self._new_by_email: dict[str, list[RosterRow]] = {}
        self._told_apart: set[int] = set()  # lines of people with an earlier row's name
        self.problems: list[Problem] = []
        self.left_out = 0  # rows that are not imported, by an answer

    def rows(self, rows: Sequence[RosterRow]) -> list[tuple[RosterRow, Person | None]]:
        """Return the rows to import with their attendee, None for a new one."""
        rows = self._without_twins(rows)
        matched: dict[int, Person | None] = {}
        rest = []
        for place, row in enumerate(rows):
            person = self._certain(row)
            if person is None:
                rest.append(place)
            elif self._claim(row, person):
                matched[place] = person
        self._index_names(rest)
        for place in rest:
            taken, person = self._decide(rows[place])
            if taken and (person is None or self._claim(rows[place], person)):
                matched[place] = person
        return [(rows[place], matched[place]) for place in sorted(matched)]

    def _without_twins(self, rows: Sequence[RosterRow]) -> list[RosterRow]:
        """Join rows answered to be one person. The first counts; later ones fill its empty
        cells.
        """
        joined_rows = list(rows)
        stored = self._stored(rows)
        by_name: dict[str, list[int]] = {}
        left_out = set()
        for place, row in enumerate(rows):
            others = by_name.setdefault(row_key(row), [])
            first = next(
                (
                    at
                    for at in others
                    if not (stored[at] and stored[place] and stored[at] != stored[place])
                    and _may_be_one(joined_rows[at], row)
                ),
                None,
            )
            if first is None:
                others.append(place)
                continue
            self._questions.twins.append((row, rows[first]))
            answer = self._answers.twin_lines.get(row.line, self._answers.twins)
            if answer is None:
                left_out.add(place)
            elif answer == "same":
                joined_rows[first] = _filled(joined_rows[first], row)
                left_out.add(place)
                self.left_out += 1
            elif _same_id(rows[first], row):
                message = Phrase("the same as in line %(first)s. Keep one", first=rows[first].line)
                self.problems.append(Problem(row.line, "external_id", message))
                left_out.add(place)
            else:
                self._told_apart.add(row.line)
                others.append(place)
        return [row for place, row in enumerate(joined_rows) if place not in left_out]

    def _stored(self, rows: Sequence[RosterRow]) -> list[int | None]:
        """The serial of each row's attendee by id, e-mail and name, or name and organisation."""
        used: Counter[tuple[str, str]] = Counter()
        serials: list[int | None] = []
        for row in rows:
            person = self._of_id(row.external_id) if row.external_id else None
            if person is None and row.email:
                person = next((mate for mate in self._mates(row) if _same_name(row, mate)), None)
            if person is None and not row.external_id and not row.email and self._nameless:
                key = (row_key(row), _plain(row.organisation))
                people = self._nameless.get(key, [])
                person = people[used[key]] if used[key] < len(people) else None
                used[key] += 1
            serials.append(person.serial if person else None)
        return serials

    def _certain(self, row: RosterRow) -> Person | None:
        """Return the attendee by the row's id, or e-mail and name, else name and organisation."""
        if row.external_id:
            person = self._of_id(row.external_id)
            if person is not None:
                return person
        if row.email:
            same = [mate for mate in self._mates(row) if _same_name(row, mate)]
            return next((mate for mate in same if mate.serial not in self._claimed), None)
        if row.external_id or not self._nameless:
            return None
        key = (name_key(row.given_name, row.family_name), _plain(row.organisation))
        people = self._nameless.get(key)
        if not people:
            return None
        own = (row.given_name, row.family_name)
        nearest = min(people, key=lambda p: (p.names != own, p.values.phone != row.phone))
        people.remove(nearest)
        return nearest

    def _of_id(self, external_id: str) -> Person | None:
        return self._by_id.get(external_id) or self._by_id.get(_id_key(external_id))

    def _mates(self, row: RosterRow) -> list[Person]:
        people = self._by_email.get(row.email.casefold(), []) if row.email else []
        return [person for person in people if not (row.external_id and person.external_id)]

    def _claim(self, row: RosterRow, person: Person) -> bool:
        """Assign the attendee to the row, recording changes of identity. Return whether the row
        is imported.
        """
        first = self._claimed.setdefault(person.serial, row)
        if first is not row:
            message = Phrase(
                "is the same attendee as in line %(line)s. Keep one row", line=first.line
            )
            column = "email" if row.email else "external_id"
            self.problems.append(Problem(row.line, column, message))
            return False
        if person.revoked_at is not None:
            self._questions.revoked.append((row, person))
        if _names_after(row, person) == person.names:
            return True
        if _same_name(row, person):
            self._questions.spellings.append((row, person))
            return True
        self._questions.renames.append((row, person))
        if self._answers.renames == "skip":
            self.left_out += 1
            return False
        return True

    def _index_names(self, rest: Sequence[int]) -> None:
        if not rest:
            return
        for person in self._people.values():
            if person.serial not in self._claimed:
                self._free_by_name.setdefault(name_key(*person.names), []).append(person)

    def _decide(self, row: RosterRow) -> tuple[bool, Person | None]:
        """Decide whether to import a row without a certain match, and for whom (None: a new
        attendee).
        """
        for person in self._mates(row):
            first = self._claimed.get(person.serial)
            if first is not None and row_key(first) == row_key(row):
                return True, person  # `_claim` then rejects it as a second row.
        free = [mate for mate in self._mates(row) if mate.serial not in self._claimed]
        if free and not self._answers.shared_emails:
            if len(free) == 1 and self._answers.renames is not None:
                return True, free[0]
            self._questions.other_names.append((row, free))
            self._asked_about.update(mate.serial for mate in free)
            return False, None
        if self._is_doubled(row):
            return self._answers.doubles == "new", None
        double = self._double_of(row)
        if double is not None and self._answers.doubles == "same":
            return True, double
        if double is not None and self._answers.doubles is None:
            self._asked_about.add(double.serial)
        self._questions.new_names[row.given_name, row.family_name, row.organisation] += 1
        return True, None

    def _is_doubled(self, row: RosterRow) -> bool:
        if not row.email or row.line in self._told_apart:
            return False
        others = self._new_by_email.setdefault(row.email.casefold(), [])
        key = row_key(row) if others else ""
        first = next((other for other in others if row_key(other) == key), None)
        if first is None:
            others.append(row)
            return False
        self._questions.add_doubled_row(row, first)
        if self._answers.doubles == "same":
            self.left_out += 1
        return True

    def _double_of(self, row: RosterRow) -> Person | None:
        """Return an attendee without a row, with the same name and no different organisation."""
        people = self._free_by_name.get(row_key(row), []) if self._free_by_name else []
        for person in people:
            theirs, own = _plain(person.values.organisation), _plain(row.organisation)
            has_row = person.serial in self._claimed or person.serial in self._asked_about
            if not has_row and (theirs == own or not theirs or not own):
                self._questions.add_double(row, person)
                return person
        return None

    def gone(self, bad: int) -> list[int]:
        if self._answers.missing != "revoke" or bad or self._other_sheets:
            return []
        return [person.serial for person in self._missing()]

    def _missing(self) -> list[Person]:
        accounted = self._claimed.keys() | self._asked_about
        return [
            person
            for person in self._people.values()
            if person.serial not in accounted and person.revoked_at is None and not person.at_desk
        ]

    def findings(self, bad: int) -> list[Finding]:
        """Return questions and notes. `bad` counts the rows with a problem."""
        return self._questions.findings(self._missing(), bad)


def _may_be_one(first: RosterRow, row: RosterRow) -> bool:
    """Whether two rows with one name may be one person."""
    on_two_sheets = sheet_of(first.line) != sheet_of(row.line)
    # On one sheet, the same id or e-mail is a fault of the file, or a shared address.
    if first.external_id and row.external_id:
        return on_two_sheets and _same_id(first, row)
    if first.email and first.email.casefold() == row.email.casefold():
        return on_two_sheets
    phone = _digits(first.phone)
    return bool(phone and phone == _digits(row.phone)) or _similar(
        _plain(first.organisation), _plain(row.organisation)
    )


def _same_id(first: RosterRow, row: RosterRow) -> bool:
    return bool(first.external_id) and _id_key(first.external_id) == _id_key(row.external_id)


def _filled(first: RosterRow, row: RosterRow) -> RosterRow:
    """Fill the first row's missing texts from the second. The person has the days, zones and
    invitations of both.
    """
    texts = ("external_id", "organisation", "country", "email", "language", "accessible",
             "latin_name", "phone", "order_number", "job_title")  # fmt: skip
    empty = {name: getattr(row, name) for name in texts if not getattr(first, name)}
    invitations = tuple(dict.fromkeys((*first.invitations, *row.invitations)))
    days = None if first.days is None or row.days is None else tuple({*first.days, *row.days})
    zones = tuple(dict.fromkeys((*first.zones, *row.zones))) if first.zones and row.zones else ()
    return replace(
        first, **empty, invitations=invitations, days=days and tuple(sorted(days)), zones=zones
    )


def _similar(first: str, other: str) -> bool:
    """Whether two organisations may be the same. An empty one may be any."""
    if not first or not other or first in other or other in first:
        return True
    return difflib.SequenceMatcher(None, first, other).ratio() >= _SIMILAR


def _digits(phone: str) -> str:
    return "".join(char for char in phone if char.isdigit())


def _id_key(external_id: str) -> str:
    return cells.narrow(external_id).casefold()


def _plain(text: str) -> str:
    return name_key(text, "")


def _same_name(row: RosterRow, person: Person) -> bool:
    names = _names_after(row, person)
    return names == person.names or name_key(*names) == name_key(*person.names)


def _names_after(row: RosterRow, person: Person) -> tuple[str, str]:
    """Return an attendee's names after the import.

    An equal given name without family name keeps both.
    """
    if row.given_name == person.names[0] and not row.family_name:
        return person.names
    return row.given_name, row.family_name
