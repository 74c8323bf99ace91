"""What is refused while the second disk is away, and what is done all the same, with a remark.

`HELD_BACK` and `AT_ONCE` have a case for each kind; tests/test_house.py fails if an act is not
decided (`decided.py`).
"""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from badges.places.pool import PoolKey
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import registry, relocation
from server.core.occupancy import grants, hall_control, nesting_accounts, pools
from server.core.people import badge_keys, issuing, phone_links
from server.core.second_disk.copy import make_backup
from server.core.second_disk.critical_state import ACTS_FILE, ON_ONE_DISK, ActsError, read_acts
from server.core.second_disk.critical_tables import KEPT
from server.core.staff import pins, users
from server.features.backup.restore import restore
from server.features.halls import screen_links
from server.features.integrations import endpoints, tokens
from server.storage.database import Database
from server.storage.tables import columns_of
from tests.server.conftest import NOW
from tests.server.core.second_disk.decided import FREE_COLUMNS
from tests.server.features.backup.conftest import LATER, NEXT
from tests.server.support.disks.second_disk import Safe, open_safe, opened
from tests.server.support.fake_door import FakeDoor
from tests.server.support.in_process import Forum
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site, clear_all, take

pytestmark = pytest.mark.sqlite_alone  # An event in PostgreSQL has no second disk.

Step = Callable[[sqlite3.Connection, Event], object]
WHO = {"by": "test", "now": NOW}


def sql(*statements: str) -> Step:
    """A step that by-passes the stores."""
    return lambda db, event: [db.execute(statement) for statement in statements] and None


def lead_from_outside(db: sqlite3.Connection, event: Event | None = None) -> None:
    """A venue edit: who enters ROOM counts in OTHER too, where ROOM's kiosk gets an account."""
    before = nesting_accounts.paths(db)
    db.execute("UPDATE door_from SET from_id = NULL WHERE door_id = 4")
    nesting_accounts.settle(db, before)
    changes.publish_venue(db)


def issue_by_the_new_key(db: sqlite3.Connection, event: Event) -> None:
    named = [use.as_listed for use in badge_keys.uses(db, event, NOW)]
    badge_keys.issue_by(db, event, 2, named, with_=None, **WHO)


def drop_the_new_key(db: sqlite3.Connection, event: Event) -> None:
    named = badge_keys.named_to_drop(badge_keys.uses(db, event, NOW), 2)
    badge_keys.drop_key(db, event, 2, named, with_=None, **WHO)


HELD_BACK: dict[str, Step] = {
    "a kiosk is confirmed": lambda db, event: registry.confirm(db, event, "north", **WHO),
    "a kiosk is moved": lambda db, event: relocation.move(db, ("west", 1), 3, **WHO),
    "a venue edit opens an account": lead_from_outside,
    "an account is opened": lambda db, event: pools.enrol(db, OTHER, ("west", 1)),
    "a door leads from elsewhere": sql("UPDATE door_from SET from_id = NULL WHERE door_id = 4"),
    "a door with a kiosk is of another hall": sql("UPDATE door SET hall_id = 2 WHERE door_id = 1"),
    "a hall lies in another": sql("UPDATE hall SET parent_id = 2 WHERE hall_id = 1"),
    "a hall lies in none": sql("UPDATE hall SET parent_id = NULL WHERE hall_id = 3"),
    "a lower capacity": lambda db, event: hall_control.set_capacity(db, SMALL, 4, **WHO),
    "a lower fire limit": sql("UPDATE hall SET fire_limit = 50 WHERE hall_id = 1"),
    "strict exits": sql("UPDATE hall SET exits = 'strict' WHERE hall_id = 2"),
    "scanned leaving": sql("UPDATE hall SET leaving = 'scanned' WHERE hall_id = 2"),
    "a key is added": lambda db, event: badge_keys.add_key(db, event, **WHO),
    "a key issues": issue_by_the_new_key,
    "a key is dropped": drop_the_new_key,
}
AT_ONCE: dict[str, Step] = {
    "a hall is closed": lambda db, event: hall_control.set_closed(db, SMALL, True, **WHO),
    "a kiosk is fenced": lambda db, event: registry.fence(db, "west", 1, **WHO),
    "a kiosk is fenced as a fork": lambda db, event: registry.fence_forked(db, ("west", 1), NOW),
    "a kiosk is retired": lambda db, event: registry.retire(db, "east", **WHO),
    "a badge is revoked": lambda db, event: issuing.revoke(db, ANNA, reason="lost", **WHO),
    "a badge is reissued": lambda db, event: issuing.reissue(db, event, ANNA, reason="lost", **WHO),
    "a badge is withdrawn": lambda db, event: issuing.withdraw(db, BORIS, **WHO),
    "a phone's link is revoked": lambda db, event: phone_links.revoke(db, ANNA, **WHO),
    "a user is disabled": lambda db, event: users.disable_user(db, 2, **WHO),
    "a user has a lower role": lambda db, event: users.set_role(db, 2, "steward", **WHO),
    "a PIN is removed": lambda db, event: pins.remove_pin(db, 2, **WHO),
    "a screen's link is revoked": lambda db, event: screen_links.revoke(db, SMALL, 1, **WHO),
    "a token is revoked": lambda db, event: tokens.revoke(db, 1, **WHO),
    "a webhook is removed": lambda db, event: endpoints.remove(db, 1, **WHO),
}
# Forgotten, these err on the safe side, or are said again by their kiosks.
NO_MATTER: dict[str, Step] = {
    "a higher capacity": lambda db, event: hall_control.set_capacity(db, SMALL, 8, **WHO),
    "a kiosk starts again": sql("UPDATE kiosk SET run = 'later', wire = '2' WHERE kiosk = 'west'"),
    "a phone shall leave old files": sql("UPDATE kiosk SET old_files = 'a' WHERE kiosk = 'west'"),
    "a door without a kiosk": sql(
        "INSERT INTO door VALUES (9, 'd9', 1, '{}', 'both')",
        "INSERT INTO door_from VALUES (9, 1, NULL)",
        "UPDATE door SET hall_id = 2 WHERE door_id = 9",
    ),
    "a hall is reopened": lambda db, event: hall_control.set_closed(db, ROOM, False, **WHO),
    "a hall is cleared": lambda db, event: clear_all(db, OTHER, **WHO),
}


