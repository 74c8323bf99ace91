"""Makes halls of a programme's rooms that the event does not have, once the organiser says so."""

from collections.abc import Iterable, Iterator

from badges.i18n import Phrase, phrase_of
from server.core.venue import fields as venue_fields
from server.core.venue.fields import ValueRefusedError
from server.features.imports.programme.codes import code_of_name, stable_code
from server.features.imports.programme.formats.draft import Draft
from server.features.imports.programme.mapping import ProgrammeMapping, folded
from server.features.imports.programme.title import titles_of
from server.features.imports.venue_plan import HallPlan
from server.features.imports.venue_values import CAPACITY_MAX

_capacity = venue_fields.whole(1, CAPACITY_MAX)


class NewHalls:
    """`taken` are the codes of the event's halls."""

    def __init__(self, mapping: ProgrammeMapping, taken: set[str]) -> None:
        self.mapping = mapping
        self.taken = taken
        self.in_file: dict[str, str] = {}  # the first capacity of each room, by folded name
        self.limited: set[str] = set()  # rooms whose sessions say who is admitted, by folded name
        self.codes: dict[str, str] = {}  # by folded name
        self.names: dict[str, str] = {}  # of new rooms, by folded name
        self.places: dict[str, str] = {}  # where the file has it, by code

    def study(self, drafts: Iterable[Draft]) -> None:
        """Read what any row may say of a room: its capacity, and that not all are admitted."""
        for draft in drafts:
            if draft.capacity:
                self.in_file.setdefault(folded(draft.room), draft.capacity)
            if draft.admitted:
                self.limited.add(folded(draft.room))

    def wanted(self, room: str) -> bool:
        key = folded(room)
        is_mapped = key in self.mapping.halls
        return not is_mapped and (self.mapping.new_halls or key in self.mapping.capacities)

    def code(self, draft: Draft) -> str:
        key = folded(draft.room)
        if key not in self.codes:
            code = code_of_name(draft.room)
            if code in self.taken:
                code = stable_code(f"hall {key}")
            self.taken.add(code)
            self.codes[key] = code
            self.names[key] = draft.room
            self.places[code] = draft.place
        return self.codes[key]

    def rooms(self) -> dict[str, str]:
        """Return the capacity of each new hall, "" if none is known, by the room's name."""
        return {name: self._capacity(key) for key, name in self.names.items()}

    def plans(self) -> Iterator[HallPlan]:
        """Yield the halls whose capacity is a number."""
        for key, name in self.names.items():
            try:
                capacity = _capacity(_number(self._capacity(key)))
                venue_fields.text(name)
            except ValueRefusedError:
                continue
            yield _hall(self.codes[key], titles_of(name), capacity, limited=key in self.limited)

    def problems(self, on_page: bool) -> Iterator[str]:
        for key, name in self.names.items():
            room, written = name[:60], self._capacity(key)
            if not written:
                remedy = (
                    Phrase("write it below")
                    if on_page
                    else Phrase(
                        'write in a mapping, under [capacities], "%(room)s" = 100', room=room
                    )
                )
                yield Phrase(
                    "the new hall %(room)s has no capacity: %(remedy)s, or in a column capacity "
                    "(or 容量)",
                    room=room, remedy=remedy,
                )  # fmt: skip
                continue
            try:
                _capacity(_number(written))
                venue_fields.text(name)
            except ValueRefusedError as error:
                yield Phrase("the new hall %(room)s: %(why)s", room=room, why=phrase_of(error))

    def _capacity(self, key: str) -> str:
        return self.mapping.capacities.get(key) or self.in_file.get(key, "")


def _hall(code: str, names: dict[str, str], capacity: int, *, limited: bool) -> HallPlan:
    """A hall with the defaults of a venue file.

    With `limited` it is open only while a session is on: a hall that admits all at any time makes
    the limits of its sessions void.
    """
    return HallPlan(
        code=code,
        names=names,
        parent=None,
        capacity=capacity,
        fire_limit=capacity,
        categories=() if limited else None,
        zones=(),
        sessions_only=limited,
        anti_passback="hard",
        exits="strict",
        leaving="scanned",
        walk_s=None,
        facts_age_max_ms=None,
    )


def _number(text: str) -> object:
    """Read "1,200", "300人" or "300 seats" as a whole number; else return the text."""
    plain = text.replace(",", "").replace("，", "").strip()
    digits = plain.removesuffix("人").removesuffix("座").removesuffix("seats").strip()
    is_number = digits.isascii() and digits.isdecimal() and len(digits) < 10
    return int(digits) if is_number else text[:40]
