import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from server.core.event.directory import Event
from server.core.people import attendees, issuing, search
from server.core.people.attendees import Attendee
from server.core.people.folding import folded
from server.core.programme.guests import settle_person
from server.features.desk import hand_over, photo, submissions
from server.features.desk.submissions import DeskError, Done, Form, Kind, Submission, Why
from server.storage import dialect
from server.storage.connection import Connection

SIMILAR_MAX = 8
_CANDIDATES = 400
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")


class SimilarError(ValueError):
    """The clerk has not seen all similar people on the roster."""

    def __init__(self, people: list[Attendee]) -> None:
        super().__init__("people like that are registered already")
        self.people = people


def register(
    db: Connection, event: Event, form: Form, values: Mapping[str, Any], *,
    seen: Collection[int], random: Callable[[int], bytes], picture: bytes = b"",
) -> Done:  # fmt: skip
    """Register a person, issue their badge and print it.

    `seen` are the serials of similar people ruled out by the clerk. `picture` is from
    `photo.prepared`. Raises SimilarError for others, and DeskError, AttendeeError or DesignError.
    """

    def do() -> Submission:
        checked = needed(values)
        alike = similar(db, checked)
        if any(person.serial not in seen for person in alike):
            raise SimilarError(alike)
        if any(has_email(person, checked) for person in alike):
            raise DeskError(Why.EMAIL_KNOWN)
        holder = attendees.add_attendee(
            db, {"language": _language(checked), **checked}, by=form.by, now=form.now,
            random=random,
        )  # fmt: skip
        settle_person(db, holder.serial, by=form.by, now=form.now)
        if picture:
            photo.keep(db, event, holder, picture, by=form.by, now=form.now)
        issuing.reissue(db, event, holder.serial, reason=hand_over.FIRST, now=form.now, by=form.by)
        paper = hand_over.to_paper(db, form, holder.serial)
        return submissions.keep(
            db, form, Kind.WALK_IN, holder.serial, paper=paper, kept={"email": holder.email}
        )

    return submissions.once(db, form, do)


def needed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Validate the values. Raises DeskError or AttendeeError."""
    checked = attendees.checked(values)
    if not (checked.get("given_name") or checked.get("family_name")):
        raise DeskError(Why.NO_NAME)
    if "category" not in checked:
        raise DeskError(Why.NO_CATEGORY)
    return checked


def similar(db: Connection, values: Mapping[str, Any]) -> list[Attendee]:
    """Return up to eight people with the same name (ignoring case, accents and order, or in Latin
    letters) or e-mail. Undone walk-ins don't count.
    """
    wanted = folded(f"{values.get('given_name', '')} {values.get('family_name', '')}").split()
    called = _called(db, wanted) if wanted else []
    rows = db.execute(
        f"{attendees.SELECT} WHERE ({dialect.one_of('a.serial')} OR"
        f" ({dialect.same_letters('a.email')} AND a.email <> '')) AND NOT EXISTS"
        " (SELECT 1 FROM desk_submission d WHERE d.serial = a.serial AND d.kind = 'walk_in'"
        " AND d.undone_at IS NOT NULL) ORDER BY a.serial",
        (dialect.many(called), values.get("email", "")),
    )
    alike = [attendees.attendee_of(row) for row in rows]
    return sorted(alike, key=lambda person: not has_email(person, values))[:SIMILAR_MAX]


def has_email(person: Attendee, values: Mapping[str, Any]) -> bool:
    email = values.get("email", "")
    return bool(email) and person.email.lower() == email.lower()


def _called(db: Connection, words: list[str]) -> list[int]:
    """Return the serials of people with exactly this name, in any rotation of its words, also in
    Latin letters.
    """
    ways = ["".join([*words[at:], *words[:at]]) for at in range(len(words))]
    wanted = search.whole(ways)
    rows = db.execute(
        f"SELECT serial FROM ({wanted.query}) AS found LIMIT {_CANDIDATES}", wanted.values
    )
    return [row["serial"] for row in rows]


def _language(values: Mapping[str, Any]) -> str:
    """Guess the language of a person's pages from the script of the name."""
    name = f"{values.get('given_name', '')}{values.get('family_name', '')}"
    if _KANA.search(name) or (_HAN.search(name) and values.get("country") == "JP"):
        return "ja"
    return "zh" if _HAN.search(name) else "en"
