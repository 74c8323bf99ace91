"""Lists the kinds of files that a page previews, and imports a previewed file.

A new kind is a file here, and a line of `KINDS`.
"""

from collections.abc import Mapping

from badges.i18n import N_, Count, Phrase, Spoken
from server.core.edits import last_edit
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.features.imports.previews import exhibitors, programme, venue
from server.features.imports.previews.kind import Answers, FileKind, Reading
from server.features.imports.venue_plan import Venue
from server.features.imports.venue_preview import Preview, compared
from server.storage.connection import Connection

KINDS: Mapping[str, FileKind] = {
    kind.name: kind for kind in (venue.KIND, programme.KIND, exhibitors.KIND)
}
SKIP_BAD = "skip_bad"


class FileOvertakenError(Spoken, ValueError):
    """The event was changed since the preview. Nothing was imported."""


def read(
    db: Connection, kind: str, data: bytes, name: str, settings: EventSettings, answers: Answers
) -> Reading:
    """Read a file of a kind in KINDS. Raises VenueError if nothing is readable."""
    return KINDS[kind].read(db, data, name, settings, answers)


def take(
    db: Connection, planned: Venue, settings: EventSettings, name: str, *,
    mark: str, remove_sessions: bool, by: str, now: int,
) -> Preview:  # fmt: skip
    """Import a previewed file, and return the effects.

    `db` is in a transaction. Raises VenueError, and FileOvertakenError if the effects would differ
    now.
    """
    since = changes.cursor(db)
    effects = compared(db, planned, settings, by=by, now=now, remove_sessions=remove_sessions)
    if effects.mark != mark:
        raise FileOvertakenError(
            N_("The venue was changed in the meantime. Check the preview again.")
        )
    changed = len({(change.kind, change.code) for change in effects.changed})
    summary = Phrase(
        "%(name)s: %(added)s things added, %(changed)s changed",
        name=name, added=Count(len(effects.added)), changed=Count(changed),
    )  # fmt: skip
    if effects.removed:
        summary += Phrase(", %(count)s sessions removed", count=Count(len(effects.removed)))
    last_edit.keep_words(db, summary, since, by=by, now=now)
    return effects
