from dataclasses import replace
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase
from server.core.edits import last_edit
from server.core.edits.last_edit import EditError, LastEdit
from server.core.edits.things import VENUE_KINDS, Thing, number_of
from server.core.entry_log import act_changes, entry_log
from server.core.entry_log.act_changes import Change, Values
from server.core.entry_log.act_names import Act
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.people import attendees, issuing
from server.core.programme.speakers import Speaker, put_speakers
from server.core.venue import store
from server.features.editing.guests import put_guest
from server.features.editing.venue_edit import put, take_away
from server.storage.connection import Connection

# Things are restored in this order, and removed in reverse: references come later.
_ORDER = (*VENUE_KINDS, "attendee", "speakers", "guest")
REASON = "mistake"


def undo(db: Connection, settings: EventSettings, mark: str, *, by: str, now: int) -> LastEdit:
    """Undo the newest change of `by`, if it is still the page's, and return it. The one before is
    next.

    Raises EditError if its things were changed since or can't be restored, and VenueError if they
    no longer fit the venue.
    """
    zone = ZoneInfo(settings.time_zone)
    edit = last_edit.undoable(db, by, mark, zone)
    since = changes.cursor(db)
    ordered = sorted(edit.changes, key=lambda change: _ORDER.index(change.kind))
    for change in reversed(ordered):
        if change.before is None:
            _take_away(db, change, by=by, now=now)
    for change in ordered:
        if change.before is not None:
            _put_back(db, settings, change, change.before, by=by, now=now)
    number = entry_log.act(db, by, Act.EDIT_UNDONE, {}, now)
    back = [replace(change, before=change.after, after=change.before) for change in edit.changes]
    act_changes.keep(db, [number], back)
    last_edit.forget(db, edit)
    summary = Phrase("Undone: %(what)s", what=edit.what)
    last_edit.keep_words(db, summary, since, by=by, now=now, hall_id=edit.hall_id, is_undo=True)
    return edit


def _take_away(db: Connection, change: Change, *, by: str, now: int) -> None:
    if change.kind == "guest":
        _put_guest(db, change, None, by=by, now=now)
    elif change.kind == "speakers":
        _put_speakers(db, change.key, [])
    elif change.kind == "attendee":
        raise EditError(N_("A registration is not undone: revoke the attendee instead."))
    else:
        take_away(db, Thing(change.kind, change.key), by=by, now=now)


def _put_back(
    db: Connection, settings: EventSettings, change: Change, before: Values, *, by: str, now: int
) -> None:
    if change.kind == "guest":
        _put_guest(db, change, before["invited"], by=by, now=now)
    elif change.kind == "speakers":
        speakers = [Speaker(*row) for row in before["speakers"]]
        _put_speakers(db, change.key, speakers)
    elif change.kind == "attendee":
        _put_attendee(db, int(change.key), before, by=by, now=now)
    else:
        put(db, settings, Thing(change.kind, change.key), dict(before), by=by, now=now)


def _put_speakers(db: Connection, session_code: str, speakers: list[Speaker]) -> None:
    session_id = number_of(db, "session", session_code)
    put_speakers(db, session_id, speakers)
    changes.publish_venue(db, [store.session(db, session_id).hall_id])


def _put_guest(db: Connection, change: Change, invited: bool | None, *, by: str, now: int) -> None:
    code, _, serial = change.key.rpartition(":")
    session_id = number_of(db, "session", code)
    put_guest(db, session_id, int(serial), invited, by=by, now=now)


def _put_attendee(db: Connection, serial: int, before: Values, *, by: str, now: int) -> None:
    values = dict(before)
    revoked = values.pop("revoked")
    attendees.change_attendee(db, serial, values, by=by, now=now, may_share_email=True)
    is_revoked = attendees.attendee(db, serial).revoked_at is not None
    if revoked and not is_revoked:
        issuing.revoke(db, serial, reason=REASON, now=now, by=by)
    elif is_revoked and not revoked:
        issuing.reinstate(db, serial, reason=REASON, now=now, by=by)
