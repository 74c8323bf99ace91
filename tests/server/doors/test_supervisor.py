"""A supervisor's requests at a door: access, content, storage."""

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from badges.limits import Window
from badges.wire import wire
from badges.wire.supervisor import (
    PEOPLE_MAX,
    DoorChoices,
    Found,
    LookUp,
    Moved,
    MoveDoor,
    PersonFacts,
)
from server.app.app import close_app, create_app
from server.core.event.directory import Event
from server.core.event.limits import StoredLimit
from server.core.kiosks import registry, relocation
from server.core.people import issuing, lookup, search
from server.core.staff import pins, users
from server.doors import supervisor
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.doors.test_api import Kiosk, code_of
from tests.server.support.fake_door import FakeDoor

MEI = "user:2"


class Clock:
    now = NOW


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(event: Event, site: Database, clock: Clock) -> Iterator[Flask]:
    created = create_app(event, site, now=lambda: clock.now)
    yield created
    close_app(created)


@pytest.fixture
def kiosk(app: Flask, event: Event, site: Database) -> Kiosk:
    """A kiosk at the main entrance, badges for everyone, and Mei, a supervisor with a PIN."""
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    door_id, hall_id = door_of(site, "main")
    door = FakeDoor("west", door_id, hall_id)
    site.write(lambda db: enrol(db, event, door))
    site.write(lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW))
    site.write(lambda db: pins.set_pin(db, 2, "a hash", by="test", now=NOW))
    return Kiosk(app.test_client(), door)


def enrol(db, event: Event, door: FakeDoor) -> None:
    address, random = ("localhost", 8443), lambda count: b"t" * count
    code = registry.add_kiosk(
        db, event, door.kiosk, "main", address=address, by="test", now=NOW, random=random
    )
    db.execute(
        "UPDATE kiosk SET state = 'proven', public_key = ?, words = 'six' WHERE token_hash = ?",
        (door.key.public.raw, registry.token_hash(code.token)),
    )
    registry.confirm(db, event, door.kiosk, by="test", now=NOW)


def door_of(database: Database, code: str) -> tuple[int, int]:
    row = database.reader.execute(
        "SELECT door_id, hall_id FROM door WHERE code = ?", (code,)
    ).fetchone()
    return row[0], row[1]


def post(kiosk: Kiosk, target: str, message) -> TestResponse:
    body = wire.encode(message)
    return kiosk.client.post(target, data=body, headers=kiosk.headers("POST", target, body))


def people(kiosk: Kiosk, words: str, by: str = MEI) -> TestResponse:
    return post(kiosk, "/api/people", LookUp(words, by))


def names_of(kiosk: Kiosk, words: str) -> list[str]:
    return [p.holder.name for p in wire.decode(people(kiosk, words).data, Found).people]


def acts(database: Database, name: str) -> list[dict]:
    rows = database.reader.execute("SELECT body FROM leaf WHERE kind = 'act' ORDER BY number")
    return [act for (body,) in rows if (act := json.loads(body))["act"] == name]


def test_it_works(kiosk: Kiosk, site: Database) -> None:
    answer = wire.decode(people(kiosk, "keller harbour").data, Found)
    assert answer == Found(
        [
            PersonFacts(
                serial=serial_of(site, "A1"),
                issue=1,
                category=1,
                valid_days=0xFFFF,
                zones=0xFFFFFFFF,
                flags=0,
                holder=wire.HolderName("Anna Keller", "Harbour Pilots", "DE"),
            )
        ],
        more=False,
    )


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("ANNA", ["Anna Keller"]),
        ("pilots keller", ["Anna Keller"]),
        ("novák", ["Boris Novak"]),
        ("Kel\0ler", ["Anna Keller"]),
        ("王小明", ["王小明"]),
        ("小明", ["王小明"]),
        ("海事", ["王小明"]),
        ("anna@example.org", []),  # e-mail and ids contain no name
        ("A1", []),
        ("%%", []),
        ("keller novak", []),
        ("   ", []),
    ],
)
def test_words_are_found_in_names_and_organisations(
    kiosk: Kiosk, words: str, names: list[str]
) -> None:
    assert names_of(kiosk, words) == names


