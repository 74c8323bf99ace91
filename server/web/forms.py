"""Parses the fields of forms and addresses, and executes submitted forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.second_disk.critical_state import ActsError
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.i18n import gettext as _
from server.web.services import services

Filter = TypeVar("Filter")
Result = TypeVar("Result")

DIGITS_MAX = 15  # more digits might exceed 64 bits
FIELD_CHARS_MAX = 60
# Messages for invalid filter values.
MOMENT = N_("A date and time, such as 2026-05-04 13:45.")
CHOOSE = N_("Choose from the list.")


def whole(text: str) -> int:
    """At least 0. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise ValueError(f"not a whole number of at most {DIGITS_MAX} digits")
    return int(text)


def perform(
    step: Callable[[Connection, str, int], Result],
    message: str | Callable[[Result], str],
    *,
    back: str,
    refused: tuple[type[Exception], ...],
    words: Callable[[Any], str] | None = None,
) -> Response:
    """Run `step` in a transaction, show a message, and redirect to the path `back`.

    `step` gets the database, the user's id in the entry log, and the time (Unix ms). `message` may
    be a function of its result. Exceptions in `refused` are shown through `words`, or after a
    sentence that nothing was changed. So is what the second disk holds back.
    """
    here, by = services(), auth.actor()
    try:
        done = here.database.write(lambda db: step(db, by, here.now()))
    except ActsError as error:
        return turn_back(i18n.said(error), back)
    except refused as error:
        return turn_back(words(error) if words else unchanged(error), back)
    flash(message if isinstance(message, str) else message(done), "good")
    return redirect(back, 303)


def unchanged(error: Exception) -> str:
    return _("Nothing was changed: %(why)s", why=i18n.said(error))


def turn_back(why: str, back: str) -> Response:
    flash(why, "bad")
    return redirect(back, 303)


@dataclass(frozen=True)
class Asked(Generic[Filter]):
    """A submitted filter form: its fields, the filter, and problems by field."""

    fields: dict[str, str]
    wanted: Filter
    problems: dict[str, str] = field(default_factory=dict)

    def address(self, endpoint: str, **more: Any) -> str:
        values: dict[str, Any] = {**self.fields, **more}
        return url_for(endpoint, **values)


@dataclass(frozen=True)
class Field:
    """A field of a filter form: the filter's attribute, the parser (raises ValueError), and the
    message for invalid text.
    """

    sets: str
    read: Callable[[str], object]
    problem: str


listed = partial(Field, problem=CHOOSE)


def read_filter(
    given: Mapping[str, str], fields: Mapping[str, Field], filter_of: Callable[..., Filter]
) -> Asked[Filter]:
    """An invalid field is reported as a problem, not ignored."""
    sent: dict[str, str] = {}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, spec in fields.items():
        text = given.get(name, "").strip()[:FIELD_CHARS_MAX]
        if not text:
            continue
        sent[name] = text
        try:
            values[spec.sets] = spec.read(text)
        except ValueError:
            problems[name] = _(spec.problem)
    if (
        not problems
        and "since" in values
        and "until" in values
        and values["until"] <= values["since"]
    ):
        problems["to"] = _("This is not after the beginning.")
    return Asked(sent, filter_of(**values), problems)


def one_of(choices: Any) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError("not on the list")
        return text

    return read
