"""A change of the badge keys reaches every door: by the feed, by a heartbeat, and after an outage.

The kiosks' journals and replicas are real, and so is the server's app.
"""

import sqlite3
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from badges.credential.credential import Credential, issue_credential
from badges.credential.keys import PrivateKey
from badges.wire import wire
from kiosk.sync.changes import Event as FeedEvent
from server.core.feed.changes import changes_after
from server.core.people import badge_keys
from server.doors.scans import current_ring_of
from server.web.services import services_of
from tests.server.support.in_process import Forum, InProcessKiosk

WHO = "test"


def badge(forum: Forum, serial: int, key: PrivateKey, key_id: int) -> str:
    fields = Credential(
        serial=serial, issue=1, category=1, valid_days=0b111, zones=1, key_id=key_id
    )
    return issue_credential(key, forum.event.event_id, fields)


def admits(kiosk: InProcessKiosk, text: str) -> bool:
    return kiosk.admitter.present(text, at=kiosk.forum.now).admitted


def add(forum: Forum) -> PrivateKey:
    def step(db: sqlite3.Connection) -> PrivateKey:
        number = badge_keys.add_key(db, forum.event, by=WHO, now=forum.now)
        named = [use.as_listed for use in badge_keys.uses(db, forum.event, forum.now)]
        badge_keys.issue_by(db, forum.event, number, named, by=WHO, with_=None, now=forum.now)
        return badge_keys.keys_of(db, forum.event).private[number]

    key = forum.database.write(step)
    is_followed(forum)
    return key


def drop(forum: Forum, key_id: int = 1) -> None:
    def step(db: sqlite3.Connection) -> None:
        named = badge_keys.named_to_drop(badge_keys.uses(db, forum.event, forum.now), key_id)
        badge_keys.drop_key(db, forum.event, key_id, named, by=WHO, with_=None, now=forum.now)

    forum.database.write(step)
    is_followed(forum)


def is_followed(forum: Forum) -> None:
    """Wait until the server, which follows its own feed, tells the change in its answers."""
    current = current_ring_of(services_of(forum.app))
    with forum.database.reading() as db:
        number = badge_keys.changes_of(db).number
    while current.keys is None or current.keys.number != number:
        time.sleep(0.01)


def hears(kiosk: InProcessKiosk) -> None:
    """The stream brings what the kiosk missed, and the kiosk fetches what that asks for."""
    missed = changes_after(kiosk.forum.database.reader, kiosk.replica.cursor)
    for item in missed:
        event = FeedEvent(item.cursor, wire.decode_change(item.body))
        if not kiosk.feed._answered(kiosk.feed.take(event)):
            break
    fetches(kiosk)


def fetches(kiosk: InProcessKiosk) -> bool:
    """Whether the kiosk wanted new facts, which it then has."""
    wanted = kiosk.feed.snapshot_wanted
    kiosk.feed._answered(kiosk.feed.get_ready())
    return wanted


@pytest.fixture
def west(forum: Forum) -> InProcessKiosk:
    kiosk = forum.enrol("west")
    fetches(kiosk)
    return kiosk


class TestAway:
    """The door was offline while key 2 was added and key 1 was dropped."""

    @pytest.fixture
    def second(self, forum: Forum, west: InProcessKiosk) -> PrivateKey:
        west.transport.wire_cut = True
        key = add(forum)
        drop(forum)
        assert admits(west, badge(forum, 20, forum.event.badge_keys[1], 1))
        assert not admits(west, badge(forum, 21, key, 2))
        west.transport.wire_cut = False
        return key

    def test_the_feed_brings_it(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        hears(west)
        assert not admits(west, badge(forum, 22, forum.event.badge_keys[1], 1))
        assert admits(west, badge(forum, 21, second, 2))

    def test_a_heartbeat_shows_it_where_the_feed_was_cut(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        forum.database.write(lambda db: db.execute("DELETE FROM change"))
        west.exchange()
        assert fetches(west)
        assert not admits(west, badge(forum, 22, forum.event.badge_keys[1], 1))
        assert admits(west, badge(forum, 21, second, 2))
        west.exchange()
        assert not fetches(west), "once is enough"

    def test_it_is_on_the_doors_disk(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        hears(west)
        west.close()
        west.open()
        assert not admits(west, badge(forum, 22, forum.event.badge_keys[1], 1))
        assert admits(west, badge(forum, 21, second, 2))


def test_a_live_door_gets_it_as_a_change(forum: Forum, west: InProcessKiosk) -> None:
    edits = services_of(forum.app).venue_edits
    with forum.database.reading() as db:
        edits.begin(db, [1])
    key = add(forum)
    with forum.database.reading() as db:
        edit = edits.find(db, [1])[1]
    west.feed._answered(west.feed.take(FeedEvent(west.replica.cursor + 1, edit)))
    assert not west.feed.snapshot_wanted, "without a snapshot"
    assert admits(west, badge(forum, 20, key, 2))
    assert admits(west, badge(forum, 21, forum.event.badge_keys[1], 1))


def test_a_key_put_into_the_directory_by_hand_reaches_a_door_too(
    forum: Forum, west: InProcessKiosk
) -> None:
    forum.stop()
    keys: Path = forum.event.path / "keys"
    (keys / "badge-1.key").rename(keys / "badge-2.key")
    forum._serve()
    west.exchange()
    fetches(west)
    old = forum.event.badge_keys[2]
    assert not admits(west, badge(forum, 20, old, 1))
    assert admits(west, badge(forum, 21, old, 2))


@pytest.mark.sqlite_alone  # it copies the database's file
class TestOlderServer:
    """The server's database is of before the change of keys."""

    @pytest.fixture
    def second(self, forum: Forum, west: InProcessKiosk) -> PrivateKey:
        before = forum.copy()
        key = add(forum)
        drop(forum)
        west.exchange()
        fetches(west)
        forum.put_back(before)
        return key

    def test_a_door_keeps_its_newer_ring(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        west.refresh()
        assert not admits(west, badge(forum, 20, forum.event.badge_keys[1], 1))
        assert admits(west, badge(forum, 21, second, 2))

    def test_it_does_not_fetch_facts_for_ever(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        west.refresh()
        west.exchange()
        assert not west.feed.snapshot_wanted

    def test_a_later_change_at_that_server_counts(
        self, forum: Forum, west: InProcessKiosk, second: PrivateKey
    ) -> None:
        forum.now += 60_000
        third = add(forum)
        assert third != second
        west.exchange()
        fetches(west)
        assert admits(west, badge(forum, 20, third, 2))
        assert not admits(west, badge(forum, 21, second, 2))


def test_a_ring_whose_number_was_changed_is_refused(forum: Forum, west: InProcessKiosk) -> None:
    add(forum)
    snapshot = west.transport.get("/api/replica", wire.Snapshot)
    number = wire.RingNumber(snapshot.ring_number.number + 1, snapshot.ring_number.signature)
    before = west.replica.context
    with pytest.raises(ValueError, match="signature"):
        west.replica.load(replace(snapshot, ring_number=number))
    assert west.replica.context is before
