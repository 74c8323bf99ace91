"""Attendees one by one: found by what people type, registered, changed."""

import os

import pytest

from badges.numbers import badge_number
from server import attendees as store
from server import issuing, roster
from server.config import Event
from server.database import Database
from server.roster import AttendeeError, UnknownAttendeeError
from tests.server.conftest import NOW, serial_of
from tests.server.stores import attendees, take


def find(database: Database, text: str, **limits: int) -> list[str]:
    found, _ = roster.find_attendees(database.reader, text, **limits)
    return [one.external_id or one.name for one in found]


class TestFinding:
    @pytest.mark.parametrize(
        ("text", "ids"),
        [
            ("anna", ["A1"]),
            ("KELLER anna", ["A1"]),
            ("daily", ["A3"]),
            ("王小明", ["A2"]),
            ("小明", ["A2"]),
            ("a4", ["A4"]),
            ("chen@example.org", ["A4"]),
            ("example.org", ["A1", "A4", "A3", "A2"]),
            ("anna novak", []),
            ("100%", []),
            ("_", []),
            ("", ["A1", "A4", "A3", "A2"]),
        ],
    )
    def test_words(self, site: Database, text: str, ids: list[str]) -> None:
        assert find(site, text) == ids

    def test_whatever_the_accents(self, database: Database) -> None:
        take(database, "name,category\nZoë Müller,vip\nŁukasz,vip\n")
        assert find(database, "zoe muller") == ["Zoë Müller"]
        assert find(database, "ZOË") == ["Zoë Müller"]

    def test_badge_number(self, site: Database) -> None:
        number = badge_number(serial_of(site, "A3"))
        assert "A3" in find(site, number.lower())
        assert roster.attendee(site.reader, serial_of(site, "A3")).number == number

    def test_pages(self, site: Database) -> None:
        assert find(site, "", limit=2, offset=1) == ["A4", "A3"]
        assert roster.find_attendees(site.reader, "", 2)[1] == 4

    def test_many_words_cost_what_one_does(
        self, site: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each person is folded once, for the count and for the page."""
        folds = []
        plain = store.folded
        monkeypatch.setattr(store, "folded", lambda text: folds.append(text) or plain(text))
        assert find(site, " ".join("anna"[: n % 4 + 1] for n in range(30))) == ["A1"]
        assert len(folds) <= 1 + 2 * 4

    def test_nobody(self, site: Database) -> None:
        with pytest.raises(UnknownAttendeeError):
            roster.attendee(site.reader, 0)


class TestOneByOne:
    def add(self, database: Database, **values: object) -> roster.Attendee:
        return database.write(
            lambda db: roster.add_attendee(db, values, by="user:2", now=NOW, random=os.urandom)
        )

    def change(self, database: Database, serial: int, **values: object) -> bool:
        return database.write(
            lambda db: roster.change_attendee(db, serial, values, by="user:2", now=NOW)
        )

    def test_a_walk_in(self, site: Database) -> None:
        added = self.add(site, given_name=" Gia ", family_name="Rossi", category=7)
        assert (added.name, added.category, added.issue) == ("Gia Rossi", 7, 0)
        assert roster.attendee(site.reader, added.serial) == added

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"given_name": "Gia"}, "needs a name and a category"),
            ({"category": 7}, "needs a name and a category"),
            ({"given_name": "Gia", "category": 99}, "no such category"),
            ({"given_name": "=1+1", "category": 7}, "given_name: starts with '='"),
            ({"given_name": "x" * 100_000, "category": 7}, "the limit is 120"),
            ({"given_name": "Gia", "category": 7, "email": "gia"}, "is not an e-mail address"),
            ({"given_name": "Gia", "category": 7, "email": "ANNA@example.org"}, "this e-mail addr"),
            ({"given_name": "Gia", "category": 7, "external_id": "A1"}, "has this external id"),
            ({"given_name": "Gia", "category": 7, "serial": 5}, "serial can't be set"),
            ({"given_name": "Gia", "category": True}, "category is a whole number"),
            ({"given_name": "Gia", "category": 7, "flags": 4}, "flags is a whole number"),
        ],
    )
    def test_what_can_not_be_added(self, site: Database, values: dict, said: str) -> None:
        with pytest.raises(AttendeeError, match=said):
            self.add(site, **values)
        assert len(attendees(site)) == 4

    def test_a_change(self, event: Event, site: Database) -> None:
        serial = serial_of(site, "A1")
        assert self.change(site, serial, family_name="Voss") is False  # no badge yet
        site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
        assert self.change(site, serial, email="voss@example.org") is False
        assert self.change(site, serial, family_name="Voss") is False  # as it is
        assert self.change(site, serial, family_name="Weber") is True
        assert roster.attendee(site.reader, serial).name == "Anna Weber"

    def test_an_address_of_ones_own_in_another_case(self, site: Database) -> None:
        serial = serial_of(site, "A1")
        self.change(site, serial, email="Anna@Example.org")
        assert roster.attendee(site.reader, serial).email == "Anna@Example.org"
        with pytest.raises(AttendeeError, match="this e-mail address"):
            self.change(site, serial, email="BORIS@example.org")

    def test_a_name_can_not_be_taken_away(self, site: Database) -> None:
        serial = serial_of(site, "A1")
        with pytest.raises(AttendeeError, match="needs a name"):
            self.change(site, serial, given_name="", family_name="")
        assert roster.attendee(site.reader, serial).name == "Anna Keller"
