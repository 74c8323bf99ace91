"""Halls nested in others, with the product's kiosks and server: a person in a room is also in the
surrounding hall, and counts in both, under any network fault.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from badges.admission.facts import Denied
from kiosk.steps import run
from kiosk.supervisor.texts import SupervisorError
from server.core.kiosks import relocation
from server.core.occupancy import hall_control
from tests.kiosk.support.door_fixture import reason
from tests.server.support.site import clear_all
from tests.system.support.nested_site import WORD, Nested, NestedDoor

VENUE = """
[[hall]]
code = "EXPO"
name = "Exhibition"
name_zh = "展览"
capacity = 6
fire_limit = 8

[[hall]]
code = "ROOM"
name = "Room"
name_zh = "会议室"
capacity = 6
fire_limit = 7
parent = "EXPO"

[[door]]
code = "expo"
hall = "EXPO"
name = "Exhibition door"

[[door]]
code = "street"
hall = "ROOM"
name = "Room, from the street"
from = "outside"

[[door]]
code = "stairs"
hall = "ROOM"
name = "Room, from the stairs"
from = "outside"

[[door]]
code = "inner"
hall = "ROOM"
name = "Room, from the exhibition"
from = "EXPO"
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Nested]:
    nested = Nested(tmp_path, VENUE)
    yield nested
    nested.close()


def enrol(site: Nested, *doors: str) -> list[NestedDoor]:
    enrolled = [site.enrol(f"{door}-1", door) for door in doors]
    site.quiet()
    return enrolled


def admit(site: Nested, door: NestedDoor, people: range) -> list[int]:
    """Return the people that the door let in. A person refused for lack of a place retries once it
    has had time to come.
    """
    inside = []
    for person in people:
        answer = door.enter(person)
        if not answer.admitted and door.up:
            site.quiet()
            answer = door.enter(person)
        if answer.admitted:
            inside.append(person)
    site.quiet()
    return inside


def overrule(site: Nested, door: NestedDoor, person: int) -> bool:
    """Whether a supervisor can let in a refused person; a second try follows once places had time
    to come.
    """
    door.enter(person)
    site.quiet()
    denied = door.enter(person)
    assert reason(denied) == "hall_full"
    for _ in range(2):
        with suppress(SupervisorError):
            steps = door.override_handler.override(denied, WORD, at=site.now)
            run(steps, door.journal.wait)
            site.quiet()
            return True
        site.quiet()
    return False


def test_no_more_than_the_hall_holds_by_its_own_door_and_by_the_room_s(site: Nested) -> None:
    """With twelve people, the hall showed six of six, because those in the room did not count in
    it.
    """
    expo, street = enrol(site, "expo", "street")
    inside = admit(site, expo, range(6)) + admit(site, street, range(6, 12))
    assert len(inside) == 6
    assert site.figures("EXPO") == (6, 6)


