"""The ledger: once, in order, with stays, places and discrepancies, whatever is repeated
or lost.
"""

from dataclasses import dataclass

import pytest

from badges import wire
from badges.admission.facts import Calendar
from badges.record import WireError
from badges.transparency import chain_start
from server import entry_log, kiosks, ledger, places, presence
from server.database import Database
from tests.server.conftest import HOUR, NOW
from tests.server.doors import Door

CALENDAR = Calendar((NOW - 10 * HOUR, NOW + 14 * HOUR))
SMALL, OTHER, ROOM = 1, 2, 3  # ROOM is inside OTHER
ANNA, BORIS = 101, 102


@dataclass
class Site:
    """Two halls, one room in the second; a door or two each; two attendees with badges."""

    database: Database
    west: Door
    east: Door
    other: Door
    room: Door

    def send(self, door: Door, now: int = NOW, **changes) -> ledger.Ingested:
        batch = door.batch(now, **changes)

        def step(db):
            sender, _ = kiosks.sender(db, door.kiosk, door.generation)
            return ledger.ingest(db, sender, batch, calendar=CALENDAR, now=now)

        taken = self.database.write(step)
        door.acked = max(door.acked, taken.acked_seq)
        order = places.order_for(self.database.reader, door.hall, (door.kiosk, door.generation))
        door.granted = max(door.granted, order.granted)
        return taken

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(row) for row in self.database.reader.execute(sql)]

    def figures(self, hall: int) -> places.HallFigures:
        return places.hall_figures(self.database.reader)[hall - 1]


def build(db, doors: list[Door], capacity: int) -> None:
    for hall, parent in ((SMALL, None), (OTHER, None), (ROOM, OTHER)):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, parent_id, fire_limit, capacity, zones,"
            " sessions_only, anti_passback, exits) VALUES (?, ?, '{}', ?, 99, ?, 1, 0, 'hard',"
            " 'strict')",
            (hall, f"H{hall}", parent, capacity),
        )
        db.execute("INSERT INTO hall_category VALUES (?, 1)", (hall,))
    for serial in (ANNA, BORIS, *range(1, 21)):
        db.execute(
            "INSERT INTO attendee (serial, given_name, family_name, organisation, country, email,"
            " category, valid_days, zones, flags, language, created_at)"
            " VALUES (?, 'A', 'B', '', '', '', 1, 1, 1, 0, 'en', 0)",
            (serial,),
        )
    for door in doors:
        db.execute(
            "INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", (door.door, door.kiosk, door.hall)
        )
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), NOW),
        )
        places.enrol(db, door.hall, (door.kiosk, 1))


@pytest.fixture
def site(database: Database) -> Site:
    doors = [Door("west", 1, SMALL), Door("east", 2, SMALL), Door("other", 3, OTHER)]
    doors.append(Door("room", 4, ROOM))
    database.write(lambda db: build(db, doors, capacity=6))
    found = Site(database, *doors)
    for door in doors:
        found.send(door)
    for door in doors:
        found.send(door)
    return found


