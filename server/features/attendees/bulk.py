"""Issues, replaces, prints, mails or revokes many people's badges, or notes the box of their cards.

Each step skips people to whom it was done, so a form sent twice has no second effect.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import N_, Phrase, Spoken
from server.core.event.directory import Event
from server.core.people import collection, issuing
from server.core.people.attendees import Attendee
from server.features.attendees import listing
from server.storage.connection import Connection
from server.storage.database import Database

AT_ONCE = 200  # in one transaction, so that scans never wait for long
REISSUED_AT_ONCE = 50

# Gets how many people are done, of how many, and how many of them were changed.
Tell = Callable[[int, int, int], object]


class Action(StrEnum):
    ISSUE = "issue"
    REISSUE = "reissue"
    PRINT = "print"
    MAIL = "mail"
    REVOKE = "revoke"
    BOX = "box"


class BulkError(Spoken, ValueError):
    """The action can't be done; nothing was changed."""


@dataclass(frozen=True)
class Preview:
    """The people of an action, and those it skips, by reason."""

    due: list[Attendee]
    left_out: Mapping[str, int]
    mark: str  # It changes with the people who are due.


def preview(
    db: Connection, action: Action, chosen: Sequence[int], since: int | None = None
) -> Preview:
    """Plan an action. People whose badge was issued at `since` (Unix ms) or later are not reissued
    again.
    """
    due: list[Attendee] = []
    left_out: dict[str, int] = {}
    new = _issued_since(db, since) if action is Action.REISSUE and since is not None else ()
    for person in listing.people(db, chosen):
        why = "replaced" if person.serial in new else _why_not(action, person)
        if why:
            left_out[why] = left_out.get(why, 0) + 1
        else:
            due.append(person)
    numbers = ",".join(f"{serial}.{issue}" for serial, issue in sorted(issues_of(due).items()))
    mark = hashlib.blake2b(f"{action} {numbers}".encode(), digest_size=12).hexdigest()
    return Preview(due, left_out, mark)


def issues_of(people: Sequence[Attendee]) -> dict[int, int]:
    """Return the newest issue by serial."""
    return {person.serial: person.issue for person in people}


def _issued_since(db: Connection, since: int) -> set[int]:
    return {
        serial
        for (serial,) in db.execute("SELECT serial FROM badge WHERE issued_at >= ?", (since,))
    }


LEFT_OUT = {
    "revoked": N_("revoked"),
    "has_badge": N_("have a badge already"),
    "no_badge": N_("have no badge yet"),
    "no_email": N_("have no e-mail address"),
    "replaced": N_("have a new badge already"),
}


def _why_not(action: Action, person: Attendee) -> str:
    if action is Action.BOX:
        return ""
    if person.revoked_at is not None:
        return "revoked"
    if action is Action.ISSUE:
        return "has_badge" if person.issue else ""
    if action is not Action.REVOKE and not person.issue:
        return "no_badge"
    return "no_email" if action is Action.MAIL and not person.email else ""


def issue(
    event: Event,
    database: Database,
    chosen: Sequence[int],
    *,
    by: str,
    clock: Callable[[], int],
    tell: Tell,
) -> None:
    """Issue these people's missing badges."""

    def step(db: Connection, some: Sequence[int]) -> int:
        return issuing.issue_missing(db, event, now=clock(), by=by, serials=some)

    _in_parts(database, chosen, step, tell, AT_ONCE)


def reissue(
    event: Event,
    database: Database,
    issues: Mapping[int, int],
    reason: str,
    *,
    by: str,
    clock: Callable[[], int],
    tell: Tell,
) -> None:
    """Replace these people's badges, except those that are no longer of the given issue."""

    def step(db: Connection, some: Sequence[int]) -> int:
        due = [
            person.serial
            for person in listing.people(db, some)
            if person.issue == issues[person.serial] < issuing.ISSUE_MAX
            and person.revoked_at is None
        ]
        for serial in due:
            issuing.reissue(db, event, serial, reason=reason, now=clock(), by=by)
        return len(due)

    _in_parts(database, list(issues), step, tell, REISSUED_AT_ONCE)


def revoke(
    database: Database,
    chosen: Sequence[int],
    reason: str,
    *,
    by: str,
    clock: Callable[[], int],
    tell: Tell,
) -> None:
    """Revoke these people, except those already revoked."""

    def step(db: Connection, some: Sequence[int]) -> int:
        return issuing.revoke_many(db, some, reason=reason, now=clock(), by=by)

    _in_parts(database, chosen, step, tell, AT_ONCE)


def put_box(
    database: Database, chosen: Sequence[int], box: str, by: str, clock: Callable[[], int]
) -> int:
    """Note the box of these people's cards. Raises BoxError."""
    if not chosen:
        raise BulkError(Phrase("No one is chosen."))
    return database.write(
        lambda db: collection.put_box(db, chosen, box, by=by, now=clock()), long=True
    )


def _in_parts(
    database: Database,
    chosen: Sequence[int],
    step: Callable[[Connection, Sequence[int]], int],
    tell: Tell,
    at_once: int,
) -> None:
    changed = 0
    for at in range(0, len(chosen), at_once):
        some = chosen[at : at + at_once]
        changed += database.write(lambda db, some=some: step(db, some), long=True)  # type: ignore[misc]
        tell(at + len(some), len(chosen), changed)
