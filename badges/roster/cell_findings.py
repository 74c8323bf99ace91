"""The questions and notes about single cells and rows of a roster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from badges.i18n import N_, Count, Phrase
from badges.roster.problems import Choice, Finding
from badges.roster.table import RosterAnswers


@dataclass(frozen=True)
class _Kind:
    """`choices` have the effect of each answer. Without choices, it is a note."""

    words: str
    choices: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


_EMPTY = N_("leave these cells empty, and keep the people")
_KINDS = {
    "totals": _Kind(
        N_("rows with a total: %(count)s"),
        {"leave": N_("skip these rows"), "take": N_("these rows are people")},
    ),
    "several_emails": _Kind(
        N_("cells with several e-mails: %(count)s"),
        {"first": N_("take the first address"), "empty": N_("leave the e-mail empty")},
    ),
    "rounded": _Kind(N_("numbers that the spreadsheet has rounded: %(count)s"), {"empty": _EMPTY}),
    "comma_names": _Kind(
        N_("names with a comma: %(count)s"),
        {
            "split": N_("the family name is before the comma, the given name after it"),
            "keep": N_("leave the names as they are"),
        },
    ),
    "bad_cells": _Kind(
        N_("unreadable cells that may be left empty: %(count)s"), {"empty": _EMPTY}, optional=True
    ),
    "written_out": _Kind(
        N_("numbers in scientific notation, written with all their digits: %(count)s")
    ),
    "phone_numbers": _Kind(
        N_(
            "telephone numbers that the spreadsheet keeps as numbers, so that a leading zero may"
            " be lost: %(count)s"
        )
    ),
}


def cell_finding(kind: str, examples: Sequence[str], answers: RosterAnswers) -> Finding:
    """Describe cells of one kind. An answered question is a note with the answer."""
    form = _KINDS[kind]
    count = Count(len(examples))
    message = Phrase(form.words, count=count)
    answer = getattr(answers, kind) if form.choices else None
    if answer and answer in form.choices:
        message += Phrase("; answer: %(answer)s", answer=Phrase(form.choices[answer]))
    choices = (
        ()
        if answer
        else tuple(Choice(kind, value, Phrase(effect)) for value, effect in form.choices.items())
    )
    return Finding(kind, count, message, tuple(examples), choices, optional=form.optional)
