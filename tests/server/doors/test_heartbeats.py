"""Heartbeats that bring nothing new: answered as by a transaction, without one."""

import random
from collections.abc import Callable, Iterator

import msgspec
import pytest

from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import contact, registry, relocation
from server.core.occupancy import grants, hall_control, pools
from server.doors.heartbeats import SHARE_S, Heartbeats, heartbeats_of
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError, SupersededError
from server.web.services import services_of
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.server.web.serving.support import Exchange, Served, scans
from tests.tries import tries

HEALTH = wire.Health(version="1", frames_per_second=30.0)


class Lane:
    """A server on its event loop, whose commits are counted."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.served = Served(pages.app)
        self.here = services_of(pages.app)
        self.beats: Heartbeats = heartbeats_of(self.here)
        self.beats.is_on = True  # without its thread: tests write the times
        self.commits = 0
        pages.database.on_commit(self._count)

    def _count(self, db: Connection) -> None:
        self.commits += 1

    def doors(self, *names: str) -> list[FakeDoor]:
        """Working kiosks at one hall, until they have shared its places."""
        doors = [self.pages.kiosk(name, "main") for name in names]
        for _ in range(3):
            self.pages.now += 1_000
            for door in doors:
                self.send(door)
        return doors

    def obey(self, door: FakeDoor) -> None:
        """Obey the feed's newest order of ordinary places."""
        with self.pages.database.reading() as db:
            rows = db.execute(
                "SELECT body FROM change WHERE kiosk = ? ORDER BY cursor", (door.kiosk,)
            ).fetchall()
        for (body,) in rows:
            change = wire.decode_change(body)
            if isinstance(change, wire.PlacesOrdered) and change.order.kind is PlaceKind.ORDINARY:
                door.granted = max(door.granted, change.order.granted)
                door.returned += max(0, min(change.order.recall - door.returned, door.free))

    def ask(self, door: FakeDoor, **changes: object) -> Exchange:
        batch = door.batch(self.pages.now, **{"health": HEALTH, **changes})
        return self.served.send(door, batch)

    def send(self, door: FakeDoor, **changes: object) -> wire.ScanAnswer:
        self.obey(door)
        exchange = self.ask(door, **changes)
        assert exchange.status == 200, exchange.answer
        answer = wire.decode(exchange.answer, wire.ScanAnswer)
        door.acked = answer.acked_seq
        return answer

    def is_quiet(self, door: FakeDoor, **changes: object) -> bool:
        """Whether the door's next request takes no transaction."""
        before = self.commits
        self.send(door, **changes)
        return self.commits == before

    def write(self, step: Callable[[Connection], object]) -> None:
        self.pages.database.write(lambda db: step(db) and None)
        self.follow()

    def follow(self) -> None:
        """Let the feed read all changes, as its thread does at once."""
        while self.here.hub.cursor < changes.cursor(self.pages.database.reader):
            self.here.hub._work()
        self.pages.database.give_back()

    def in_a_transaction(self, door: FakeDoor) -> wire.ScanAnswer:
        self.beats._known.clear()
        return self.send(door)

    def value(self, sql: str, *values: object) -> object:
        return self.pages.database.reader.execute(sql, values).fetchone()[0]


@pytest.fixture
def lane(event: Event, site: Database) -> Iterator[Lane]:
    with Pages(event, site) as pages:
        pages.issue()
        yield Lane(pages)


@pytest.fixture
def west(lane: Lane) -> FakeDoor:
    return lane.doors("west")[0]


def test_it_takes_no_transaction_and_has_the_same_answer(lane: Lane, west: FakeDoor) -> None:
    assert lane.is_quiet(west)
    quiet = lane.send(west)
    assert quiet == lane.in_a_transaction(west)
    assert quiet.orders


def test_a_scan_makes_the_next_heartbeat_quiet(lane: Lane, west: FakeDoor) -> None:
    west.scan(NOW, lane.pages.serial("A1"))
    assert not lane.is_quiet(west)
    assert lane.is_quiet(west)


