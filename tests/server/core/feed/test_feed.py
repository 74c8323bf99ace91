"""The feed: each kiosk gets its own changes, in order, once. A kiosk far behind is notified."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import RLock

import pytest

from badges.wire import wire
from server.core.feed import changes, sse
from server.core.feed import hub as feed
from server.core.feed.subscription import CursorGoneError, Subscription
from server.storage.database import Database
from server.storage.opening import connect


@pytest.fixture
def hub(database: Database) -> Iterator[feed.Hub]:
    opened = feed.Hub(database)
    yield opened
    opened.close()


def say(database: Database, generation: int, **scope) -> None:
    change = wire.KioskRetired(generation)
    database.write(lambda db: changes.publish(db, change, **scope))


def heard(subscription: Subscription, count: int) -> list[int]:
    generations = []
    for _ in range(count):
        event = subscription.take(5)
        assert event is not None
        change = wire.decode_change(event.body)
        assert isinstance(change, wire.KioskRetired)
        generations.append(change.generation)
    return generations


def read_to_the_end(subscription: Subscription) -> None:
    while subscription.take(1) is not None:
        pass


def test_it_works(database: Database, hub: feed.Hub) -> None:
    subscription = hub.subscribe(changes.cursor(database.reader), hall_id=1, kiosk="west")
    say(database, 1)
    say(database, 2, hall_id=1)
    say(database, 3, hall_id=2)
    say(database, 4, kiosk="east")
    say(database, 5, kiosk="west")
    assert heard(subscription, 3) == [1, 2, 5]
    assert subscription.take(0.05) is None


def test_what_was_missed_comes_first(database: Database, hub: feed.Hub) -> None:
    start = changes.cursor(database.reader)
    say(database, 1)
    say(database, 2)
    subscription = hub.subscribe(start, hall_id=1, kiosk="west")
    say(database, 3)
    assert heard(subscription, 3) == [1, 2, 3]


def test_another_process_is_heard_too(database: Database, hub: feed.Hub) -> None:
    subscription = hub.subscribe(changes.cursor(database.reader), hall_id=1, kiosk="west")
    other = connect(database.path)
    changes.publish(other, wire.KioskRetired(9))
    other.close()
    assert heard(subscription, 1) == [9]


def test_a_cursor_out_of_reach(database: Database, hub: feed.Hub) -> None:
    with pytest.raises(CursorGoneError):
        hub.subscribe(changes.cursor(database.reader) + 1, hall_id=1, kiosk="west")
    for n in range(5):
        say(database, n)
    database.write(lambda db: changes.trim(db, keep=2))
    with pytest.raises(CursorGoneError):
        hub.subscribe(0, hall_id=1, kiosk="west")


def test_a_listener_that_does_not_read_is_sent_for_a_snapshot(
    database: Database, hub: feed.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.core.feed.subscription.QUEUE_MAX", 2)
    slow = hub.subscribe(changes.cursor(database.reader), hall_id=1, kiosk="west")
    for n in range(3):
        say(database, n)
    steady = hub.subscribe(changes.cursor(database.reader), hall_id=1, kiosk="west")
    say(database, 9)
    heard(steady, 1)
    with pytest.raises(CursorGoneError):
        read_to_the_end(slow)
    assert hub.listeners == 1


def test_server_sent_events(database: Database, hub: feed.Hub) -> None:
    subscription = hub.subscribe(changes.cursor(database.reader), hall_id=None, kiosk=None)
    stream = sse.Stream(hub, subscription, 0.05)
    lines = iter(stream)
    assert next(lines) == b": open\n\n"
    assert next(lines) == b": \n\n"
    say(database, 3)
    assert next(lines).startswith(b"id: ")
    stream.close()
    assert hub.listeners == 0


def test_the_hub_forgets_what_nobody_needs_any_more(
    database: Database, hub: feed.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "TRIM_EVERY", 5)
    monkeypatch.setattr(changes.trim, "__defaults__", (2,))
    subscription = hub.subscribe(changes.cursor(database.reader), hall_id=1, kiosk="west")
    for n in range(8):
        say(database, n)
        heard(subscription, 1)
    say(database, 8)
    assert heard(subscription, 1) == [8]
    deadline = time.monotonic() + 240  # the hub forgets on its own thread, after notifying
    while changes_kept(database) > 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert changes_kept(database) <= 6


def changes_kept(database: Database) -> int:
    (count,) = database.reader.execute("SELECT COUNT(*) FROM change").fetchone()
    return int(count)


def listen(database: Database, hub: feed.Hub, generation: int = 2) -> Subscription:
    newest = changes.cursor(database.reader)
    return hub.subscribe(newest, hall_id=1, kiosk="west", generation=generation)


def test_a_feed_ends_with_the_word_that_its_kiosk_is_retired(
    database: Database, hub: feed.Hub
) -> None:
    start = changes.cursor(database.reader)
    subscription = listen(database, hub)
    say(database, 1, kiosk="west")  # an earlier generation
    say(database, 2, kiosk="west")
    say(database, 3, hall_id=1)
    assert heard(subscription, 2) == [1, 2]
    with pytest.raises(CursorGoneError):
        subscription.take(1)
    assert hub.listeners == 0
    late = hub.subscribe(start, hall_id=1, kiosk="west", generation=2)
    assert heard(late, 2) == [1, 2]
    with pytest.raises(CursorGoneError):
        late.take(1)


def test_a_feed_ends_with_the_word_that_its_kiosk_was_moved(
    database: Database, hub: feed.Hub
) -> None:
    subscription = listen(database, hub)

    def move(db) -> None:
        changes.publish(db, wire.VenueChanged(), hall_id=1)  # of its hall only: the feed continues
        changes.publish(db, wire.VenueChanged(), kiosk="west")
        changes.publish(db, wire.NamesChanged(), hall_id=1)

    database.write(move)
    assert len(subscription.take_all(5)) == 2
    with pytest.raises(CursorGoneError):
        subscription.take(1)


def test_a_kiosk_has_one_feed(database: Database, hub: feed.Hub) -> None:
    first = listen(database, hub)
    second, other = listen(database, hub), listen(database, hub, generation=3)
    with pytest.raises(CursorGoneError):
        first.take(1)
    say(database, 1)
    assert heard(second, 1) == heard(other, 1) == [1]
    assert hub.listeners == 2


def test_whoever_reads_what_they_missed_holds_up_no_commit(
    database: Database, hub: feed.Hub
) -> None:
    subscription = listen(database, hub)
    with hub._lock:  # as `subscribe` does during its read
        say(database, 1)
        assert subscription.take(0) is None
    assert heard(subscription, 1) == [1]


def test_a_change_is_queued_before_its_cause_is_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the hub's thread looks for other writers' changes at the same moment."""
    monkeypatch.setattr(feed, "FOREIGN_WRITES_S", 60.0)
    with closing(feed.Hub(database)) as hub:
        subscription = listen(database, hub)
        for n in range(50):
            say(database, n, hall_id=1)
            event = subscription.take(0)
            assert event is not None
            assert event.sent == f"id: {event.cursor}\ndata: {event.body}\n\n".encode()


def test_a_new_feed_does_not_end_with_a_word_that_came_before_it(
    database: Database, hub: feed.Hub
) -> None:
    """The hub may be behind: a thread held its lock while the kiosk was moved."""
    hub._lock = RLock()  # this thread may hold it too
    with hub._lock:
        with ThreadPoolExecutor(1) as other:
            moved = partial(changes.publish, change=wire.VenueChanged(), kiosk="west")
            other.submit(database.write, moved).result()
        subscription = listen(database, hub)
    say(database, 1)
    assert heard(subscription, 1) == [1]


def test_the_hub_outlives_a_full_disk(
    database: Database, hub: feed.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(db) -> None:
        raise OSError

    monkeypatch.setattr(feed, "TRIM_EVERY", 1)
    monkeypatch.setattr(feed, "trim", fail)
    subscription = listen(database, hub)
    for n in range(5):
        say(database, n)
    assert heard(subscription, 5) == [0, 1, 2, 3, 4]
    hub.close()
    with pytest.raises(CursorGoneError):
        subscription.take(1)