def test_twenty_at_most_and_that_there_are_more(kiosk: Kiosk, event: Event, site: Database) -> None:
    def crowd(db) -> None:
        for serial in range(1, PEOPLE_MAX + 2):
            db.execute(
                "INSERT INTO attendee (serial, given_name, family_name, organisation, country,"
                " email, category, valid_days, zones, flags, language, created_at)"
                " VALUES (?, 'Kim', ?, '', '', '', 1, 1, 1, 0, 'en', 0)",
                (serial, f"Lee {serial:02}"),
            )

    site.write(crowd)
    site.write(search.fold)
    assert names_of(kiosk, "kim") == [], "without a badge nobody can be admitted at a door"
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    answer = wire.decode(people(kiosk, "kim").data, Found)
    assert (len(answer.people), answer.more) == (PEOPLE_MAX, True)


def test_that_somebody_asked_is_in_the_entry_log_and_never_what(
    kiosk: Kiosk, site: Database
) -> None:
    people(kiosk, "keller")
    (act,) = acts(site, "people_looked_up")
    assert act["by"] == MEI
    assert act["subject"] == {"kiosk": "west", "generation": 1, "answers": 1}
    rows = site.reader.execute("SELECT body FROM leaf")
    assert not any(b"eller" in row[0] for row in rows)


@pytest.mark.parametrize("by", ["user:1", "user:99", "admin", "user:2 "])
def test_only_for_a_supervisor_with_a_pin(kiosk: Kiosk, site: Database, by: str) -> None:
    answer = people(kiosk, "keller", by)
    assert (answer.status_code, code_of(answer)) == (403, "not_a_supervisor")
    assert acts(site, "people_looked_up") == []


def test_a_supervisor_whose_pin_was_taken_away(kiosk: Kiosk, site: Database) -> None:
    site.write(lambda db: pins.remove_pin(db, 2, by="test", now=NOW))
    assert code_of(people(kiosk, "keller")) == "not_a_supervisor"
    assert code_of(post(kiosk, "/api/door", MoveDoor(1, MEI))) == "not_a_supervisor"


