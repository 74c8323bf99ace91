"""The cache of the writer's steps equals the database, also after foreign writes."""

import random
import sqlite3
import threading
from collections.abc import Iterator, Mapping

import msgspec
import pytest

from badges.places.pool import PoolKey
from badges.record import StayRef
from badges.wire import wire
from server.core.kiosks import contact
from server.core.kiosks.runs import own_run
from server.core.ledger import ingest
from server.core.occupancy import hall_control, pools
from server.core.occupancy.kiosk_accounts import KnownAccount
from server.core.occupancy.pools import HallRow
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import SupersededError
from server.storage.engines import memory
from server.storage.engines.memory import Memo
from server.storage.opening import connect
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, CALENDAR, SMALL, Site, open_site, take
from tests.tries import tries

# PostgreSQL has no cache.
pytestmark = pytest.mark.sqlite_alone


def checked_cache(db: Connection) -> Memo:
    """Return the cache, after comparing it with the database."""
    memo = dict(memory.memo_of(db))
    memory.forget(db)
    for key, kept in memo.items():
        match key:
            case PoolKey():
                assert kept == pools.load(db, key)
            case (kind, hall) if kind is HallRow:
                read = pools.Pools(db).hall(hall)
                for name in ("fire_limit", "accessible_places", "closed_at", "shared_until"):
                    assert getattr(kept, name) == getattr(read, name)
            case (str(), int()):
                sender, door = contact.sender(db, *key)
                assert kept[:8] == (
                    sender.public_key, sender.state, sender.acked_seq, sender.head, sender.run,
                    sender.version, sender.old_files, door,
                )  # fmt: skip
                assert rounded(kept.accounts) == rounded(sender.accounts)
                assert kept.counter == contact.last_request(db, key)
                standing = memo["standing"]
                assert standing._replace(cursor=0) == sender.standing._replace(cursor=0)
                assert standing.cursor in (-1, sender.standing.cursor)
                memory.forget(db)
    return memo


def rounded(accounts: Mapping[PoolKey, KnownAccount]) -> dict[PoolKey, KnownAccount]:
    """Return the accounts with rates as exact as SQLite writes them in JSON."""
    return {
        key: msgspec.structs.replace(account, rate=round(account.rate, 9))
        for key, account in accounts.items()
    }


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """Compare the cache with the database after each step."""
    site = open_site(database)
    yield site
    site.database.write(checked_cache)


def kiosks_known(site: Site) -> set[str]:
    cache = site.database.write(checked_cache)
    return {key[0] for key in cache if isinstance(key, tuple) and isinstance(key[0], str)}


def statements(site: Site, door: FakeDoor) -> list[str]:
    """Return the statements by which a batch of the door reads."""
    seen: list[str] = []
    batch = door.batch(NOW)

    def step(db: sqlite3.Connection) -> None:
        db.set_trace_callback(seen.append)
        try:
            take(db, door, batch, NOW)
        finally:
            db.set_trace_callback(None)

    site.database.write(step)
    return [sql for sql in seen if sql.startswith("SELECT")]


def test_the_next_batch_reads_neither_its_kiosk_nor_its_pools(site: Site) -> None:
    site.send(site.west)
    site.west.scan(NOW, ANNA)
    read = statements(site, site.west)
    assert not [sql for sql in read if "open_stays" in sql or "FROM kiosk" in sql]
    assert "west" in kiosks_known(site)


def test_what_another_connection_writes_is_seen(site: Site) -> None:
    site.send(site.west)
    other = connect(site.database.path)
    other.execute("UPDATE hall SET capacity = 1 WHERE hall_id = ?", (SMALL,))
    other.execute("UPDATE kiosk SET state = 'fenced' WHERE kiosk = 'west'")
    other.close()
    assert kiosks_known(site) == set()
    site.scan(site.west, NOW, ANNA)
    assert site.figures(SMALL).capacity == 1
    assert site.rows("SELECT quarantined FROM scan") == [(1,)]


def test_what_another_step_writes_is_seen(site: Site) -> None:
    site.send(site.west)
    write = site.database.write
    write(lambda db: db.execute("UPDATE hall SET capacity = 2 WHERE hall_id = ?", (SMALL,)) and 0)
    assert kiosks_known(site) == set()


def test_a_counter_is_used_once_whether_it_is_read_or_known(site: Site) -> None:
    batch = site.west.batch(NOW, health=wire.Health(queue=3))

    def visit(db: sqlite3.Connection) -> bool:
        sender = contact.counted_sender(db, ("west", 1), counter, NOW + counter, batch)
        if sender is not None:
            ingest.ingest(db, sender[0], batch, calendar=CALENDAR, now=NOW)
        return sender is not None

    taken = []
    for counter in (5, 5, 6, 6, 5, 7, 8):
        taken.append(site.database.write(visit))
        if counter == 7:
            site.database.write(memory.forget)
    assert taken == [True, False, True, False, False, True, True]
    stored = site.rows("SELECT counter, seen_at, reported_at FROM kiosk WHERE kiosk = 'west'")
    assert stored == [(8, NOW + 8, NOW + 8)]
    assert site.rows("SELECT heard, queue FROM kiosk_minute") == [(4, 3)]


