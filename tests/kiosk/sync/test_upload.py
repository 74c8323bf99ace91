"""Uploads and answers with a small server, over real sockets."""

import threading

import pytest

from badges.admission.facts import Denied, Direction, Reason
from badges.record import StayRef
from badges.wire import wire
from kiosk.door import admit
from kiosk.journal.errors import ForkError, OldServerError
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    badge,
    credential,
    key_of,
    sealed_name,
)
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.fake_server import Request, error_reply
from tests.kiosk.support.online import Online

SERIAL = 77


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
    online.sync.heartbeat_s = 120.0
    sent = len(event.batches)
    online.sync.wake()
    online.until(lambda: len(event.batches) > sent)  # then it sleeps for this long
    online.present(SERIAL)
    online.until(lambda: event.scans())


def test_heartbeats_carry_health_and_totals(online: Online, event: FakeEvent) -> None:
    online.health = lambda: wire.Health(version="1.2", queue=3)
    online.until(lambda: event.batches and event.batches[-1].health.version == "1.2")
    (totals,) = event.batches[-1].places
    assert (totals.hall, totals.granted, totals.free, totals.wants) == (HALL, 5, 5, False)
    assert event.batches[-1].records == []


def test_large_queues_go_in_batches(fresh: Online, event: FakeEvent, monkeypatch) -> None:
    fresh.door.load(orders=[])
    fresh.door.grant(20)
    fresh.sync.limit = 7
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
        online.sync.heartbeat_s = 120.0
        event.grant(0, recall=3)
        online.until(lambda: event.books.pool.worst_case == 2)
        assert online.door.free() == 2

    def test_a_full_door_asks_and_gets(self, online: Online, event: FakeEvent) -> None:
        event.grant(0, recall=5)
        online.until(lambda: event.books.pool.worst_case == 0)
        assert online.present(SERIAL).admitted
        assert event.books.pool.worst_case == 1

    def test_a_full_hall_is_full(
        self, online: Online, event: FakeEvent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(admit, "PLACE_WAIT_S", 0.2)
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
        assert "had" in str(online.link.state.log_alarm) or online.door.journal.witness.evidence()

    def test_an_older_server_is_an_alarm(self, online: Online, event: FakeEvent) -> None:
        online.door.grant(5, incarnation=9)
        online.until(lambda: "number 9" in str(online.link.state.refused))
        assert online.present(SERIAL).admitted
        with pytest.raises(OldServerError):
            online.sync.exchange()

    def test_a_fork_is_an_alarm_and_the_door_goes_on(
        self, online: Online, event: FakeEvent
    ) -> None:
        with event.lock:
            event.books.records = [b"of another life"] * 9
        online.until(lambda: "9 scans" in str(online.link.state.refused))
        assert online.present(SERIAL).admitted
        assert online.door.journal.state().last_seq == 1
        with pytest.raises(ForkError):
            online.sync.exchange()

    def test_a_refusal_is_shown_and_nothing_is_lost(self, online: Online, event: FakeEvent) -> None:
        event.spoil = lambda request: (
            error_reply(400, "malformed") if request.method == "POST" else None
        )
        online.present(SERIAL)
        online.until(lambda: str(online.link.state.refused) == "no: malformed")
        assert online.door.journal.state().waiting == 1
        event.spoil = lambda request: None
        online.settled()
        online.until(lambda: online.link.state.refused is None)

    @pytest.mark.parametrize(
        ("status", "code", "message"),
        [(507, "disk_full", "disk is full"), (503, "disk_read_only", "can't be written")],
    )
    def test_a_full_disk_of_the_servers_is_shown_and_ends_with_it(
        self, online: Online, event: FakeEvent, status: int, code: str, message: str
    ) -> None:
        event.spoil = lambda request: (
            error_reply(status, code, retry=True) if request.method == "POST" else None
        )
        online.present(SERIAL)
        online.until(lambda: message in str(online.link.state.server_ails))
        assert online.link.state.refused is None
        assert online.door.journal.state().waiting == 1
        event.spoil = lambda request: None
        online.settled()
        online.until(lambda: online.link.state.server_ails is None)

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

    def test_unusable_facts_are_reported_and_the_old_ones_stay(
        self, online: Online, event: FakeEvent
    ) -> None:
        event.facts["time_zone"] = "Mars/Olympus"
        event.publish(wire.VenueChanged())
        online.until(lambda: "time zone" in online.link.state.feed_trouble)
        assert online.present(SERIAL).admitted


def test_the_clock_s_error_is_measured(online: Online, event: FakeEvent) -> None:
    with event.lock:
        event.now = NOON - 90_000
    online.until(lambda: online.link.state.skew_ms == 90_000)


def test_closing_sends_waiting_scans(online: Online, event: FakeEvent) -> None:
    online.sync.heartbeat_s = 30.0
    online.admitter.present(badge(SERIAL), at=NOON)
    assert online.sync.close(within_s=240.0)
    assert len(event.scans()) == 1


def test_closing_does_not_wait_for_a_server_that_is_silent(
    online: Online, event: FakeEvent
) -> None:
    asked, silence = threading.Event(), threading.Event()

    def say_nothing(request: Request) -> None:
        if request.target == "/api/scans":
            asked.set()
            silence.wait(240)

    online.transport._answer_s = 3600.0
    event._server.drop_connections()  # the time limit of the next one
    online.until(lambda: online.link.state.online and online.link.state.feed_live)
    event.spoil = say_nothing
    online.present(SERIAL)
    assert asked.wait(240)
    assert not online.sync.close(within_s=0.05)
    silence.set()


def test_another_event_s_server_is_of_no_use(online: Online, event: FakeEvent) -> None:
    event.facts["ring"] = key_of("x").seed * 4
    event.publish(wire.VenueChanged())
    online.until(lambda: "signature" in online.link.state.feed_trouble)
    assert StayRef(KIOSK, GENERATION, 1)
    assert online.present(SERIAL).admitted


def test_a_door_that_learns_of_a_fork_stops_admitting(online: Online, event: FakeEvent) -> None:
    assert online.present(SERIAL).admitted
    event.spoil = lambda request: error_reply(409, "fork") if request.method == "POST" else None
    online.sync.wake()
    online.until(lambda: online.door.journal.state().fenced)
    assert online.door.free() == 0
