"""The feed: changes as they happen, over real sockets, and the snapshots that replace it."""

import threading
from collections import Counter

import msgspec
import pytest

from badges.admission.facts import Reason
from badges.record import WireError
from badges.wire import wire
from badges.wire.venue_edit import find_edit
from kiosk.sync.changes import REPLICA, Event, parse_events
from kiosk.sync.transport import PinnedConnection
from tests.kiosk.support.door_fixture import HALL, NOON, hall_facts, snapshot, stay_of
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.fake_server import Request
from tests.kiosk.support.online import Online

SERIAL = 77


class TestFeed:
    def test_changes_reach_the_door(self, online: Online, event: FakeEvent) -> None:
        event.publish(wire.StayOpened(stay_of("south-1", 4, SERIAL), HALL))
        online.until(lambda: online.door.replica.stays(SERIAL, HALL))
        assert online.present(SERIAL).decision.reason is Reason.ALREADY_INSIDE

    def test_a_changed_venue_is_fetched(self, online: Online, event: FakeEvent) -> None:
        event.facts["hall"] = hall_facts(closed=True)
        event.publish(wire.VenueChanged())
        online.until(lambda: online.door.replica.context.hall.closed)
        online.until(lambda: online.link.state.feed_live)

    def test_an_edited_venue_is_not_fetched(self, online: Online, event: FakeEvent) -> None:
        snapshots = sum(request.target == REPLICA for request in event.requests)
        before = snapshot()
        event.facts["hall"] = hall_facts(closed=True)
        edit = find_edit(before, snapshot(hall=hall_facts(closed=True)), NOON)
        assert edit is not None
        event.publish(edit)
        online.until(lambda: online.door.replica.context.hall.closed)
        assert online.door.replica.cursor == event.cursor
        assert sum(request.target == REPLICA for request in event.requests) == snapshots

    def test_an_edit_of_other_facts_is_fetched(self, online: Online, event: FakeEvent) -> None:
        edit = find_edit(snapshot(), snapshot(hall=hall_facts(capacity=1)), NOON)
        assert edit is not None
        event.facts["hall"] = hall_facts(closed=True)
        event.publish(msgspec.structs.replace(edit, digest=bytes(16)))
        online.until(lambda: online.door.replica.context.hall.closed)
        assert online.door.replica.context.capacity == hall_facts().capacity

    def test_a_broken_feed_is_picked_up_where_it_broke(
        self, online: Online, event: FakeEvent
    ) -> None:
        snapshots = sum(request.target == REPLICA for request in event.requests)
        event._server.drop_connections()
        event.publish(wire.HolderChanged(wire.HolderFacts(SERIAL, 2, True)))
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))
        after = sum(request.target == REPLICA for request in event.requests)
        assert after == snapshots

    def test_changes_dropped_by_the_feed_come_as_a_snapshot(
        self, online: Online, event: FakeEvent
    ) -> None:
        event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
        with event.lock:
            event.cursor += 100
            event.changes.clear()
        event._server.drop_connections()
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))

    def test_changes_that_this_version_can_t_read_come_as_a_snapshot(
        self, online: Online, event: FakeEvent
    ) -> None:
        """As day credentials came to kiosks that did not know them."""

        class LaterChange(msgspec.Struct, tag="holder"):
            holder: dict[str, int]

        event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
        event.publish(LaterChange({"serial": SERIAL, "highest_issue": 2, "unheard_of": 1}))
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))
        event.publish(wire.HolderChanged(wire.HolderFacts(SERIAL, 3, True)))
        online.until(lambda: online.door.replica.holder(SERIAL) == (3, True))

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
        online.until(lambda: online.door.replica.is_ended(1, HALL))
        assert online.present(SERIAL).admitted

    @pytest.mark.parametrize("silence_s", [0.4])
    def test_a_silent_feed_is_replaced_by_snapshots(self, online: Online, event: FakeEvent) -> None:
        """A proxy swallows streams: batches get through, changes do not."""
        event.mute_feed = True
        event._server.drop_connections()
        event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True), timeout_s=240.0)
        assert not online.link.state.feed_live

    @pytest.mark.parametrize("silence_s", [60.0])
    def test_closing_ends_a_stream_that_is_just_opened(
        self, online: Online, event: FakeEvent
    ) -> None:
        closing = threading.Thread(target=online.feed.close)

        def close_first(request: Request) -> None:
            if request.target.startswith("/api/feed") and not closing.ident:
                closing.start()
                assert online.feed._stop.wait(240)

        event.spoil, event.mute_feed = close_first, True
        online.feed.move()
        online.feed._stop.wait(240)
        closing.join(240)
        assert not online.feed._thread.is_alive()

    @pytest.mark.parametrize("silence_s", [60.0])
    def test_a_snapshot_that_is_asked_for_while_the_stream_is_opened_is_taken(
        self, online: Online, event: FakeEvent
    ) -> None:
        def ask_once(request: Request) -> None:
            if request.target.startswith("/api/feed") and "holders" not in event.facts:
                event.facts["holders"] = [wire.HolderFacts(SERIAL, 2, True)]
                online.feed.refresh()

        event.spoil, event.mute_feed = ask_once, True
        online.feed.move()
        online.until(lambda: online.door.replica.holder(SERIAL) == (2, True))

    def test_facts_stay_fresh_while_nothing_changes(self, online: Online, event: FakeEvent) -> None:
        online.door.clock.pass_ms(60_000)
        online.until(lambda: online.door.replica.age_ms() == 0)

    def test_and_age_while_nothing_comes(
        self, online: Online, event: FakeEvent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event.close()
        online.until(lambda: not online.link.state.online and not online.link.state.feed_live)
        online.door.clock.pass_ms(60_000)
        tries = []
        connect = PinnedConnection.connect

        def counted(connection: PinnedConnection) -> None:
            tries.append(threading.get_ident())
            connect(connection)

        monkeypatch.setattr(PinnedConnection, "connect", counted)
        # The third try of each thread begins after the second has failed.
        online.until(lambda: sorted(Counter(tries).values())[:2] >= [3, 3])
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
