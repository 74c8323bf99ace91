"""A muster: people inside by the records, how sure that is, and people seen since."""

from random import Random

import pytest

from badges.record import StayRef
from server.core.event import clock
from server.core.kiosks import registry
from server.core.muster import muster, sightings
from server.core.muster.muster import Muster, MusterError, ShownLine
from server.core.muster.snapshot import Sureness
from server.core.occupancy import stays
from server.core.venue import kept_places
from server.features.muster import lists
from server.features.muster.lists import Line, State, Wanted
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, acts

prepare = Pages.issue  # for every attendee


@pytest.fixture
def west(pages: Pages) -> FakeDoor:
    return pages.kiosk("west-1", "h1-west")


def begin(pages: Pages) -> Muster:
    return pages.database.write(lambda db: muster.begin(db, "drill", by="user:1", now=pages.now))


def listed(pages: Pages, roll: Muster, **wanted: object) -> list[Line]:
    return list(lists.lines(pages.database.reader, roll.muster_id, Wanted(**wanted)))


def states(pages: Pages, roll: Muster) -> dict[int, State]:
    return {line.serial: line.state for line in listed(pages, roll)}


def missing(pages: Pages, roll: Muster) -> dict[int, int]:
    """The people not seen yet, each with the hall of their line."""
    return {line.serial: line.hall_id for line in listed(pages, roll, state=State.MISSING)}


def line_of(pages: Pages, serial: int) -> ShownLine:
    """The person's line, as a page that is opened now shows it."""
    db = pages.database.reader
    epoch = clock.newest(db)
    assert epoch is not None
    return ShownLine(pages.now, epoch.number, sightings.known_entries(db, [serial])[serial])


def see(point: FakeDoor, at: int, serial: int, **changes: object) -> None:
    """A kiosk at an assembly point sees a badge, as kiosk/door/admit.py records it."""
    fields = {"decision": "denied", "reason": "roll_call", "note": "A", "by": "user:2"}
    point.scan(at, serial, **{**fields, **changes})


def people(pages: Pages) -> list[int]:
    rows = pages.database.reader.execute("SELECT serial FROM attendee ORDER BY serial").fetchall()
    return [row[0] for row in rows]


def test_each_filter_has_as_many_lines_as_it_says(pages: Pages) -> None:
    west, main = pages.kiosk("west-1", "h1-west"), pages.kiosk("main-1", "main")
    anna, two, three, four, *_ = people(pages)
    for number, serial in enumerate((anna, two, three)):
        last = main.scan(NOW - 50 * MINUTE + number, serial)
    pages.send(main)
    west.scan(NOW - 40 * MINUTE, four)
    pages.send(west)
    pages.database.write(lambda db: kept_places.put(db, [(two, "wheelchair")], by="test", now=NOW))
    roll = begin(pages)
    pages.database.write(
        lambda db: muster.tick(
            db, roll.muster_id, anna, "A", shown=line_of(pages, anna), by="user:1", now=NOW
        )
    )
    main.leave(NOW + 1_000, three, main.ref(last))
    pages.send(main)
    counts = lists.counts(pages.database.reader, roll.muster_id)
    assert [counts.total(name) for name in ("missing", "out", "seen", "help_missing")] == [
        2,
        1,
        1,
        1,
    ]
    halls = {line.hall_id for line in listed(pages, roll)}
    filters = [
        {"hall_id": hall, "state": state, "help": helped, "sureness": sure}
        for hall in (None, *halls, 99)
        for state in (None, *State)
        for helped in (False, True)
        for sure in (None, *Sureness)
    ]
    for one_filter in filters:
        lines = listed(pages, roll, **one_filter)
        assert lists.how_many(counts, Wanted(**one_filter)) == len(lines), one_filter
        parts = [
            line
            for skip in range(len(lines))
            for line in lists.lines(
                pages.database.reader, roll.muster_id, Wanted(**one_filter), limit=1, skip=skip
            )
        ]
        assert parts == lines


def test_who_is_inside_each_once_in_the_hall_entered_last(pages: Pages) -> None:
    west, main = pages.kiosk("west-1", "h1-west"), pages.kiosk("main-1", "main")
    anna, two, three, *_ = people(pages)
    main.scan(NOW - 50 * MINUTE, anna)
    main.scan(NOW - 50 * MINUTE, two)
    left = main.scan(NOW - 50 * MINUTE, three)
    main.leave(NOW - MINUTE, three, main.ref(left))
    pages.send(main)
    west.scan(NOW - 40 * MINUTE, anna)
    pages.send(west)
    roll = begin(pages)
    halls = {line.serial: (line.hall_id, line.also_in) for line in listed(pages, roll)}
    assert halls == {anna: (west.hall, None), two: (main.hall, None)}
    assert acts(pages)[-1] == "muster_begun"
    counts = lists.counts(pages.database.reader, roll.muster_id)
    assert (counts.total("missing"), counts.total("seen"), counts.total("out")) == (2, 0, 0)


