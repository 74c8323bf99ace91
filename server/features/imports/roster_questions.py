"""Words the questions and notes about people before a roster is imported, and has the answers."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from badges.i18n import Count, Phrase, joined
from badges.roster.problems import YES, Choice, Finding, Item, shown
from badges.roster.rows import RosterRow
from badges.roster.same_name import name_key
from badges.roster.table import UnreadSheet
from server.core.people.attendees import whole_name
from server.features.imports.roster_people import Person, described, known_by


@dataclass(frozen=True)
class ImportAnswers:
    """The organiser's decisions about people already in the event. None: not asked yet."""

    renames: Literal["accept", "skip"] | None = None
    doubles: Literal["same", "new"] | None = None
    missing: Literal["keep", "revoke"] | None = None
    shared_emails: bool = False
    twins: Literal["same", "new"] | None = None  # rows with one name
    twin_lines: Mapping[int, str] = field(default_factory=dict)  # the same, by line


class Questions:
    """Collects what an import must ask or note about people. The lists have a row with its
    attendee.
    """

    def __init__(
        self,
        people: Collection[Person],
        answers: ImportAnswers,
        other_sheets: Sequence[UnreadSheet],
    ) -> None:
        """`other_sheets` may have people too, but are not read."""
        self._people = people
        self._answers = answers
        self._other_sheets = other_sheets
        self.renames: list[tuple[RosterRow, Person]] = []
        self.spellings: list[tuple[RosterRow, Person]] = []
        self.other_names: list[tuple[RosterRow, list[Person]]] = []
        self.doubles: list[str] = []
        self.twins: list[tuple[RosterRow, RosterRow]] = []  # the later row, and the earlier one
        self.revoked: list[tuple[RosterRow, Person]] = []
        self.new_names: Counter[tuple[str, str, str]] = Counter()

    def add_doubled_row(self, row: RosterRow, first: RosterRow) -> None:
        """Both rows have one name and e-mail."""
        self.doubles.append(
            Phrase(
                "line %(line)s: %(name)s is also in line %(line2)s, with another id",
                line=row.line,
                name=row_name(row),
                line2=first.line,
            )
        )

    def add_double(self, row: RosterRow, person: Person) -> None:
        """A new row has the attendee's name."""
        self.doubles.append(
            Phrase(
                "line %(line)s: %(name)s%(email)s has the name of %(person)s",
                line=row.line,
                name=row_name(row),
                email=known_by(row.external_id, row.email),
                person=described(person),
            )
        )

    def findings(self, missing: Sequence[Person], bad: int) -> list[Finding]:
        """Return questions and notes. `missing` people are in no row; `bad` counts the rows with a
        problem.
        """
        candidates = [
            self._twins_finding(),
            self._renames_finding(),
            self._other_names_finding(),
            self._doubles_finding(),
            self._missing_finding(missing, bad),
            *self._notes(),
        ]
        return [finding for finding in candidates if finding is not None]

    def _twins_finding(self) -> Finding | None:
        if not self.twins:
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
            for row, first in self.twins
        ]
        asked = [
            item
            for item, (row, _) in zip(items, self.twins, strict=True)
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
        if not self.renames:
            return None
        holders = {name_key(*person.names): person for person in self._people}
        examples = []
        shuffled = 0
        for row, person in self.renames:
            other = holders.get(row_key(row))
            shuffled += other is not None
            known_as = Phrase(", the name of %(person)s", person=described(other)) if other else ""
            examples.append(
                Phrase(
                    "line %(line)s: %(person)s → %(name)s%(known_as)s",
                    line=row.line,
                    person=described(person),
                    name=row_name(row),
                    known_as=known_as,
                )
            )
        issued = sum(person.issue > 0 for _, person in self.renames)
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
        if not self.other_names:
            return None
        return Finding(
            "same_email",
            len(self.other_names),
            Phrase(
                "rows with the e-mail of an attendee with another name: %(count)s",
                count=Count(len(self.other_names)),
            ),
            tuple(
                Phrase(
                    "line %(line)s: %(name)s has the same e-mail as %(people)s",
                    line=row.line,
                    name=row_name(row),
                    people=joined(Phrase(" and of "), map(described, people[:3])),
                )
                for row, people in self.other_names
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
        if not self.doubles:
            return None
        done = {
            "same": Phrase(", imported as the same"),
            "new": Phrase(", imported as different people"),
        }.get(self._answers.doubles or "", "")
        return Finding(
            "doubles",
            len(self.doubles),
            Phrase(
                "people who may be listed twice: %(count)s%(done)s",
                count=Count(len(self.doubles)),
                done=done,
            ),
            tuple(self.doubles),
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

    def _missing_finding(self, missing: Sequence[Person], bad: int) -> Finding | None:
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
        if self.spellings:
            yield Finding(
                "spellings",
                len(self.spellings),
                Phrase(
                    "names with a different spelling (case, width, spaces, order): %(count)s",
                    count=Count(len(self.spellings)),
                ),
                tuple(
                    Phrase(
                        "line %(line)s: %(person)s → %(name)s",
                        line=row.line,
                        person=described(person),
                        name=row_name(row),
                    )
                    for row, person in self.spellings
                ),
            )
        twice = {names: count for names, count in self.new_names.items() if count > 1}
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
        if self.revoked:
            yield Finding(
                "revoked",
                len(self.revoked),
                Phrase(
                    "people in this file whose badges are and stay revoked: %(count)s",
                    count=Count(len(self.revoked)),
                ),
                tuple(
                    Phrase("line %(line)s: %(person)s", line=row.line, person=described(person))
                    for row, person in self.revoked
                ),
            )


def _row_words(row: RosterRow) -> str:
    parts = (row_name(row), row.category, row.organisation, row.email, row.phone)
    return ", ".join(part for part in parts if part)


def row_key(row: RosterRow) -> str:
    """Return the row's name in a form that is equal for all its spellings."""
    return name_key(row.given_name, row.family_name)


def row_name(row: RosterRow) -> str:
    return shown(whole_name(row.given_name, row.family_name), 80)
