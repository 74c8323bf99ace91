"""A server restored from its backup: its data, awaited doors, and messages."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from badges.places.pool import PoolKey
from badges.wire import wire
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.core.ledger import ingest
from server.core.occupancy import hall_control, pools
from server.core.people import issuing
from server.core.second_disk.copy import make_backup
from server.core.second_disk.critical_state import ACTS_FILE, ActsError
from server.core.second_disk.line import awaited
from server.core.staff import users
from server.features.backup.restore import RestoreError, restore
from server.storage.tables import keep_setting
from tests.server.conftest import NOW
from tests.server.features.backup.conftest import LATER, NEXT
from tests.server.support.disks.second_disk import Safe, doors, opened
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site

# A backup of ours is a copy of SQLite's file.
pytestmark = pytest.mark.sqlite_alone


ALL = [(SMALL, "east", 1), (SMALL, "west", 1), (OTHER, "other", 1), (ROOM, "room", 1)]


def echo(site: Site, door: FakeDoor) -> ingest.Ingested:
    """A door's message once it knows of the restored server: its unacknowledged records, and totals
    of both pools.
    """
    door.acked = site.rows(f"SELECT acked_seq FROM kiosk WHERE kiosk = '{door.kiosk}'")[0][0]
    totals = [wire.PlaceTotals(door.hall, door.granted, door.returned, door.free)]
    totals.append(wire.PlaceTotals(door.hall, 0, 0, 0, override=True))
    return site.send(door, LATER, incarnation=NEXT, places=totals)


def test_it_works(safe: Safe, copy: Path, new: Path) -> None:
    """No hall grants places until both doors have reported; then all is as before."""
    for serial in (1, 2, 3):
        safe.site.west.scan(NOW, serial)
    safe.site.send(safe.site.west)
    safe.site.send(safe.site.west)
    before = pools.load(safe.database.reader, PoolKey(SMALL))
    assert (before.open_stays, before.worst_case) == (3, 6)
    done = restore(copy, new, now=LATER)
    assert doors(done.awaited) == ALL
    assert (done.event.incarnation, done.acts_at, done.moved_to) == (NEXT, None, None)
    with opened(done, safe.site) as again:
        pool = pools.load(again.database.reader, PoolKey(SMALL))
        assert pool.open_stays == 0
        assert pool.awaited == {("west", 1), ("east", 1)}
        echo(again, again.west)
        pool = pools.load(again.database.reader, PoolKey(SMALL))
        assert pool.grant(("west", 1), 1) == pool
        assert doors(awaited(again.database.reader)) == [ALL[0], *ALL[2:]]
        echo(again, again.east)
        after = pools.load(again.database.reader, PoolKey(SMALL))
        assert (after.open_stays, after.worst_case, after.awaited) == (3, 6, frozenset())
        assert [row[0] for row in again.rows("SELECT seq FROM scan ORDER BY seq")] == [1, 2, 3]


def test_the_pools_are_those_of_the_protocol(safe: Safe, copy: Path, new: Path) -> None:
    keys = [PoolKey(hall, o) for hall in (SMALL, OTHER, ROOM) for o in (False, True)]
    wanted = [pools.load(safe.database.reader, key).restored(NEXT) for key in keys]
    done = restore(copy, new, now=LATER)
    with opened(done, safe.site) as again:
        assert [pools.load(again.database.reader, key) for key in keys] == wanted


def test_a_retired_kiosk_whose_account_was_not_fenced_is_awaited(safe: Safe, new: Path) -> None:
    """The protocol goes by the unfenced account, not by the kiosk's state."""
    safe.write(registry.retire, "east", by="test", now=NOW)
    # A retired kiosk's message once opened such an account, on a server restored without acts.
    unfenced = f"UPDATE place_account SET fenced = 0 WHERE kiosk = 'east' AND hall_id = {SMALL}"
    safe.database.write(lambda db: db.execute(unfenced) and None)
    wanted = pools.load(safe.database.reader, PoolKey(SMALL)).restored(NEXT)
    assert wanted.awaited == {("west", 1), ("east", 1)}
    done = restore(make_backup(safe.event, safe.second, NOW).path, new, now=LATER)
    assert (SMALL, "east", 1) in doors(done.awaited)
    both = {"by": "user:1", "with_": "user:2", "now": LATER}
    with opened(done, safe.site) as again:
        assert pools.load(again.database.reader, PoolKey(SMALL)) == wanted
        again.database.write(lambda db: registry.fence(db, "east", 1, by="test", now=LATER))
        again.database.write(lambda db: hall_control.attest(db, SMALL, ("east", 1), 0, **both))
        assert pools.load(again.database.reader, PoolKey(SMALL)).awaited == {("west", 1)}