def test_it_works(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    assert site.send(site.west).acked_seq == 1
    assert site.rows("SELECT kiosk, seq, decision FROM scan") == [("west", 1, "admitted")]
    assert [stay.serial for stay in presence.in_hall(site.database.reader, SMALL)] == [ANNA]
    assert site.figures(SMALL).inside == 1
    assert site.figures(SMALL).worst_case == 6


def test_a_repeated_batch_changes_nothing(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    site.send(site.west)
    before = (site.rows("SELECT * FROM scan"), site.figures(SMALL))
    assert site.send(site.west, first=1).acked_seq == 2
    assert site.send(site.west, first=1, last=1).acked_seq == 2
    assert (site.rows("SELECT * FROM scan"), site.figures(SMALL)) == before


def test_an_overlapping_batch_adds_only_what_is_new(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.west.scan(NOW + 1, BORIS)
    assert site.send(site.west, first=1).acked_seq == 2
    assert site.rows("SELECT seq FROM scan") == [(1,), (2,)]


def test_a_gap_is_refused_with_where_to_begin(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW, BORIS)
    with pytest.raises(ledger.GapError) as caught:
        site.send(site.west, first=2)
    assert caught.value.acked_seq == 0
    assert site.rows("SELECT * FROM scan") == []


@pytest.mark.parametrize("tamper", ["record", "head", "signature"])
def test_a_journal_that_does_not_add_up_is_a_fork(site: Site, tamper: str) -> None:
    site.west.scan(NOW, ANNA)
    batch = site.west.batch(NOW)
    changes = {
        "record": {"records": Door("west", 1, SMALL).batch(NOW).records or []},
        "head": {"head": bytes(32)},
        "signature": {"signature": bytes(64)},
    }[tamper]
    if tamper == "record":
        twin = Door("west", 1, SMALL)
        twin.scan(NOW, BORIS)
        changes = {"records": twin.batch(NOW).records}
    assert batch.records
    with pytest.raises(ledger.ForkError):
        site.send(site.west, **changes)
    assert site.rows("SELECT * FROM scan") == []


def test_anothers_record_is_refused(site: Site) -> None:
    site.west.scan(NOW, ANNA, kiosk="east")
    with pytest.raises(WireError, match="another kiosk"):
        site.send(site.west)


def test_a_hall_in_which_it_has_no_places_is_refused(site: Site) -> None:
    site.west.scan(NOW, ANNA, hall=OTHER)
    with pytest.raises(WireError, match="no places"):
        site.send(site.west)
    site.west.records.clear()
    del site.west.heads[1:]
    with pytest.raises(WireError, match="no such hall"):
        site.send(site.west, places=[wire.PlaceTotals(77, 0, 0, 0)])


def test_an_exit_closes_the_stay_that_it_names_once(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.east.leave(NOW + 1, ANNA, site.west.ref(entry))
    site.west.leave(NOW + 2, ANNA, site.west.ref(entry))
    site.send(site.east)
    site.send(site.west)
    assert site.figures(SMALL).inside == 0
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW + 1)]


def test_a_stay_that_was_over_when_first_offered_is_never_shown(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
    site.west.entries -= 1
    site.send(site.west, gone=[1])
    assert site.figures(SMALL).inside == 0
    assert presence.in_hall(site.database.reader, SMALL) == []
    assert site.figures(SMALL).worst_case <= 6


def test_entering_elsewhere_ends_the_stay_and_is_marked_inferred(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.other.scan(NOW + 1000, ANNA)
    site.send(site.other)
    assert site.figures(SMALL).inside == 0
    assert site.rows("SELECT kiosk, closed_by FROM stay ORDER BY opened_at") == [
        ("west", "move"),
        ("other", None),
    ]
    assert site.rows("SELECT kind FROM leaf WHERE kind = 'inferred_exit'") == [("inferred_exit",)]


def test_a_move_is_seen_whichever_record_arrives_first(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.other.scan(NOW + 1000, ANNA)
    site.send(site.other)
    site.send(site.west)
    assert site.figures(SMALL).inside == 0
    assert site.figures(OTHER).inside == 1


def test_a_room_inside_a_hall_does_not_end_the_stay_in_the_hall(site: Site) -> None:
    site.other.scan(NOW, ANNA)
    site.send(site.other)
    site.room.scan(NOW + 1000, ANNA)
    site.send(site.room)
    assert (site.figures(OTHER).inside, site.figures(ROOM).inside) == (1, 1)


def test_a_copied_badge_admitted_offline_is_a_discrepancy_with_both_scans(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW + 60_000, ANNA)
    site.send(site.west)
    site.send(site.east)
    found = site.rows(
        "SELECT d.reason, s.kiosk, s.scanned_at, o.kiosk, o.scanned_at FROM discrepancy d"
        " JOIN scan s ON s.number = d.number JOIN scan o ON o.number = d.other_number"
    )
    assert found == [("already_inside", "east", NOW + 60_000, "west", NOW)]


def test_a_door_that_did_not_know_of_a_revocation(site: Site) -> None:
    site.database.write(lambda db: db.execute("UPDATE attendee SET revoked_at = ?", (NOW - 1,)))
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW - 2, BORIS)
    site.send(site.west)
    assert site.rows("SELECT reason FROM discrepancy") == [("revoked",)]


def test_a_serial_on_no_roster_is_told(site: Site) -> None:
    site.west.scan(NOW, 999_999)
    site.send(site.west)
    assert site.rows("SELECT reason FROM discrepancy") == [("unknown_serial",)]


def test_denials_are_kept_and_open_nothing(site: Site) -> None:
    site.west.scan(NOW, None, decision="denied", reason="forged")
    site.send(site.west)
    assert site.rows("SELECT decision, reason, serial FROM scan") == [("denied", "forged", None)]
    assert site.figures(SMALL).inside == 0


def test_every_scan_is_a_leaf_of_the_entry_log(site: Site) -> None:
    log = entry_log.Log(site.database, "test", Door("log", 0, 0).key)
    _, nothing = log.checkpoint(0)
    site.west.scan(NOW, ANNA)
    site.send(site.west)
    note, _ = log.checkpoint(0)
    (size,) = site.rows("SELECT COUNT(*) FROM leaf")[0]
    assert nothing == []
    assert note.splitlines()[:2] == ["test", str(size)]
    (body,) = site.rows("SELECT body FROM leaf WHERE kind = 'scan'")[0]
    assert b'"type":"scan"' in body
    assert site.west.heads[1].hex().encode() in body


def test_places_are_shared_and_never_more_than_there_are(site: Site) -> None:
    assert (site.west.granted, site.east.granted) == (3, 3)
    for n in range(3):
        site.west.scan(NOW + n, n + 1)
    site.send(site.west, places=[wire.PlaceTotals(SMALL, 3, 0, 0, wants=True)])
    (body,) = site.rows("SELECT body FROM change WHERE kiosk = 'east' ORDER BY cursor DESC")[0]
    order = wire.decode_change(body)
    assert isinstance(order, wire.PlacesOrdered)
    assert order.order.recall == 1
    site.east.returned += 1
    site.send(site.east)
    site.send(site.west, places=[wire.PlaceTotals(SMALL, 3, 0, 0)])
    assert site.west.granted == 4
    assert site.figures(SMALL).worst_case == 6


def test_a_journal_that_has_gone_back_is_a_fork(site: Site) -> None:
    """An old copy of the disk: its head is right, yet it lacks what the ledger has."""
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    site.send(site.west)
    with pytest.raises(ledger.ForkError):
        site.send(site.west, first=2, last=1, last_seq=1)


def test_who_asks_hears_at_once_that_no_place_can_come(site: Site) -> None:
    for door, first in ((site.west, 1), (site.east, 11)):
        for n in range(3):
            door.scan(NOW + n, first + n)
        site.send(door)
    wants = [wire.PlaceTotals(SMALL, 3, 0, 0, wants=True)]
    assert site.send(site.west, places=wants).full == (SMALL,)
    assert site.send(site.west).full == ()
