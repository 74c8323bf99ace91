"""A sighting counts only if it was made after the person's last entry, as far as the server can
prove the order. Otherwise the person is to be looked for.
"""

from dataclasses import replace

import pytest

from server.core.event import clock
from server.core.event.clock import ServerClock
from server.core.muster import muster, sightings
from server.core.muster.muster import Muster, MusterError, ShownLine
from server.core.people import issuing
from server.features.muster import lists
from server.features.muster.lists import State, Wanted
from server.web.services import keep_services, services_of
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee


@pytest.fixture
def west(pages: Pages) -> FakeDoor:
    return pages.kiosk("west-1", "h1-west")


@pytest.fixture
def main(pages: Pages) -> FakeDoor:
    """A door of the hall around the west door's."""
    return pages.kiosk("main-1", "main")


@pytest.fixture
def point(pages: Pages) -> FakeDoor:
    """A kiosk at an assembly point."""
    return pages.kiosk("green-1", "green-door")


@pytest.fixture
def anna(pages: Pages) -> int:
    return pages.serial("A1")


def begin(pages: Pages) -> Muster:
    return pages.database.write(lambda db: muster.begin(db, "fire", by="user:1", now=pages.now))


def end(pages: Pages, on: Muster) -> None:
    pages.database.write(
        lambda db: muster.end(db, on.muster_id, "over", by="user:1", now=pages.now)
    )


def state(pages: Pages, on: Muster, serial: int) -> State:
    lines = lists.lines(pages.database.reader, on.muster_id)
    return next(line.state for line in lines if line.serial == serial)


def see(point: FakeDoor, at: int, serial: int, **changes: object) -> None:
    fields = {"decision": "denied", "reason": "roll_call", "note": "A", "by": "user:2"}
    point.scan(at, serial, **{**fields, **changes})


def enter(pages: Pages, door: FakeDoor, at: int, serial: int, **changes: object) -> None:
    door.scan(at, serial, **changes)
    pages.send(door)


def opened_line(pages: Pages, serial: int) -> ShownLine:
    """The person's line on a page that is opened now."""
    db = pages.database.reader
    epoch = clock.newest(db)
    assert epoch is not None
    return ShownLine(pages.now, epoch.number, sightings.known_entries(db, [serial])[serial])


def tick(pages: Pages, on: Muster, serial: int, shown: ShownLine) -> None:
    pages.database.write(
        lambda db: muster.tick(
            db, on.muster_id, serial, "B", shown=shown, by="user:1", now=pages.now
        )
    )


