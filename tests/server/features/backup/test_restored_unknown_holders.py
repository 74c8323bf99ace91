"""Data of holders and kiosks that the backup lacks survive a restore: void badges, and places of
moved kiosks.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from badges.credential.badge_number import badge_number
from badges.credential.credential import open_credential
from badges.places.pool import PoolKey
from badges.wire import wire
from server.core.event.directory import Event
from server.core.kiosks import registry, relocation, snapshot
from server.core.occupancy import hall_control, pools
from server.core.people import attendees, badge_keys, day_credentials, issuing
from server.core.second_disk.copy import make_backup
from server.core.second_disk.critical_state import ACTS_FILE, Keeper, read_acts
from server.features.backup.commands import report
from server.features.backup.restore import restore
from server.features.privacy import erase
from server.storage.connection import Connection
from tests.server.conftest import MINUTE, NOW
from tests.server.features.backup.conftest import LATER, NEXT
from tests.server.support.disks.second_disk import Safe, opened
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import OTHER, ROOM, SMALL, Site

# A backup of ours is a copy of SQLite's file.
pytestmark = pytest.mark.sqlite_alone

ANOTHER = 0x123456
PERSON = {"given_name": "Ann", "category": 1}


def register(safe: Safe) -> int:
    """A new person at the desk, with a badge."""
    attendee = safe.write(attendees.add_attendee, PERSON, by="test", now=NOW, random=os.urandom)
    safe.write(issuing.issue_missing, safe.event, now=NOW, by="test")
    return attendee.serial


def void(site: Site, event: Event) -> dict[int, tuple[int, bool]]:
    """The void badges in the doors' snapshot, by serial."""
    facts = snapshot.snapshot(site.database.reader, event, ("west", 1), 1, LATER).holders
    return {holder.serial: (holder.highest_issue, holder.revoked) for holder in facts}


