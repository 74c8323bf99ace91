import sqlite3
from collections.abc import Callable

import pytest

from badges.categories import DEFAULT_CATEGORIES
from badges.places.pool import PoolKey
from badges.printing.card import check_colour
from badges.wire import wire
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.feed.changes import cursor
from server.core.kiosks import registry
from server.core.occupancy import grants, hall_control, pools
from server.core.occupancy.figures import hall_figures
from server.core.venue import kiosk_facts, store
from server.core.venue.store import UnknownHallError
from server.features.imports import venue_import
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW, SETTINGS, VENUE, serial_of, venue_of
from tests.server.support.pages import Pages
from tests.server.support.stores import changes, dump, load_venue

OPENING = 1_777_863_600_000  # 2026-05-04 11:00 in Shanghai


DAYS = day_starts(SETTINGS)


def programme(site: Database, external_id: str) -> list[str]:
    sessions = store.programme_for(site.reader, serial_of(site, external_id), DAYS)
    return [session.code for session in sessions]


def last_act(database: Database) -> str:
    row = database.reader.execute("SELECT body FROM leaf ORDER BY number DESC").fetchone()
    return row[0].decode()


def test_it_works(event: Event, database: Database) -> None:
    result = load_venue(event, database, VENUE)
    assert result.added == {"zones": 2, "halls": 3, "doors": 3, "sessions": 2}
    assert result.updated == result.unchanged == {}
    green, h1, site = store.halls(database.reader)
    assert (h1.names, h1.capacity, h1.fire_limit, h1.parent_id) == (
        {"en": "Hall 1", "zh": "一号厅"},
        100,
        120,
        site.hall_id,
    )
    assert (h1.sessions_only, h1.categories, h1.zones) == (True, (), 0xFFFFFFFF)
    assert (green.categories, green.zones, green.anti_passback) == ((2, 5), 2, "soft")
    assert (site.categories, site.fire_limit) == ((1, 2, 3, 4, 5, 6, 7), 500)
    opening, press = store.sessions(database.reader)
    assert (opening.starts_at, opening.opens_at) == (OPENING, OPENING - 30 * MINUTE)
    assert opening.categories == (1, 2, 3, 4, 5, 6, 7)
    assert press.closes_at == press.ends_at + 5 * MINUTE
    assert press.opens_at == press.starts_at - 10 * MINUTE
    assert [(d.code, d.mode) for d in store.doors(database.reader)] == [
        ("green-door", "entry"),
        ("h1-west", "both"),
        ("main", "both"),
    ]
    assert changes(database, 0) == [wire.VenueChanged()]
    assert '"act":"venue_imported"' in last_act(database)


def test_the_same_file_again_changes_nothing(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE)
    before = dump(database)
    result = load_venue(event, database, VENUE)
    assert result.unchanged == {"zones": 2, "halls": 3, "doors": 3, "sessions": 2}
    assert not result.changed
    assert dump(database) == before


def test_a_changed_file_changes_what_differs(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE)
    ids = {row.code: row.hall_id for row in store.halls(database.reader)}
    text = VENUE.replace("capacity = 100", "capacity = 90").replace('["press"]', '["press", 6]')
    result = load_venue(event, database, text)
    assert result.updated == {"halls": 1, "sessions": 1}
    assert store.hall(database.reader, ids["h1"]).capacity == 90
    assert store.sessions(database.reader)[1].categories == (4, 6)


def test_what_the_file_lacks_stays_and_is_named(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE)
    text = VENUE[: VENUE.index('[[session]]\ncode = "press"')]
    result = load_venue(event, database, text)
    assert result.absent == {"zones": [], "halls": [], "doors": [], "sessions": ["press"]}
    assert len(store.sessions(database.reader)) == 2


def test_a_file_may_name_what_the_event_has(event: Event, database: Database) -> None:
    load_venue(event, database, VENUE)
    text = '[[door]]\ncode = "h1-east"\nhall = "h1"\nname = "Hall 1 east"\nmode = "exit"'
    assert load_venue(event, database, text).added == {"doors": 1}
    assert store.door(database.reader, 4).hall_id == 2


