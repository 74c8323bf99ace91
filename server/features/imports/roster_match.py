"""Matches a roster's rows with attendees, and collects the questions before an import.

Certain matches come first, so that no row takes an attendee whose own row follows. Each remaining
row may be a new or a known person; the organiser decides.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from badges.credential.badge_number import badge_number
from badges.i18n import Count, Phrase, joined
from badges.roster import cells
from badges.roster.problems import YES, Choice, Finding, Item, Problem, shown
from badges.roster.rows import RosterRow
from badges.roster.same_name import name_key
from badges.roster.table import UnreadSheet, sheet_of
from server.core.entry_log import entry_log
from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection

_SIMILAR = 0.7  # of two spellings of one organisation


@dataclass(frozen=True)
class ImportAnswers:
    """The organiser's decisions about people already in the event. None: not asked yet."""

    renames: Literal["accept", "skip"] | None = None
    doubles: Literal["same", "new"] | None = None
    missing: Literal["keep", "revoke"] | None = None
    shared_emails: bool = False
    twins: Literal["same", "new"] | None = None  # rows with one name
    twin_lines: Mapping[int, str] = field(default_factory=dict)  # the same, by line


class RosterValues(NamedTuple):
    """The values that a roster gives an attendee, named like the columns of the table."""

    external_id: str | None
    given_name: str
    family_name: str
    organisation: str
    country: str
    email: str
    category: int
    valid_days: int
    zones: int
    language: str
    latin_name: str = ""
    phone: str = ""
    order_number: str = ""
    job_title: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    serial: int
    values: RosterValues
    revoked_at: int | None
    issue: int  # 0: no badge
    at_desk: bool  # registered at the desk, not yet on a roster

    @property
    def external_id(self) -> str:
        return self.values.external_id or ""

    @property
    def names(self) -> tuple[str, str]:
        return self.values.given_name, self.values.family_name

    @property
    def email(self) -> str:
        return self.values.email


def load_people(db: Connection) -> dict[int, Person]:
    desk = {
        row[0]
        for row in db.execute(
            f"SELECT {dialect.in_json('body', 'subject', 'serial')} FROM leaf"
            f" WHERE {entry_log.ACTS} AND {dialect.in_json('body', 'act')} = 'attendee_added'"
        )
    }
    issues = dict(db.execute("SELECT serial, MAX(issue) FROM badge GROUP BY serial").fetchall())
    return {
        row["serial"]: Person(
            serial=row["serial"],
            values=RosterValues(*(row[name] for name in RosterValues._fields)),
            revoked_at=row["revoked_at"],
            issue=issues.get(row["serial"], 0),
            at_desk=row["serial"] in desk,
        )
        for row in db.execute(
            f"SELECT serial, revoked_at, {', '.join(RosterValues._fields)}"
            " FROM attendee ORDER BY serial"
        )
    }


