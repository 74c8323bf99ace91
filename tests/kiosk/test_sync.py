"""Sync and feed against a small server, over real sockets."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from badges import wire
from badges.admission import Denied, Direction, Reason
from badges.record import StayRef, WireError
from kiosk.admit import Admitter
from kiosk.feed import Event, Feed, parse_events
from kiosk.journal import ForkError, OldServerError
from kiosk.link import Link
from kiosk.signer import Signer
from kiosk.sync import Sync
from kiosk.transport import Transport
from tests.kiosk.door import (
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    Clock,
    Door,
    badge,
    credential,
    hall_facts,
    key_of,
    sealed_name,
    stay_of,
)
from tests.kiosk.fake_event import FakeEvent
from tests.kiosk.fake_server import error_reply

SERIAL = 77


class Online:
    """A door with its threads to the server."""

    def __init__(self, door: Door, event: FakeEvent) -> None:
        self.door = door
        self.link = Link(lambda: door.clock.wall)
        signer = Signer(KIOSK, GENERATION, KIOSK_KEY, door.journal.next_counter)
        self.transport = Transport(event, signer, answer_s=2.0)
        self.sync = Sync(
            door.journal,
            door.replica,
            self.transport,
            self.link,
            clock=lambda: door.clock.wall,
            on_restored=lambda: self.feed.refresh(),
            heartbeat_s=0.1,
            back_off_s=(0.05, 0.2),
        )
        self.feed = Feed(
            door.journal,
            door.replica,
            self.transport,
            self.link,
            on_back=self.sync.network_is_back,
            on_returned=self.sync.wake,
            on_restored=self.sync.restored,
            back_off_s=(0.05, 0.2),
            silence_s=1.0,
            poll_s=0.3,
        )
        self.admitter = Admitter(door.journal, door.replica, ask_for_place=self.sync.ask_for_place)

    def start(self) -> None:
        self.sync.start()
        self.feed.start()
        self.until(lambda: self.link.state.feed_live and self.link.state.online)

    def close(self) -> None:
        self.feed.close()
        self.sync.close(within_s=1.0)
        self.transport.close()

    def present(self, serial: int, direction: Direction = Direction.ENTRY):
        answer = self.admitter.present(badge(serial), at=self.door.clock.wall, direction=direction)
        self.sync.wake()
        return answer

    def until(self, condition: Callable[[], object], timeout_s: float = 8.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; {self.link.state}"
            time.sleep(0.01)

    def settled(self) -> None:
        self.until(lambda: self.door.journal.state().waiting == 0)


@pytest.fixture
def event(tmp_path: Path):
    event = FakeEvent(tmp_path)
    event.grant(5)
    yield event
    event.close()


@pytest.fixture
def fresh(tmp_path: Path, clock: Clock, event: FakeEvent):
    """Enrolled, and never online yet."""
    (tmp_path / "kiosk").mkdir()
    door = Door(tmp_path / "kiosk", clock)
    online = Online(door, event)
    yield online
    online.close()
    door.close()


@pytest.fixture
def online(fresh: Online) -> Online:
    fresh.start()
    return fresh


def test_it_works(online: Online, event: FakeEvent) -> None:
    event.names.extend(sealed_name(serial, "Mei Lin") for serial in (SERIAL, 1, 2))
    event.publish(wire.NamesChanged())
    signature = credential(SERIAL).signature
    online.until(lambda: online.door.replica.name_of(signature))
    answer = online.present(SERIAL)
    assert answer.admitted
    assert answer.free_places == 4
    online.settled()
    assert [record.serial for record in event.scans()] == [SERIAL]
    assert event.books.pool.open_stays == 1


def test_a_committed_scan_is_sent_at_once(online: Online, event: FakeEvent) -> None:
    online.sync._heartbeat_s = 30.0
    online.until(lambda: len(event.batches) >= 2)
    online.present(SERIAL)
    online.until(lambda: event.scans(), timeout_s=2.0)


def test_heartbeats_carry_health_and_totals(online: Online, event: FakeEvent) -> None:
    online.sync._health = lambda: wire.Health(version="1.2", queue=3)
    online.until(lambda: event.batches and event.batches[-1].health.version == "1.2")
    (totals,) = event.batches[-1].places
    assert (totals.hall, totals.granted, totals.free, totals.wants) == (HALL, 5, 5, False)
    assert event.batches[-1].records == []


def test_large_queues_go_in_batches(fresh: Online, event: FakeEvent, monkeypatch) -> None:
    fresh.door.load(orders=[])
    fresh.door.grant(20)
    fresh.sync._limit = 7
    for serial in range(20):
        fresh.admitter.present(badge(serial), at=NOON)
    fresh.start()
    fresh.settled()
    assert [len(b.records) for b in event.batches if b.records] == [7, 7, 6]
    assert [record.seq for record in event.scans()] == list(range(1, 21))


def test_an_exit_before_the_entry_was_sent_is_gone(fresh: Online, event: FakeEvent) -> None:
    fresh.door.load()
    fresh.door.grant(5)
    fresh.present(SERIAL)
    fresh.present(SERIAL, Direction.EXIT)
    fresh.start()
    fresh.settled()
    fresh.until(lambda: event.batches[-1].places)
    assert event.books.pool.open_stays == 0
    assert event.books.pool.worst_case == 5, "the place is at the door again"


class TestPlaces:
    def test_a_recall_by_the_feed_is_answered_at_once(
        self, online: Online, event: FakeEvent
    ) -> None:
        online.sync._heartbeat_s = 30.0
        event.grant(0, recall=3)
        online.until(lambda: event.books.pool.worst_case == 2, timeout_s=3.0)
        assert online.door.free() == 2

    def test_a_full_door_asks_and_gets(self, online: Online, event: FakeEvent) -> None:
        event.grant(0, recall=5)
        online.until(lambda: event.books.pool.worst_case == 0)
        assert online.present(SERIAL).admitted
        assert event.books.pool.worst_case == 1

    def test_a_full_hall_is_full(self, online: Online, event: FakeEvent) -> None:
        event.grant(0, recall=5)
        online.until(lambda: event.books.pool.worst_case == 0)
        with event.lock:
            event.books.pool = event.books.pool.__class__(
                0, kiosks=event.books.pool.kiosks, open_stays=0
            )
        assert online.present(SERIAL).decision == Denied(Reason.HALL_FULL)
        online.until(lambda: any(t.wants for b in event.batches for t in b.places))

    def test_fenced_is_for_good(self, online: Online, event: FakeEvent) -> None:
        with event.lock:
            event.fenced = True
        online.until(lambda: online.door.journal.state().fenced)
        assert online.present(SERIAL).decision == Denied(Reason.KIOSK_RETIRED)
        online.settled()
        assert event.books.pool.worst_case == 0, "it has given its places back"

    def test_retired_by_the_feed(self, online: Online, event: FakeEvent) -> None:
        event.publish(wire.KioskRetired(GENERATION - 1))
        event.publish(wire.HolderChanged(wire.HolderFacts(1, 2, False)))
        online.until(lambda: online.door.replica.holder(1) == (2, False))
        assert not online.door.journal.state().fenced, "that was its predecessor"
        event.publish(wire.KioskRetired(GENERATION))
        online.until(lambda: online.door.journal.state().fenced)


class TestFeed:
    def test_changes_reach_the_door(self, online: Online, event: FakeEvent) -> None:
        event.publish(wire.StayOpened(stay_of("south-1", 4, SERIAL), HALL))
        online.until(lambda: online.door.replica.stays(SERIAL))
        assert online.present(SERIAL).decision.reason is Reason.ALREADY_INSIDE

    def test_a_changed_venue_is_fetched(self, online: Online, event: FakeEvent) -> None:
        event.facts["hall"] = hall_facts(closed=True)
        event.publish(wire.VenueChanged())
        online.until(lambda: online.door.replica.venue.hall.closed)
        online.until(lambda: online.link.state.feed_live)

    def test_a_broken_feed_is_picked_up_where_it_broke(
        self, online: Online, event: FakeEvent
    ) -> None:
        snapshots = sum(request.target == "/api/replica" for request in event.requests)
        event._server.drop_connections()
        event.publish(wire.HolderChanged(wire.HolderFacts(SERIAL, 2, True)))
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))
        after = sum(request.target == "/api/replica" for request in event.requests)
        assert after == snapshots

    def test_what_the_feed_has_forgotten_comes_as_a_snapshot(
        self, online: Online, event: FakeEvent
    ) -> None:
        event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
        with event.lock:
            event.cursor += 100
            event.changes.clear()
        event._server.drop_connections()
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))

    def test_a_stay_that_ended_while_the_feed_was_away(
        self, online: Online, event: FakeEvent
    ) -> None:
        online.present(SERIAL)
        online.settled()
        with event.lock:
            event.books.stays.clear()
            event.cursor += 100
            event.changes.clear()
        event._server.drop_connections()
        online.until(lambda: online.door.replica.is_ended(1))
        assert online.present(SERIAL).admitted

    def test_a_silent_feed_is_replaced_by_snapshots(self, online: Online, event: FakeEvent) -> None:
        """Something between swallows streams: batches get through, changes do not."""
        event.mute_feed = True
        event._server.drop_connections()
        event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True), timeout_s=12)
        assert not online.link.state.feed_live

    def test_facts_stay_fresh_while_nothing_changes(self, online: Online, event: FakeEvent) -> None:
        online.door.clock.pass_ms(60_000)
        online.until(lambda: online.door.replica.age_ms() == 0)

    def test_and_age_while_nothing_comes(self, online: Online, event: FakeEvent) -> None:
        event.close()
        online.until(lambda: not online.link.state.online and not online.link.state.feed_live)
        online.door.clock.pass_ms(60_000)
        time.sleep(0.3)
        assert online.door.replica.age_ms() == 60_000
        assert online.link.state.offline_since == NOON


class TestEvents:
    def test_are_parsed(self) -> None:
        change = wire.encode_change(wire.NamesChanged())
        lines = [": open", "", "id: 5", f"data: {change}", "", "retry: 3", "", f"data:{change}"]
        assert list(parse_events(lines)) == [None, Event(5, wire.NamesChanged())]

    @pytest.mark.parametrize(
        "lines",
        [
            ["data: {}", ""],
            ["id: 1", "data: {}", ""],
            ["id: -1", 'data: {"type": "names"}', ""],
            ["id: 1", 'data: {"type": "unheard of"}', ""],
        ],
    )
    def test_and_nonsense_is_refused(self, lines: list[str]) -> None:
        with pytest.raises(WireError):
            list(parse_events(lines))


class TestTrouble:
    def test_a_server_that_comes_back(self, online: Online, event: FakeEvent, tmp_path) -> None:
        event.close()
        online.until(lambda: not online.link.state.online)
        assert online.present(SERIAL).admitted, "offline with places of its own"
        again = FakeEvent(tmp_path, port=event.port)
        again.books = event.books
        again.counter = event.counter
        online.settled()
        online.until(lambda: online.link.state.feed_live)
        assert online.link.state.trouble == ""
        again.close()

    def test_a_restored_server_gets_everything_again(
        self, online: Online, event: FakeEvent
    ) -> None:
        event.names.append(sealed_name(SERIAL, "Mei Lin"))
        online.present(1)
        online.settled()
        backup = event.backup()
        online.present(2)
        online.present(1, Direction.EXIT)
        online.settled()
        event.restore(backup)
        event._server.drop_connections()
        online.until(lambda: len(event.scans()) == 3)
        online.until(lambda: not event.books.pool.awaited)
        online.until(lambda: online.door.replica.cursor == event.cursor)
        assert online.door.journal.state().incarnation == 2
        assert event.books.pool.open_stays == 1
        assert event.books.pool.worst_case == 4, "one has left"
        online.until(lambda: online.door.replica.name_of(credential(SERIAL).signature))
        assert "had" in online.link.state.log_alarm or online.door.journal.witness.evidence()

    def test_an_older_server_is_told_loudly(self, online: Online, event: FakeEvent) -> None:
        online.door.grant(5, incarnation=9)
        online.until(lambda: "number 9" in online.link.state.refused)
        assert online.present(SERIAL).admitted
        with pytest.raises(OldServerError):
            online.sync.exchange()

    def test_a_fork_is_told_loudly_and_the_door_goes_on(
        self, online: Online, event: FakeEvent
    ) -> None:
        with event.lock:
            event.books.records = [b"of another life"] * 9
        online.until(lambda: "9 scans" in online.link.state.refused)
        assert online.present(SERIAL).admitted
        assert online.door.journal.state().last_seq == 1
        with pytest.raises(ForkError):
            online.sync.exchange()

    def test_a_refusal_is_shown_and_nothing_is_lost(self, online: Online, event: FakeEvent) -> None:
        event.spoil = lambda request: (
            error_reply(400, "malformed") if request.method == "POST" else None
        )
        online.present(SERIAL)
        online.until(lambda: online.link.state.refused == "no: malformed")
        assert online.door.journal.state().waiting == 1
        event.spoil = lambda request: None
        online.settled()
        online.until(lambda: online.link.state.refused == "")

    def test_too_large_is_halved(self, fresh: Online, event: FakeEvent) -> None:
        fresh.door.load(orders=[])
        fresh.door.grant(20)
        for serial in range(20):
            fresh.admitter.present(badge(serial), at=NOON)
        event.spoil = lambda request: (
            error_reply(413, "too_large") if request.body.count(b'"seq"') > 4 else None
        )
        fresh.start()
        fresh.settled()
        assert len(event.scans()) == 20

    def test_unusable_facts_are_told_and_the_old_ones_stay(
        self, online: Online, event: FakeEvent
    ) -> None:
        event.facts["time_zone"] = "Mars/Olympus"
        event.publish(wire.VenueChanged())
        online.until(lambda: "time zone" in online.link.state.feed_trouble)
        assert online.present(SERIAL).admitted


class TestLog:
    def test_a_growing_log_is_verified(self, online: Online, event: FakeEvent) -> None:
        for serial in range(4):
            online.present(serial)
            online.settled()
        online.until(lambda: event.batches[-1].log_size == 4)
        assert online.link.state.log_alarm == ""
        online.sync.close()
        newest = online.door.journal.witness.newest()
        assert newest is not None
        assert newest.size == 4

    @pytest.mark.parametrize("how", ["shrinks", "differs", "another key"])
    def test_a_log_that_is_not_what_it_was(
        self, online: Online, event: FakeEvent, how: str
    ) -> None:
        for serial in range(3):
            online.present(serial)
        online.settled()
        online.until(lambda: event.batches[-1].log_size == 3)
        with event.lock:
            if how == "shrinks":
                event.books.leaves.pop()
            elif how == "differs":
                event.books.leaves[1] = bytes(32)
            else:
                event.spoil_note = lambda note: note.replace("\n3\n", "\n30\n")
        online.until(lambda: "not the one that this kiosk knew" in online.link.state.log_alarm)
        (evidence,) = online.door.journal.witness.evidence()
        assert evidence.old_note
        assert evidence.new_note
        assert online.present(SERIAL).admitted
        online.settled()


def test_the_clock_s_error_is_measured(online: Online, event: FakeEvent) -> None:
    with event.lock:
        event.now = NOON - 90_000
    online.until(lambda: online.link.state.skew_ms == 90_000)


def test_closing_sends_what_waits(online: Online, event: FakeEvent) -> None:
    online.sync._heartbeat_s = 30.0
    online.admitter.present(badge(SERIAL), at=NOON)
    assert online.sync.close(within_s=2.0)
    assert len(event.scans()) == 1


def test_closing_does_not_wait_for_a_server_that_is_silent(
    online: Online, event: FakeEvent
) -> None:
    silence = threading.Event()
    event.spoil = lambda request: silence.wait(5) and None
    online.present(SERIAL)
    time.sleep(0.1)
    began = time.monotonic()
    assert not online.sync.close(within_s=0.3)
    assert time.monotonic() - began < 2
    silence.set()


def test_another_event_s_server_is_of_no_use(online: Online, event: FakeEvent) -> None:
    event.facts["ring"] = key_of("x").seed * 4
    event.publish(wire.VenueChanged())
    online.until(lambda: "signature" in online.link.state.feed_trouble)
    assert StayRef(KIOSK, GENERATION, 1)
    assert online.present(SERIAL).admitted