@pytest.mark.parametrize(
    "news",
    [
        {"resting": True},
        {"run": "5" * 16 + "-" + "a" * 16},
        {"head": b"x" * 32},
        {"first_seq": 2},
        {"last_seq": 1},
        {"incarnation": 2},
        {"note": "x"},
        {"cosigned": wire.Cosigned(1, "x")},
        {"places": []},
        {"mark": wire.Mark(1, "another", 1, 1, bytes(64))},
    ],
    ids=lambda news: next(iter(news)),
)
def test_anything_new_takes_a_transaction(
    lane: Lane, west: FakeDoor, news: dict[str, object]
) -> None:
    before = lane.commits
    lane.ask(west, **news)
    assert lane.commits > before or lane.served.asked, news


def test_a_person_who_waits_takes_a_transaction_each_time(lane: Lane, west: FakeDoor) -> None:
    totals = wire.PlaceTotals(west.hall, west.granted, west.returned, west.free, wants=True)
    assert not lane.is_quiet(west, places=[totals])
    assert not lane.is_quiet(west, places=[totals])
    assert not lane.is_quiet(west), "it no longer waits"
    assert lane.is_quiet(west)


def test_places_left_in_the_hall_follow_the_other_doors(lane: Lane, west: FakeDoor) -> None:
    (east,) = lane.doors("east")
    lane.send(west)
    lane.send(west)
    assert lane.is_quiet(east)
    before = lane.send(east).orders[0].left
    west.scan(NOW, lane.pages.serial("A1"))
    lane.send(west)
    commits = lane.commits
    after = lane.send(east)
    assert (after.orders[0].left, lane.commits) == (before - 1, commits)
    assert facts_of(after) == facts_of(lane.in_a_transaction(east))


def stop(west: FakeDoor, db: Connection) -> None:
    registry.fence(db, "west", 1, by="test", now=NOW)


def lower(west: FakeDoor, db: Connection) -> None:
    hall_control.set_capacity(db, west.hall, 1, by="test", now=NOW)


def close_hall(west: FakeDoor, db: Connection) -> None:
    hall_control.set_closed(db, west.hall, True, by="test", now=NOW)


def grant(west: FakeDoor, db: Connection) -> None:
    key = PoolKey(west.hall)
    before = pools.load(db, key)
    after = before.grant(("west", 1), 1)
    pools.save(db, key, before, after)
    changes.publish(db, wire.PlacesOrdered(pools.order(key, after, ("west", 1)), 1), kiosk="west")


ACTS = [stop, lower, close_hall, grant]


@pytest.mark.parametrize("act", ACTS)
def test_the_next_heartbeat_has_an_act_of_staff(
    lane: Lane, west: FakeDoor, act: Callable[[FakeDoor, Connection], None]
) -> None:
    assert lane.is_quiet(west)
    lane.write(lambda db: act(west, db))
    first = lane.send(west)
    assert first.orders == lane.in_a_transaction(west).orders
    assert first.fenced is (act is stop)


@pytest.mark.parametrize("act", ACTS)
def test_the_next_heartbeat_has_an_act_of_another_process(
    lane: Lane, west: FakeDoor, act: Callable[[FakeDoor, Connection], None]
) -> None:
    """As of a command, or of another server. The feed reads it first."""
    assert lane.is_quiet(west)
    with Database(lane.pages.database.path) as other:
        other.write(lambda db: act(west, db))
    lane.follow()
    assert not lane.is_quiet(west)
    assert lane.send(west).fenced is (act is stop)


def test_a_request_is_answered_once(lane: Lane, west: FakeDoor) -> None:
    body = wire.encode(west.batch(NOW, health=HEALTH))
    scope, commits = scans(west, body), lane.commits
    assert lane.served.ask(scope, body).status == 200
    assert lane.commits == commits
    for _ in range(2):
        again = lane.served.ask(scope, body)
        assert (again.status, again.code) == (409, "replayed")
        assert wire.decode(again.answer, wire.ErrorAnswer).error.counter == west.counter
    lane.beats.write()
    assert lane.served.ask(scope, body).code == "replayed"
    assert lane.send(west)


def test_a_request_that_took_a_transaction_is_answered_once(lane: Lane, west: FakeDoor) -> None:
    """Although the next heartbeat is answered from memory."""
    body = wire.encode(west.batch(NOW, health=HEALTH, run="0000000000000002-0123456789abcdef"))
    scope, commits = scans(west, body), lane.commits
    assert lane.served.ask(scope, body).status == 200
    assert lane.commits == commits + 1
    assert lane.served.ask(scope, body).code == "replayed"


