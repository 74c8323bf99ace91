"""Venue edits, from the database to a kiosk's replica."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from badges.wire import wire
from badges.wire.venue_edit import venue_of
from kiosk.replica.replica import Replica
from server.core.edits.things import Thing, values_of
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.feed.hub import Hub
from server.core.feed.subscription import Subscription
from server.core.kiosks import addresses, snapshot
from server.core.kiosks.venue_edits import VenueEdits
from server.core.occupancy import hall_control
from server.core.people import attendees
from server.core.staff import pins, users
from server.core.venue import kept_places, store
from server.features.editing import guests, venue_edit
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.tries import tries

KIOSKS = {1: "main", 2: "west", 3: "green"}  # by door
HALL_1, WEST = 2, 2
MINUTE = 60_000
BY = "test"


@pytest.fixture
def venue(site: Database) -> Database:
    """The site with a kiosk at each door, and two users with PINs."""

    def enrol(db: Connection) -> None:
        for door, kiosk in KIOSKS.items():
            db.execute(
                "INSERT INTO kiosk (kiosk, generation, door_id, state, created_at)"
                " VALUES (?, 1, ?, 'active', 0)",
                (kiosk, door),
            )
        for name in ("Mei", "Omar"):
            hashed = users.hash_password("long enough a password")
            users.add_user(db, name, "supervisor", hashed, by=BY, now=NOW)

    site.write(enrol)
    return site


def facts(db: Connection, event: Event, door: int, now: int) -> wire.Snapshot:
    return snapshot.snapshot(
        db, event, (KIOSKS[door], 1), door, now,
        programme=True, days=True, salted=True, servers=True,
    )  # fmt: skip


class Venue:
    """Makes random edits of the venue, each by one function of the store."""

    def __init__(self, database: Database, event: Event, dice: random.Random) -> None:
        self.event, self.dice, self.now = event, dice, NOW
        self.settings = event.settings
        query = "SELECT serial FROM attendee ORDER BY serial"
        self.serials = [row[0] for row in database.reader.execute(query)]

    def edit(self, db: Connection) -> None:
        edits: list[Callable[[Connection], object]] = [
            self.pin, self.no_pin, self.disable, self.enable, self.capacity, self.close, self.thing,
            self.thing, self.thing, self.guest, self.speaker, self.rename, self.kept, self.servers,
            self.new_door, self.drop_session,
        ]  # fmt: skip
        self.dice.choice(edits)(db)

    def word(self) -> str:
        return self.dice.choice(["Tides", "Currents", "Waves"])

    def user(self, db: Connection) -> users.User:
        return self.dice.choice(
            [person for person in users.users(db) if person.role == "supervisor"]
        )

    def pin(self, db: Connection) -> None:
        user = self.user(db)
        if not user.disabled:
            pins.set_pin(db, user.user_id, self.word(), by=BY, now=self.now)

    def no_pin(self, db: Connection) -> None:
        pins.remove_pin(db, self.user(db).user_id, by=BY, now=self.now)

    def disable(self, db: Connection) -> None:
        users.disable_user(db, self.user(db).user_id, by=BY, now=self.now)

    def enable(self, db: Connection) -> None:
        users.enable_user(db, self.user(db).user_id, by=BY, now=self.now)

    def capacity(self, db: Connection) -> None:
        hall_control.set_capacity(db, HALL_1, self.dice.randrange(90, 100), by=BY, now=self.now)

    def close(self, db: Connection) -> None:
        hall, closed = self.dice.choice([1, 2, 3]), self.dice.random() < 0.5
        hall_control.set_closed(db, hall, closed, by=BY, now=self.now)

    def thing(self, db: Connection) -> None:
        code, changed = self.dice.choice(
            [
                ("hall h1", {"name": self.word()}),
                ("hall site", {"anti_passback": self.dice.choice(["off", "soft", "hard"])}),
                ("hall green", {"accessible_places": self.dice.choice(["0", "2"])}),
                ("door h1-west", {"name": self.word()}),
                ("door green-door", {"mode": self.dice.choice(["entry", "both"])}),
                ("session opening", {"title": self.word()}),
                ("session press", {"title": self.word()}),
                ("category press", {"name": self.word()}),
            ]
        )
        thing = Thing(*code.split())
        values = values_of(db, thing, ZoneInfo(self.settings.time_zone))
        if values is not None:
            venue_edit.put(db, self.settings, thing, {**values, **changed}, by=BY, now=self.now)

    def session(self, db: Connection) -> store.SessionRow | None:
        sessions = store.sessions(db)
        return self.dice.choice(sessions) if sessions else None

    def guest(self, db: Connection) -> None:
        session = self.session(db)
        if session is not None:
            invited = self.dice.choice([True, False, None])
            serial = self.dice.choice(self.serials)
            guests.put_guest(db, session.session_id, serial, invited, by=BY, now=self.now)

    def speaker(self, db: Connection) -> None:
        session = self.session(db)
        if session is not None:
            db.execute("DELETE FROM session_speaker WHERE session_id = ?", (session.session_id,))
            db.execute(
                "INSERT INTO session_speaker (session_id, position, label, name, serial, role)"
                " VALUES (?, 0, '', '', ?, 'speaker')",
                (session.session_id, self.dice.choice(self.serials)),
            )
            changes.publish(db, wire.VenueChanged())

    def rename(self, db: Connection) -> None:
        serial = self.dice.choice(self.serials)
        values = {"family_name": self.word()}
        attendees.change_attendee(db, serial, values, by=BY, now=self.now)

    def kept(self, db: Connection) -> None:
        kind = self.dice.choice(["wheelchair", None])
        kept_places.put(db, [(self.dice.choice(self.serials), kind)], by=BY, now=self.now)

    def servers(self, db: Connection) -> None:
        port = self.dice.randrange(8000, 8003)
        address = addresses.ServerAddress("server.example", port)
        addresses.set_servers(db, self.event, [address], by=BY, now=self.now)

    def new_door(self, db: Connection) -> None:
        values = {"code": self.word(), "hall": "h1", "name": "New", "from": "site"}
        venue_edit.put(
            db, self.settings, Thing("door", values["code"]), values, by=BY, now=self.now
        )

    def drop_session(self, db: Connection) -> None:
        session = self.session(db)
        if session is not None and self.dice.random() < 0.3:
            store.remove_session(db, session.session_id, by=BY, now=self.now)


class Door:
    """A kiosk's replica that reads its feed by hand and counts its snapshots."""

    def __init__(self, path: Path, event: Event, database: Database, hub: Hub, door: int) -> None:
        self.event, self.database, self.hub, self.door = event, database, hub, door
        self.replica = Replica(path / f"{door}.db", KIOSKS[door], 1, event.root_key.public)
        self.snapshots = 0
        self.subscription: Subscription | None = None

    def refresh(self, now: int) -> None:
        """Take a snapshot, and follow the feed from there."""
        if self.subscription is not None:
            self.hub.unsubscribe(self.subscription)
        with self.database.reading() as db:
            taken = facts(db, self.event, self.door, now)
        self.replica.load(taken)
        self.snapshots += 1
        self.subscription = self.hub.subscribe(
            taken.cursor,
            hall_id=taken.hall.hall,
            kiosk=KIOSKS[self.door],
            generation=1,
            outer=[outer.hall.hall for outer in taken.outer_facts],
            door_id=self.door,
        )

    def hear(self, now: int) -> None:
        """Apply all changes up to the newest, as `kiosk/sync/changes.py` does."""
        assert self.subscription is not None
        for item in self.subscription.take_all(0):
            change = wire.decode_change(item.body)
            if isinstance(change, wire.VenueChanged):
                return self.refresh(now)
            if isinstance(change, wire.VenueEdited):
                self.replica.edit(change, item.cursor)
            else:
                self.replica.apply(change, item.cursor)
        return None

    def has_the_facts_of_a_snapshot(self, now: int) -> bool:
        (body,) = self.replica._reader.execute("SELECT body FROM snapshot").fetchone()
        with self.database.reading() as db:
            expected = facts(db, self.event, self.door, now)
        return venue_of(wire.decode(body, wire.Snapshot), now) == venue_of(expected, now)


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(venue: Database, event: Event, clock: Clock) -> Iterator[Hub]:
    opened = Hub(venue, edits=VenueEdits(event, clock))
    yield opened
    opened.close()


