"""The truth, which no kiosk and no server knows: which people are inside which hall."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Person:
    """A person. Several may carry a copy of one badge."""

    number: int
    serial: int
    badge: str
    inside: set[int] = field(default_factory=set)  # hall ids, with their outer halls
    beyond: set[int] = field(default_factory=set)  # halls where the place is an override place
    entry: tuple[str, int, int] | None = None  # the record that admitted them
    # The door's ordinary grants at the time, where the person is in `beyond`.
    granted_then: int = 0
    misjudged: bool = False  # an attestation about their fenced kiosk may have left them out

    def __hash__(self) -> int:
        return self.number


@dataclass
class Truth:
    """All people, and the slack that the promise documents."""

    people: list[Person] = field(default_factory=list)
    # By hall: entries elsewhere by a badge that was inside, before any exit.
    moves: Counter[int] = field(default_factory=Counter)

    def inside(self, hall: int) -> list[Person]:
        return [person for person in self.people if hall in person.inside]

    def count(self, hall: int) -> int:
        return sum(hall in person.inside for person in self.people)

    def admitted(self, person: Person, halls: set[int]) -> None:
        """A door has admitted the badge, seen or not: any carrier of a copy may be taken to have
        come from elsewhere.
        """
        for candidate in self.people:
            if candidate.serial == person.serial:
                self.moves.update(candidate.inside - halls)

    def enter(self, person: Person, halls: set[int]) -> None:
        """The person goes in, and so out of their earlier halls."""
        self.admitted(person, halls)
        person.inside = halls
        person.beyond, person.misjudged = set(), False
