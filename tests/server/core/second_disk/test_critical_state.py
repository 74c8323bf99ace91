"""Acts on the second disk: written before their answer, at no cost to scans."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from server.core.event.directory import Event
from server.core.kiosks import contact, registry
from server.core.occupancy import hall_control
from server.core.people import issuing
from server.core.second_disk.critical_state import ACTS_FILE, ActsError, Keeper, read_acts
from server.core.staff import users
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.disks.second_disk import Safe, open_safe
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, SMALL

pytestmark = pytest.mark.sqlite_alone  # An event in PostgreSQL has no second disk.


class UndoneError(Exception):
    """A step that is undone."""


@pytest.fixture
def safe(event: Event, database: Database, tmp_path: Path) -> Safe:
    return open_safe(event, database, tmp_path / "second")


def rows(safe: Safe, table: str, **wanted) -> list[dict]:
    every = safe.acts.rows[table]
    return [row for row in every if all(row[name] == value for name, value in wanted.items())]


def test_it_works(safe: Safe) -> None:
    """A kiosk is on the second disk before its admin is answered, and private."""
    safe.enrol(FakeDoor("north", 1, SMALL))
    (kept,) = rows(safe, "kiosk", kiosk="north")
    assert kept["state"] == "active"
    assert kept["identity"]
    assert len(rows(safe, "place_account", kiosk="north")) == 2
    assert stat.S_IMODE((safe.second / ACTS_FILE).stat().st_mode) == 0o600
    assert [path.name for path in safe.second.iterdir()] == [ACTS_FILE]


def test_each_kind_of_act(safe: Safe, event: Event) -> None:
    safe.write(hall_control.set_capacity, SMALL, 4, by="test", now=NOW)
    assert rows(safe, "hall", hall_id=SMALL, capacity=4)
    safe.write(hall_control.set_closed, SMALL, True, by="test", now=NOW)
    assert rows(safe, "hall", hall_id=SMALL, closed_at=NOW)
    safe.write(registry.fence, "west", 1, by="test", now=NOW)
    assert rows(safe, "kiosk", kiosk="west", state="fenced")
    assert len(rows(safe, "place_account", kiosk="west", fenced=1)) == 2
    safe.write(registry.retire, "east", by="test", now=NOW)
    assert rows(safe, "kiosk", kiosk="east", state="retired")
    safe.write(users.add_user, "Mei", "steward", "$argon2", by="test", now=NOW)
    assert rows(safe, "staff_user", name="Mei")
    safe.write(issuing.issue_missing, event, now=NOW, by="test")
    assert rows(safe, "badge") == []
    safe.write(issuing.reissue, event, ANNA, reason="lost", now=NOW, by="test")
    assert rows(safe, "badge", serial=ANNA, issue=2)
    safe.write(issuing.withdraw, ANNA, now=NOW, by="test")
    assert rows(safe, "withdrawn_badge", serial=ANNA, issue=2)
    assert rows(safe, "badge") == []
    safe.write(issuing.revoke, ANNA, reason="lost", now=NOW, by="test")
    assert rows(safe, "attendee") == [{"serial": ANNA, "revoked_at": NOW}]
    assert safe.acts.moment.event_id == event.event_id


def test_scans_and_heartbeats_cost_nothing(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeper, "_write", lambda *_: pytest.fail("the acts were written"))
    safe.site.west.scan(NOW, ANNA)
    safe.site.send(safe.site.west)
    safe.site.send(safe.site.west)
    safe.site.east.leave(NOW + 1, ANNA, safe.site.west.ref(safe.site.west.scan(NOW, 1)))
    safe.site.send(safe.site.east)
    safe.write(contact.count_request, ("west", 1), 99, NOW)


def test_what_is_undone_is_not_kept(safe: Safe) -> None:
    def fail(db: sqlite3.Connection) -> None:
        hall_control.set_capacity(db, SMALL, 1, by="test", now=NOW)
        raise UndoneError

    with pytest.raises(UndoneError):
        safe.database.write(fail)
    safe.write(users.add_user, "Mei", "steward", "$argon2", by="test", now=NOW)
    assert rows(safe, "hall", hall_id=SMALL, capacity=6)


class TestDiskGone:
    @pytest.fixture(autouse=True)
    def gone(self, safe: Safe) -> None:
        safe.enrol(FakeDoor("north", 1, SMALL), confirm=False)
        safe.second.rename(safe.second.with_name("away"))

    def test_no_kiosk_is_confirmed(self, safe: Safe, event: Event) -> None:
        with pytest.raises(ActsError, match="second disk did not take .* this was not done"):
            safe.write(registry.confirm, event, "north", by="test", now=NOW)
        assert safe.site.rows("SELECT state FROM kiosk WHERE kiosk = 'north'") == [("proven",)]
        assert safe.site.rows("SELECT * FROM place_account WHERE kiosk = 'north'") == []

    def test_a_step_that_failed_leaves_nothing_to_the_next(self, safe: Safe, event: Event) -> None:
        """A scan is not refused because a kiosk could not be confirmed before it."""

        def confirm(db: sqlite3.Connection) -> None:
            registry.confirm(db, event, "north", by="test", now=NOW)
            raise UndoneError

        with pytest.raises(UndoneError):
            safe.database.write(confirm)
        safe.site.west.scan(NOW, ANNA)
        assert safe.site.send(safe.site.west).acked_seq == 1

    def test_a_hall_is_closed_all_the_same(self, safe: Safe) -> None:
        safe.write(hall_control.set_closed, SMALL, True, by="test", now=NOW)
        assert safe.site.rows("SELECT closed_at FROM hall WHERE hall_id = 1") == [(NOW,)]
        assert "No such file" in safe.keeper.trouble
        safe.second.with_name("away").rename(safe.second)
        (safe.second / ACTS_FILE).write_bytes(b"half of it")
        safe.keeper.keep()
        assert safe.keeper.trouble == ""
        assert rows(safe, "hall", hall_id=SMALL, closed_at=NOW)


@pytest.mark.sqlite_alone  # a file is put back
class TestOldCopy:
    def test_a_database_put_back_by_hand_is_not_served(self, safe: Safe, tmp_path: Path) -> None:
        old = tmp_path / "old.db"
        with (
            closing(sqlite3.connect(safe.database.path)) as live,
            closing(sqlite3.connect(old)) as copy,
        ):
            live.backup(copy)
        safe.write(hall_control.set_capacity, SMALL, 4, by="test", now=NOW)
        safe.write(hall_control.set_capacity, SMALL, 5, by="test", now=NOW)
        with Database(old) as database:
            with pytest.raises(ActsError, match="put back by hand.*hallkeeper restore"):
                Keeper(safe.event.event_id, database, safe.second, lambda: NOW)

    def test_an_act_that_a_crash_undid_is_no_old_copy(self, safe: Safe) -> None:
        """It was written, but the commit failed."""

        def crash(db: sqlite3.Connection) -> None:
            hall_control.set_capacity(db, SMALL, 4, by="test", now=NOW)
            safe.keeper._check(db)
            raise UndoneError

        with pytest.raises(UndoneError):
            safe.database.write(crash)
        assert rows(safe, "hall", hall_id=SMALL, capacity=4)
        with Database(safe.database.path) as again:
            Keeper(safe.event.event_id, again, safe.second, lambda: NOW).keep()
        assert rows(safe, "hall", hall_id=SMALL, capacity=6)

    def test_another_event_s(self, safe: Safe) -> None:
        with pytest.raises(ActsError, match="of another event"):
            Keeper(bytes(16), safe.database, safe.second, lambda: NOW)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[: len(data) // 2], "is damaged"),
        (lambda data: b"", "is damaged"),
        (lambda data: b"not a database" * 1000, "is damaged"),
        (lambda data: data[:60] + (9).to_bytes(4, "big") + data[64:], "newer Hallkeeper"),
    ],
    ids=["cut", "empty", "text", "newer"],
)
def test_a_file_that_is_spoilt(safe: Safe, damage, problem: str) -> None:
    path = safe.second / ACTS_FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ActsError, match=problem):
        read_acts(path)