def test_times_and_health_are_written_together(lane: Lane, west: FakeDoor) -> None:
    (east,) = lane.doors("east")
    lane.send(west)
    lane.send(west)
    lane.beats.write()
    heard = lane.value("SELECT SUM(heard) FROM kiosk_minute")
    for door in (west, west, east):
        lane.pages.now += 1_000
        assert lane.is_quiet(door, health=wire.Health(battery_percent=7), cursor=2, log_size=3)
    commits = lane.commits
    lane.beats.write()
    assert lane.commits == commits + 1
    rows = lane.pages.database.reader.execute(
        "SELECT kiosk, counter, seen_at, reported_at, health, cursor, log_size FROM kiosk"
        " ORDER BY kiosk"
    ).fetchall()
    now = lane.pages.now
    for row, door, at in zip(rows, (east, west), (now, now - 1_000), strict=True):
        assert tuple(row)[:4] == (door.kiosk, door.counter, at, at)
        assert (msgspec.json.decode(row["health"])["battery_percent"], *row[5:]) == (7, 2, 3)
    assert lane.value("SELECT SUM(heard) FROM kiosk_minute") == heard + 3
    assert lane.is_quiet(west), "the write changed nothing for it"
    lane.beats.write()
    lane.beats.write()
    assert lane.commits == commits + 2, "there was nothing more to write"