def test_a_capacity_that_staff_change_holds_at_once(site: Site) -> None:
    site.send(site.west)
    write = site.database.write
    write(lambda db: hall_control.set_capacity(db, SMALL, 1, by="test", now=NOW))
    site.west.scan(NOW, ANNA)
    site.scan(site.west, NOW, BORIS)
    site.send(site.east)
    assert site.figures(SMALL).capacity == 1


def test_a_step_that_fails_leaves_nothing_known(site: Site) -> None:
    site.send(site.west)
    batch = site.west.batch(NOW, places=[wire.PlaceTotals(SMALL, 900, 0, 900, wants=True)])

    def fail(db: sqlite3.Connection) -> None:
        take(db, site.west, batch, NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        site.database.write(fail)
    site.scan(site.west, NOW, ANNA)


def test_steps_of_one_commit_of_which_one_fails(site: Site) -> None:
    site.send(site.west)
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW, BORIS)
    west, east = site.west.batch(NOW), site.east.batch(NOW)
    hold, errors, done = threading.Event(), [], threading.Event()

    def fail(db: sqlite3.Connection) -> None:
        take(db, site.east, east, NOW)
        raise RuntimeError

    def ended(_: object, error: BaseException | None) -> None:
        errors.append(error)
        if len(errors) == 4:
            done.set()

    write = site.database.write_then
    write(lambda db: hold.wait(), ended)
    write(lambda db: take(db, site.west, west, NOW) and None, ended)
    write(fail, ended)
    write(lambda db: checked_cache(db) and None, ended)
    hold.set()
    done.wait()
    assert [type(error) for error in errors if error is not None] == [RuntimeError]
    site.send(site.east)
    site.send(site.west)
    assert site.rows("SELECT kiosk FROM scan ORDER BY number") == [("west",), ("east",)]


def test_a_step_that_is_undone_after_its_end_leaves_nothing_known(site: Site) -> None:
    """As where the server was superseded, or the disk is full at the commit."""
    site.send(site.west)
    refuse = False

    def check(db: Connection) -> None:
        if refuse:
            raise SupersededError("another")

    site.database.check_steps(check)
    site.west.scan(NOW, ANNA)
    refuse = True
    with pytest.raises(SupersededError):
        site.send(site.west)
    refuse = False
    site.send(site.west)
    assert site.rows("SELECT seq FROM scan") == [(1,)]


def test_a_server_that_was_superseded_is_told_so_in_spite_of_what_it_knows(
    database: Database,
) -> None:
    site = open_site(database)
    own_run(site.database, lambda: NOW, "one")
    site.send(site.west)
    site.send(site.west)
    other = Database(site.database.path)
    own_run(other, lambda: NOW, "other")
    other.close()
    with pytest.raises(SupersededError):
        site.send(site.west)


@pytest.mark.parametrize("seed", tries.seeds(6))
def test_random_steps_of_doors_and_staff(site: Site, seed: int) -> None:
    """Each step first compares the cache with the database; some steps fail."""
    chance = random.Random(seed)
    doors = [site.west, site.east, site.other, site.room]
    inside: list[tuple[FakeDoor, int, int]] = []
    at = NOW

    def fails(db: sqlite3.Connection) -> None:
        take(db, door, door.batch(at), at)
        raise RuntimeError

    def resizes(db: sqlite3.Connection) -> None:
        hall_control.set_capacity(db, SMALL, chance.randrange(1, 9), by="test", now=at)

    for _ in range(60):
        at += chance.randrange(2 * MINUTE)
        door = chance.choice(doors)
        for _ in range(chance.randrange(4)):
            if inside and chance.random() < 0.4:
                entered, serial, seq = inside.pop(chance.randrange(len(inside)))
                entered.leave(at, serial, StayRef(entered.kiosk, 1, seq))
            elif door.free > 0:
                serial = chance.randrange(1, 20)
                inside.append((door, serial, door.scan(at, serial).seq))
        action = chance.random()
        if action < 0.1:
            with pytest.raises(RuntimeError):
                site.database.write(fails)
        elif action < 0.2:
            site.database.write(resizes)
        elif action < 0.25:
            other = connect(site.database.path)
            other.execute("UPDATE hall SET shared_until = 0")
            other.close()
        for sender in doors:
            if chance.random() < 0.8:
                site.send(sender, at)
        if chance.random() < 0.5:
            site.database.write(checked_cache)