class Match:
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
        self._claimed: dict[int, RosterRow] = {}  # by serial
        # Serials that a question is about, which are not also missing.
        self._asked_about: set[int] = set()
        self._free_by_name: dict[str, list[Person]] = {}
        self._new_by_email: dict[str, list[RosterRow]] = {}
        self._new_names: Counter[tuple[str, str, str]] = Counter()
        self._renames: list[tuple[RosterRow, Person]] = []
        self._spellings: list[tuple[RosterRow, Person]] = []
        self._other_names: list[tuple[RosterRow, list[Person]]] = []
        self._doubles: list[str] = []
        self._twins: list[tuple[RosterRow, RosterRow]] = []  # the later row, and the earlier one
        self._told_apart: set[int] = set()  # lines of people with an earlier row's name
        self._revoked: list[tuple[RosterRow, Person]] = []
        self.problems: list[Problem] = []
        self.left_out = 0

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
            others = by_name.setdefault(_row_key(row), [])
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
            self._twins.append((row, rows[first]))
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
                key = (_row_key(row), _plain(row.organisation))
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
            self._revoked.append((row, person))
        if _names_after(row, person) == person.names:
            return True
        if _same_name(row, person):
            self._spellings.append((row, person))
            return True
        self._renames.append((row, person))
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
            if first is not None and _row_key(first) == _row_key(row):
                return True, person  # `_claim` then rejects it as a second row.
        free = [mate for mate in self._mates(row) if mate.serial not in self._claimed]
        if free and not self._answers.shared_emails:
            if len(free) == 1 and self._answers.renames is not None:
                return True, free[0]
            self._other_names.append((row, free))
            self._asked_about.update(mate.serial for mate in free)
            return False, None
        if self._is_doubled(row):
            return self._answers.doubles == "new", None
        double = self._double_of(row)
        if double is not None and self._answers.doubles == "same":
            return True, double
        if double is not None and self._answers.doubles is None:
            self._asked_about.add(double.serial)
        self._new_names[row.given_name, row.family_name, row.organisation] += 1
        return True, None

    def _is_doubled(self, row: RosterRow) -> bool:
        if not row.email or row.line in self._told_apart:
            return False
        others = self._new_by_email.setdefault(row.email.casefold(), [])
        key = _row_key(row) if others else ""
        first = next((other for other in others if _row_key(other) == key), None)
        if first is None:
            others.append(row)
            return False
        self._doubles.append(
            Phrase(
                "line %(line)s: %(name)s is also in line %(line2)s, with another id",
                line=row.line,
                name=_row_name(row),
                line2=first.line,
            )
        )
        if self._answers.doubles == "same":
            self.left_out += 1
        return True

    def _double_of(self, row: RosterRow) -> Person | None:
        """Return an attendee without a row, with the same name and no different organisation."""
        people = self._free_by_name.get(_row_key(row), []) if self._free_by_name else []
        for person in people:
            theirs, own = _plain(person.values.organisation), _plain(row.organisation)
            has_row = person.serial in self._claimed or person.serial in self._asked_about
            if not has_row and (theirs == own or not theirs or not own):
                self._doubles.append(
                    Phrase(
                        "line %(line)s: %(name)s%(email)s has the name of %(person)s",
                        line=row.line,
                        name=_row_name(row),
                        email=_ways(row.external_id, row.email),
                        person=described(person),
                    )
                )
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
        candidates = [
            self._twins_finding(),
            self._renames_finding(),
            self._other_names_finding(),
            self._doubles_finding(),
            self._missing_finding(bad),
            *self._notes(),
        ]
        return [finding for finding in candidates if finding is not None]

    def _twins_finding(self) -> Finding | None:
        if not self._twins:
            return None
        lines, answer = self._answers.twin_lines, self._answers.twins
        items = [
            Item(
                Phrase(
                    "line %(line)s: %(name)s may be the person of line %(first)s: %(other)s",
                    line=row.line,
                    name=_row_words(row),
                    first=first.line,
                    other=_row_words(first),
                ),
                tuple(
                    Choice(
                        f"twin_{int(row.line)}", value, effect, f"--twin {int(row.line)}={value}"
                    )
                    for value, effect in (
                        ("same", Phrase("one person: join the rows")),
                        ("new", Phrase("two people, each with a badge")),
                    )
                ),
            )
            for row, first in self._twins
        ]
        asked = [
            item
            for item, (row, _) in zip(items, self._twins, strict=True)
            if row.line not in lines and answer is None
        ]
        choices = (
            Choice("twins", "same", Phrase("each group below is one person: join its rows")),
            Choice("twins", "new", Phrase("each of these is two people, each with a badge")),
        )
        return Finding(
            "twins",
            len(items),
            Phrase(
                "rows with the name of an earlier row: %(count)s",
                count=Count(len(asked) or len(items)),
            ),
            () if asked else tuple(item.words for item in items),
            choices if len(asked) > 1 else (),
            tuple(asked),
        )

    def _renames_finding(self) -> Finding | None:
        if not self._renames:
            return None
        holders = {name_key(*person.names): person for person in self._people.values()}
        examples = []
        shuffled = 0
        for row, person in self._renames:
            other = holders.get(_row_key(row))
            shuffled += other is not None
            known_as = Phrase(", the name of %(person)s", person=described(other)) if other else ""
            examples.append(
                Phrase(
                    "line %(line)s: %(person)s → %(name)s%(known_as)s",
                    line=row.line,
                    person=described(person),
                    name=_row_name(row),
                    known_as=known_as,
                )
            )
        issued = sum(person.issue > 0 for _, person in self._renames)
        warning = (
            Phrase(
                ". %(shuffled)s of them would get another attendee's name: are the ids in the "
                "wrong rows?",
                shuffled=Count(shuffled),
            )
            if shuffled
            else ""
        )
        done = {"accept": Phrase(", taken"), "skip": Phrase(", these rows skipped")}.get(
            self._answers.renames or "", ""
        )
        return Finding(
            "renames",
            len(examples),
            Phrase(
                "people whose name would change: %(count)s, of whom %(issued)s have a "
                "badge%(done)s%(warning)s",
                count=Count(len(examples)),
                issued=Count(issued),
                done=done,
                warning=warning,
            ),
            tuple(examples),
            ()
            if self._answers.renames
            else (
                Choice("renames", "accept", Phrase("these are the same people under a new name")),
                Choice("renames", "skip", Phrase("skip these rows")),
            ),
        )

    def _other_names_finding(self) -> Finding | None:
        if not self._other_names:
            return None
        return Finding(
            "same_email",
            len(self._other_names),
            Phrase(
                "rows with the e-mail of an attendee with another name: %(count)s",
                count=Count(len(self._other_names)),
            ),
            tuple(
                Phrase(
                    "line %(line)s: %(name)s has the same e-mail as %(people)s",
                    line=row.line,
                    name=_row_name(row),
                    people=joined(Phrase(" and of "), map(described, people[:3])),
                )
                for row, people in self._other_names
            ),
            (
                Choice(
                    "shared_emails", YES, Phrase("they are different people who share the address")
                ),
                Choice("renames", "accept", Phrase("they are the same people under a new name")),
                Choice("renames", "skip", Phrase("skip these rows")),
            ),
        )

    def _doubles_finding(self) -> Finding | None:
        if not self._doubles:
            return None
        done = {
            "same": Phrase(", imported as the same"),
            "new": Phrase(", imported as different people"),
        }.get(self._answers.doubles or "", "")
        return Finding(
            "doubles",
            len(self._doubles),
            Phrase(
                "people who may be listed twice: %(count)s%(done)s",
                count=Count(len(self._doubles)),
                done=done,
            ),
            tuple(self._doubles),
            ()
            if self._answers.doubles
            else (
                Choice(
                    "doubles",
                    "same",
                    Phrase("they are the same people, with another address or id"),
                ),
                Choice(
                    "doubles",
                    "new",
                    Phrase("they are different people with the same name, each with a badge"),
                ),
            ),
        )

    def _missing_finding(self, bad: int) -> Finding | None:
        missing = self._missing()
        if not missing:
            return None
        if self._other_sheets:
            return self._missing_on_sheets(missing)
        answer = self._answers.missing
        message = Phrase(
            "people who are in the event and not in this file: %(count)s", count=Count(len(missing))
        )
        choices: tuple[Choice, ...] = (
            Choice(
                "missing",
                "keep",
                Phrase("they stay, for example if the file only has late registrations"),
            ),
            Choice("missing", "revoke", Phrase("they are not coming: revoke their badges")),
        )
        if answer == "revoke" and bad:
            message += Phrase(
                ". With %(bad)s bad rows it is unclear who is missing: correct these first",
                bad=Count(bad),
            )
            choices = choices[:1]
        elif answer:
            message += {"keep": Phrase(", kept"), "revoke": Phrase(", revoked")}[answer]
            choices = ()
        return Finding("missing", len(missing), message, tuple(map(described, missing)), choices)

    def _missing_on_sheets(self, missing: Sequence[Person]) -> Finding:
        """People who may be on a sheet that is not read can't be revoked."""
        message = Phrase(
            "people who are in the event and not on the sheets that are read: %(count)s. They stay,"
            " because they may be on another sheet: %(sheets)s. To revoke people, read all sheets"
            " together, or import a file without the others",
            count=Count(len(missing)),
            sheets=", ".join(shown(sheet.title) for sheet in self._other_sheets),
        )
        keep = Choice("missing", "keep", Phrase("they stay"))
        choices = (keep,) if self._answers.missing == "revoke" else ()
        return Finding("missing", len(missing), message, tuple(map(described, missing)), choices)

    def _notes(self) -> Iterable[Finding]:
        if self._spellings:
            yield Finding(
                "spellings",
                len(self._spellings),
                Phrase(
                    "names with a different spelling (case, width, spaces, order): %(count)s",
                    count=Count(len(self._spellings)),
                ),
                tuple(
                    Phrase(
                        "line %(line)s: %(person)s → %(name)s",
                        line=row.line,
                        person=described(person),
                        name=_row_name(row),
                    )
                    for row, person in self._spellings
                ),
            )
        twice = {names: count for names, count in self._new_names.items() if count > 1}
        if twice:
            yield Finding(
                "namesakes",
                sum(twice.values()),
                Phrase(
                    "new people with the same name and organisation as another new one: "
                    "%(count)s. Each gets a badge",
                    count=Count(sum(twice.values())),
                ),
                tuple(
                    Phrase(
                        "%(family)s, %(organisation)s: %(count)s times",
                        family=shown(whole_name(given, family)),
                        organisation=shown(organisation),
                        count=Count(count),
                    )
                    for (given, family, organisation), count in twice.items()
                ),
            )
        if self._revoked:
            yield Finding(
                "revoked",
                len(self._revoked),
                Phrase(
                    "people in this file whose badges are and stay revoked: %(count)s",
                    count=Count(len(self._revoked)),
                ),
                tuple(
                    Phrase("line %(line)s: %(person)s", line=row.line, person=described(person))
                    for row, person in self._revoked
                ),
            )


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


def _row_words(row: RosterRow) -> str:
    parts = (_row_name(row), row.category, row.organisation, row.email, row.phone)
    return ", ".join(part for part in parts if part)


def _id_key(external_id: str) -> str:
    return cells.narrow(external_id).casefold()


def _row_key(row: RosterRow) -> str:
    return name_key(row.given_name, row.family_name)


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


def _row_name(row: RosterRow) -> str:
    return shown(whole_name(row.given_name, row.family_name), 80)


def described(person: Person) -> str:
    """Return a person's name, id or e-mail, and badge."""
    name = joined(
        "", [shown(whole_name(*person.names), 80), _ways(person.external_id, person.email)]
    )
    if not person.issue:
        if person.revoked_at is None:
            return Phrase("%(who)s (no badge yet)", who=name)
        return Phrase("%(who)s (no badge yet, revoked)", who=name)
    number = badge_number(person.serial)
    if person.revoked_at is None:
        return Phrase("%(who)s (badge %(number)s)", who=name, number=number)
    return Phrase("%(who)s (badge %(number)s, revoked)", who=name, number=number)


def _ways(external_id: str, email: str) -> str:
    if external_id:
        return Phrase(", id %(id)s", id=shown(external_id))
    return f", {email}" if email else ""
