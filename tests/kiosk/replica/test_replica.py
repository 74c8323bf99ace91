"""The replica: snapshots, changes, sealed names, and age."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from badges.admission.facts import Presence
from badges.record import StayRef
from badges.wire import wire
from badges.wire.venue_edit import OtherVenueError, find_edit
from kiosk.replica.replica import Replica
from kiosk.replica.schema import OtherVersionError
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    OTHER_DOOR,
    ROOT,
    Clock,
    credential,
    hall_facts,
    key_of,
    sealed_name,
    snapshot,
    stay_of,
)

SERIAL = 5
SOUTH = Presence(StayRef("south-1", 1, 9), since=NOON - 60_000, door=str(OTHER_DOOR))


def open_replica(directory: Path, clock: Clock) -> Replica:
    return Replica(
        directory / "replica.db",
        KIOSK,
        GENERATION,
        ROOT.public,
        clock=lambda: clock.wall,
        monotonic=lambda: clock.monotonic,
    )


@pytest.fixture
def replica(tmp_path: Path, clock: Clock):
    with open_replica(tmp_path, clock) as replica:
        yield replica


def test_it_works(replica: Replica, tmp_path: Path, clock: Clock) -> None:
    replica.load(
        snapshot(
            holders=[wire.HolderFacts(SERIAL, 3, True)],
            stays=[stay_of("south-1", 9, SERIAL)],
        )
    )
    with open_replica(tmp_path, clock) as after_a_restart:
        for held in (replica, after_a_restart):
            assert held.context is not None
            assert held.context.hall.hall_id == HALL
            assert held.context.time_zone.key == "Asia/Shanghai"
            assert held.cursor == 10
            assert held.holder(SERIAL) == (3, True)
            assert held.holder(SERIAL + 1) == (0, False)
            assert held.stays(SERIAL, HALL) == [SOUTH]


def test_a_new_snapshot_replaces_the_old_but_not_the_names(replica: Replica) -> None:
    replica.take_names(wire.NamesPage([sealed_name(SERIAL, "Mei Lin")], 12, False))
    replica.load(snapshot(holders=[wire.HolderFacts(SERIAL, 3, True)]))
    replica.load(snapshot(cursor=20, hall=hall_facts(closed=True)))
    assert replica.context is not None
    assert replica.context.hall.closed
    assert replica.holder(SERIAL) == (0, False)
    assert replica.cursor == 20
    assert replica.names_after == 12
    assert replica.name_of(credential(SERIAL).signature) == wire.HolderName("Mei Lin", "ACME")
    assert replica.name_of(credential(SERIAL, issue=2).signature) is None


def test_no_name_is_readable_without_its_badge(replica: Replica, tmp_path: Path) -> None:
    replica.take_names(wire.NamesPage([sealed_name(SERIAL, "Mei Lin")], 1, False))
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Mei" not in files
    assert b"ACME" not in files


def test_a_spoilt_name_is_no_name(replica: Replica) -> None:
    good = sealed_name(SERIAL, "Mei Lin")
    spoilt = wire.SealedName(good.lookup, good.sealed[:-1] + b"\0")
    replica.take_names(wire.NamesPage([spoilt], 1, False))
    assert replica.name_of(credential(SERIAL).signature) is None


class TestChanges:
    @pytest.fixture(autouse=True)
    def loaded(self, replica: Replica) -> None:
        replica.load(snapshot())

    def test_of_a_holder(self, replica: Replica) -> None:
        replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 2, False)), 11)
        assert replica.holder(SERIAL) == (2, False)
        assert replica.cursor == 11

    def test_of_the_venue(self, replica: Replica, tmp_path: Path, clock: Clock) -> None:
        replica.apply(wire.StayOpened(stay_of("south-1", 9, SERIAL), HALL), 11)
        edit = find_edit(snapshot(), snapshot(hall=hall_facts(closed=True)), NOON)
        assert edit is not None
        assert replica.edit(edit, 12).hall.closed
        with open_replica(tmp_path, clock) as after_a_restart:
            for reopened in (replica, after_a_restart):
                assert reopened.context is not None
                assert reopened.context.hall.closed
                assert reopened.cursor == 12
                assert reopened.stays(SERIAL, HALL) == [SOUTH]

    def test_of_another_venue_changes_nothing(self, replica: Replica) -> None:
        other = snapshot(log_name="another")
        edit = find_edit(other, other, NOON)
        assert edit is not None
        with pytest.raises(OtherVenueError):
            replica.edit(edit, 12)
        assert replica.cursor == 10

    def test_of_stays(self, replica: Replica) -> None:
        replica.apply(wire.StayOpened(stay_of("south-1", 9, SERIAL), HALL), 11)
        assert replica.stays(SERIAL, HALL) == [SOUTH]
        replica.apply(wire.StayClosed(StayRef("south-1", 1, 9), HALL, SERIAL), 12)
        assert replica.stays(SERIAL, HALL) == []

    def test_of_other_halls_move_the_cursor_alone(self, replica: Replica) -> None:
        replica.apply(wire.StayOpened(stay_of("south-1", 9, SERIAL), HALL + 1), 11)
        assert replica.stays(SERIAL, HALL) == []
        assert replica.cursor == 11

    def test_of_own_stays_leave_them_to_the_journal(self, replica: Replica) -> None:
        mine = stay_of(KIOSK, 4, SERIAL, generation=GENERATION)
        replica.apply(wire.StayOpened(mine, HALL), 11)
        assert replica.stays(SERIAL, HALL) == []
        replica.apply(wire.StayClosed(mine.stay, HALL, SERIAL), 12)
        assert replica.is_ended(4, HALL)
        assert not replica.is_ended(5, HALL)

    def test_of_an_earlier_generation_s_stays_are_another_s(self, replica: Replica) -> None:
        old = stay_of(KIOSK, 4, SERIAL, generation=GENERATION - 1)
        replica.apply(wire.StayOpened(old, HALL), 11)
        assert [p.stay.generation for p in replica.stays(SERIAL, HALL)] == [GENERATION - 1]

    def test_of_erased_names_leave_no_byte_of_them(self, replica: Replica, tmp_path: Path) -> None:
        names = [sealed_name(SERIAL, "Mei Lin"), sealed_name(SERIAL + 1, "Jun Wu")]
        replica.take_names(wire.NamesPage(names, 2, False))
        replica.apply(wire.NamesChanged([names[0].lookup]), 11)
        assert replica.name_of(credential(SERIAL).signature) is None
        kept = replica.name_of(credential(SERIAL + 1).signature)
        assert kept is not None
        assert kept.name == "Jun Wu"
        assert (replica.cursor, replica.names_after) == (11, 2)
        with closing(sqlite3.connect(tmp_path / "replica.db")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        held = b"".join(path.read_bytes() for path in tmp_path.glob("replica.db*"))
        assert names[0].sealed not in held
        assert names[1].sealed in held

    def test_for_the_journal_move_the_cursor(self, replica: Replica) -> None:
        order = wire.PlaceOrder(HALL, 1, 0, 1)
        changes = (wire.PlacesOrdered(order, GENERATION), wire.VenueChanged(), wire.NamesChanged())
        for cursor, change in enumerate(changes, 11):
            replica.apply(change, cursor)
            assert replica.cursor == cursor


def test_own_stays_that_a_snapshot_no_longer_counts_have_ended(replica: Replica) -> None:
    still = stay_of(KIOSK, 2, SERIAL, generation=GENERATION)
    own = [StayRef(KIOSK, GENERATION, seq) for seq in (1, 2)]
    replica.load(snapshot(stays=[still]), own)
    assert [replica.is_ended(seq, HALL) for seq in (1, 2, 3)] == [True, False, False]


class TestAge:
    def test_starts_with_the_first_facts(self, replica: Replica, clock: Clock) -> None:
        assert replica.age_ms() is None
        replica.load(snapshot())
        clock.pass_ms(1_500)
        assert replica.age_ms() == 1_500
        replica.mark_fresh()
        assert replica.age_ms() == 0

    def test_goes_on_over_a_restart(self, replica: Replica, tmp_path: Path, clock: Clock) -> None:
        replica.load(snapshot())
        clock.pass_ms(70_000)
        with open_replica(tmp_path, clock) as again:
            assert again.age_ms() == 70_000

    def test_is_unknown_where_the_clock_was_set_back(
        self, replica: Replica, tmp_path: Path, clock: Clock
    ) -> None:
        replica.load(snapshot())
        clock.wall -= 1
        with open_replica(tmp_path, clock) as again:
            assert again.age_ms() is None

    def test_does_not_follow_the_wall_clock(self, replica: Replica, clock: Clock) -> None:
        replica.load(snapshot())
        clock.wall -= 3_600_000
        clock.monotonic += 500
        assert replica.age_ms() == 500


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"time_zone": "Mars/Olympus"}, "time zone"),
        ({"ring": b"\0" * 100}, "signature"),
        ({"ring": b""}, "length"),
    ],
)
def test_a_bad_snapshot_changes_nothing(replica: Replica, changes, match: str) -> None:
    replica.load(snapshot(holders=[wire.HolderFacts(SERIAL, 3, True)]))
    with pytest.raises(ValueError, match=match):
        replica.load(msgspec.structs.replace(snapshot(cursor=99), **changes))
    assert replica.cursor == 10
    assert replica.holder(SERIAL) == (3, True)


def test_another_event_s_replica_is_not_used(replica: Replica, tmp_path: Path, clock) -> None:
    replica.load(snapshot())
    with Replica(tmp_path / "replica.db", KIOSK, GENERATION, key_of("other").public) as other:
        assert other.context is None


def spoil_file(path: Path, spoil: str) -> None:
    if spoil == "garbage":
        path.write_bytes(b"garbage" * 5_000)
    elif spoil == "names":
        raw = path.read_bytes()
        assert raw.count(b"CREATE TABLE holder") == 1
        path.write_bytes(
            raw.replace(b"serial INTEGER PRIMARY", b"serial \xff\xff\xff\xffGER PRIMARY")
        )
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil", ["garbage", "version", "names"])
def test_a_command_beside_the_kiosk_leaves_it_its_file(tmp_path: Path, spoil: str) -> None:
    with Replica(tmp_path / "replica.db", KIOSK, GENERATION, ROOT.public) as replica:
        replica.load(snapshot())
    spoil_file(tmp_path / "replica.db", spoil)
    with pytest.raises(OtherVersionError):
        Replica(tmp_path / "replica.db", KIOSK, GENERATION, ROOT.public, replace=False)
    assert (tmp_path / "replica.db").exists()


@pytest.mark.parametrize("spoil", ["garbage", "version", "names"])
def test_a_damaged_file_is_fetched_again(tmp_path: Path, clock: Clock, spoil: str) -> None:
    with open_replica(tmp_path, clock) as replica:
        replica.load(snapshot())
    spoil_file(tmp_path / "replica.db", spoil)
    with open_replica(tmp_path, clock) as again:
        assert again.context is None
        again.load(snapshot())
        assert again.cursor == 10


def test_readers_see_whole_snapshots(replica: Replica) -> None:
    """A snapshot takes a while. Meanwhile a door reads the previous one, never half of one."""
    serials = range(3_000)
    replica.load(snapshot(holders=[wire.HolderFacts(s, 1, False) for s in serials]))
    stop = threading.Event()
    seen: set[tuple[int, bool]] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(replica.holder(2_999))

    thread = threading.Thread(target=read)
    thread.start()
    for issue in range(2, 12):
        replica.load(snapshot(holders=[wire.HolderFacts(s, issue, False) for s in serials]))
    stop.set()
    thread.join()
    assert (0, False) not in seen