def deliver(hub: Hub) -> None:
    """Deliver all committed changes, and read the facts of new doors, as the hub's thread does."""
    hub._work()


@pytest.fixture
def doors(
    tmp_path: Path, event: Event, venue: Database, hub: Hub, clock: Clock
) -> Iterator[list[Door]]:
    with ExitStack() as replicas:
        kiosks = [Door(tmp_path, event, venue, hub, door) for door in KIOSKS]
        for door in kiosks:
            replicas.enter_context(door.replica)
            door.refresh(clock.now)
        deliver(hub)
        yield kiosks


def test_random_edits_leave_replicas_with_the_facts_of_a_snapshot(
    doors: list[Door], venue: Database, event: Event, hub: Hub, clock: Clock
) -> None:
    seed = tries.first_seed()
    edits = Venue(venue, event, random.Random(seed))
    for step in range(tries(160)):
        clock.now = edits.now = clock.now + edits.dice.randrange(3 * MINUTE)
        venue.write(edits.edit)
        deliver(hub)
        for door in doors:
            door.hear(clock.now)
            assert door.has_the_facts_of_a_snapshot(clock.now), (seed, step, door.door)
    # No edit above needs another snapshot.
    assert [door.snapshots for door in doors] == [1, 1, 1]


def bodies(subscription: Subscription) -> list[str]:
    return [type(wire.decode_change(item.body)).__name__ for item in subscription.take_all(0)]