def test_who_comes_by_the_room_s_street_door_takes_a_place_of_both(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    assert admit(site, street, range(4)) == [0, 1, 2, 3]
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (4, 4)
    assert admit(site, expo, range(4, 12)) == [4, 5]
    assert site.figures("EXPO") == (6, 6)
    assert street.leave(0).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (3, 5)


def test_who_comes_from_inside_takes_a_place_of_the_room_alone(site: Nested) -> None:
    expo, inner = enrol(site, "expo", "inner")
    assert admit(site, expo, range(6)) == [0, 1, 2, 3, 4, 5]
    assert admit(site, inner, range(6)) == [0, 1, 2, 3, 4, 5]
    assert (site.figures("EXPO"), site.figures("ROOM")) == ((6, 6), (6, 6))
    assert inner.leave(0).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (5, 6)


def test_a_full_hall_around_is_named_in_both_languages(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    admit(site, expo, range(6))
    answer = street.enter(6)
    site.quiet()
    answer = street.enter(6)
    assert isinstance(answer.decision, Denied)
    assert (reason(answer), answer.decision.hall_id) == ("hall_full", site.hall("EXPO"))
    assert answer.explanation["en"].reason == "Exhibition: no place left here"
    assert "展览" in answer.explanation["zh"].reason
    assert answer.free_places == 0
    assert answer.free_names == {"en": "Exhibition", "zh": "展览"}
    refused = street.journal.newest(1)[0]
    assert [outer.hall for outer in refused.outer_halls] == [site.hall("EXPO")]


@pytest.mark.parametrize("first", ["expo", "street"])
def test_offline_doors_together_keep_the_capacity(tmp_path: Path, first: str) -> None:
    larger = VENUE.replace("capacity = 6\n", "capacity = 24\n")
    larger = larger.replace("fire_limit = 8\n", "").replace("fire_limit = 7\n", "")
    site = Nested(tmp_path, larger, people=60)
    doors = enrol(site, "expo", "street", "stairs")
    assert sum(door.free("EXPO") for door in doors) == 24
    assert sum(door.free("ROOM") for door in doors[1:]) == 24
    for door in doors:
        door.up = False
    doors.sort(key=lambda door: not door.name.startswith(first))
    crowds = [range(20 * n, 20 * n + 20) for n in range(3)]
    inside = [
        p for door, crowd in zip(doors, crowds, strict=True) for p in admit(site, door, crowd)
    ]
    assert len(inside) == 24
    for door in reversed(doors):
        door.up = True
        site.quiet()
        inside_by_ledger, worst = site.figures("EXPO")
        assert worst == 24
    assert inside_by_ledger == len(inside)
    site.close()


def test_exits_offline_give_back_the_places_of_both_halls(site: Nested) -> None:
    """Twice as many people pass an offline door as it has places, one after the other."""
    _, street = enrol(site, "expo", "street")
    street.up = False
    for person in range(12):
        assert street.enter(person).admitted
        assert street.leave(person).admitted
    street.up = True
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (0, 0)
    assert site.figures("EXPO")[1] <= 6


def test_an_exit_by_another_door_ends_both_stays(site: Nested) -> None:
    street, stairs = enrol(site, "street", "stairs")
    admit(site, street, range(3))
    assert stairs.leave(0).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (2, 2)


def test_in_by_the_street_and_out_by_the_hall(site: Nested) -> None:
    street, inner, expo = enrol(site, "street", "inner", "expo")
    admit(site, street, range(3))
    assert inner.leave(0).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (2, 3)
    assert expo.leave(0).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (2, 2)


def test_an_exit_that_did_not_know_of_the_entry_ends_both_stays(site: Nested) -> None:
    street, stairs = enrol(site, "street", "stairs")
    stairs.up = False
    admit(site, street, range(2))
    assert stairs.leave(0).admitted
    stairs.up = True
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (1, 1)


def test_one_who_is_inside_the_hall_is_not_let_in_from_the_street(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    admit(site, expo, range(1))
    answer = street.enter(0)
    assert reason(answer) == "already_inside"
    assert answer.explanation["en"].reason.startswith("Already inside Exhibition since ")
    assert "展览" in answer.explanation["zh"].reason


def test_after_a_power_cut_both_stays_are_on_disk(site: Nested) -> None:
    _, street = enrol(site, "expo", "street")
    street.up = False
    free = street.free("ROOM"), street.free("EXPO")
    assert street.enter(0).admitted
    street.restart()
    assert (street.free("ROOM"), street.free("EXPO")) == (free[0] - 1, free[1] - 1)
    assert street.leave(0).admitted
    assert (street.free("ROOM"), street.free("EXPO")) == free


def test_an_override_uses_a_place_beyond_only_where_the_hall_is_full(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    admit(site, expo, range(6))
    assert overrule(site, street, 6)
    (record, *_) = street.journal.newest(1)
    assert (record.override_place, record.outer_halls[0].override_place) == (False, True)
    site.quiet()
    assert (site.figures("EXPO")[0], site.figures("ROOM")[0]) == (7, 1)
    assert site.database.reader.execute(
        "SELECT code, open_stays, open_overrides FROM hall ORDER BY code"
    ).fetchall()[0][:] == ("EXPO", 6, 1)


def test_beyond_the_fire_limit_of_the_hall_around_nobody_is_let_in(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    admit(site, expo, range(6))
    assert [overrule(site, street, person) for person in range(6, 10)] == [True, True, False, False]
    assert site.figures("EXPO") == (8, 8)


@pytest.mark.parametrize("sent", [False, True])
def test_an_annulment_takes_back_the_places_of_both(site: Nested, sent: bool) -> None:
    _, street = enrol(site, "expo", "street")
    free = street.free("ROOM"), street.free("EXPO")
    street.up = sent
    entry = street.enter(0)
    assert entry.admitted
    street.override_handler.annul(entry.seq, WORD, holder=None, at=site.now)
    if not sent:
        assert (street.free("ROOM"), street.free("EXPO")) == free
    street.up = True
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (0, 0)
    assert site.figures("EXPO")[1] <= 6


def test_the_end_of_a_shift_gives_back_the_places_of_both(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    assert street.free("EXPO") > 0
    street.journal.rest()
    site.quiet()
    assert (street.free("ROOM"), street.free("EXPO")) == (0, 0)
    assert admit(site, expo, range(8)) == [0, 1, 2, 3, 4, 5]


def test_a_kiosk_that_moves_gets_the_new_door_s_halls(site: Nested) -> None:
    expo, street = enrol(site, "expo", "street")
    inner = site.database.reader.execute("SELECT door_id FROM door WHERE code = 'inner'")
    door = inner.fetchone()[0]
    key = (street.name, street.generation)
    site.database.write(lambda db: relocation.move(db, key, door, by="test", now=site.now))
    site.quiet()
    assert street.replica.context is not None
    assert street.replica.context.halls == (site.hall("ROOM"),)
    assert street.free("EXPO") == 0
    assert admit(site, expo, range(6)) == [0, 1, 2, 3, 4, 5]
    assert admit(site, street, range(3)) == [0, 1, 2]
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (3, 6)


def test_a_place_taken_back_at_a_moved_kiosk_is_taken_back_in_the_room_alone(site: Nested) -> None:
    """In by the street, out by the inner door, before the server has heard of either."""
    _, street = enrol(site, "expo", "street")
    key = (street.name, street.generation)
    query = "SELECT door_id FROM door WHERE code = 'inner'"
    door = site.database.reader.execute(query).fetchone()[0]
    street.up = False
    assert street.enter(0).admitted
    free = street.free("ROOM"), street.free("EXPO")
    site.database.write(lambda db: relocation.move(db, key, door, by="test", now=site.now))
    street.up = True
    street.feed.refresh()
    street.feed.follow()  # and no batch yet
    street.up = False
    assert street.leave(0).admitted
    assert street.free("ROOM") == free[0] + 1
    street.up = True
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (0, 1)
    assert site.figures("EXPO")[1] <= 6


def test_a_hall_counted_as_empty_is_so_with_the_halls_inside_it(site: Nested) -> None:
    expo, street, inner = enrol(site, "expo", "street", "inner")
    admit(site, street, range(2))
    admit(site, expo, range(2, 4))
    admit(site, inner, range(2, 4))
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (4, 4)
    hall = site.hall("EXPO")
    assert site.database.write(lambda db: clear_all(db, hall, by="test", now=site.now)) == 4
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (0, 0)
    site.quiet()
    assert street.enter(0).admitted


def test_a_closed_hall_around_shuts_the_room_s_street_door(site: Nested) -> None:
    street, inner = enrol(site, "street", "inner")
    hall = site.hall("EXPO")
    site.database.write(lambda db: hall_control.set_closed(db, hall, True, by="test", now=site.now))
    site.quiet()
    answer = street.enter(0)
    assert reason(answer) == "hall_closed"
    assert answer.explanation["en"].reason == "Exhibition is closed"
    assert inner.enter(0).admitted  # the person is in the exhibition already


def test_a_door_that_says_nothing_counts_twice_and_refuses_nobody_for_it(site: Nested) -> None:
    site.load(VENUE.replace('from = "EXPO"\n', ""))
    expo, inner = enrol(site, "expo", "inner")
    assert admit(site, expo, range(3)) == [0, 1, 2]
    assert admit(site, inner, range(3)) == [0, 1, 2]
    assert (site.figures("EXPO"), site.figures("ROOM")[0]) == ((6, 6), 3)
    assert site.database.reader.execute("SELECT reason FROM discrepancy").fetchall() == []


APART = VENUE.replace('parent = "EXPO"\n', "").replace('from = "EXPO"\n', "")


def test_halls_that_come_to_lie_in_others_count_who_is_inside(tmp_path: Path) -> None:
    """The doors hear of it; a door that is away, when its scans arrive."""
    site = Nested(tmp_path, APART)
    expo, street, stairs = enrol(site, "expo", "street", "stairs")
    admit(site, street, range(2))
    admit(site, expo, range(2, 5))
    stairs.up = False
    site.load(VENUE)
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (2, 5)
    site.quiet()
    assert admit(site, street, range(5, 6)) == [5]
    assert stairs.enter(6).admitted  # it has not heard
    site.quiet()
    assert site.figures("EXPO")[0] == 6
    stairs.up = True
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")) == (4, (7, 7))
    assert not street.enter(7).admitted
    for person in (0, 1, 5, 6):
        assert street.leave(person).admitted
    site.quiet()
    assert (site.figures("ROOM")[0], site.figures("EXPO")[0]) == (0, 3)
    site.close()