def test_facts_for_kiosks(site: Database) -> None:
    db = site.reader
    hall = kiosk_facts.hall_facts(db, 2)
    assert wire.decode(wire.encode(hall), wire.HallFacts) == hall
    assert (hall.names["zh"], hall.closed, hall.capacity) == ("一号厅", False, 100)
    door = kiosk_facts.door_facts(db, 2)
    assert wire.decode(wire.encode(door), wire.DoorFacts) == door
    assert store.door(db, 2).hall_id == 2
    opening, press = kiosk_facts.session_facts(db, 2, NOW)
    assert wire.decode(wire.encode(press), wire.SessionFacts) == press
    assert opening.titles == {"en": "Opening", "zh": "开幕式"}
    assert press.invited == [serial_of(site, "A4")]
    assert kiosk_facts.session_facts(db, 2, press.closes_at) == []
    assert [category.letter for category in kiosk_facts.category_facts(db)] == list("DSXPTVN")


def test_the_programme_of_an_attendee(site: Database) -> None:
    assert programme(site, "A1") == ["opening"]  # a delegate
    assert programme(site, "A3") == ["opening", "press"]  # of the press
    assert programme(site, "A4") == ["opening", "press"]  # a visitor, by invitation
    assert store.programme_for(site.reader, 1, DAYS) == []


def test_a_programme_has_only_sessions_whose_doors_admit_the_badge(
    event: Event, site: Database
) -> None:
    """A3's badge is valid on the first day, A4's on the first two, both in the zone public."""
    late = VENUE.replace("2026-05-04 13:00", "2026-05-04 23:00")
    load_venue(event, site, late.replace("2026-05-04 14:00", "2026-05-05 01:00"))
    assert programme(site, "A3") == programme(site, "A4") == ["opening", "press"]
    load_venue(
        event, site, VENUE.replace("05-04 13:00", "05-05 13:00").replace("05-04 14", "05-05 14")
    )
    assert (programme(site, "A3"), programme(site, "A4")) == (["opening"], ["opening", "press"])
    load_venue(
        event, site, VENUE.replace("05-04 13:00", "05-06 13:00").replace("05-04 14", "05-06 14")
    )
    assert programme(site, "A4") == ["opening"]
    backstage = VENUE.replace("sessions_only = true", 'sessions_only = true\nzones = ["backstage"]')
    load_venue(event, site, backstage)
    assert programme(site, "A1") == ["opening"]
    assert programme(site, "A3") == programme(site, "A4") == []


def test_guests_by_id_and_by_mail(event: Event, site: Database) -> None:
    text = VENUE + 'invited = ["A1", "BORIS@example.org"]\nrefused = ["A4"]\n'
    assert load_venue(event, site, text).updated == {"sessions": 1}
    press = kiosk_facts.session_facts(site.reader, 2, NOW)[1]
    assert set(press.invited) == {serial_of(site, "A1"), serial_of(site, "A3")}
    assert press.refused == [serial_of(site, "A4")]
    assert programme(site, "A4") == ["opening"]


def test_no_default_category_is_red() -> None:
    for category in DEFAULT_CATEGORIES:
        assert check_colour(category.colour) == category.colour


def test_a_failure_half_way_leaves_nothing(event: Event, database: Database) -> None:
    """sqlite-utils writes inside our transaction, so its changes are rolled back too."""
    before = dump(database)

    def step(db: sqlite3.Connection) -> None:
        venue_import.import_venue(db, venue_of(event), by="test", now=NOW)
        assert db.in_transaction
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        database.write(step)
    assert dump(database) == before


def enrol_at(database: Database, door_id: int) -> None:
    database.write(
        lambda db: (
            db.execute(
                "INSERT INTO kiosk (kiosk, generation, door_id, state, created_at)"
                " VALUES ('k1', 1, ?, 'active', 0)",
                (door_id,),
            ).rowcount
        )
    )


def test_a_door_with_a_kiosk_keeps_its_hall(event: Event, site: Database) -> None:
    enrol_at(site, store.doors(site.reader)[1].door_id)
    text = '[[door]]\ncode = "h1-west"\nhall = "green"\nname = "Moved"'
    with pytest.raises(VenueError, match="kiosk k1 is at work there for hall h1; retire it"):
        load_venue(event, site, text)
    assert load_venue(event, site, text.replace('"green"', '"h1"')).updated == {"doors": 1}


