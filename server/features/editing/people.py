from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase, Translated
from server.core.edits import last_edit
from server.core.edits.last_edit import EditError
from server.core.edits.person_words import PersonWords
from server.core.edits.things import Thing, guest, values_of
from server.core.edits.words import NONE, Difference, differences, told
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.occupancy import stays
from server.core.people import attendees, issuing, protocol_guests
from server.core.people.attendees import CARRIED, Attendee
from server.core.programme.guests import settle_person
from server.core.programme.speakers import sessions_where_speaks, speaks_as
from server.core.venue import kept_places, store
from server.features.editing.guests import ANSWERS, answer, put_guest
from server.features.editing.venue_edit import SOMEBODY_ELSE
from server.features.imports.venue_plan import located
from server.storage.connection import Connection

REASON = "merged"
FILLED = (
    "external_id", "email", "phone", "order_number", "organisation", "job_title", "country",
)  # fmt: skip
# Unique columns: the duplicate loses them.
_UNIQUE = {"external_id", "email"}


def register(
    db: Connection, values: Mapping[str, Any], *, by: str, now: int, random: Callable[[int], bytes]
) -> Attendee:
    """Register a person. Raises AttendeeError."""
    since = changes.cursor(db)
    registered = attendees.add_attendee(db, values, by=by, now=now, random=random)
    settle_person(db, registered.serial, by=by, now=now)
    last_edit.keep_words(
        db, Phrase("%(name)s: registered", name=registered.name), since, by=by, now=now
    )
    return registered


def change(
    db: Connection, zone: ZoneInfo, serial: int, values: Mapping[str, Any], *,
    seen: str, by: str, now: int,
) -> bool:  # fmt: skip
    """Change a person. Return whether their badge is now outdated.

    `seen` is the mark of the original values. Raises AttendeeError, or EditError if changed since.
    """
    thing = Thing("attendee", str(serial))
    before = values_of(db, thing, zone) or {}
    if last_edit.mark_of(before) != seen:
        raise EditError(SOMEBODY_ELSE)
    words = PersonWords(db)
    with last_edit.kept(db, zone, [thing], by=by, now=now) as note:
        wrong = attendees.change_attendee(db, serial, values, by=by, now=now)
        after = values_of(db, thing, zone) or {}
        changed = differences(words.of(before), words.of(after))
        if changed:
            name = attendees.attendee(db, serial).name
            note.what = located(name, told(changed))
    settle_person(db, serial, by=by, now=now)
    return wrong


def set_standing(
    db: Connection, zone: ZoneInfo, serial: int, revoked: bool, *, reason: str, by: str, now: int
) -> None:
    """Revoke or reinstate a person's badges, with undo.

    Raises UnknownAttendeeError, or IssuingError if nothing would change.
    """
    person = attendees.attendee(db, serial)
    with last_edit.kept(db, zone, [Thing("attendee", str(serial))], by=by, now=now) as note:
        step = issuing.revoke if revoked else issuing.reinstate
        step(db, serial, reason=reason, now=now, by=by)
        summary = N_("%(name)s (%(number)s): revoked")
        if not revoked:
            summary = N_("%(name)s (%(number)s): reinstated")
        note.what = Phrase(summary, name=person.name, number=person.number)


@dataclass(frozen=True)
class GuestMove:
    """Both people's answers at a session, and the result."""

    session_id: int
    code: str
    title: str
    stays: bool | None  # The answer of the person who stays
    goes: bool | None
    after: bool | None

    @property
    def words(self) -> str:
        return ANSWERS[self.after]


@dataclass(frozen=True)
class MergePlan:
    stays: Attendee
    goes: Attendee
    filled: list[Difference]
    guests: list[GuestMove]
    speaks: Sequence[tuple[str, str]]  # Sessions at which the duplicate speaks: code and title
    inside: list[int]  # Halls where the duplicate is now
    left: list[str]  # Data of the duplicate that is not moved, as sentences
    replace: bool
    mark: str


