"""All speakers of a session are checked and written together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase, Translated
from server.core.edits import last_edit
from server.core.edits.last_edit import EditError
from server.core.edits.things import Thing, values_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.people import attendees
from server.core.programme.speakers import Speaker, put_speakers
from server.core.venue import store
from server.features.editing.venue_edit import SOMEBODY_ELSE
from server.features.imports import venue_import
from server.features.imports.programme.plan import Programme, SpeakerPlan
from server.features.imports.venue_check import VenueCheck
from server.features.imports.venue_plan import Venue, VenueError
from server.features.imports.venue_values import read_plan
from server.storage.connection import Connection

_ROLES = {
    "keynote": Phrase("keynote"),
    "speaker": Phrase("speaker"),
    "moderator": Phrase("moderator"),
    "panellist": Phrase("panellist"),
}


class SpeakersEdit:
    """Changes one session's speakers. `seen` is the mark of the page's list.

    Each change returns a description. Raises EditError if the list was changed since, VenueError
    for what a file could not have, and UnknownSessionError.
    """

    def __init__(
        self, db: Connection, settings: EventSettings, session_id: int, *,
        seen: str, by: str, now: int,
    ) -> None:  # fmt: skip
        self.db = db
        self.settings = settings
        self.session = store.session(db, session_id)
        self.by = by
        self.now = now
        if mark(db, self.session.code) != seen:
            raise EditError(SOMEBODY_ELSE)
        self.speakers = stored(db, self.session.code)

    def add(self, serial: int | None, values: Mapping[str, Any]) -> str:
        """Append a speaker; `serial` is set for attendees.

        `values` has the keys of a venue file. Raises UnknownAttendeeError.
        """
        given = dict(values)
        if serial is not None:
            person = attendees.attendee(self.db, serial)
            given["name"] = person.name
        elif not given.get("name"):
            raise EditError(N_("Write the speaker's name."))
        new = replace(self._read(given), serial=serial)
        if serial is not None:
            new = replace(new, label=person.external_id or person.email)
        return self._put(
            [*self.speakers, new],
            Phrase("%(name)s added, as %(role)s", name=new.name, role=_ROLES[new.role]),
        )

    def change(self, at: int, values: Mapping[str, Any]) -> str:
        speaker = self._one(at)
        new = self._read({**values, "name": speaker.name})
        changed = replace(speaker, role=new.role, starts_at=new.starts_at)
        if changed == speaker:
            return ""
        other_time = speaker.starts_at != new.starts_at
        if speaker.role == new.role:
            summary = Phrase("%(name)s: another time", name=speaker.name)
        else:
            roles = _ROLES[speaker.role], _ROLES[new.role]
            summary = Phrase(
                "%(name)s %(old)s → %(new)s", name=speaker.name, old=roles[0], new=roles[1]
            )
            if other_time:
                summary = Phrase("%(what)s, with another time", what=summary)
        return self._put([*self.speakers[:at], changed, *self.speakers[at + 1 :]], summary)

    def move(self, at: int, to: int) -> str:
        speaker = self._one(at)
        others = [*self.speakers[:at], *self.speakers[at + 1 :]]
        to = min(max(0, to), len(others))
        return (
            ""
            if to == at
            else self._put(
                [*others[:to], speaker, *others[to:]], Phrase("%(name)s moved", name=speaker.name)
            )
        )

    def remove(self, at: int) -> str:
        speaker = self._one(at)
        return self._put(
            [*self.speakers[:at], *self.speakers[at + 1 :]],
            Phrase("%(name)s removed", name=speaker.name),
        )

    def _one(self, at: int) -> Speaker:
        if not 0 <= at < len(self.speakers):
            raise EditError(SOMEBODY_ELSE)
        return self.speakers[at]

    def _read(self, values: Mapping[str, Any]) -> Speaker:
        given = {**values, "session": self.session.code}
        plan: SpeakerPlan = read_plan("speaker", given, self.settings)
        return plan.speaker

    def _put(self, speakers: Sequence[Speaker], summary: str) -> str:
        plans = tuple(SpeakerPlan(self.session.code, speaker) for speaker in speakers)
        venue = Venue(programme=Programme(speakers=plans))
        problems = VenueCheck(self.db, venue).problems()
        if problems:
            raise VenueError(problems)
        zone = ZoneInfo(self.settings.time_zone)
        things = [Thing("speakers", self.session.code)]
        with last_edit.kept(self.db, zone, things, by=self.by, now=self.now) as note:
            if plans:
                venue_import.take_venue(self.db, venue, self._log, by=self.by, now=self.now)
            else:  # A file can't have an empty list
                put_speakers(self.db, self.session.session_id, [])
                changes.publish_venue(self.db, [self.session.hall_id])
                self._log()
            title = Translated(self.session.titles)
            note.what = Phrase("Session %(title)s: speaker %(what)s", title=title, what=summary)
        return note.what

    def _log(self) -> None:
        subject: dict[str, str | int | None] = {"session": self.session.session_id}
        subject["columns"] = "speakers"
        entry_log.act(self.db, self.by, Act.VENUE_EDITED, subject, self.now)


def stored(db: Connection, session_code: str) -> list[Speaker]:
    """Return a session's speakers with their names as typed."""
    values = values_of(db, Thing("speakers", session_code), ZoneInfo("UTC"))
    return [Speaker(*row) for row in values["speakers"]] if values else []


def mark(db: Connection, session_code: str) -> str:
    values = values_of(db, Thing("speakers", session_code), ZoneInfo("UTC"))
    return last_edit.mark_of(values)
