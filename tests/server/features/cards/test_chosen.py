"""People shown on the card page: chosen once a minute, with their current names."""

import pytest

from server.features.cards.designing.chosen import KNOWN_S, Chosen
from server.features.cards.designing.preview import Shown, people_to_show
from server.storage.database import Database


class Choice:
    """Chooses as the page does, and counts the calls."""

    def __init__(self, database: Database) -> None:
        self.times = 0
        self._database = database

    def __call__(self) -> list[Shown]:
        self.times += 1
        return people_to_show(self._database.reader)


@pytest.fixture
def choice(site: Database) -> Choice:
    return Choice(site)


def test_they_are_chosen_once_in_a_minute(site: Database, choice: Choice) -> None:
    clock = [0.0]
    chosen = Chosen(lambda: clock[0])
    first = chosen.people(site.reader, choice)
    assert first == people_to_show(site.reader)
    clock[0] = KNOWN_S - 1
    assert chosen.people(site.reader, choice) == first
    assert choice.times == 1
    clock[0] = KNOWN_S
    chosen.people(site.reader, choice)
    assert choice.times == 2


def test_names_are_current_and_the_revoked_are_left_out(site: Database, choice: Choice) -> None:
    chosen = Chosen(lambda: 0.0)
    first, second = chosen.people(site.reader, choice)[:2]
    site.write(
        lambda db: db.execute(
            "UPDATE attendee SET given_name = 'Mei', family_name = 'Lin' WHERE serial = ?",
            (first.serial,),
        )
    )
    site.write(
        lambda db: db.execute(
            "UPDATE attendee SET revoked_at = 1 WHERE serial = ?", (second.serial,)
        )
    )
    names = {person.serial: person.name for person in chosen.people(site.reader, choice)}
    assert "Mei" in names[first.serial]
    assert "Lin" in names[first.serial]
    assert second.serial not in names


def test_an_empty_roster_is_looked_at_again(site: Database) -> None:
    chosen = Chosen(lambda: 0.0)
    assert chosen.people(site.reader, list) == []
    assert chosen.people(site.reader, Choice(site)) != []