def merge_plan(db: Connection, stays_serial: int, goes_serial: int) -> MergePlan:
    """Raises UnknownAttendeeError or EditError."""
    kept, goes = attendees.attendee(db, stays_serial), attendees.attendee(db, goes_serial)
    if kept.serial == goes.serial:
        raise EditError(N_("These are the same badge number: choose another person."))
    if kept.revoked_at is not None:
        raise EditError(
            N_("%(name)s (%(number)s) is revoked: keep the other, or reinstate them first."),
            name=kept.name,
            number=kept.number,
        )
    filled = [
        Difference(column, NONE, str(getattr(goes, column)))
        for column in FILLED
        if getattr(goes, column) and not getattr(kept, column)
    ]
    moves = [move for move in _guests(db, kept.serial, goes.serial) if move.goes is not None]
    speaks = [
        (session.code, Translated(session.titles))
        for number in dict.fromkeys(row[0] for row in sessions_where_speaks(db, goes.serial))
        for session in (store.session(db, number),)
    ]
    inside = [stay.hall_id for stay in stays.open_stays(db, goes.serial)]
    replace = kept.issue > 0 and any(each.key in CARRIED for each in filled)
    left = _left(db, goes.serial)
    seen = {
        "left": left,
        "people": repr((kept, goes)),
        "guests": repr((moves, speaks)),
        "inside": inside,
    }
    mark = last_edit.mark_of(seen)
    return MergePlan(kept, goes, filled, moves, speaks, inside, left, replace, mark)


def merge(
    db: Connection, zone: ZoneInfo, stays_serial: int, goes_serial: int, *,
    mark: str, by: str, now: int,
) -> MergePlan:  # fmt: skip
    """Merge two people according to `merge_plan`. The duplicate's badges are revoked.

    Scans and stays keep their badge numbers. Raises EditError if either was changed since.
    """
    plan = merge_plan(db, stays_serial, goes_serial)
    if plan.mark != mark:
        raise EditError(SOMEBODY_ELSE)
    stays, goes = plan.stays, plan.goes
    things = [Thing("attendee", str(stays.serial)), Thing("attendee", str(goes.serial))]
    things += [
        guest(move.code, serial) for move in plan.guests for serial in (stays.serial, goes.serial)
    ]
    things += [Thing("speakers", code) for code, _ in plan.speaks]
    with last_edit.kept(db, zone, things, by=by, now=now) as note:
        taken = {each.key: getattr(goes, each.key) for each in plan.filled}
        lost = {key: "" for key in taken if key in _UNIQUE}
        if lost:
            attendees.change_attendee(db, goes.serial, lost, by=by, now=now)
        if taken:
            attendees.change_attendee(db, stays.serial, taken, by=by, now=now, may_share_email=True)
        for move in plan.guests:
            put_guest(db, move.session_id, stays.serial, move.after, by=by, now=now)
            put_guest(db, move.session_id, goes.serial, None, by=by, now=now)
        if plan.speaks:
            speaks_as(db, goes.serial, stays.serial)
            changes.publish_venue(db)
        if goes.revoked_at is None:
            issuing.revoke(db, goes.serial, reason=REASON, now=now, by=by)
        subject: dict[str, str | int | None] = {"serial": stays.serial, "merged": goes.serial}
        entry_log.act(db, by, Act.ATTENDEES_MERGED, subject, now)
        note.what = Phrase(
            "%(name)s: %(number)s stays, %(other)s (%(other_name)s) is revoked",
            name=stays.name, number=stays.number, other=goes.number, other_name=goes.name,
        )  # fmt: skip
    return plan


def _left(db: Connection, goes: int) -> list[str]:
    sentences: list[str] = []
    if protocol_guests.protocol_guests(db, goes):
        sentences.append(
            Phrase(
                "The removed entry is a protocol guest. Set again on the remaining person's "
                "page who is notified of the arrival."
            )
        )
    if kept_places.kind_of(db, goes) is not None:
        sentences.append(
            Phrase(
                "Halls keep places for the removed entry. Set this again on the remaining "
                "person's page."
            )
        )
    return sentences


def _guests(db: Connection, stays: int, goes: int) -> list[GuestMove]:
    """Return the sessions that name either person.

    A refusal overrides an invitation: it was set on purpose.
    """
    rows = db.execute(
        "SELECT DISTINCT s.session_id, s.code, s.titles, s.starts_at FROM session_guest g"
        " JOIN session s USING (session_id) WHERE g.serial IN (?, ?) ORDER BY s.starts_at, s.code",
        (stays, goes),
    ).fetchall()
    moves = []
    for row in rows:
        session = store.session(db, row["session_id"])
        mine, theirs = (answer(db, session.session_id, serial) for serial in (stays, goes))
        after = False if False in (mine, theirs) else mine or theirs
        title = Translated(session.titles)
        moves.append(GuestMove(session.session_id, session.code, title, mine, theirs, after))
    return moves
