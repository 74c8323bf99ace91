"""Finds one person in two rows of a roster, and people who share an e-mail address."""

from collections.abc import Mapping
from typing import Any

from badges.i18n import Count, Phrase
from badges.roster.problems import YES, Finding, ProblemList, shown, to_answer
from badges.roster.same_name import name_key
from badges.roster.table import RosterAnswers, sheet_of


class Duplicates:
    """Finds rows with the same id or e-mail address. Two rows of one person are a problem; people
    who share an address are asked about.
    """

    def __init__(self, problems: ProblemList) -> None:
        self._problems = problems
        self._ids: dict[str, tuple[int, tuple[str, str]]] = {}  # line and names
        self._first_with: dict[str, tuple[tuple[str, str], int, str]] = {}  # names, line and id
        # For shared addresses, line and id by name.
        self._emails: dict[str, dict[str, tuple[int, str]]] = {}
        # Lines of people without an id, by e-mail address.
        self._sharing: dict[str, list[int]] = {}

    def check(self, number: int, values: Mapping[str, Any]) -> None:
        """`values` are a row's, by our columns; `number` is its line."""
        if values.get("external_id"):
            self._check_id(number, values)
        if values.get("email"):
            self._check_email(number, values)

    def _check_id(self, number: int, values: Mapping[str, Any]) -> None:
        own = _names(values)
        id_key = values["external_id"].casefold()
        first, names = self._ids.setdefault(id_key, (number, own))
        is_one_person = _on_other_sheet(first, number) and name_key(*names) == name_key(*own)
        if first != number and not is_one_person:
            message = Phrase("the same as in line %(first)s. Keep one", first=first)
            self._problems.add(number, "external_id", message)

    def _check_email(self, number: int, values: Mapping[str, Any]) -> None:
        """Report rows with the same e-mail address: one person in two rows is a problem, two
        people may share an address.

        The first of those who share an address is identified by it, so all their rows are
        reported.
        """
        email, own = values["email"].casefold(), values.get("external_id") or ""
        names = _names(values)
        first = self._first_with.setdefault(email, (names, number, own))
        if first[1] == number:
            return
        others = self._emails.setdefault(email, {name_key(*first[0]): first[1:]})
        key = name_key(*names)
        same = others.setdefault(key, (number, own))
        if _on_other_sheet(same[0], number):
            return
        if same[0] != number and not (own and same[1]):
            self._problems.add(
                number, "email", Phrase("the same as in line %(same)s. Keep one", same=same[0])
            )
        elif len(others) > 1 and not (own and all(id for _, id in others.values())):
            self._sharing[email] = [line for line, _ in others.values()]

    def findings(self, answers: RosterAnswers) -> list[Finding]:
        if not self._sharing:
            return []
        people = sum(map(len, self._sharing.values()))
        done = Phrase(", told apart by name") if answers.shared_emails else ""
        finding = to_answer(
            "shared_emails",
            people,
            Phrase(
                "people who share an e-mail address, not all with an id: %(people)s%(done)s",
                people=Count(people),
                done=done,
            ),
            [
                Phrase(
                    "%(email)s in lines %(lines)s",
                    email=shown(email),
                    lines=", ".join(map(str, lines[:10])),
                )
                + (
                    Phrase(" and %(count)s more", count=Count(len(lines) - 10))
                    if len(lines) > 10
                    else ""
                )
                for email, lines in self._sharing.items()
            ],
            answers.shared_emails,
            **{YES: Phrase("people are known by e-mail and name together")},
        )
        return [finding]


def _names(values: Mapping[str, Any]) -> tuple[str, str]:
    given = values.get("given_name") or values.get("name") or ""
    return given, values.get("family_name") or ""


def _on_other_sheet(first: int, number: int) -> bool:
    """Whether a person in both lines is asked about, and no fault of the file."""
    return sheet_of(first) != sheet_of(number)