def test_times_are_written_at_the_end(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        lane = Lane(pages)
        (west,) = lane.doors("west")
        lane.beats.start()
        pages.now += 5_000
        assert lane.is_quiet(west)
    assert lane.value("SELECT seen_at FROM kiosk") == pages.now
    assert not lane.beats.is_on


@pytest.mark.parametrize(
    "change",
    [
        "run = '9'",
        "counter = counter + 100",
        "acked_seq = 1",
        "old_files = 'x'",
        "state = 'retired'",
    ],
)
def test_a_row_that_differs_is_left_alone(lane: Lane, west: FakeDoor, change: str) -> None:
    """As where a copy of the kiosk's disk was heard by another server."""
    assert lane.is_quiet(west)
    lane.pages.database.write(lambda db: db.execute(f"UPDATE kiosk SET {change}") and None)
    row = "SELECT counter || run || acked_seq || state FROM kiosk"
    before = lane.value(row)
    lane.beats.write()
    assert lane.value(row) == before
    before = lane.commits
    lane.ask(west)
    assert lane.commits > before or lane.served.asked


def test_after_a_failed_write_nothing_is_known(
    lane: Lane, west: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lane.is_quiet(west)

    def fail(*_: object) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("server.doors.heartbeats._write", fail)
        with pytest.raises(DatabaseError):
            lane.beats.write()
    assert not lane.is_quiet(west)
    assert lane.is_quiet(west)


def test_a_server_that_was_superseded_is_told_so(lane: Lane, west: FakeDoor) -> None:
    assert lane.is_quiet(west)

    def supersede(db: Connection) -> None:
        db.execute(
            "INSERT INTO server_run (run, since_cursor, since_entries, started_at)"
            " VALUES ('later', 0, 0, 0)"
        )

    with Database(lane.pages.database.path) as other:
        other.write(supersede)
    if not lane.here.several:
        with pytest.raises(SupersededError):
            lane.beats.write()
        assert lane.ask(west).code == "superseded"


def test_a_mark_beyond_the_known_position_takes_a_transaction(lane: Lane, west: FakeDoor) -> None:
    mark = lane.send(west).mark
    assert lane.is_quiet(west, mark=mark)
    lane.write(lambda db: changes.publish(db, wire.NamesChanged()))
    position = lane.beats.last.position
    later = position._replace(cursor=position.cursor + 1)
    ahead = lane.here.voucher.mark(mark.incarnation, later)
    assert not lane.is_quiet(west, mark=ahead)
    assert lane.is_quiet(west, mark=mark)


def test_the_answer_s_cursor_is_the_feed_s(lane: Lane, west: FakeDoor) -> None:
    """So that a door whose feed is broken knows that its facts grow old."""
    lane.write(lambda db: changes.publish(db, wire.NamesChanged()))
    commits = lane.commits
    assert lane.send(west).cursor == changes.cursor(lane.pages.database.reader)
    assert lane.commits == commits


def test_halls_without_news_are_shared_now_and_then(lane: Lane, west: FakeDoor) -> None:
    """Rates fade, doors become silent, and places are released at a time."""
    shared = []
    share = grants.share
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            grants, "share", lambda db, hall, *more, **and_more: (
                shared.append(hall), share(db, hall, *more, **and_more)
            )[1],
        )  # fmt: skip
        for _ in range(3):
            lane.pages.now += 1_000
            assert lane.is_quiet(west)
            lane.beats.write()
        assert shared == [west.hall]
        lane.pages.now += int(SHARE_S * 1000)
        assert lane.is_quiet(west)
        lane.beats.write()
        assert shared == [west.hall] * 2


def test_a_door_that_moved_gets_the_orders_of_its_new_hall(lane: Lane, west: FakeDoor) -> None:
    door_id, hall_id = lane.pages.database.reader.execute(
        "SELECT door_id, hall_id FROM door WHERE code = 'green-door'"
    ).fetchone()
    assert lane.is_quiet(west)
    lane.write(lambda db: relocation.move(db, ("west", 1), door_id, by="test", now=NOW))
    assert hall_id in {order.hall for order in lane.send(west).orders}


@pytest.mark.parametrize("seed", tries.seeds(6))
def test_random_days(lane: Lane, seed: int) -> None:
    """Each answer from memory has the facts that the database has at that moment."""
    dice = random.Random(seed)
    doors = lane.doors("k0", "k1", "k2", "k3")
    inside: list[tuple[int, StayRef]] = []
    quiet = 0
    serials = iter(range(10_000))
    for _ in range(120):
        lane.pages.now += dice.choice((100, 2_000, 9_000))
        door = dice.choice(doors)
        act = dice.random()
        if act < 0.2 and door.free > 0:
            serial = next(serials)
            inside.append((serial, door.ref(door.scan(lane.pages.now, serial))))
        elif act < 0.3 and inside:
            door.leave(lane.pages.now, *inside.pop(dice.randrange(len(inside))))
        elif act < 0.35:
            capacity = dice.randint(1, 60)
            lane.write(
                lambda db, n=capacity: hall_control.set_capacity(
                    db, doors[0].hall, n, by="test", now=lane.pages.now
                )
            )
        elif act < 0.4:
            closed = dice.random() < 0.5
            lane.write(
                lambda db, on=closed: hall_control.set_closed(
                    db, doors[0].hall, on, by="test", now=lane.pages.now
                )
            )
        elif act < 0.5:
            lane.beats.write()
        commits = lane.commits
        answer = lane.send(door)
        if lane.commits == commits:
            quiet += 1
            assert facts_of(answer) == facts_in_database(lane, door)
    assert quiet > 10


def facts_of(answer: wire.ScanAnswer) -> tuple[object, ...]:
    orders = [msgspec.structs.replace(order, signature=b"") for order in answer.orders]
    return answer.acked_seq, answer.fenced, answer.incarnation, answer.cursor, orders


def facts_in_database(lane: Lane, door: FakeDoor) -> tuple[object, ...]:
    with lane.pages.database.reading() as db:
        sender, _ = contact.sender(db, door.kiosk, door.generation)
        orders = pools.orders_for(db, sender.key, lane.pages.now)
        state = sender.standing.state
        return (
            sender.acked_seq, sender.state != "active", state.incarnation, changes.cursor(db),
            orders,
        )  # fmt: skip


def test_texts_of_the_health_are_made_whole(lane: Lane, west: FakeDoor) -> None:
    health = wire.Health(version="1\0", camera_fault="Jose\u0301")
    assert lane.is_quiet(west, health=health)
    lane.beats.write()
    stored = lane.value("SELECT health FROM kiosk WHERE kiosk = ?", west.kiosk)
    assert isinstance(stored, str)
    kept = msgspec.json.decode(stored, type=wire.Health)
    assert (kept.version, kept.camera_fault) == ("1", "José")
