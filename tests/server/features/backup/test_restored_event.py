"""The event that a restore makes: the next of its line, and the fate of the old server."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from badges.transparency.commitment import commitment
from badges.transparency.merkle import Tree, leaf_hash
from server.core.event.directory import load_event
from server.core.event.lock import only_server
from server.core.feed import changes
from server.core.feed.subscription import CursorGoneError
from server.core.occupancy import hall_control
from server.core.people import phone_links
from server.core.people.phone_links import Link
from server.core.second_disk.copy import make_backup
from server.core.second_disk.critical_state import ACTS_FILE, Keeper
from server.core.staff import invitations
from server.core.staff.invitations import InvitationOverError
from server.features.backup.move import move
from server.features.backup.restore import RestoreError, restore
from server.features.integrations import endpoints, tokens
from server.storage.database import Database
from server.storage.migrations import BeforeReleaseError
from server.storage.postgresql.checks.timeline import SEEN_FILE
from tests.server.conftest import NOW
from tests.server.features.backup.conftest import LATER, NEXT
from tests.server.support.console import Console
from tests.server.support.disks.second_disk import Safe, opened
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.databases import Databases
from tests.server.support.site import ANNA, BORIS, SMALL

# A backup of ours is a copy of SQLite's file.
pytestmark = pytest.mark.sqlite_alone


class TestLine:
    """The line of servers: each restore makes the next."""

    def test_a_clock_that_is_behind(self, safe: Safe, copy: Path, new: Path) -> None:
        first = restore(copy, new, now=LATER).event
        with Database(first.database_path) as database:
            Keeper(first.event_id, database, safe.second, lambda: LATER).keep()
        again = restore(copy, new.with_name("newer"), now=0)
        assert again.event.incarnation == NEXT + 1, "as the acts say"

    def test_the_entry_log_is_another(self, safe: Safe, copy: Path, new: Path) -> None:
        size = len(safe.site.rows("SELECT number FROM leaf"))
        done = restore(copy, new, now=LATER)
        assert done.log_size == size
        assert done.event.log_name == f"{safe.event.log_name}/{NEXT}"
        with opened(done, safe.site) as again:
            leaves = again.rows("SELECT body, salt FROM leaf ORDER BY number")
        old = safe.site.rows("SELECT body, salt FROM leaf ORDER BY number")
        assert leaves[:size] == old[:size], "the salts come back too"
        tree = Tree()
        for body, salt in old[:size]:
            tree.append(leaf_hash(commitment(salt, body)))
        act = leaves[size][0].decode()
        assert len(leaves) == size + 1
        for field in ('"act":"server_restored"', tree.root().hex(), f'"incarnation":{NEXT}'):
            assert field in act

    def test_the_feed_begins_past_every_cursor(self, safe: Safe, copy: Path, new: Path) -> None:
        """A kiosk with the old server's cursor takes a snapshot, and has confirmed nothing."""
        for _ in range(20):
            safe.write(hall_control.set_capacity, SMALL, 5, by="test", now=NOW)
        seen = changes.cursor(safe.database.reader)
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again:
            db = again.database.reader
            assert changes.cursor(db) > seen
            with pytest.raises(CursorGoneError):
                changes.changes_after(db, seen)
            assert changes.changes_after(db, changes.cursor(db)) == []
            assert not any(holding.confirmed for holding in hall_control.holdings(db, SMALL))

    def test_everybody_signs_in_again(self, safe: Safe, new: Path) -> None:
        safe.database.write(
            lambda db: db.execute(
                "INSERT INTO web_session (token_hash, user_id, created_at, seen_at, confirmed_at)"
                " VALUES (x'00', 1, 0, 0, 0)"
            )
        )
        done = restore(make_backup(safe.event, safe.second, NOW).path, new, now=LATER)
        with opened(done, safe.site) as again:
            assert again.rows("SELECT * FROM web_session") == []

    def test_an_invitation_that_was_taken_back_stays_so(self, safe: Safe, new: Path) -> None:
        """A shut-out admin's own one would let them in again."""
        token = safe.write(invitations.invite, "Mei", "admin", by="user:1", now=NOW)
        copy = make_backup(safe.event, safe.second, NOW).path
        (open_one,) = invitations.open_invitations(safe.database.reader, NOW)
        safe.write(invitations.take_back, open_one.mark, by="user:1", now=NOW)
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again, pytest.raises(InvitationOverError):
            invitations.find(again.database.reader, token, LATER)

    def test_a_link_in_wrong_hands_stays_void(self, safe: Safe, copy: Path, new: Path) -> None:
        """And the attendee's new link, which was sent already, is valid."""
        safe.write(phone_links.renew, ANNA, by="user:1", now=NOW)
        safe.write(phone_links.revoke, BORIS, by="user:1", now=NOW)
        done = restore(copy, new, now=LATER)
        assert (done.gained["phone_link"], done.skipped) == (2, 0)
        with opened(done, safe.site) as again:
            assert phone_links.link(again.database.reader, ANNA) == Link(1)
            assert phone_links.link(again.database.reader, BORIS) == Link(0, NOW)


