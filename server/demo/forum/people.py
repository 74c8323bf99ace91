"""The roster: thousands of fictitious people by a seed, as a CSV file for the real import.

The first people have parts in the demo's films, and the first from abroad have a country each.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.demo.forum import names
from server.demo.forum.organisations import Organisations

# per 100 people
CATEGORY_WEIGHTS = {
    "delegate": 55,
    "speaker": 6,
    "exhibitor": 14,
    "press": 5,
    "staff": 5,
    "vip": 3,
    "visitor": 12,
}
COLUMNS = (
    "external_id", "given_name", "family_name", "organisation", "country", "email", "category",
    "days", "language",
)  # fmt: skip

# People needed at the doors: part, category, event days and number. `script` defines the parts.
CAST = (
    ("seat", "delegate", "all", 40),
    ("seat", "speaker", "all", 8),
    ("visitor", "visitor", "all", 6),
    ("invited", "visitor", "1-2", 2),
    ("refused", "delegate", "all", 2),
    ("wrongday", "delegate", "2-6", 4),
    ("revoked", "speaker", "all", 4),
    ("lost", "delegate", "all", 4),
    ("guest", "exhibitor", "all", 32),
    ("mover", "delegate", "all", 3),
    ("shared", "delegate", "all", 1),
    ("early", "press", "all", 4),
    ("vip", "vip", "all", 2),
    ("talker", "speaker", "all", 2),
)
CAST_SIZE = sum(part[3] for part in CAST)


@dataclass(frozen=True)
class Person:
    """A line of the roster. `part` in the films is "" for most."""

    external_id: str
    given_name: str
    family_name: str
    organisation: str
    country: str
    category: str
    language: str
    days: str
    part: str = ""

    @property
    def email(self) -> str:
        """Return an address in a domain reserved for examples (RFC 2606)."""
        return f"{self.external_id.lower()}@forum.example"


def make_people(seed: int, count: int, organisations: Organisations | None = None) -> list[Person]:
    """Create people by the seed. A shorter roster is the beginning of a longer one."""
    dice = random.Random(f"people {seed}")
    senders = organisations or Organisations(seed)
    parts = [part for part in CAST for _ in range(part[3])]
    origins = _origins(random.Random(f"countries {seed}"))
    return [
        _person(
            dice,
            number,
            next(origins),
            senders,
            parts[number - 1][:3] if number <= len(parts) else ("", "", ""),
        )
        for number in range(1, count + 1)
    ]


def roster_csv(people: Sequence[Person]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([[getattr(person, column) for column in COLUMNS] for person in people])
    return text.getvalue().encode()


def _origins(dice: random.Random) -> Iterator[tuple[names.Origin, str]]:
    """Yield origins, every country first, so that a short roster has all."""
    home = next(origin for origin in names.ORIGINS if names.HOME in origin.countries)
    first = [
        (origin, country)
        for origin in names.ORIGINS
        for country in origin.countries
        if origin != home
    ]
    dice.shuffle(first)
    weights = [origin.weight for origin in names.ORIGINS]
    while True:
        origin = dice.choices(names.ORIGINS, weights)[0]
        if origin != home and first:
            yield first.pop()
        else:
            yield origin, dice.choice(origin.countries)


def _person(
    dice: random.Random, number: int, home: tuple[names.Origin, str], senders: Organisations,
    role: tuple[str, str, str],
) -> Person:  # fmt: skip
    """Category and days are random unless the part sets them."""
    (origin, country), (part, category, days) = home, role
    drawn = dice.choices(list(CATEGORY_WEIGHTS), list(CATEGORY_WEIGHTS.values()))[0]
    category = category or drawn
    # Visitors come for a day or two, others for the whole forum.
    if not days:
        days = dice.choice(("all", "1", "1-2", "2,3", "6")) if category == "visitor" else "all"
    return Person(
        external_id=f"F{number:05d}",
        given_name=dice.choice(origin.given),
        family_name=dice.choice(origin.family),
        organisation=senders.sender(dice, country, category).name_for(origin.language),
        country=country,
        category=category,
        language=origin.language,
        days=days,
        part=part,
    )
