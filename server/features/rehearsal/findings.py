"""Lists what would go wrong on a simulated day, and why, as sentences. The organiser decides
whether it is intended.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from badges.i18n import N_, Count, Phrase, counted
from server.core.event.calendar import Clock
from server.core.programme.speakers import speakers_of
from server.core.venue import capacity_reasons, nesting, store
from server.core.venue.store import SessionRow
from server.features.rehearsal.crowd import Guest
from server.features.rehearsal.day import Day
from server.storage.connection import Connection

EXAMPLES_MAX = 5


@dataclass(frozen=True)
class Finding:
    """A possible problem. `about` is a hall's, session's or category's code."""

    kind: str
    about: str
    sentence: str
    people: int = 0
    examples: tuple[str, ...] = ()  # The first people's badge numbers with external ids


def findings(db: Connection, day: Day, clock: Clock) -> list[Finding]:
    """Return all findings, gravest kinds first. `day` was read from `db`."""
    checker = _Findings(db, day, clock)
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        checker.admits_nobody,
        checker.no_way_in,
        checker.crowds_above_capacity,
        checker.venues_above_capacity,
        checker.guests_whom_no_door_admits,
        checker.speakers_whom_no_door_admits,
        checker.people_who_are_awaited,
        checker.guests_in_two_places,
        checker.overlaps_in_a_hall,
        checker.categories_without_anything,
        checker.closed_halls,
        checker.capacities_above_their_reasons,
    )
    return [finding for check in checks for finding in check()]