def test_a_door_that_is_not_heard_makes_its_hall_unsure(pages: Pages) -> None:
    west, main = pages.kiosk("west-1", "h1-west"), pages.kiosk("main-1", "main")
    anna, two, *_ = people(pages)
    pages.send(west)
    west.scan(NOW, anna)
    pages.send(west)
    away_since = pages.now
    pages.now += 5 * MINUTE
    main.scan(pages.now, two)
    pages.send(main)
    roll = begin(pages)
    counts = {h.hall_id: h for h in lists.counts(pages.database.reader, roll.muster_id).halls}
    assert counts[west.hall].sureness is Sureness.DOOR_AWAY
    assert counts[west.hall].away_since == away_since
    assert counts[west.hall].away_doors == (west.door,)
    assert counts[west.hall].unseen >= west.granted - 1 > 0, "it may have let in so many unseen"
    (line,) = listed(pages, roll, hall_id=west.hall)
    assert (line.sureness, line.away_since) == (Sureness.DOOR_AWAY, away_since)


def test_exits_of_a_hall_scanned_inferred_or_not_at_all(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    west.scan(NOW, people(pages)[0])
    pages.send(west)

    def sureness(mode: str, leaving: str) -> Sureness:
        def step(db) -> None:
            db.execute("UPDATE door SET mode = ? WHERE door_id = ?", (mode, west.door))
            db.execute("UPDATE hall SET leaving = ? WHERE hall_id = ?", (leaving, west.hall))

        pages.database.write(step)
        roll = begin(pages)
        pages.database.write(
            lambda db: muster.end(db, roll.muster_id, "over", by="user:1", now=pages.now)
        )
        return listed(pages, roll)[0].sureness

    assert sureness("both", "scanned") is Sureness.EXITS_SCANNED
    assert sureness("both", "inferred") is Sureness.EXITS_INFERRED
    assert sureness("entry", "scanned") is Sureness.NO_EXITS


class TestRollCall:
    @pytest.fixture
    def point(self, pages: Pages) -> FakeDoor:
        return pages.kiosk("main-1", "main")

    def test_who_is_seen_leaves_the_list_and_no_stay_or_place_changes(
        self, pages: Pages, west: FakeDoor, point: FakeDoor
    ) -> None:
        anna, two, *_ = people(pages)
        west.scan(NOW, anna)
        west.scan(NOW, two)
        pages.send(west)
        roll = begin(pages)
        query = (
            "SELECT * FROM stay",
            "SELECT hall_id, open_stays FROM hall ORDER BY hall_id",
            "SELECT * FROM discrepancy",
        )
        before = [[tuple(r) for r in pages.database.reader.execute(q)] for q in query]
        pages.now += MINUTE
        see(point, pages.now, anna)
        pages.send(point)
        assert states(pages, roll) == {anna: State.SEEN, two: State.MISSING}
        assert listed(pages, roll, state=State.SEEN)[0].point == "A"
        assert [[tuple(r) for r in pages.database.reader.execute(q)] for q in query] == before

    def test_two_points_that_see_one_person_and_a_batch_sent_twice(
        self, pages: Pages, west: FakeDoor, point: FakeDoor
    ) -> None:
        anna, *_ = people(pages)
        west.scan(NOW, anna)
        pages.send(west)
        roll = begin(pages)
        see(point, NOW + MINUTE, anna)
        see(west, NOW + 2 * MINUTE, anna, note="B")
        pages.send(west)
        pages.send(point)
        point.acked = 0
        pages.send(point)
        assert listed(pages, roll)[0].at == NOW + MINUTE, "the first that saw them"
        seen = pages.value("SELECT COUNT(*) FROM muster_seen")
        assert seen == 2

    def test_a_void_badge_shows_nobody(self, pages: Pages, west: FakeDoor, point: FakeDoor) -> None:
        anna, *_ = people(pages)
        west.scan(NOW, anna)
        pages.send(west)
        roll = begin(pages)
        pages.reissue(anna)
        see(point, NOW + MINUTE, anna)
        pages.send(point)
        (line,) = listed(pages, roll)
        assert (line.state, line.void_badge) == (State.MISSING, True)
        assert lists.counts(pages.database.reader, roll.muster_id).void_badges == 1

    def test_a_fenced_kiosk_is_ignored(self, pages: Pages, west: FakeDoor, point: FakeDoor) -> None:
        anna, *_ = people(pages)
        west.scan(NOW, anna)
        pages.send(west)
        roll = begin(pages)
        pages.database.write(
            lambda db: (
                db.execute("UPDATE kiosk SET state = 'fenced' WHERE kiosk = 'main-1'") and None
            )
        )
        see(point, NOW + MINUTE, anna)
        pages.send(point)
        assert states(pages, roll) == {anna: State.MISSING}

    def test_a_point_without_network_begins_early_and_tells_after_the_end(
        self, pages: Pages, west: FakeDoor, point: FakeDoor
    ) -> None:
        anna, two, three, *_ = people(pages)
        for serial in (anna, two, three):
            west.scan(NOW - 90 * MINUTE, serial)
        see(point, NOW - 40 * MINUTE, three)
        see(point, NOW - 5 * MINUTE, anna)
        pages.send(west)
        pages.send(point)
        roll = begin(pages)
        assert states(pages, roll) == {anna: State.SEEN, two: State.MISSING, three: State.MISSING}
        see(point, NOW + MINUTE, two)
        pages.now += 9 * MINUTE
        pages.database.write(
            lambda db: muster.end(db, roll.muster_id, "over", by="user:1", now=pages.now)
        )
        pages.now += MINUTE
        pages.send(point)
        assert states(pages, roll)[two] is State.SEEN

    def test_a_door_that_was_away_adds_whom_it_let_in_and_who_had_left(
        self, pages: Pages, west: FakeDoor, point: FakeDoor
    ) -> None:
        anna, two, *_ = people(pages)
        entry = west.scan(NOW - 9 * MINUTE, anna)
        pages.send(west)
        roll = begin(pages)
        west.leave(NOW - 2 * MINUTE, anna, west.ref(entry))
        west.scan(NOW - MINUTE, two)
        pages.now += MINUTE
        pages.send(west)
        assert states(pages, roll) == {anna: State.OUT, two: State.MISSING}
        added = listed(pages, roll, state=State.MISSING)[0]
        assert added.sureness is Sureness.TOLD_LATE

    def test_who_reenters_is_missing(self, pages: Pages, west: FakeDoor, point: FakeDoor) -> None:
        anna, *_ = people(pages)
        west.scan(NOW - MINUTE, anna)
        pages.send(west)
        roll = begin(pages)
        see(point, NOW + MINUTE, anna)
        pages.send(point)
        pages.now = NOW + 3 * MINUTE
        west.scan(NOW + 2 * MINUTE, anna, flags=("passback",))
        pages.send(west)
        assert states(pages, roll) == {anna: State.MISSING}
        see(point, NOW + 3 * MINUTE, anna)
        pages.send(point)
        assert states(pages, roll) == {anna: State.SEEN}

    def test_who_returns_is_missing(self, pages: Pages, west: FakeDoor, point: FakeDoor) -> None:
        anna, two, *_ = people(pages)
        first, second = west.scan(NOW - 9 * MINUTE, anna), west.scan(NOW - 9 * MINUTE, two)
        pages.send(west)
        roll = begin(pages)
        west.leave(NOW + MINUTE, anna, west.ref(first))
        west.leave(NOW + MINUTE, two, west.ref(second))
        pages.now += MINUTE
        pages.send(west)
        assert states(pages, roll) == {anna: State.OUT, two: State.OUT}
        west.scan(NOW + 2 * MINUTE, anna)  # By the door that they left through,
        point.scan(NOW + 2 * MINUTE, two)  # and by another hall's.
        pages.now += MINUTE
        pages.send(west)
        pages.send(point)
        assert states(pages, roll) == {anna: State.MISSING, two: State.MISSING}
        halls = {line.serial: line.hall_id for line in listed(pages, roll)}
        assert halls == {anna: west.hall, two: point.hall}
        see(point, NOW + 3 * MINUTE, anna)
        pages.now += MINUTE
        pages.send(point)
        assert states(pages, roll) == {anna: State.SEEN, two: State.MISSING}

    def test_who_was_in_no_hall_by_the_records(self, pages: Pages, point: FakeDoor) -> None:
        roll = begin(pages)
        see(point, NOW + MINUTE, people(pages)[0])
        pages.send(point)
        assert lists.counts(pages.database.reader, roll.muster_id).extra == 1


def test_a_fenced_kiosk_s_late_entries_add_people_and_move_nobody(pages: Pages) -> None:
    west, green = pages.kiosk("west-1", "h1-west"), pages.kiosk("green-1", "green-door")
    anna, two, *_ = people(pages)
    west.scan(NOW - 9 * MINUTE, anna)
    pages.send(west)
    roll = begin(pages)
    green.scan(NOW - 5 * MINUTE, anna)
    green.scan(NOW - 5 * MINUTE, two)
    pages.database.write(lambda db: registry.fence(db, "green-1", 1, by="test", now=pages.now))
    pages.now += MINUTE
    pages.send(green)
    assert missing(pages, roll) == {anna: west.hall, two: green.hall}


def test_a_fenced_kiosk_lists_who_left_meanwhile_and_shows_nobody_as_seen(pages: Pages) -> None:
    west, green = pages.kiosk("west-1", "h1-west"), pages.kiosk("green-1", "green-door")
    anna, *_ = people(pages)
    entry = west.scan(NOW - 9 * MINUTE, anna)
    pages.send(west)
    roll = begin(pages)
    west.leave(NOW + 1_000, anna, west.ref(entry))
    pages.send(west)
    assert missing(pages, roll) == {}
    green.scan(NOW + MINUTE, anna)
    see(green, NOW + 2 * MINUTE, anna)
    pages.database.write(lambda db: registry.fence(db, "green-1", 1, by="test", now=pages.now))
    pages.now += 2 * MINUTE
    pages.send(green)
    assert missing(pages, roll) == {anna: green.hall}


class TestStillInAnotherHall:
    """By the records, people who left the hall of their line may be in another one."""

    @pytest.fixture
    def main(self, pages: Pages) -> FakeDoor:
        """A door of the hall around the west door's."""
        return pages.kiosk("main-1", "main")

    @pytest.fixture
    def anna(self, pages: Pages) -> int:
        return people(pages)[0]

    @pytest.fixture
    def entry(self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int) -> StayRef:
        """Anna's entry through the west door, after one into the hall around."""
        main.scan(NOW - 50 * MINUTE, anna)
        pages.send(main)
        entry = west.scan(NOW - 40 * MINUTE, anna)
        pages.send(west)
        return west.ref(entry)

    def test_who_leaves_the_inner_hall(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int, entry: StayRef
    ) -> None:
        roll = begin(pages)
        assert missing(pages, roll) == {anna: west.hall}
        west.leave(NOW + 1_000, anna, entry)
        pages.now += MINUTE
        pages.send(west)
        assert missing(pages, roll) == {anna: main.hall}
        (line,) = listed(pages, roll)
        assert line.sureness is not Sureness.TOLD_LATE, "the entry was known at the beginning"

    def test_whose_exit_from_the_inner_hall_is_told_late(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int, entry: StayRef
    ) -> None:
        west.leave(NOW - 20 * MINUTE, anna, entry)
        roll = begin(pages)
        pages.now += MINUTE
        pages.send(west)
        assert missing(pages, roll) == {anna: main.hall}

    def test_who_leaves_one_of_two_unrelated_halls(
        self, pages: Pages, west: FakeDoor, anna: int
    ) -> None:
        green = pages.kiosk("green-1", "green-door")
        green.scan(NOW - 50 * MINUTE, anna, skew_ms=None)  # Without the time, no move ends it.
        pages.send(green)
        entry = west.scan(NOW - 40 * MINUTE, anna)
        pages.send(west)
        roll = begin(pages)
        west.leave(NOW + 1_000, anna, west.ref(entry))
        pages.now += MINUTE
        pages.send(west)
        assert missing(pages, roll) == {anna: green.hall}

    def test_who_returns_by_a_door_whose_clock_is_behind(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int
    ) -> None:
        entry = west.scan(NOW - MINUTE, anna)
        pages.send(west)
        roll = begin(pages)
        west.leave(NOW + MINUTE, anna, west.ref(entry))
        pages.now += MINUTE
        pages.send(west)
        main.scan(NOW - 2 * MINUTE, anna, skew_ms=None)
        pages.send(main)
        assert missing(pages, roll) == {anna: main.hall}
        assert listed(pages, roll)[0].sureness is Sureness.TOLD_LATE

    def test_who_went_in_again_and_left_is_not_shown_as_seen_before(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int, entry: StayRef
    ) -> None:
        roll = begin(pages)
        see(main, NOW + MINUTE, anna)
        pages.send(main)
        assert states(pages, roll) == {anna: State.SEEN}
        again = west.scan(NOW + 2 * MINUTE, anna, flags=("passback",))
        pages.now += 3 * MINUTE
        pages.send(west)
        west.leave(NOW + 3 * MINUTE, anna, west.ref(again))
        pages.send(west)
        assert missing(pages, roll) == {anna: west.hall}

    def test_whose_inner_hall_is_counted_as_empty(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int, entry: StayRef
    ) -> None:
        roll = begin(pages)
        count_as_empty(pages.staff("admin"), west.hall)
        assert missing(pages, roll) == {anna: main.hall}


def count_as_empty(admin: Staff, hall: int) -> None:
    page = f"/admin/halls/{hall}"
    shown = admin.fields_shown(page, f"{page}/clear")
    admin.post(f"{page}/clear", {"confirm": "yes", **shown})


@pytest.mark.parametrize("seed", range(6))
def test_the_list_agrees_with_the_records_after_random_scans(pages: Pages, seed: int) -> None:
    random = Random(seed)
    doors = [pages.kiosk(code, code) for code in ("main", "h1-west", "green-door")]
    db, attendees, admin = pages.database.reader, people(pages)[:4], pages.staff("admin")
    roll = begin(pages)
    for _ in range(200):
        pages.now += random.choice((500, 70_000))
        at = pages.now - random.choice((0, MINUTE, 20 * MINUTE))
        skew_ms = random.choice((0, 0, 0, None))  # None: a clock never measured moves nobody.
        door, serial = random.choice(doors), random.choice(attendees)
        action = random.choice(("enter", "enter", "leave", "leave", "send", "send", "clear"))
        if action == "enter":
            door.scan(at, serial, skew_ms=skew_ms)
        elif action == "leave":
            inside = [stay for stay in stays.open_stays(db, serial) if stay.hall_id == door.hall]
            if inside:
                door.leave(at, serial, random.choice(inside).ref, skew_ms=skew_ms)
        elif action == "send":
            pages.send(door, places=[])
        elif random.random() < 0.2:
            count_as_empty(admin, door.hall)
        lines = missing(pages, roll)
        open_halls = {
            person: {stay.hall_id for stay in stays.open_stays(db, person)} for person in attendees
        }
        assert set(lines) == {person for person, halls in open_halls.items() if halls}
        assert all(hall in open_halls[person] for person, hall in lines.items())


def test_ticked_off_by_hand_and_taken_back(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    anna, *_ = people(pages)
    west.scan(NOW, anna)
    pages.send(west)
    roll = begin(pages)
    pages.database.write(
        lambda db: muster.tick(
            db, roll.muster_id, anna, "B", shown=line_of(pages, anna), by="user:1",
            now=pages.now,
        )
    )  # fmt: skip
    assert states(pages, roll) == {anna: State.SEEN}

    def back() -> None:
        pages.database.write(
            lambda db: muster.take_back(db, roll.muster_id, anna, by="user:1", now=pages.now)
        )

    back()
    assert states(pages, roll) == {anna: State.MISSING}
    with pytest.raises(MusterError, match="was not reported"):
        back()
    assert acts(pages)[-2:] == ["muster_person_seen", "muster_person_unseen"]


def test_who_needs_help_stands_first(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    anna, two, three, *_ = people(pages)
    for serial in (anna, two, three):
        west.scan(NOW, serial)
    pages.send(west)
    pages.database.write(
        lambda db: kept_places.put(db, [(three, "wheelchair")], by="test", now=NOW)
    )
    roll = begin(pages)
    first, *_ = listed(pages, roll)
    assert (first.serial, first.help) == (three, "wheelchair")
    assert [line.serial for line in listed(pages, roll, help=True)] == [three]
    assert lists.counts(pages.database.reader, roll.muster_id).total("help_missing") == 1


def test_one_at_a_time_and_words_are_asked_for(pages: Pages) -> None:
    db = pages.database
    with pytest.raises(MusterError, match="state briefly why"):
        db.write(lambda db: muster.begin(db, "  ", by="user:1", now=NOW))
    with pytest.raises(MusterError, match="longer than 200"):
        db.write(lambda db: muster.begin(db, "x" * 201, by="user:1", now=NOW))
    roll = begin(pages)
    with pytest.raises(MusterError, match="on already"):
        begin(pages)
    with pytest.raises(MusterError, match="how it ended"):
        db.write(lambda db: muster.end(db, roll.muster_id, "", by="user:1", now=NOW))
    db.write(lambda db: muster.end(db, roll.muster_id, "all out", by="user:1", now=NOW))
    with pytest.raises(MusterError, match="has ended"):
        db.write(lambda db: muster.end(db, roll.muster_id, "again", by="user:1", now=NOW))
    with pytest.raises(MusterError, match="has ended"):
        db.write(
            lambda db: muster.tick(
                db, roll.muster_id, 1, "", shown=ShownLine(NOW, 0, ""), by="user:1", now=NOW
            )
        )
