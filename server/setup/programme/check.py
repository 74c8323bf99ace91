"""Checks that whatever a programme refers to is in the file or in the event."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from server.setup.venue_plan import Venue
from server.storage.connection import Connection


class ProgrammeCheck:
    """Compares the programme of a file with the event that is to take it over."""

    def __init__(self, db: Connection, venue: Venue) -> None:
        self.db = db
        self.venue = venue
        self.programme = venue.programme

    # Each is read where something refers to it, since most edits of one thing refer to few.
    @cached_property
    def halls(self) -> set[str]:
        return self._codes("hall") | {plan.code for plan in self.venue.halls}

    @cached_property
    def sessions(self) -> set[str]:
        return self._codes("session") | {plan.code for plan in self.venue.sessions}

    @cached_property
    def organisations(self) -> set[str]:
        filed = {plan.code for plan in self.programme.organisations}
        return self._codes("organisation") | filed

    @cached_property
    def kinds(self) -> set[str]:
        filed = {plan.code for plan in self.programme.activity_kinds}
        return self._codes("activity_kind") | filed

    @cached_property
    def activities(self) -> set[str]:
        return self._codes("activity") | {plan.code for plan in self.programme.activities}

    @cached_property
    def areas(self) -> set[str]:
        return self._codes("area") | {plan.code for plan in self.programme.areas}

    @cached_property
    def exhibitors(self) -> set[str]:
        return self._codes("exhibitor") | {plan.code for plan in self.programme.exhibitors}

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
