"""Checks that whatever a programme refers to is in the file or in the event."""

from collections.abc import Callable, Iterable, Iterator

from server.setup.venue_plan import Venue
from server.storage.connection import Connection


class ProgrammeCheck:
    """Compares the programme of a file with the event that is to take it over."""

    def __init__(self, db: Connection, venue: Venue) -> None:
        self.db = db
        self.venue = venue
        self.programme = programme = venue.programme
        self.halls = self._codes("hall") | {plan.code for plan in venue.halls}
        self.sessions = self._codes("session") | {plan.code for plan in venue.sessions}
        self.organisations = self._codes("organisation")
        self.organisations |= {plan.code for plan in programme.organisations}
        self.kinds = self._codes("activity_kind")
        self.kinds |= {plan.code for plan in programme.activity_kinds}
        self.activities = self._codes("activity") | {plan.code for plan in programme.activities}
        self.areas = self._codes("area") | {plan.code for plan in programme.areas}
        self.exhibitors = self._codes("exhibitor") | {plan.code for plan in programme.exhibitors}

    def problems(self) -> list[str]:
        """List the faults, each in a sentence."""
        checks: tuple[Callable[[], Iterable[str]], ...] = (
            self._activity_references,
            self._session_references,
            self._speaker_references,
            self._exhibition_references,
        )
        return [problem for check in checks for problem in check()]

    def _codes(self, table: str) -> set[str]:
        return {row["code"] for row in self.db.execute(f"SELECT code FROM {table}")}

    def _activity_references(self) -> Iterator[str]:
        for plan in self.programme.activities:
            place = self.venue.place("activity", plan.code)
            if plan.kind not in self.kinds:
                known = ", ".join(sorted(self.kinds))
                yield f"{place}: there is no kind {plan.kind}; there are {known}"
            for code in (*plan.lead, *plan.co_hosts):
                if code not in self.organisations:
                    yield f"{place}: there is no organisation {code} to host it"

    def _session_references(self) -> Iterator[str]:
        for plan in self.venue.sessions:
            if plan.activity and plan.activity not in self.activities:
                place = self.venue.place("session", plan.code)
                yield f"{place}: there is no activity {plan.activity}"

    def _speaker_references(self) -> Iterator[str]:
        met: set[tuple[str, str | int]] = set()
        for plan in self.programme.speakers:
            who = plan.speaker.label or plan.speaker.name
            if plan.session not in self.sessions:
                yield f"speaker {who}: there is no session {plan.session}"
            serial = plan.speaker.serial
            key = plan.session, who.casefold() if serial is None else serial
            if key in met:
                named = who if serial is None else plan.speaker.name
                yield f"session {plan.session}: {named} is its speaker twice"
            met.add(key)

    def _exhibition_references(self) -> Iterator[str]:
        for area in self.programme.areas:
            if area.hall not in self.halls:
                yield f"{self.venue.place('area', area.code)}: there is no hall {area.hall}"
        for exhibitor in self.programme.exhibitors:
            if exhibitor.organisation not in self.organisations:
                place = self.venue.place("exhibitor", exhibitor.code)
                yield f"{place}: there is no organisation {exhibitor.organisation}"
        for stand in self.programme.stands:
            place = self.venue.place("stand", stand.code)
            if stand.area not in self.areas:
                yield f"{place}: there is no area {stand.area}"
            if stand.exhibitor is not None and stand.exhibitor not in self.exhibitors:
                yield f"{place}: there is no exhibitor {stand.exhibitor}"