class TestActs:
    def test_a_kiosk_that_was_confirmed_since(self, safe: Safe, copy: Path, new: Path) -> None:
        """It may hold places. The server takes its whole journal."""
        north = safe.enrol(FakeDoor("north", 1, SMALL))
        safe.site.send(safe.site.west)
        north.granted = 2
        for serial in (1, 2):
            north.scan(NOW, serial)
        done = restore(copy, new, now=LATER)
        assert (SMALL, "north", 1) in doors(done.awaited)
        assert done.gained["kiosk"] == 1
        assert done.acts_at == NOW
        with opened(done, safe.site) as again:
            echo(again, again.west)
            echo(again, again.east)
            pool = pools.load(again.database.reader, PoolKey(SMALL))
            assert pool.awaited == {("north", 1)}
            echo(again, north)
            pool = pools.load(again.database.reader, PoolKey(SMALL))
            assert pool.awaited == frozenset()
            assert pool.open_stays == 2

    def test_of_a_later_server_that_saw_this_one_set_back(self, safe: Safe, new: Path) -> None:
        """In that case the staff who fenced west may not have known all its grants."""
        safe.write(registry.fence, "west", 1, by="test", now=NOW)
        safe.write(registry.retire, "east", by="test", now=NOW)
        two = {"by": "user:1", "with_": "user:2", "now": NOW}
        safe.write(hall_control.attest, SMALL, ("east", 1), 0, **two)
        copy = make_backup(safe.event, safe.second, NOW).path
        fenced = [(SMALL, "east", 1), (SMALL, "west", 1)]
        here = [account for account in ALL if account not in fenced]
        assert doors(restore(copy, new, now=LATER).awaited) == here
        safe.write(keep_setting, "incarnation", "2")
        safe.keeper.keep()
        done = restore(copy, new.with_name("newer"), now=LATER)
        assert sorted(doors(done.awaited)) == sorted([*here, (SMALL, "west", 1)])

    def test_one_that_had_only_shown_its_code(self, safe: Safe, new: Path) -> None:
        safe.enrol(FakeDoor("north", 1, SMALL), confirm=False)
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.write(registry.confirm, safe.event, "north", by="test", now=NOW)
        done = restore(copy, new, now=LATER)
        assert (SMALL, "north", 1) in doors(done.awaited)
        with opened(done, safe.site) as again:
            assert again.rows("SELECT head IS NULL FROM kiosk WHERE kiosk = 'north'") == [(0,)]

    def test_one_fenced_since_is_waited_for(self, safe: Safe, copy: Path, new: Path) -> None:
        """Between the backup and the fence it may have been granted places."""
        safe.write(registry.fence, "west", 1, by="test", now=NOW)
        done = restore(copy, new, now=LATER)
        assert (SMALL, "west", 1) in doors(done.awaited)
        with opened(done, safe.site) as again:
            echo(again, again.east)
            pool = pools.load(again.database.reader, PoolKey(SMALL))
            assert pool.kiosks["west", 1].fenced
            assert pool.awaited == {("west", 1)}
            both = {"by": "user:1", "with_": "user:2", "now": LATER}
            again.database.write(lambda db: hall_control.attest(db, SMALL, ("west", 1), 0, **both))
            assert pools.load(again.database.reader, PoolKey(SMALL)).awaited == frozenset()

    def test_one_fenced_before_is_not(self, safe: Safe, new: Path) -> None:
        """It got nothing since: the backup has all places that it can hold."""
        safe.write(registry.fence, "west", 1, by="test", now=NOW)
        safe.write(registry.retire, "other", by="test", now=NOW)
        copy = make_backup(safe.event, safe.second, NOW).path
        assert doors(restore(copy, new, now=LATER).awaited) == [ALL[0], ALL[3]]

    def test_an_attestation_since_is_forgotten(self, safe: Safe, new: Path) -> None:
        """Its places count as used until staff attest again that they are free."""
        safe.site.west.scan(NOW, ANNA)
        safe.write(registry.fence, "west", 1, by="test", now=NOW)
        copy = make_backup(safe.event, safe.second, NOW).path
        held = pools.load(safe.database.reader, PoolKey(SMALL)).kiosks["west", 1].held
        both = {"by": "user:1", "with_": "user:2", "now": NOW}
        safe.database.write(lambda db: hall_control.attest(db, SMALL, ("west", 1), 0, **both))
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again:
            pool = pools.load(again.database.reader, PoolKey(SMALL))
            assert pool.kiosks["west", 1].held == held > 0

    def test_halls_and_people(self, safe: Safe, event: Event, new: Path) -> None:
        safe.write(issuing.issue_missing, event, now=NOW, by="test")
        copy = make_backup(event, safe.second, NOW).path
        safe.write(hall_control.set_capacity, SMALL, 2, by="test", now=NOW)
        safe.write(hall_control.set_closed, OTHER, True, by="test", now=NOW)
        safe.write(issuing.reissue, event, ANNA, reason="lost", now=NOW, by="test")
        safe.write(issuing.revoke, BORIS, reason="lost", now=NOW, by="test")
        safe.write(users.add_user, "Mei", "steward", "$argon2", by="test", now=NOW)
        done = restore(copy, new, now=LATER)
        assert done.gained == {"hall": 2, "staff_user": 1, "badge": 1, "attendee": 1}
        with opened(done, safe.site) as again:
            assert again.rows("SELECT hall_id, capacity FROM hall")[0] == (SMALL, 2)
            assert again.rows("SELECT hall_id FROM hall WHERE closed_at > 0") == [(OTHER,)]
            assert again.rows("SELECT revoked_at FROM attendee WHERE serial = 102") == [(NOW,)]
            badge = issuing.current_badge(again.database.reader, ANNA)
            assert badge == issuing.current_badge(safe.database.reader, ANNA)

    def test_a_hall_that_was_added_since(self, safe: Safe, copy: Path, new: Path) -> None:
        """The room within it has a lower number, and comes before it."""

        def add(db: sqlite3.Connection) -> None:
            same = "'{}', NULL, 9, 9, 1, 0, 'hard', 'strict'"
            columns = "names, parent_id, fire_limit, capacity, zones, sessions_only, anti_passback"
            for hall in (8, 9):
                db.execute(
                    f"INSERT INTO hall (hall_id, code, {columns}, exits)"
                    f" VALUES ({hall}, 'N{hall}', {same})"
                )
            db.execute("UPDATE hall SET parent_id = 9 WHERE hall_id = 8")
            db.execute("INSERT INTO door VALUES (9, 'n9', 9, '{}', 'entry')")

        safe.database.write(add)
        safe.enrol(FakeDoor("north", 9, 9))
        done = restore(copy, new, now=LATER)
        assert (done.gained["hall"], done.gained["door"], done.skipped) == (2, 1, 0)
        assert (9, "north", 1) in doors(done.awaited)

    def test_acts_older_than_the_backup_change_nothing(self, safe: Safe, new: Path) -> None:
        old = (safe.second / ACTS_FILE).read_bytes()
        safe.write(hall_control.set_capacity, SMALL, 2, by="test", now=NOW)
        copy = make_backup(safe.event, safe.second, NOW).path
        (safe.second / ACTS_FILE).write_bytes(old)
        done = restore(copy, new, now=LATER)
        assert (done.gained, done.acts_at) == ({}, None)

    def test_there_are_none(self, safe: Safe, copy: Path, new: Path) -> None:
        elsewhere = Path(shutil.copytree(copy, safe.event.path.parent / "usb" / copy.name))
        with pytest.raises(
            RestoreError, match="no file of this event's staff actions .*--without-acts"
        ):
            restore(elsewhere, new, now=LATER)
        assert not new.exists()
        named = restore(elsewhere, new, now=LATER, acts_file=safe.second / ACTS_FILE)
        assert doors(named.awaited) == ALL
        without = restore(elsewhere, new.with_name("newer"), now=LATER, without_acts=True)
        assert doors(without.awaited) == ALL

    def test_of_another_event(self, safe: Safe, copy: Path, new: Path) -> None:
        (copy / "keys" / "event.id").write_text("00" * 16)
        with pytest.raises(RestoreError, match="no file of this event's staff actions"):
            restore(copy, new, now=LATER)

    def test_that_are_spoilt(self, safe: Safe, copy: Path, new: Path) -> None:
        (safe.second / ACTS_FILE).write_bytes(b"?")
        with pytest.raises(ActsError, match="damaged"):
            restore(copy, new, now=LATER)
        assert not new.exists()
