"""Checks that a venue file's references are in the file or event."""

from collections.abc import Callable, Iterable, Iterator

from badges.i18n import Phrase
from server.core.people.attendees import people_of_label
from server.core.venue import numbers
from server.features.imports.programme.check import ProgrammeCheck
from server.features.imports.venue_plan import CategoryChoice, Venue
from server.storage.connection import Connection


class VenueCheck:
    def __init__(self, db: Connection, venue: Venue) -> None:
        self.db = db
        self.venue = venue
        self.halls = self._codes("hall") | {plan.code for plan in venue.halls}
        self.zones = self._codes("zone") | {plan.code for plan in venue.zones}
        stored = dict(db.execute("SELECT code, category FROM category").fetchall())
        self.stored_categories: dict[str, int] = stored
        self.categories = {*stored, *stored.values()}
        self.categories |= {name for plan in venue.categories for name in (plan.key, plan.code)}

    def problems(self) -> list[str]:
        checks: tuple[Callable[[], Iterable[str]], ...] = (
            self._twins,
            self._category_numbers,
            self._zone_bits,
            self._hall_references,
            self._circles,
            self._larger_than_around,
            self._door_references,
            self._moved_doors,
            self._doors_from,
            self._session_references,
            self._rules_without_effect,
            self._guests,
        )
        faults = [problem for check in checks for problem in check()]
        return faults + ProgrammeCheck(self.db, self.venue).problems()

    def _codes(self, table: str) -> set[str]:
        return {row[0] for row in self.db.execute(f"SELECT code FROM {table}")}

    def _twins(self) -> Iterator[str]:
        """Find codes that differ from existing ones only in case, which people would confuse."""
        filed = {
            "hall": [plan.code for plan in self.venue.halls],
            "door": [plan.code for plan in self.venue.doors],
            "session": [plan.code for plan in self.venue.sessions],
        }
        for table, codes in filed.items():
            stored = self._codes(table)
            twins = {code.casefold(): code for code in stored}
            for code in codes:
                twin = twins.get(code.casefold(), code)
                if code not in stored and twin != code:
                    place = self.venue.place(table, code)
                    yield Phrase(
                        "%(place)s: is written %(twin)s in this event; use the same spelling",
                        place=place,
                        twin=twin,
                    )

    def _category_numbers(self) -> Iterator[str]:
        """Find categories with another number than the event's, which is permanent because
        badges contain it.
        """
        letters = {
            row["letter"]: row["category"]
            for row in self.db.execute("SELECT category, letter FROM category")
        }
        filed = {plan.code for plan in self.venue.categories}
        removed = numbers.removed(self.db, "category") if filed else {}
        for plan in self.venue.categories:
            place = self.venue.place("category", plan.key)
            former = removed.get(plan.code) or plan.key
            if plan.key not in self.stored_categories and former != plan.key:
                yield Phrase(
                    "%(place)s: number %(number)s was that of %(former)s, which was removed, and "
                    "its badges carry the number: write another code",
                    place=place,
                    number=plan.code,
                    former=former,
                )
            number = self.stored_categories.get(plan.key, plan.code)
            if number != plan.code:
                yield (
                    Phrase(
                        "%(place)s: is number %(number)s in this event, and badges carry the "
                        "number: write code = %(number)s",
                        place=place,
                        number=number,
                    )
                )
            other = letters.get(plan.letter)
            if other is not None and other != plan.code and other not in filed:
                yield Phrase(
                    "%(place)s: letter %(letter)s is category %(other)s's",
                    place=place,
                    letter=plan.letter,
                    other=other,
                )

    def _zone_bits(self) -> Iterator[str]:
        bits = dict(self.db.execute("SELECT code, bit FROM zone").fetchall())
        taken = {bit: code for code, bit in bits.items()}
        for plan in self.venue.zones:
            place = self.venue.place("zone", plan.code)
            if bits.get(plan.code, plan.bit) != plan.bit:
                yield Phrase(
                    "%(place)s: keep bit %(bits)s, because issued badges contain it",
                    place=place,
                    bits=bits[plan.code],
                )
            elif taken.get(plan.bit, plan.code) != plan.code:
                yield Phrase(
                    "%(place)s: bit %(bit)s is zone %(taken)s's",
                    place=place,
                    bit=plan.bit,
                    taken=taken[plan.bit],
                )

    def _hall_references(self) -> Iterator[str]:
        for plan in self.venue.halls:
            place = self.venue.place("hall", plan.code)
            if plan.parent is not None and plan.parent not in self.halls:
                yield Phrase(
                    "%(place)s: its parent, hall %(parent)s, does not exist",
                    place=place,
                    parent=plan.parent,
                )
            for code in plan.zones:
                if code not in self.zones:
                    yield Phrase("%(place)s: there is no zone %(code)s", place=place, code=code)
            yield from self._unknown_categories(place, plan.categories)

    def _parents(self) -> dict[str, str | None]:
        """Return each nested hall's parent by code, after the import."""
        rows = self.db.execute(
            "SELECT h.code, p.code FROM hall h JOIN hall p ON p.hall_id = h.parent_id"
        )
        parents: dict[str, str | None] = dict(rows.fetchall())
        return parents | {plan.code: plan.parent for plan in self.venue.halls}

    def _doors_from(self) -> Iterator[str]:
        rows = self.db.execute(
            "SELECT d.code, h.code, f.code FROM door d JOIN hall h USING (hall_id)"
            " JOIN door_from USING (door_id) JOIN hall f ON f.hall_id = from_id"
        )
        wanted: dict[str, tuple[str, str | None]] = {
            door: (hall, come_from) for door, hall, come_from in rows
        }
        wanted |= {plan.code: (plan.hall, plan.come_from) for plan in self.venue.doors}
        parents = self._parents()
        for door, (hall, come_from) in sorted(wanted.items()):
            around, above = [], parents.get(hall)
            while above is not None and above not in around:
                around.append(above)
                above = parents.get(above)
            if come_from and come_from not in around:
                remedy = (
                    Phrase("from is %(around)s or outside", around=", ".join(around))
                    if around
                    else Phrase("leave from out")
                )
                yield Phrase(
                    "door %(door)s: hall %(hall)s does not lie in %(come_from)s: %(remedy)s",
                    door=door,
                    hall=hall,
                    come_from=come_from,
                    remedy=remedy,
                )

    def _circles(self) -> Iterator[str]:
        parents = self._parents()
        for plan in self.venue.halls:
            around, met = parents.get(plan.code), {plan.code}
            while around is not None and around not in met:
                met.add(around)
                around = parents.get(around)
            if around == plan.code:
                place = self.venue.place("hall", plan.code)
                yield Phrase("%(place)s: is inside itself, through its parents", place=place)

    def _larger_than_around(self) -> Iterator[str]:
        """Find halls with more capacity than the hall around them, which counts their
        people too.
        """
        rows = self.db.execute(
            "SELECT h.code, h.capacity, p.code FROM hall h LEFT JOIN hall p"
            " ON p.hall_id = h.parent_id"
        )
        halls = {hall: (capacity, parent) for hall, capacity, parent in rows}
        halls |= {plan.code: (plan.capacity, plan.parent) for plan in self.venue.halls}
        filed = {plan.code for plan in self.venue.halls}
        for code, (capacity, parent) in halls.items():
            around = halls[parent][0] if parent in halls else capacity
            if capacity > around and not filed.isdisjoint((code, parent)):
                yield (
                    Phrase(
                        "%(code)s: capacity %(capacity)s is above that of its parent, "
                        "%(parent)s, which is %(around)s",
                        code=self.venue.place("hall", code),
                        capacity=capacity,
                        parent=self.venue.place("hall", str(parent)),
                        around=around,
                    )
                )

    def _door_references(self) -> Iterator[str]:
        for plan in self.venue.doors:
            if plan.hall not in self.halls:
                yield Phrase(
                    "%(code)s: there is no hall %(hall)s",
                    code=self.venue.place("door", plan.code),
                    hall=plan.hall,
                )

    def _moved_doors(self) -> Iterator[str]:
        """Find doors moved to another hall while their kiosk holds the old hall's places."""
        rows = self.db.execute(
            "SELECT d.code, h.code, k.kiosk FROM door d JOIN hall h USING (hall_id)"
            " JOIN kiosk k USING (door_id) WHERE k.state IN ('proven', 'active')"
        )
        used = {door: (hall, kiosk) for door, hall, kiosk in rows}
        for plan in self.venue.doors:
            hall, kiosk = used.get(plan.code, (plan.hall, ""))
            if hall != plan.hall:
                place = self.venue.place("door", plan.code)
                yield (
                    Phrase(
                        "%(place)s: kiosk %(kiosk)s is at work there for hall %(hall)s; retire "
                        "it before the door moves to another hall",
                        place=place,
                        kiosk=kiosk,
                        hall=hall,
                    )
                )

    def _session_references(self) -> Iterator[str]:
        for plan in self.venue.sessions:
            place = self.venue.place("session", plan.code)
            if plan.hall not in self.halls:
                yield Phrase("%(place)s: there is no hall %(hall)s", place=place, hall=plan.hall)
            yield from self._unknown_categories(place, plan.categories)
            for name in sorted({*plan.invited} & {*plan.refused}):
                yield Phrase(
                    "%(place)s: one attendee is both invited and refused (%(name)s)",
                    place=place,
                    name=hidden(name),
                )

    def _unknown_categories(self, place: str, choice: CategoryChoice) -> Iterator[str]:
        for category in choice or ():
            if category not in self.categories:
                categories = ", ".join(
                    sorted(str(key) for key in self.categories if isinstance(key, str))
                )
                yield Phrase(
                    "%(place)s: there is no category %(one)s; there are %(known)s",
                    place=place,
                    one=category,
                    known=categories,
                )

    def _rules_without_effect(self) -> Iterator[str]:
        """Find sessions whose categories have no effect because the hall always admits everyone."""
        open_halls = {
            plan.code
            for plan in self.venue.halls
            if plan.categories is None and not plan.sessions_only
        }
        for plan in self.venue.sessions:
            if plan.hall in open_halls and plan.categories is not None:
                place = self.venue.place("session", plan.code)
                yield (
                    Phrase(
                        "%(place)s: hall %(hall)s admits every category at any time, so limiting "
                        "this session has no effect. Tick “Open only while a session is on” for "
                        "the hall (sessions_only = true in a file), or choose the categories that "
                        "may always enter it",
                        place=place,
                        hall=plan.hall,
                    )
                )

    def _guests(self) -> Iterator[str]:
        """Find addresses shared by several people. Unknown people are allowed."""
        for plan in self.venue.sessions:
            counts = {name: self._known(name) for name in (*plan.invited, *plan.refused)}
            for name, people in counts.items():
                if people > 1:
                    yield (
                        Phrase(
                            "session %(code)s: %(name)s is the address of %(people)s people: name "
                            "each by external id",
                            code=plan.code,
                            name=hidden(name),
                            people=people,
                        )
                    )

    def _known(self, name: str) -> int:
        return len(people_of_label(self.db, name))


def hidden(name: str) -> str:
    """Return an external id as it is, but only an e-mail's first letter and domain."""
    local, at, domain = name.partition("@")
    return f"{local[:1]}…@{domain}" if at else name