def test_seen_before_going_in_again_and_then_the_alarm(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    see(point, NOW + 10 * MINUTE, anna)
    pages.now = NOW + 15 * MINUTE
    pages.send(point)
    enter(pages, west, NOW + 15 * MINUTE, anna)
    pages.now = NOW + 35 * MINUTE
    on = begin(pages)
    assert state(pages, on, anna) is State.MISSING


def test_a_drill_s_sighting_told_after_the_alarm(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    drill = begin(pages)
    see(point, NOW + 10 * MINUTE, anna)
    pages.now = NOW + 12 * MINUTE
    end(pages, drill)
    enter(pages, west, NOW + 15 * MINUTE, anna)
    pages.now = NOW + 35 * MINUTE
    on = begin(pages)
    pages.send(point)
    assert state(pages, on, anna) is State.MISSING
    assert pages.value("SELECT muster_id FROM muster_seen") == drill.muster_id


def test_a_sighting_by_an_unknown_clock_told_six_hours_later(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    see(point, NOW + 10 * MINUTE, anna, skew_ms=None)
    pages.now = NOW + 6 * HOUR
    enter(pages, west, pages.now - HOUR, anna)
    on = begin(pages)
    pages.send(point)
    assert state(pages, on, anna) is State.DOUBTFUL


@pytest.mark.parametrize("again", ["the same hall", "the hall around"])
def test_an_entry_by_a_door_that_was_away_and_whose_clock_is_an_hour_back(
    pages: Pages, west: FakeDoor, main: FakeDoor, point: FakeDoor, anna: int, again: str
) -> None:
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    see(point, NOW + 5 * MINUTE, anna)
    pages.now = NOW + 10 * MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN
    door = pages.kiosk("west-2", "h1-west") if again == "the same hall" else main
    enter(pages, door, NOW + 8 * MINUTE - HOUR, anna, skew_ms=None)
    assert state(pages, on, anna) is State.DOUBTFUL
    see(point, NOW + 11 * MINUTE, anna, skew_ms=None)
    pages.send(point)
    assert state(pages, on, anna) is State.DOUBTFUL, "its own clock is unknown"
    pages.now = NOW + 12 * MINUTE
    tick(pages, on, anna, opened_line(pages, anna))
    assert state(pages, on, anna) is State.SEEN, "the server had the entry before"


def test_a_sighting_after_the_server_had_an_entry_of_unknown_time(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    on = begin(pages)
    enter(pages, west, NOW - HOUR, anna, skew_ms=None)
    epoch = clock.newest(pages.database.reader)
    assert epoch is not None
    later = max(epoch.since, pages.now) + MINUTE
    pages.now = later + MINUTE
    see(point, later, anna, epoch=epoch.number)
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN


def test_a_sighting_after_the_server_s_clock_was_set_back(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    """An entry that was received before the clock was set is older than a sighting after it."""
    enter(pages, west, NOW - 30 * MINUTE, anna)
    pages.now = NOW - HOUR
    number = set_clock(pages)
    pages.now += MINUTE
    on = begin(pages)
    see(point, pages.now, anna, epoch=number)
    pages.now += MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN

    west.scan(NOW - 30 * MINUTE, anna, flags=("passback",), skew_ms=None)
    pages.send(west)
    assert state(pages, on, anna) is State.DOUBTFUL, "this entry was received after it"


def test_the_server_s_clock_is_set_back_during_a_muster(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    """The sighting belongs to this muster, though by the clock another was on then."""
    drill = begin(pages)
    pages.now = NOW + 2 * HOUR
    end(pages, drill)
    enter(pages, west, pages.now, anna)
    on = begin(pages)
    pages.now = NOW + HOUR
    number = set_clock(pages)
    pages.now += MINUTE
    see(point, pages.now, anna, epoch=number)
    pages.now += MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN


def test_a_drill_s_sighting_told_after_the_clock_was_set_and_the_alarm(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    """It stays the drill's, although its time can't be compared with the alarm's."""
    number = epoch_number(pages)
    enter(pages, west, NOW - 30 * MINUTE, anna, epoch=number)
    drill = begin(pages)
    see(point, NOW + MINUTE, anna, epoch=number)
    pages.now = NOW + 10 * MINUTE
    end(pages, drill)
    pages.now = NOW + 2 * HOUR
    set_clock(pages)
    on = begin(pages)
    pages.send(point)
    assert state(pages, on, anna) is State.MISSING
    assert pages.value("SELECT muster_id FROM muster_seen") == drill.muster_id


def test_a_muster_begins_right_after_the_server_s_clock_was_set(pages: Pages) -> None:
    """Its time is of the new epoch, which nobody has begun before."""
    wall = [NOW]
    server_clock = ServerClock(
        pages.database, wall=lambda: wall[0], steady=lambda: 0, boot=lambda: "boot"
    )
    keep_services(pages.app, replace(services_of(pages.app), clock=server_clock))
    before = server_clock.epoch()
    wall[0] = pages.now = NOW - HOUR
    fields = {"reason": "drill", "confirm": "yes"}
    pages.staff("supervisor").post("/admin/muster/begin", fields)
    on = muster.current(pages.database.reader)
    assert on is not None
    assert on.epoch == epoch_number(pages) != before


def test_clocks_of_two_epochs_prove_no_order(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    enter(pages, west, NOW - 30 * MINUTE, anna, epoch=1)
    on = begin(pages)
    see(point, NOW + MINUTE, anna, epoch=2)
    pages.now = NOW + 2 * MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.DOUBTFUL


def test_one_kiosk_s_journal_proves_the_order_without_a_clock(
    pages: Pages, west: FakeDoor, anna: int
) -> None:
    west.scan(NOW, anna, skew_ms=None)
    see(west, NOW - 1, anna, skew_ms=None)
    pages.send(west)
    on = begin(pages)
    see(west, NOW - 2, anna, skew_ms=None)
    pages.send(west)
    assert state(pages, on, anna) is State.SEEN
    west.scan(NOW - 3, anna, skew_ms=None, flags=("passback",))
    pages.send(west)
    assert state(pages, on, anna) is State.MISSING


def test_an_entry_told_after_a_later_sighting_leaves_the_person_seen(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    on = begin(pages)
    see(point, NOW + 5 * MINUTE, anna)
    pages.now = NOW + 6 * MINUTE
    pages.send(point)
    enter(pages, west, NOW - 5 * MINUTE, anna)
    assert state(pages, on, anna) is State.SEEN
    enter(pages, west, NOW + 5 * MINUTE + 500, anna, flags=("passback",))
    assert state(pages, on, anna) is State.DOUBTFUL, "within the clocks' margin"


def test_who_left_the_inner_hall_is_still_in_the_hall_around(
    pages: Pages, west: FakeDoor, main: FakeDoor, point: FakeDoor, anna: int
) -> None:
    """Seen, then into the inner hall and out of it: the open entry is older than the sighting."""
    enter(pages, main, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    see(point, NOW + 5 * MINUTE, anna)
    pages.now = NOW + 9 * MINUTE
    pages.send(point)
    inner = west.scan(NOW + 7 * MINUTE, anna)
    west.leave(NOW + 8 * MINUTE, anna, west.ref(inner))
    pages.send(west)
    assert state(pages, on, anna) is State.MISSING


class TestTick:
    """Staff tick off the line that their page showed."""

    def test_a_page_opened_before_the_person_went_in_again(
        self, pages: Pages, west: FakeDoor, anna: int
    ) -> None:
        enter(pages, west, NOW - 30 * MINUTE, anna)
        on = begin(pages)
        shown = opened_line(pages, anna)
        pages.now = NOW + 5 * MINUTE
        enter(pages, west, pages.now, anna, flags=("passback",))
        pages.now += MINUTE
        with pytest.raises(MusterError, match="since you opened the list"):
            tick(pages, on, anna, shown)
        assert state(pages, on, anna) is State.MISSING
        tick(pages, on, anna, opened_line(pages, anna))
        assert state(pages, on, anna) is State.SEEN

    @pytest.mark.parametrize(
        ("minute", "expected"),
        [(-5, State.SEEN), (3, State.DOUBTFUL), (9, State.MISSING)],
        ids=["before the page", "between", "after the tick"],
    )
    def test_an_entry_that_is_told_after_the_tick(
        self, pages: Pages, west: FakeDoor, anna: int, minute: int, expected: State
    ) -> None:
        number = epoch_number(pages)
        enter(pages, west, NOW - 30 * MINUTE, anna)
        on = begin(pages)
        shown = opened_line(pages, anna)
        pages.now = NOW + 6 * MINUTE
        tick(pages, on, anna, shown)
        away = pages.kiosk("west-2", "h1-west")
        pages.now = NOW + 10 * MINUTE
        enter(pages, away, NOW + minute * MINUTE, anna, epoch=number)
        assert state(pages, on, anna) is expected

    def test_a_page_of_a_database_that_was_put_back(
        self, pages: Pages, west: FakeDoor, main: FakeDoor, anna: int
    ) -> None:
        """Its entries may have got the numbers of others, so the page names the entries."""
        enter(pages, west, NOW - 30 * MINUTE, anna)
        shown = opened_line(pages, anna)
        pages.execute("UPDATE stay SET kiosk = ? WHERE serial = ?", main.kiosk, anna)
        on = begin(pages)
        with pytest.raises(MusterError, match="since you opened the list"):
            tick(pages, on, anna, shown)
        assert state(pages, on, anna) is State.MISSING

    def test_the_server_s_clock_was_set_since_the_page_was_opened(
        self, pages: Pages, west: FakeDoor, anna: int
    ) -> None:
        """The times of the page and of the tick say nothing of an entry that is told later."""
        enter(pages, west, NOW - 30 * MINUTE, anna)
        on = begin(pages)
        shown = opened_line(pages, anna)._replace(at=NOW + HOUR)
        pages.now = NOW + HOUR
        number = set_clock(pages)
        assert number != shown.epoch
        tick(pages, on, anna, shown)
        assert state(pages, on, anna) is State.SEEN
        away = pages.kiosk("west-2", "h1-west")
        enter(pages, away, NOW + MINUTE, anna, epoch=number)
        assert state(pages, on, anna) is State.DOUBTFUL


def set_clock(pages: Pages) -> int:
    """Set the server's clock to `now`. Return the number of the epoch that this begins."""
    return ServerClock(
        pages.database, wall=lambda: pages.now, steady=lambda: 0, boot=lambda: "boot"
    ).epoch()


def epoch_number(pages: Pages) -> int:
    epoch = clock.newest(pages.database.reader)
    assert epoch is not None
    return epoch.number


def test_a_badge_suspected_as_copied_after_its_sighting(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    see(point, NOW + 5 * MINUTE, anna)
    pages.now = NOW + 6 * MINUTE
    pages.send(point)
    pages.execute(
        "INSERT INTO likely_copy (serial, issue, number, noticed_at) VALUES (?, 1, 1, ?)",
        anna,
        pages.now,
    )
    enter(pages, west, NOW - 20 * MINUTE, anna, flags=("passback",))
    assert state(pages, on, anna) is State.MISSING


def test_a_number_typed_at_a_point_shows_nobody(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    """Anybody could know it. Its record has no badge."""
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    see(point, NOW + MINUTE, None, reason="not_a_badge")
    pages.now = NOW + 2 * MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.MISSING


def test_an_override_is_an_entry(pages: Pages, west: FakeDoor, point: FakeDoor, anna: int) -> None:
    on = begin(pages)
    see(point, NOW + MINUTE, anna)
    pages.now = NOW + 5 * MINUTE
    pages.send(point)
    enter(pages, west, NOW + 3 * MINUTE, anna, act="override", by="user:2", override_place=True)
    assert state(pages, on, anna) is State.MISSING
    see(point, NOW + 6 * MINUTE, anna, by="user:3")  # looked up by a supervisor
    pages.now = NOW + 7 * MINUTE
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN


def test_a_phone_is_an_assembly_point(pages: Pages, west: FakeDoor, anna: int) -> None:
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    phone = pages.kiosk("phone-1", "green-door")
    pages.execute("UPDATE kiosk SET device = 'phone' WHERE kiosk = 'phone-1'")
    see(phone, NOW + MINUTE, anna, skew_ms=None)
    pages.now = NOW + 2 * MINUTE
    pages.send(phone)
    assert state(pages, on, anna) is State.DOUBTFUL, "it has not measured its clock yet"
    see(phone, NOW + 2 * MINUTE, anna)
    pages.now = NOW + 3 * MINUTE
    pages.send(phone)
    assert state(pages, on, anna) is State.SEEN


@pytest.mark.parametrize("act", ["revoked", "revoked with others", "issued anew", "taken back"])
def test_a_badge_that_becomes_void_after_its_sighting(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int, act: str
) -> None:
    """The list says so at once, because another person may have had it. A tick still counts."""
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    pages.now = NOW + 6 * MINUTE
    if act == "taken back":
        pages.reissue(anna)
    see(point, pages.now, anna, issue=2 if act == "taken back" else 1)
    pages.send(point)
    assert state(pages, on, anna) is State.SEEN
    void_badge(pages, anna, act)
    assert state(pages, on, anna) is State.MISSING
    (line,) = lists.lines(pages.database.reader, on.muster_id)
    assert line.void_badge

    tick(pages, on, anna, opened_line(pages, anna))
    assert state(pages, on, anna) is State.SEEN


def void_badge(pages: Pages, serial: int, act: str) -> None:
    now = pages.now

    def step(db) -> None:
        if act == "revoked":
            issuing.revoke(db, serial, reason="lost", now=now, by="test")
        elif act == "revoked with others":
            issuing.revoke_many(db, people(pages), reason="lost", now=now, by="test")
        elif act == "issued anew":
            issuing.reissue(db, pages.event, serial, reason="lost", now=now, by="test")
        else:
            issuing.withdraw(db, serial, now=now, by="test")

    pages.database.write(step)


def people(pages: Pages) -> list[int]:
    rows = pages.database.reader.execute("SELECT serial FROM attendee ORDER BY serial").fetchall()
    return [row[0] for row in rows]


def test_a_person_on_no_roster_is_ticked_off(pages: Pages, west: FakeDoor) -> None:
    unknown = 4_000_000
    enter(pages, west, NOW - 30 * MINUTE, unknown)
    on = begin(pages)
    assert state(pages, on, unknown) is State.MISSING
    tick(pages, on, unknown, opened_line(pages, unknown))
    assert state(pages, on, unknown) is State.SEEN
    with pytest.raises(MusterError, match="no attendee"):
        tick(pages, on, unknown + 1, ShownLine(pages.now, 0, ""))


def test_doubtful_people_are_counted_and_to_be_found(
    pages: Pages, west: FakeDoor, point: FakeDoor, anna: int
) -> None:
    enter(pages, west, NOW - 30 * MINUTE, anna)
    on = begin(pages)
    see(point, NOW + 5 * MINUTE, anna, skew_ms=None)
    pages.send(point)
    db = pages.database.reader
    counts = lists.counts(db, on.muster_id)
    assert {name: counts.total(name) for name in ("missing", "doubtful", "seen", "listed")} == {
        "missing": 0, "doubtful": 1, "seen": 0, "listed": 1,
    }  # fmt: skip
    (line,) = lists.lines(db, on.muster_id, Wanted(to_find=True))
    assert (line.serial, line.state, line.point) == (anna, State.DOUBTFUL, "A")
    assert lists.how_many(counts, Wanted(to_find=True)) == 1
    officer = pages.staff("supervisor")
    for lang, word, doubt in (
        ("en", "Doubtful", "perhaps before they last went in"),
        ("zh", "存疑", "可能早于最后一次进入"),
    ):
        for page in (f"/admin/muster/1?lang={lang}", f"/admin/muster/1/list?lang={lang}"):
            text = officer.get(page).text
            assert word in text, page
            assert doubt in text, page
            assert "Anna Keller" in text, page
    end(pages, on)
    ended = pages.value("SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1")
    assert b'"people":1' in bytes(ended), "she was not found"