@pytest.fixture
def safe(event: Event, database: Database, tmp_path: Path) -> Safe:
    safe = open_safe(event, database, tmp_path / "second")
    safe.enrol(FakeDoor("north", 1, SMALL), confirm=False)
    safe.write(users.add_user, "Mei", "admin", "$argon2", **WHO)
    safe.write(users.add_user, "Jonas", "supervisor", "$argon2", **WHO)
    safe.write(pins.set_pin, 2, "$argon2", **WHO)
    safe.write(issuing.issue_missing, event, **WHO)
    safe.write(issuing.reissue, event, BORIS, reason="lost", **WHO)
    safe.write(badge_keys.add_key, event, **WHO)
    safe.write(screen_links.add, SMALL, **WHO)
    safe.write(tokens.make, "shop", ["read:people"], 1, **WHO)
    safe.write(endpoints.add, "https://example.org/", ["halls"], http_allowed=False, **WHO)
    safe.site.execute("UPDATE hall SET exits = 'trusting', leaving = 'inferred' WHERE hall_id = 2")
    safe.site.execute("UPDATE hall SET closed_at = 1 WHERE hall_id = 3")
    assert safe.keeper.trouble == ""
    assert safe.database.remark() == ""
    return safe


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"


@pytest.fixture
def away(safe: Safe) -> Safe:
    safe.second.rename(safe.second.with_name("away"))
    return safe


def come_back(safe: Safe) -> None:
    safe.second.with_name("away").rename(safe.second)


def do(safe: Safe, step: Step) -> str:
    """Return the remark."""
    safe.database.write(lambda db: step(db, safe.event))
    return safe.database.remark()


def dump(safe: Safe) -> list[str]:
    with closing(sqlite3.connect(safe.database.path)) as db:
        return list(db.iterdump())


class TestLossOfBothDisks:
    """The second disk is away, staff act, and the server's disk is lost."""

    def test_a_venue_edit_does_not_overfill_a_hall(self, safe: Safe, new: Path) -> None:
        """ROOM's door gets an account in OTHER, which the restored server has not heard of."""
        overrides = wire.PlaceTotals(OTHER, 93, 93, 0, override=True)  # the door gives them back
        safe.site.send(safe.site.other, places=[wire.PlaceTotals(OTHER, 6, 0, 6), overrides])
        safe.site.execute("UPDATE kiosk SET seen_at = 0 WHERE kiosk = 'other'")  # it is away
        safe.write(hall_control.set_capacity, OTHER, 9, **WHO)
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.second.rename(safe.second.with_name("away"))
        room = safe.site.room
        try:
            safe.write(lead_from_outside)
        except ActsError:
            admitted = 0
        else:
            admitted = granted_in_other(safe.site, room, 0, now=NOW, incarnation=1)
        come_back(safe)
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again:
            again.execute("UPDATE kiosk SET seen_at = ?", LATER)
            for door in (again.west, again.east, again.room):
                send_to_restored(again, door)
            granted = granted_in_other(again, again.other, 6, now=LATER, incarnation=NEXT)
            capacity = again.figures(OTHER).capacity
        inside = admitted + granted
        assert inside <= capacity, f"{inside} people in {capacity} places"

    def test_a_lower_capacity_holds(self, safe: Safe, new: Path) -> None:
        copy = make_backup(safe.event, safe.second, NOW).path
        safe.second.rename(safe.second.with_name("away"))
        told = 6
        try:
            safe.write(hall_control.set_capacity, SMALL, 4, **WHO)
            told = 4
        except ActsError:
            pass
        come_back(safe)
        done = restore(copy, new, now=LATER)
        with opened(done, safe.site) as again:
            assert again.figures(SMALL).capacity <= told