class TestBadges:
    def test_one_that_was_revoked_stays_so(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        serial = register(safe)
        safe.write(issuing.revoke, serial, reason="conduct", now=NOW, by="test")
        done = restore(copy, tmp_path / "new", now=LATER)
        assert done.gained["unknown_holder"] == 1
        assert done.skipped == 0
        assert "1 void badge of an unknown person" in "\n".join(report(done, copy))
        with opened(done, safe.site) as again:
            assert void(again, done.event)[serial] == (1, True)

    def test_one_that_was_replaced_stays_so(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        serial = register(safe)
        for _ in range(2):
            safe.write(issuing.reissue, safe.event, serial, reason="lost", now=NOW, by="test")
        done = restore(copy, tmp_path / "new", now=LATER)
        with opened(done, safe.site) as again:
            assert void(again, done.event)[serial] == (3, False)

    def test_a_day_credential_missing_in_the_backup(self, safe: Safe, tmp_path: Path) -> None:
        """It is restored with its holder, who has another one to come. Doors receive it."""
        serial = register(safe)
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.write(
            day_credentials.issue_day_credential, safe.event, serial, day=0, by="test", now=NOW
        )
        (given,) = day_credentials.of_attendee(safe.database.reader, serial)
        done = restore(copy, tmp_path / "new", now=LATER)
        assert (done.gained["day_credential"], done.skipped) == (1, 0)
        with opened(done, safe.site) as again:
            db = again.database.reader
            assert day_credentials.of_attendee(db, serial) == [given]
            facts = snapshot.snapshot(db, done.event, ("west", 1), 1, LATER, days=True).holders
            assert [fact.day_credentials for fact in facts if fact.serial == serial] == [[(1, 0)]]
            newer = again.database.write(
                lambda db: issuing.reissue(
                    db, done.event, serial, reason="lost", now=LATER, by="test"
                )
            )
            assert newer.names_row == given.names_row + 1

    def test_a_day_credential_of_somebody_unknown_voids_nothing(
        self, safe: Safe, copy: Path, tmp_path: Path
    ) -> None:
        """Their badge and the credential open doors by their signatures."""
        serial = register(safe)
        safe.write(
            day_credentials.issue_day_credential, safe.event, serial, day=0, by="test", now=NOW
        )
        done = restore(copy, tmp_path / "new", now=LATER)
        with opened(done, safe.site) as again:
            assert void(again, done.event)[serial] == (1, False)

    def test_its_number_is_nobody_else_s(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        serial = register(safe)
        safe.write(issuing.revoke, serial, reason="conduct", now=NOW, by="test")
        done = restore(copy, tmp_path / "new", now=LATER)
        draws = [serial.to_bytes(3, "big"), ANOTHER.to_bytes(3, "big")]
        with opened(done, safe.site) as again:
            attendee = again.database.write(
                lambda db: attendees.add_attendee(
                    db, PERSON, by="test", now=LATER, random=lambda _: draws.pop(0)
                )
            )
            assert (attendee.serial, attendee.revoked_at) == (ANOTHER, None)

    def test_it_revokes_a_holder_who_is_back(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        """Added by hand, or from a later backup."""
        serial = register(safe)
        late = make_backup(safe.event, safe.second, NOW + MINUTE).path
        safe.write(issuing.revoke, serial, reason="conduct", now=NOW, by="test")
        done = restore(copy, tmp_path / "new", now=LATER)
        columns = "given_name, family_name, organisation, country, email, category, valid_days"
        columns += ", zones, flags, language, created_at, revoked_at"
        with opened(done, safe.site) as again:
            Keeper(done.event.event_id, again.database, safe.second, lambda: LATER).keep()
            row = safe.site.rows(f"SELECT {columns} FROM attendee WHERE serial = {serial}")[0]
            insert = f"INSERT INTO attendee (serial, {columns}) VALUES ({'?, ' * 12}?)"
            again.database.write(lambda db: db.execute(insert, (serial, *row[:-1], None)) and None)
            assert attendees.attendee(again.database.reader, serial).revoked_at == NOW
            assert again.rows("SELECT * FROM unknown_holder") == []
        both = restore(late, tmp_path / "newer", now=LATER + MINUTE)
        with opened(both, safe.site) as again:
            assert attendees.attendee(again.database.reader, serial).revoked_at == NOW

    def test_an_erased_holder_who_is_back_is_named(self, safe: Safe, tmp_path: Path) -> None:
        serial, stays = register(safe), register(safe)
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.write(erase.erase, safe.event, serial, by="test", now=NOW)
        done = restore(copy, tmp_path / "new", now=LATER)
        assert done.erased == [badge_number(serial)]
        text = "\n".join(report(done, copy))
        assert f"has 1 person whom the event no longer had: {badge_number(serial)}." in text
        assert "do so again: hallkeeper person erase --attendee NUMBER --yes" in text
        with opened(done, safe.site) as again:
            assert attendees.attendee(again.database.reader, serial).revoked_at == NOW
            assert attendees.attendee(again.database.reader, stays).revoked_at is None

    def test_acts_of_an_earlier_version(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(safe.second / ACTS_FILE)) as kept:
            kept.execute("DROP TABLE unknown_holder")
            kept.execute("DROP TABLE day_credential")
        assert read_acts(safe.second / ACTS_FILE).rows["unknown_holder"] == []
        restore(copy, tmp_path / "new", now=LATER)


def echo(site: Site, door: FakeDoor, *more: wire.PlaceTotals) -> None:
    door.acked = site.rows(f"SELECT acked_seq FROM kiosk WHERE kiosk = '{door.kiosk}'")[0][0]
    totals = [wire.PlaceTotals(door.hall, door.granted, door.returned, door.free)]
    totals.append(wire.PlaceTotals(door.hall, 0, 0, 0, override=True))
    site.send(door, LATER, incarnation=NEXT, places=[*totals, *more])


def pool(site: Site, hall: int) -> pools.Pool:
    return pools.load(site.database.reader, PoolKey(hall))


class TestMoved:
    """West was moved after the backup, and the acts are lost with the server."""

    @pytest.fixture
    def restored(self, safe: Safe, copy: Path, tmp_path: Path):
        away = Path(shutil.copytree(copy, tmp_path / "usb" / copy.name))
        safe.write(relocation.move, ("west", 1), 3, by="test", now=NOW)
        return restore(away, tmp_path / "new", now=LATER, without_acts=True)

    def test_its_places_there_are_counted(self, restored, safe: Safe) -> None:
        text = "\n".join(report(restored, Path()))
        assert "move it again" in text
        with opened(restored, safe.site) as again:
            for door in (again.east, again.other, again.room):
                echo(again, door)
            assert pool(again, OTHER).awaited == {("west", 1)}
            before = pool(again, OTHER)
            assert before.grant(("other", 1), 1) == before
            echo(again, again.west, wire.PlaceTotals(OTHER, 2, 0, 2))
            for hall in (SMALL, OTHER, ROOM):
                assert pool(again, hall).awaited == frozenset()
            assert pool(again, OTHER).kiosks["west", 1].held == 2

    def test_lost_it_is_fenced_and_attested_where_it_is_known(self, restored, safe: Safe) -> None:
        staff = {"by": "user:1", "with_": "user:2", "now": LATER}
        with opened(restored, safe.site) as again:
            for door in (again.east, again.other, again.room):
                echo(again, door)
            again.database.write(lambda db: registry.fence(db, "west", 1, by="test", now=LATER))
            assert pool(again, OTHER).awaited == {("west", 1)}
            again.database.write(lambda db: hall_control.attest(db, SMALL, ("west", 1), 0, **staff))
            assert pool(again, OTHER).awaited == frozenset()

    def test_fenced_it_is_attested_where_it_turns_out_to_hold(self, restored, safe: Safe) -> None:
        """The account that its message opens is fenced like its others, so its places return."""
        staff = {"by": "user:1", "with_": "user:2", "now": LATER}
        with opened(restored, safe.site) as again:
            for door in (again.east, again.other, again.room):
                echo(again, door)
            again.database.write(lambda db: registry.fence(db, "west", 1, by="test", now=LATER))
            beyond = wire.PlaceTotals(OTHER, 0, 0, 0, override=True)
            echo(again, again.west, wire.PlaceTotals(OTHER, 2, 0, 2), beyond)
            assert pool(again, OTHER).kiosks["west", 1].held == 2
            again.database.write(lambda db: hall_control.attest(db, OTHER, ("west", 1), 0, **staff))
            assert pool(again, OTHER).kiosks["west", 1].held == 0

    def test_with_acts_it_is_known_there(self, safe: Safe, copy: Path, tmp_path: Path) -> None:
        safe.write(relocation.move, ("west", 1), 3, by="test", now=NOW)
        done = restore(copy, tmp_path / "new", now=LATER)
        with opened(done, safe.site) as again:
            assert ("west", 1) in pool(again, OTHER).awaited
            assert again.rows("SELECT door_id FROM kiosk WHERE kiosk = 'west'") == [(3,)]


def test_a_forgotten_generation_is_not_reused(safe: Safe, copy: Path, tmp_path: Path) -> None:
    """Exits at other doors name stays by it."""
    away = Path(shutil.copytree(copy, tmp_path / "usb" / copy.name))
    done = restore(away, tmp_path / "new", now=LATER, without_acts=True)
    with opened(done, safe.site) as again:
        for _ in range(2):
            again.database.write(
                lambda db: registry.add_kiosk(
                    db, done.event, "west", "west", address=("localhost", 1), by="test", now=LATER,
                    random=os.urandom,
                )
            )  # fmt: skip
        generations = [row.generation for row in registry.kiosks(again.database.reader)]
    assert max(generations) == 2 + registry.AFTER_RESTORE


class TestKeys:
    def test_a_key_that_was_dropped_after_the_backup_stays_dropped(
        self, safe: Safe, tmp_path: Path
    ) -> None:
        """A badge by it would open doors again, and its number could be given to another key."""
        register(safe)
        safe.write(badge_keys.add_key, safe.event, by="test", now=NOW)
        copy = make_backup(safe.event, safe.second, NOW).path
        change_keys(safe, drops=True)
        dropped = badge_keys.keys_of(safe.database.reader, safe.event)
        done = restore(copy, tmp_path / "new", now=LATER)
        with opened(done, safe.site) as again:
            db = again.database.reader
            keys = badge_keys.keys_of(db, done.event)
            assert keys.private == dropped.private
            assert keys.issuing == 2
            facts = snapshot.snapshot(db, done.event, ("west", 1), 1, LATER)
            assert facts.ring == dropped.signed_ring
            number = again.database.write(
                lambda db: badge_keys.add_key(db, done.event, by="test", now=LATER)
            )
            assert number == 3
            assert badge_keys.keys_of(again.database.reader, done.event).number > dropped.number

    def test_a_key_that_is_in_use_is_the_same_key_again(self, safe: Safe, tmp_path: Path) -> None:
        """Its secret is not in the database, and badges by it stay valid."""
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.write(badge_keys.add_key, safe.event, by="test", now=NOW)
        change_keys(safe, drops=False)
        serial = register(safe)
        text = issuing.current_badge(safe.database.reader, serial).credential
        done = restore(copy, tmp_path / "new", now=LATER)
        with opened(done, safe.site) as again:
            keys = badge_keys.keys_of(again.database.reader, done.event)
            assert open_credential(keys.ring, text).key_id == keys.issuing == 2


def change_keys(safe: Safe, *, drops: bool) -> None:
    """Sign by the second key, and drop the first one."""

    def step(db: Connection) -> None:
        listed = [use.as_listed for use in badge_keys.uses(db, safe.event, NOW)]
        badge_keys.issue_by(db, safe.event, 2, listed, by="test", with_=None, now=NOW)
        if drops:
            named = badge_keys.named_to_drop(badge_keys.uses(db, safe.event, NOW), 1)
            badge_keys.drop_key(db, safe.event, 1, named, by="test", with_=None, now=NOW)

    safe.write(step)