class TestTarget:
    @pytest.fixture
    def address(self, postgres: Databases) -> Iterator[str]:
        """The address of an empty database."""
        name = postgres.cluster.make()
        yield postgres.cluster.url(name)
        postgres.cluster.drop(name)

    def test_what_is_there_is_moved_aside(self, safe: Safe, copy: Path) -> None:
        here = safe.event.path
        (here / "notes.txt").write_text("mine")
        with pytest.raises(RestoreError, match="not empty. With --replace"):
            restore(copy, here, now=LATER)
        safe.database.close()
        done = restore(copy, here, now=LATER, over=True)
        assert done.moved_to == here / "earlier-1"
        assert load_event(here / "earlier-1").incarnation == 1
        assert load_event(here).incarnation == NEXT
        assert (here / "notes.txt").read_text() == "mine"
        assert restore(copy, here, now=LATER, over=True).moved_to == here / "earlier-2"

    def test_an_event_that_moved_to_postgresql_since(
        self, safe: Safe, copy: Path, address: str
    ) -> None:
        here = safe.event.path
        safe.database.close()
        move(here, address, lambda table, count: None)
        with Database(here / "hallkeeper.db"):  # which notes the database's timeline
            pass
        done = restore(copy, here, now=LATER, over=True)
        assert (done.event.incarnation, done.event.in_postgresql) == (NEXT, False)
        assert not (here / SEEN_FILE).exists()
        assert load_event(here / "earlier-1").in_postgresql

    def test_a_backup_within_the_event(self, safe: Safe) -> None:
        copies = safe.event.path / "copies"
        shutil.copytree(safe.second, copies)
        copy = make_backup(safe.event, copies, NOW).path
        safe.database.close()
        restore(copy, safe.event.path, now=LATER, over=True)
        assert (copy / "event.toml").exists()

    @pytest.mark.parametrize("gone", ["event.toml", "hallkeeper.db"])
    def test_no_backup(self, safe: Safe, copy: Path, new: Path, gone: str) -> None:
        (copy / gone).unlink()
        with pytest.raises(RestoreError, match="is not a backup"):
            restore(copy, new, now=LATER)
        assert not new.exists()

    def test_a_damaged_backup(self, safe: Safe, copy: Path, new: Path) -> None:
        file = copy / "hallkeeper.db"
        with file.open("r+b") as opened_file:
            opened_file.seek(file.stat().st_size // 8192 * 4096)
            opened_file.write(b"\xff" * 4096 * 4)
        with pytest.raises(RestoreError, match="damaged.*Take an earlier backup"):
            restore(copy, new, now=LATER)
        assert not new.exists()

    @pytest.mark.parametrize("tables", ["", "CREATE TABLE other (number INTEGER)"])
    def test_a_database_without_an_event(
        self, safe: Safe, copy: Path, new: Path, tables: str
    ) -> None:
        """A file of 0 bytes, as a copy to a full disk leaves it, is a valid database."""
        file = copy / "hallkeeper.db"
        file.write_bytes(b"")
        with closing(sqlite3.connect(file)) as db:
            db.executescript(tables)
        with pytest.raises(RestoreError, match="nothing of an event in it.*Take an earlier backup"):
            restore(copy, new, now=LATER)
        assert not new.exists()

    @pytest.mark.parametrize("data", [None, b"", b"-----BEGIN PRIVATE KEY-----\nMC4C\n"])
    def test_a_backup_without_the_key_of_its_certificate(
        self, safe: Safe, copy: Path, new: Path, data: bytes | None
    ) -> None:
        key = copy / "keys/certificate.key"
        key.unlink() if data is None else key.write_bytes(data)
        with pytest.raises(RestoreError, match=f"^{key} is missing, damaged, or not the key"):
            restore(copy, new, now=LATER)
        assert not new.exists()

    def test_a_backup_of_before_the_release(self, safe: Safe, copy: Path, new: Path) -> None:
        with closing(sqlite3.connect(copy / "hallkeeper.db")) as db, db:
            db.execute(
                "UPDATE _sqlite_migrations SET name = 'm001_people'"
                " WHERE migration_set = 'hallkeeper'"
            )
        with pytest.raises(BeforeReleaseError, match="from before 1.0"):
            restore(copy, new, now=LATER)
        assert not new.exists()

    def test_a_copy_that_was_made_by_hand(self, safe: Safe, new: Path) -> None:
        """With the write-ahead log beside it, which may have the newest commits."""
        safe.write(hall_control.set_capacity, SMALL, 2, by="test", now=NOW)
        taken = Path(shutil.copytree(safe.event.path, new.with_name("taken")))
        assert (taken / "hallkeeper.db-wal").stat().st_size > 0
        done = restore(taken, new, now=LATER, acts_file=safe.second / ACTS_FILE)
        assert done.acts_at is None
        with opened(done, safe.site) as again:
            assert again.rows("SELECT capacity FROM hall")[0] == (2,)

    def test_a_file(self, safe: Safe, copy: Path, new: Path) -> None:
        new.write_text("")
        with pytest.raises(RestoreError, match="is a file"):
            restore(copy, new, now=LATER)


class TestCommand:
    def test_it_says_what_happens_next(self, safe: Safe, copy: Path, new: Path) -> None:
        safe.enrol(FakeDoor("north", 1, SMALL))
        output = Console(new.parent, safe.event)("restore", str(copy), "--event", str(new)).output
        assert f"Restored the event 'Harbour Forum / 海港论坛' in {new}" in output
        assert "1 kiosk." in output
        assert "east, north, west" in output.replace(" ()", "")
        assert f"hallkeeper serve --event {new}    # https://localhost:8443" in output
        assert "Doors resend scans automatically." in output

    def test_not_while_it_is_served(self, safe: Safe, copy: Path) -> None:
        console = Console(safe.event.path, safe.event)
        with only_server(safe.event.path):
            output = console("restore", str(copy), "--replace", status=1).output
        assert "already being served" in output

    def test_and_served_again(self, safe: Safe, copy: Path, new: Path) -> None:
        restore(copy, new, now=LATER)
        console = Console(new, load_event(new))
        assert "west/1" in console("kiosk", "list").output
        with closing(sqlite3.connect(new / "hallkeeper.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class TestMachines:
    """Other machines, after a restore."""

    def test_a_token_that_was_revoked_opens_nothing(self, safe: Safe, new: Path) -> None:
        token, secret = safe.database.write(
            lambda db: tokens.make(db, "Signage", ["read:halls"], 9, by="test", now=NOW)
        )
        url, topics = "https://example.org/", ["entries"]
        hook = safe.database.write(
            lambda db: endpoints.add(db, url, topics, by="test", now=NOW, http_allowed=False)
        )
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.database.write(lambda db: tokens.revoke(db, token.token_id, by="test", now=NOW))
        safe.database.write(lambda db: endpoints.remove(db, hook.endpoint_id, by="test", now=NOW))
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again:
            stored = tokens.find(again.database.reader, secret)
            assert stored is not None
            assert stored.revoked_at == NOW
            assert endpoints.endpoints(again.database.reader) == []