class _Findings:
    def __init__(self, db: Connection, day: Day, clock: Clock) -> None:
        self.db = db
        self.day = day
        self.clock = clock
        self.rows = sorted(day.rows.values(), key=lambda row: (row.starts_at, row.code))
        self.used = sorted({row.hall_id for row in self.rows})
        self.invited: defaultdict[int, list[Guest]] = defaultdict(list)
        for guest in day.crowd.guests:
            for session in guest.invited:
                self.invited[session].append(guest)

    def admits_nobody(self) -> Iterator[Finding]:
        for row in self.rows:
            if not self.day.crowds[row.session_id].may_come:
                why = self._why_nobody(row)
                sentence = Phrase(
                    "%(session)s admits no one: %(why)s", session=self._named(row), why=why
                )
                yield Finding("admits_nobody", row.code, sentence)

    def _why_nobody(self, row: SessionRow) -> str:
        hall = self.day.halls[row.hall_id]
        if not row.categories and not self.invited[row.session_id]:
            return Phrase("it is by invitation, and no one is invited")
        groups = zip(self.day.crowd.groups, self.day.crowd.counts, strict=True)
        named = [group for group, people in groups if people and group.category in row.categories]
        if row.categories and not named:
            return Phrase("no one has a category that it admits")
        if named and not any(group.valid for group in named):
            return Phrase("no badge of its categories is valid on that day")
        if named and not any(group.zones & hall.zones for group in named):
            return Phrase("badges of its categories do not open hall %(hall)s", hall=hall.code)
        return Phrase(
            "every badge that it could admit is revoked, not valid then, or of another zone"
        )

    def no_way_in(self) -> Iterator[Finding]:
        doors = [door for door in store.doors(self.db) if door.mode != "exit"]
        at_work = {
            row[0] for row in self.db.execute("SELECT door_id FROM kiosk WHERE state = 'active'")
        }
        for hall_id in self.used:
            hall = self.day.halls[hall_id]
            here = [door for door in doors if door.hall_id == hall_id]
            if not here:
                sentence = Phrase("Hall %(hall)s has no door that lets in", hall=hall.code)
                yield Finding("no_door", hall.code, sentence)
            elif not any(door.door_id in at_work for door in here):
                sentence = Phrase(
                    "No kiosk is at work yet at a door of hall %(hall)s that lets in",
                    hall=hall.code,
                )
                yield Finding("no_kiosk", hall.code, sentence)

    def crowds_above_capacity(self) -> Iterator[Finding]:
        """Find sessions with more invited or expected people than capacity."""
        for row in self.rows:
            crowd = self.day.crowds[row.session_id]
            capacity, expected = crowd.hall.capacity, crowd.expected
            values = {
                "session": self._named(row),
                "hall": crowd.hall.code,
                "capacity": Count(capacity),
            }
            if crowd.invited > capacity:
                sentence = Phrase(
                    "%(session)s invites %(people)s people, and the capacity of hall %(hall)s is"
                    " %(capacity)s",
                    people=Count(crowd.invited),
                    **values,
                )
                yield Finding("invited_above_capacity", row.code, sentence, crowd.invited)
            elif expected > capacity:
                sentence = Phrase(
                    "%(session)s may expect %(people)s people of the %(may_come)s whom it admits,"
                    " and the capacity of hall %(hall)s is %(capacity)s",
                    people=Count(expected),
                    may_come=Count(crowd.may_come),
                    **values,
                )
                yield Finding("crowd_above_capacity", row.code, sentence, expected)

    def venues_above_capacity(self) -> Iterator[Finding]:
        """Find outer halls with less capacity than valid badges."""
        halls, valid = self.day.halls, self.day.crowd.valid
        around = {row.parent_id for row in halls.values()} - set(self.used)
        for hall in (halls[hall_id] for hall_id in sorted(halls.keys() & around)):
            if hall.parent_id is None and valid > hall.capacity:
                sentence = Phrase(
                    "%(valid)s badges are valid on that day, and the capacity of hall %(hall)s"
                    " around the others is %(capacity)s",
                    valid=Count(valid),
                    hall=hall.code,
                    capacity=Count(hall.capacity),
                )
                yield Finding("crowd_above_capacity", hall.code, sentence, valid)

    def guests_whom_no_door_admits(self) -> Iterator[Finding]:
        for row in self.rows:
            guests = self.invited[row.session_id]
            groups = self.day.crowd.groups
            revoked = [guest for guest in guests if groups[guest.group].revoked]
            standing = [guest for guest in guests if not groups[guest.group].revoked]
            absent = [guest for guest in standing if not groups[guest.group].valid]
            others = [guest for guest in standing if groups[guest.group].valid]
            shut = [guest for guest in others if not self.day.admits(guest, row.session_id)]
            without = [guest for guest in standing if not guest.has_badge]
            for kind, people, template in (
                (
                    "revoked_but_invited", revoked,
                    N_("%(session)s invites %(people)s whose badge is revoked"),
                ),
                (
                    "not_valid_that_day", absent,
                    N_("%(session)s invites %(people)s whose badge is not valid then"),
                ),
                (
                    "invited_but_shut_out", shut,
                    N_(
                        "%(session)s invites %(people)s that the hall's zones or rules do not admit"
                    ),
                ),
                (
                    "invited_without_badge", without,
                    N_("%(session)s: %(people)s invited who have no badge yet"),
                ),
            ):  # fmt: skip
                if people:
                    text = Phrase(template, session=self._named(row), people=_people(len(people)))
                    yield _of_people(kind, row.code, text, people)

    def speakers_whom_no_door_admits(self) -> Iterator[Finding]:
        """Find speakers whom their own session denies. Speaking is not an invitation."""
        for row in self.rows:
            here = [guest for guest in self.day.crowd.guests if row.session_id in guest.speaks]
            shut = [guest for guest in here if not self.day.lets_in(guest, row.session_id)]
            if shut:
                sentence = Phrase(
                    "%(session)s has %(people)s speaking that its door does not admit",
                    session=self._named(row),
                    people=_people(len(shut)),
                )
                yield _of_people("speaker_shut_out", row.code, sentence, shut)

    def people_who_are_awaited(self) -> Iterator[Finding]:
        guests = {
            row["session_code"]: row["people"]
            for row in self.db.execute(
                "SELECT session_code, COUNT(*) AS people FROM awaited_guest WHERE invited = 1"
                " GROUP BY session_code"
            )
        }
        for row in self.rows:
            speakers = speakers_of(self.db, [row.session_id]).get(row.session_id, ())
            named, awaited = self._named(row), guests.get(row.code, 0)
            if awaited:
                sentence = counted(
                    "%(session)s invites one person not on the roster",
                    "%(session)s invites %(num)s people not on the roster",
                    awaited,
                    session=named,
                )
                yield Finding("guests_awaited", row.code, sentence, awaited)
            unknown = sum(speaker.serial is None for speaker in speakers)
            if unknown:
                sentence = counted(
                    "%(session)s names as speakers one person not on the roster",
                    "%(session)s names as speakers %(num)s people not on the roster",
                    unknown,
                    session=named,
                )
                yield Finding("speakers_awaited", row.code, sentence, unknown)

    def guests_in_two_places(self) -> Iterator[Finding]:
        """Find people invited to concurrent sessions in different halls, except nested ones."""
        parents = nesting.parents_of(self.db)
        lines = {hall: {hall, *nesting.outer_halls(hall, parents, None)} for hall in parents}
        pairs: defaultdict[tuple[int, int], list[Guest]] = defaultdict(list)
        for guest in self.day.crowd.guests:
            for first_id, second_id in combinations(sorted(guest.invited), 2):
                first, second = self.day.rows[first_id], self.day.rows[second_id]
                nested = first.hall_id in lines[second.hall_id]
                nested = nested or second.hall_id in lines[first.hall_id]
                if not nested and _overlap(first, second):
                    pairs[first_id, second_id].append(guest)
        for (first_id, second_id), guests in sorted(pairs.items()):
            first, second = self.day.rows[first_id], self.day.rows[second_id]
            sentence = counted(
                "One person is invited to %(first)s and to %(second)s, at the same time in"
                " different halls",
                "%(num)s people are invited to %(first)s and to %(second)s, at the same time in"
                " different halls",
                len(guests),
                first=self._named(first),
                second=self._named(second),
            )
            yield _of_people("invited_twice", first.code, sentence, guests)

    def overlaps_in_a_hall(self) -> Iterator[Finding]:
        for hall_id in self.used:
            here = [row for row in self.rows if row.hall_id == hall_id]
            for first, second in combinations(here, 2):
                if _overlap(first, second):
                    sentence = Phrase(
                        "%(first)s and %(second)s are in hall %(hall)s at the same time: its doors"
                        " admit to both",
                        first=self._named(first),
                        second=self._named(second),
                        hall=self.day.halls[hall_id].code,
                    )
                    yield Finding("overlap", first.code, sentence)

    def categories_without_anything(self) -> Iterator[Finding]:
        """Find categories whose people, all or some, can enter nothing that day."""
        names = {plan.code: plan.key for plan in store.categories(self.db)}
        crowd = self.day.crowd
        valid: Counter[int] = Counter()
        shut: Counter[int] = Counter()
        for number, (group, people) in enumerate(zip(crowd.groups, crowd.counts, strict=True)):
            if group.valid and not group.revoked:
                valid[group.category] += people
                shut[group.category] += people if number in self.day.nowhere else 0
        for guest in crowd.guests:
            group = crowd.groups[guest.group]
            admitted = any(self.day.admits(guest, session) for session in guest.invited)
            if guest.group in self.day.nowhere and group.valid and not group.revoked and admitted:
                shut[group.category] -= 1
        for category, people in sorted(shut.items()):
            key = names.get(category, str(category))
            if people == valid[category] > 0:
                sentence = Phrase(
                    "No one of category %(category)s can enter anything on that day (%(people)s)",
                    category=key,
                    people=_people(people),
                )
                yield Finding("category_shut_out", key, sentence, people)
            elif people:
                sentence = Phrase(
                    "%(people)s of category %(category)s cannot enter any hall that day: their "
                    "badges lack the zones",
                    people=_people(people),
                    category=key,
                )
                yield Finding("people_shut_out", key, sentence, people)

    def closed_halls(self) -> Iterator[Finding]:
        for hall_id in self.used:
            hall = self.day.halls[hall_id]
            if hall.closed_at is not None:
                sentence = Phrase(
                    "Hall %(hall)s is closed by staff now; open it before its first session",
                    hall=hall.code,
                )
                yield Finding("hall_closed", hall.code, sentence)

    def capacities_above_their_reasons(self) -> Iterator[Finding]:
        for hall_id in self.used:
            hall = self.day.halls[hall_id]
            reasons = capacity_reasons.reasons(hall.measures)
            warning = capacity_reasons.warning(hall.capacity, reasons)
            if warning is not None:
                sentence = Phrase("Hall %(hall)s: %(what)s", hall=hall.code, what=warning)
                yield Finding("capacity_reasons", hall.code, sentence)

    def _named(self, row: SessionRow) -> str:
        return Phrase(
            "Session %(session)s (%(starts)s to %(ends)s)",
            session=row.code,
            starts=self.clock.minute(row.starts_at),
            ends=self.clock.minute(row.ends_at),
        )


def _overlap(first: SessionRow, second: SessionRow) -> bool:
    return first.starts_at < second.ends_at and second.starts_at < first.ends_at


def _people(number: int) -> str:
    return counted("one person", "%(num)s people", number)


def _of_people(kind: str, about: str, sentence: str, guests: list[Guest]) -> Finding:
    examples = tuple(guest.label for guest in guests[:EXAMPLES_MAX])
    return Finding(kind, about, sentence, len(guests), examples)