def granted_in_other(
    site: Site, door: FakeDoor, granted: int, *, now: int, incarnation: int
) -> int:
    """Let a door ask for a place of OTHER until it gets no more. Return how many it has."""
    while True:
        overrides = 93 if door.hall == OTHER else 0
        totals = [
            wire.PlaceTotals(OTHER, granted, 0, 0, wants=True),
            wire.PlaceTotals(OTHER, overrides, overrides, 0, override=True),
        ]
        if door.hall != OTHER:
            totals.append(wire.PlaceTotals(door.hall, door.granted, door.returned, door.free))
        batch = door.batch(now, places=totals, incarnation=incarnation)

        def step(db: sqlite3.Connection, batch: wire.ScanBatch = batch) -> None:
            take(db, door, batch, now)
            grants.share(db, OTHER, now)

        site.database.write(step)
        before = granted
        granted = site.pool(PoolKey(OTHER)).kiosks[door.kiosk, 1].granted
        if granted == before:
            return granted


def send_to_restored(site: Site, door: FakeDoor) -> None:
    totals = [
        wire.PlaceTotals(door.hall, door.granted, door.returned, door.free),
        wire.PlaceTotals(door.hall, 0, 0, 0, override=True),
    ]
    site.send(door, LATER, incarnation=NEXT, places=totals)


@pytest.mark.parametrize("kind", HELD_BACK)
def test_it_is_refused(away: Safe, kind: str) -> None:
    before = dump(away)
    with pytest.raises(ActsError, match="second disk did not take .* this was not done"):
        do(away, HELD_BACK[kind])
    assert dump(away) == before
    come_back(away)
    assert do(away, HELD_BACK[kind]) == ""
    assert dump(away) != before


@pytest.mark.parametrize("kind", AT_ONCE)
def test_it_is_done_with_a_remark(away: Safe, kind: str) -> None:
    """And it reaches the second disk once that works."""
    before = dump(away)
    kept = read_acts(away.second.with_name("away") / ACTS_FILE).rows
    assert do(away, AT_ONCE[kind]) == ON_ONE_DISK
    assert dump(away) != before
    come_back(away)
    away.keeper.keep()
    assert away.keeper.trouble == ""
    assert away.acts.rows != kept


@pytest.mark.parametrize("kind", NO_MATTER)
def test_it_is_done(away: Safe, kind: str) -> None:
    before = dump(away)
    do(away, NO_MATTER[kind])
    assert dump(away) != before


def test_a_kiosk_that_starts_again_is_heard(event: Event, tmp_path: Path, second: Path) -> None:
    """Scans need no second disk, and their kiosk's new run is no act of staff."""
    settings = event.path / "event.toml"
    line = '# backup_dir = "/mnt/second/forum"'
    settings.write_text(settings.read_text().replace(line, f'backup_dir = "{second}"'))
    with closing(Forum(event, tmp_path, second)) as forum:
        west = forum.enrol("west")
        second.rename(tmp_path / "away")
        west.close()
        forum.now += 2_000
        west.open()
        assert west.present(1)
        west.exchange()
        assert forum.rows("SELECT seq FROM scan") == [(1,)]


def test_scans_open_accounts_after_a_restore_without_acts(away: Safe) -> None:
    """A kiosk was moved since the backup, and no file says so: its batch does."""
    away.site.execute("INSERT INTO setting VALUES ('without_acts', '1')")
    assert do(away, HELD_BACK["an account is opened"]) == ON_ONE_DISK


@pytest.mark.parametrize("table", FREE_COLUMNS)
def test_every_column_that_a_capacity_needs_is_decided(database: Database, table: str) -> None:
    """If it fails for your new column: a change of it is held back, or it is in `FREE_COLUMNS`."""
    kept = next(kept for kept in KEPT if kept.table == table)
    named = set(re.findall(r"NEW\.(\w+)", kept.held.update)) - FREE_COLUMNS[table]
    assert named | FREE_COLUMNS[table] == set(columns_of(database.reader, table))
