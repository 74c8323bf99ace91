"""Attendees one by one: search by typed text, registration, changes."""

import os
from functools import partial

import pytest

from badges.credential.badge_number import badge_number
from server.app.app import close_app, create_app
from server.core.event.directory import Event
from server.core.people import issuing, search
from server.core.people.attendees import (
    Attendee,
    AttendeeError,
    UnknownAttendeeError,
    add_attendee,
    attendee,
    change_attendee,
    find_attendees,
)
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.support.stores import attendees, load_roster


def find(database: Database, text: str, **limits: int) -> list[str]:
    attendees, _ = find_attendees(database.reader, text, **limits)
    return [attendee.external_id or attendee.name for attendee in attendees]


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
        load_roster(database, "name,category\nZoë Müller,vip\nŁukasz,vip\n")
        assert find(database, "zoe muller") == ["Zoë Müller"]
        assert find(database, "ZOË") == ["Zoë Müller"]

    def test_badge_number(self, site: Database) -> None:
        number = badge_number(serial_of(site, "A3"))
        assert "A3" in find(site, number.lower())
        assert attendee(site.reader, serial_of(site, "A3")).number == number

    def test_pages(self, site: Database) -> None:
        assert find(site, "", limit=2, offset=1) == ["A4", "A3"]
        assert find_attendees(site.reader, "", 2)[1] == 4

    def test_nobody_is_folded_by_a_search(
        self, site: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folds = []
        plain = search.folded
        monkeypatch.setattr(search, "folded", lambda text: folds.append(text) or plain(text))
        assert find(site, " ".join("anna"[: n % 4 + 1] for n in range(30))) == ["A1"]
        assert folds == []
        due = "INSERT INTO search_due SELECT MIN(serial) FROM attendee"
        assert site.write(lambda db: (db.execute(due), search.fold(db))[1]) == 1
        assert folds, "an attendee who is kept is folded"

    @pytest.mark.parametrize(
        ("text", "ids"),
        [
            ("ＡＮＮＡ", ["A1"]),  # full width
            ("王小明", ["A2"]),
            ("海事", ["A2"]),
            ("王 海事大学", ["A2"]),
            ("anna@EXAMPLE.org", ["A1"]),
            ("a" * 101, []),
            ("'\" OR 1=1 --", []),
            ("%", []),
        ],
    )
    def test_as_people_type_it(self, site: Database, text: str, ids: list[str]) -> None:
        assert find(site, text) == ids

    def test_no_word_spans_two_fields(self, site: Database) -> None:
        assert find(site, "pilotsanna@example.org") == []
        assert find(site, "example.orga1") == []

    def test_every_way_to_change_somebody_changes_what_they_are_found_by(
        self, site: Database
    ) -> None:
        add = partial(add_attendee, by="u", now=NOW, random=os.urandom)
        attendee = site.write(lambda db: add(db, {"given_name": "Gia", "category": 1}))
        assert find(site, "gia") == ["Gia"]
        change = partial(change_attendee, by="u", now=NOW)
        values = {"given_name": "Zoë", "email": "z@example.net", "organisation": "Łódź"}
        site.write(lambda db: change(db, attendee.serial, values))
        assert (find(site, "gia"), find(site, "zoe example.net łodz")) == ([], ["Zoë"])
        text = "id,name,email,category\nA1,Ines Dubois,ines@example.org,vip\n"
        load_roster(site, text, renames="accept", missing="keep")
        assert (find(site, "keller"), find(site, "ines dubois")) == ([], ["A1"])
        assert site.reader.execute("SELECT COUNT(*) FROM search_due").fetchone()[0] == 0

    def test_somebody_added_by_hand_is_found_once_the_server_starts(
        self, event: Event, site: Database
    ) -> None:
        by_hand = "UPDATE attendee SET family_name = 'Ørsted' WHERE external_id = 'A3'"
        site.write(lambda db: db.execute(by_hand) and None)
        assert find(site, "ørsted") == []
        close_app(create_app(event, site))
        assert find(site, "ørsted") == ["A3"]

    def test_nobody(self, site: Database) -> None:
        with pytest.raises(UnknownAttendeeError):
            attendee(site.reader, 0)


class TestOneByOne:
    def add(self, database: Database, **values: object) -> Attendee:
        return database.write(
            lambda db: add_attendee(db, values, by="user:2", now=NOW, random=os.urandom)
        )

    def change(self, database: Database, serial: int, **values: object) -> bool:
        return database.write(lambda db: change_attendee(db, serial, values, by="user:2", now=NOW))

    def test_a_walk_in(self, site: Database) -> None:
        added = self.add(site, given_name=" Gia ", family_name="Rossi", category=7)
        assert (added.name, added.category, added.issue) == ("Gia Rossi", 7, 0)
        assert attendee(site.reader, added.serial) == added

    @pytest.mark.parametrize(
        ("values", "problem"),
        [
            ({"given_name": "Gia"}, "needs a name and a category"),
            ({"category": 7}, "needs a name and a category"),
            ({"given_name": "Gia", "category": 99}, "no such category"),
            ({"given_name": "=1+1", "category": 7}, "Given name: starts with '='"),
            ({"given_name": "x" * 100_000, "category": 7}, "the limit is 120"),
            ({"given_name": "Gia", "category": 7, "email": "gia"}, "is not an e-mail address"),
            ({"given_name": "Gia", "category": 7, "email": "ANNA@example.org"}, "this e-mail addr"),
            ({"given_name": "Gia", "category": 7, "external_id": "A1"}, "has this external id"),
            ({"given_name": "Gia", "category": 7, "serial": 5}, "serial can't be set"),
            ({"given_name": "Gia", "category": True}, "category is a whole number"),
            ({"given_name": "Gia", "category": 7, "flags": 4}, "flags is a whole number"),
        ],
    )
    def test_what_can_not_be_added(self, site: Database, values: dict, problem: str) -> None:
        with pytest.raises(AttendeeError, match=problem):
            self.add(site, **values)
        assert len(attendees(site)) == 4

    def test_a_change(self, event: Event, site: Database) -> None:
        serial = serial_of(site, "A1")
        assert self.change(site, serial, family_name="Voss") is False  # no badge yet
        site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
        assert self.change(site, serial, email="voss@example.org") is False
        assert self.change(site, serial, family_name="Voss") is False  # as it is
        assert self.change(site, serial, family_name="Weber") is True
        assert attendee(site.reader, serial).name == "Anna Weber"

    def test_an_address_of_ones_own_in_another_case(self, site: Database) -> None:
        serial = serial_of(site, "A1")
        self.change(site, serial, email="Anna@Example.org")
        assert attendee(site.reader, serial).email == "Anna@Example.org"
        with pytest.raises(AttendeeError, match="this e-mail address"):
            self.change(site, serial, email="BORIS@example.org")

    def test_a_name_can_not_be_taken_away(self, site: Database) -> None:
        serial = serial_of(site, "A1")
        with pytest.raises(AttendeeError, match="needs a name"):
            self.change(site, serial, given_name="", family_name="")
        assert attendee(site.reader, serial).name == "Anna Keller"