def test_a_door_that_moves_to_a_nested_hall_takes_nobody_along(pages: Pages) -> None:
    """People whom it let into its former hall are not in the hall around its new one."""
    green = pages.kiosk("green-1", "green-door")
    green.scan(NOW - MINUTE, pages.serial("A1"))
    pages.send(green)

    def inside() -> dict[int, int]:
        return {hall.hall_id: hall.inside for hall in hall_figures(pages.database.reader)}

    before = inside()
    assert before[green.hall] == 1
    pages.database.write(lambda db: registry.retire(db, "green-1", by="test", now=NOW))
    moved = VENUE.replace(
        'code = "green-door"\nhall = "green"',
        'code = "green-door"\nhall = "h1"\nfrom = "outside"',
    )
    load_venue(pages.event, pages.database, moved)
    assert inside() == before


def test_a_lower_capacity_is_called_back_with_the_import(event: Event, site: Database) -> None:
    sql = "SELECT door_id, hall_id FROM door WHERE code = 'main'"
    ((door, hall),) = site.reader.execute(sql).fetchall()

    def at_work(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, created_at, seen_at)"
            " VALUES ('west', 1, ?, 'active', X'00', 0, ?)",
            (door, NOW),
        )
        pools.enrol(db, hall, ("west", 1))
        grants.share(db, hall, NOW)

    site.write(at_work)
    before = pools.load(site.reader, PoolKey(hall)).kiosks["west", 1].held
    start = cursor(site.reader)
    load_venue(event, site, VENUE.replace("capacity = 500", "capacity = 100"))
    (ordered,) = [
        change for change in changes(site, start) if isinstance(change, wire.PlacesOrdered)
    ]
    assert ordered.order.recall >= before - 100 > 0


class TestOnTheDay:
    def test_closing_and_opening(self, site: Database) -> None:
        start = cursor(site.reader)
        site.write(lambda db: hall_control.set_closed(db, 2, True, by="user:1", now=NOW))
        assert kiosk_facts.hall_facts(site.reader, 2).closed
        site.write(lambda db: hall_control.set_closed(db, 2, False, by="user:1", now=NOW))
        assert not kiosk_facts.hall_facts(site.reader, 2).closed
        assert changes(site, start) == [wire.VenueChanged()] * 2
        assert '"act":"hall_opened"' in last_act(site)

    def test_capacity_up_to_the_limit(self, site: Database) -> None:
        site.write(lambda db: hall_control.set_capacity(db, 2, 120, by="user:1", now=NOW))
        assert store.hall(site.reader, 2).capacity == 120
        with pytest.raises(hall_control.CapacityError, match="capacity is 0 to 120"):
            site.write(lambda db: hall_control.set_capacity(db, 2, 121, by="user:1", now=NOW))

    def test_removing_a_session(self, site: Database) -> None:
        press = store.sessions(site.reader)[1].session_id
        site.write(lambda db: store.remove_session(db, press, by="user:1", now=NOW))
        assert [session.code for session in store.sessions(site.reader)] == ["opening"]
        with pytest.raises(store.UnknownSessionError):
            site.write(lambda db: store.remove_session(db, press, by="user:1", now=NOW))

    @pytest.mark.parametrize(
        ("read", "error"),
        [
            (store.hall, UnknownHallError),
            (kiosk_facts.hall_facts, UnknownHallError),
            (store.door, store.UnknownDoorError),
        ],
    )
    def test_unknown_codes(self, site: Database, read: Callable, error: type[Exception]) -> None:
        with pytest.raises(error):
            read(site.reader, 99)


def test_who_set_a_capacity_and_when_is_kept(event: Event, database: Database) -> None:
    def setters() -> dict[str, tuple[str | None, int | None]]:
        return {h.code: (h.capacity_by, h.capacity_at) for h in store.halls(database.reader)}

    load_venue(event, database, VENUE)
    assert setters() == dict.fromkeys(("green", "h1", "site"), ("test", NOW))
    hall = next(row for row in store.halls(database.reader) if row.code == "h1").hall_id
    database.write(
        lambda db: hall_control.set_capacity(db, hall, 80, by="user:1", now=NOW + MINUTE)
    )
    assert setters()["h1"] == ("user:1", NOW + MINUTE)
    later = venue_of(event, VENUE.replace("capacity = 100", "capacity = 80"))
    database.write(
        lambda db: venue_import.import_venue(db, later, by="other", now=NOW + 2 * MINUTE)
    )
    assert setters()["h1"] == ("user:1", NOW + MINUTE), "the file says what was so"
    database.write(
        lambda db: venue_import.import_venue(db, venue_of(event), by="other", now=NOW + 3 * MINUTE)
    )
    assert setters()["h1"] == ("other", NOW + 3 * MINUTE)
    assert setters()["site"] == ("test", NOW)