def listen(hub: Hub, venue: Database, door_id: int | None, name: str = "west") -> Subscription:
    newest = changes.cursor(venue.reader)
    return hub.subscribe(
        newest, hall_id=HALL_1, kiosk=name, generation=1, outer=[], door_id=door_id
    )


def set_pin(database: Database, pin_hash: str = "hash") -> None:
    database.write(lambda db: pins.set_pin(db, 1, pin_hash, by=BY, now=NOW))


def test_an_earlier_kiosk_takes_a_snapshot(hub: Hub, venue: Database) -> None:
    earlier, later = listen(hub, venue, None, "old"), listen(hub, venue, WEST)
    deliver(hub)
    set_pin(venue)
    deliver(hub)
    assert (bodies(earlier), bodies(later)) == (["VenueChanged"], ["VenueEdited"])


def test_a_kiosk_that_missed_an_edit_takes_a_snapshot(hub: Hub, venue: Database) -> None:
    start = changes.cursor(venue.reader)
    listening = listen(hub, venue, WEST)
    deliver(hub)
    set_pin(venue)
    deliver(hub)
    assert bodies(listening) == ["VenueEdited"]
    late = hub.subscribe(start, hall_id=HALL_1, kiosk="late", generation=1, door_id=WEST)
    assert bodies(late) == ["VenueChanged"]


def test_an_edit_of_one_hall_reaches_its_doors_alone(
    doors: list[Door], venue: Database, hub: Hub
) -> None:
    venue.write(lambda db: hall_control.set_closed(db, 3, True, by=BY, now=NOW))
    deliver(hub)
    heard = [door.subscription.take_all(0) for door in doors]
    assert [len(items) for items in heard] == [0, 0, 1]


def test_a_door_that_leads_into_other_halls_now_needs_a_snapshot(hub: Hub, venue: Database) -> None:
    west = listen(hub, venue, WEST)
    deliver(hub)

    def nest(db: Connection) -> None:
        db.execute("UPDATE door_from SET said = 1, from_id = NULL WHERE door_id = ?", (WEST,))
        changes.publish(db, wire.VenueChanged())

    venue.write(nest)
    deliver(hub)
    assert bodies(west) == ["VenueChanged"]


def test_a_door_that_is_removed_needs_a_snapshot(hub: Hub, venue: Database) -> None:
    gone = listen(hub, venue, 99)
    deliver(hub)
    set_pin(venue)
    deliver(hub)
    assert bodies(gone) == ["VenueChanged"]


def test_facts_that_cannot_be_read_are_taken_as_a_snapshot(
    hub: Hub, venue: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    west = listen(hub, venue, WEST)
    deliver(hub)
    monkeypatch.setattr("server.core.kiosks.venue_edits.VenueReader.door", None)
    set_pin(venue)
    deliver(hub)
    assert bodies(west) == ["VenueChanged"]
    assert "an edit of the venue was not found" in caplog.text


def test_edits_keep_their_order_among_other_changes(hub: Hub, venue: Database) -> None:
    west = listen(hub, venue, WEST)
    deliver(hub)
    for number in range(20):
        set_pin(venue, f"hash {number}")
        venue.write(lambda db: changes.publish(db, wire.NamesChanged()))
    deliver(hub)
    assert bodies(west) == ["VenueEdited", "NamesChanged"] * 20
