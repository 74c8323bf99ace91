"""Checks that all references of a programme exist in the file or the event."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from badges.i18n import Phrase
from server.features.imports.venue_plan import Venue
from server.storage.connection import Connection


class ProgrammeCheck:
    def __init__(self, db: Connection, venue: Venue) -> None:
        self.db = db
        self.venue = venue
        self.programme = venue.programme

    # Loaded on demand: an edit has few references.
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
                kinds = ", ".join(sorted(self.kinds))
                yield Phrase(
                    "%(place)s: there is no kind %(kind)s; there are %(known)s",
                    place=place,
                    kind=plan.kind,
                    known=kinds,
                )
            for code in (*plan.lead, *plan.co_hosts):
                if code not in self.organisations:
                    yield Phrase(
                        "%(place)s: its host, organisation %(code)s, does not exist",
                        place=place,
                        code=code,
                    )

    def _session_references(self) -> Iterator[str]:
        for plan in self.venue.sessions:
            if plan.activity and plan.activity not in self.activities:
                place = self.venue.place("session", plan.code)
                yield Phrase(
                    "%(place)s: there is no activity %(activity)s",
                    place=place,
                    activity=plan.activity,
                )

    def _speaker_references(self) -> Iterator[str]:
        met: set[tuple[str, str | int]] = set()
        for plan in self.programme.speakers:
            label = plan.speaker.label or plan.speaker.name
            if plan.session not in self.sessions:
                yield Phrase(
                    "speaker %(who)s: there is no session %(session)s",
                    who=label,
                    session=plan.session,
                )
            serial = plan.speaker.serial
            key = plan.session, label.casefold() if serial is None else serial
            if key in met:
                named = label if serial is None else plan.speaker.name
                yield Phrase(
                    "session %(session)s: %(named)s is its speaker twice",
                    session=plan.session,
                    named=named,
                )
            met.add(key)

    def _exhibition_references(self) -> Iterator[str]:
        for area in self.programme.areas:
            if area.hall not in self.halls:
                yield Phrase(
                    "%(code)s: there is no hall %(hall)s",
                    code=self.venue.place("area", area.code),
                    hall=area.hall,
                )
        for exhibitor in self.programme.exhibitors:
            if exhibitor.organisation not in self.organisations:
                place = self.venue.place("exhibitor", exhibitor.code)
                yield Phrase(
                    "%(place)s: there is no organisation %(organisation)s",
                    place=place,
                    organisation=exhibitor.organisation,
                )
        for stand in self.programme.stands:
            place = self.venue.place("stand", stand.code)
            if stand.area not in self.areas:
                yield Phrase("%(place)s: there is no area %(area)s", place=place, area=stand.area)
            if stand.exhibitor is not None and stand.exhibitor not in self.exhibitors:
                yield Phrase(
                    "%(place)s: there is no exhibitor %(exhibitor)s",
                    place=place,
                    exhibitor=stand.exhibitor,
                )