def test_a_kiosk_asks_so_often_and_no_more(
    kiosk: Kiosk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOOKUPS", StoredLimit("lookups", Window(3, lookup.WINDOW_MS)))
    for _ in range(3):
        assert people(kiosk, "keller").status_code == 200
    answer = people(kiosk, "keller")
    assert (answer.status_code, code_of(answer)) == (429, "too_many")
    clock.now += lookup.WINDOW_MS
    assert people(kiosk, "keller").status_code == 200


def test_nobody_asks_unsigned_or_retired(kiosk: Kiosk, site: Database) -> None:
    body = wire.encode(LookUp("keller", MEI))
    assert code_of(kiosk.client.post("/api/people", data=body)) == "bad_signature"
    site.write(lambda db: registry.retire(db, "west", by="test", now=NOW))
    for answer in (
        people(kiosk, "keller"),
        kiosk.get("/api/doors"),
        post(kiosk, "/api/door", MoveDoor(1, MEI)),
    ):
        assert (answer.status_code, code_of(answer)) == (403, "retired")


@pytest.mark.parametrize("body", [b"{}", b'{"words": "a", "by": "user:2"}', b"\xff"])
def test_a_malformed_question(kiosk: Kiosk, body: bytes) -> None:
    headers = kiosk.headers("POST", "/api/people", body)
    answer = kiosk.client.post("/api/people", data=body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (400, "malformed")


def test_doors_of_all_halls(kiosk: Kiosk) -> None:
    choices = wire.decode(kiosk.get("/api/doors").data, DoorChoices).doors
    assert [(c.names["en"], c.hall_names["en"], c.mode) for c in choices] == [
        ("Green Room door", "Green Room", "entry"),
        ("Hall 1 west", "Hall 1", "both"),
        ("Main entrance", "Harbour Centre", "both"),
    ]


class TestMoving:
    """A kiosk at the main entrance of a site of 500 goes to Hall 1."""

    @pytest.fixture
    def there(self, site: Database) -> int:
        return door_of(site, "h1-west")[0]

    def test_it_moves(self, kiosk: Kiosk, site: Database, there: int) -> None:
        before = wire.decode(kiosk.get("/api/replica").data, wire.Snapshot)
        answer = post(kiosk, "/api/door", MoveDoor(there, MEI))
        assert wire.decode(answer.data, Moved) == Moved(there)
        snapshot = wire.decode(kiosk.get("/api/replica").data, wire.Snapshot)
        assert (snapshot.door.door, snapshot.hall.names["en"]) == (there, "Hall 1")
        (act,) = acts(site, "kiosk_moved")
        assert (act["by"], act["subject"]["door"]) == (MEI, there)
        changes = site.reader.execute(
            "SELECT body FROM change WHERE kiosk = 'west' AND cursor > ?", (before.cursor,)
        )
        assert {json.loads(row[0])["type"] for row in changes} >= {"venue", "places"}

    def test_places_follow(self, kiosk: Kiosk, site: Database, there: int) -> None:
        main, hall = kiosk.door.hall, door_of(site, "h1-west")[1]
        kiosk.post(kiosk.door.batch(NOW))
        order = self.order(kiosk, main)
        assert order.granted > 400
        totals = [wire.PlaceTotals(main, order.granted, 0, order.granted)]
        kiosk.post(kiosk.door.batch(NOW, places=totals))
        post(kiosk, "/api/door", MoveDoor(there, MEI))
        assert self.recalled(site, main) == order.granted, "all of what it holds in the old hall"
        back = [wire.PlaceTotals(main, order.granted, order.granted, 0)]
        kiosk.post(kiosk.door.batch(NOW, places=back))
        assert self.order(kiosk, main).granted == order.granted, "nothing more there"
        assert self.order(kiosk, hall).granted > 80

    def order(self, kiosk: Kiosk, hall: int) -> wire.PlaceOrder:
        orders = wire.decode(kiosk.get("/api/replica").data, wire.Snapshot).orders
        return next(o for o in orders if o.hall == hall and not o.override)

    def recalled(self, site: Database, hall: int) -> int:
        rows = site.reader.execute("SELECT body FROM change WHERE kiosk = 'west' ORDER BY cursor")
        orders = [json.loads(row[0]).get("order") for row in rows]
        mine = [o for o in orders if o and o["hall"] == hall and not o.get("override")]
        return mine[-1]["recall"]

    def test_to_where_it_stands_changes_nothing(self, kiosk: Kiosk, site: Database) -> None:
        answer = post(kiosk, "/api/door", MoveDoor(kiosk.door.door, MEI))
        assert answer.status_code == 200
        assert acts(site, "kiosk_moved") == []

    def test_to_no_door(self, kiosk: Kiosk, site: Database) -> None:
        answer = post(kiosk, "/api/door", MoveDoor(77, MEI))
        assert (answer.status_code, code_of(answer)) == (404, "no_such_door")
        assert site.reader.execute("SELECT door_id FROM kiosk").fetchone()[0] == kiosk.door.door

    def test_so_often_and_no_more(self, kiosk: Kiosk, clock: Clock, there: int) -> None:
        """A stolen kiosk would otherwise go from hall to hall and collect the places of all."""
        main = kiosk.door.door
        doors = [there, main] * (relocation.MOVES_MAX // 2)
        assert {post(kiosk, "/api/door", MoveDoor(d, MEI)).status_code for d in doors} == {200}
        answer = post(kiosk, "/api/door", MoveDoor(there, MEI))
        assert (answer.status_code, code_of(answer)) == (429, "moved_often")
        clock.now += relocation.WINDOW_MS
        assert post(kiosk, "/api/door", MoveDoor(there, MEI)).status_code == 200

    def test_what_it_sends_of_the_old_hall_is_still_taken(
        self, kiosk: Kiosk, site: Database, there: int
    ) -> None:
        kiosk.post(kiosk.door.batch(NOW))
        post(kiosk, "/api/door", MoveDoor(there, MEI))
        kiosk.door.scan(NOW, serial_of(site, "A1"))
        kiosk.door.granted = self.order(kiosk, kiosk.door.hall).granted
        answer = wire.decode(kiosk.post(kiosk.door.batch(NOW)).data, wire.ScanAnswer)
        assert answer.acked_seq == 1
