"""The replica at its limits: a server's message changes exactly one thing."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from badges.record import PlaceKind, StayRef
from badges.wire import wire
from kiosk import clock as machine
from kiosk.replica.replica import FRESH_SAVED_MS, Replica
from tests.kiosk.replica.test_replica import open_replica
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    OTHER_DOOR,
    Clock,
    credential,
    hall_facts,
    sealed_name,
    snapshot,
    stay_of,
)

SERIAL, AROUND = 5, 3
OWN = StayRef(KIOSK, GENERATION, 1)
OWN_ID = StayRef(KIOSK, GENERATION, 1)


@pytest.fixture
def replica(tmp_path: Path, clock: Clock):
    with open_replica(tmp_path, clock) as replica:
        replica.load(snapshot(outer=[wire.OuterFacts(hall_facts(hall=AROUND), [])]))
        yield replica


def seen(replica: Replica, hall: int, *, moved: bool = False) -> set[tuple[str, int, int]]:
    return {
        (stay.stay.kiosk, stay.stay.generation, stay.stay.seq)
        for stay in replica.stays(SERIAL, hall, moved=moved)
    }


class TestOneStayAmongOthers:
    """Kiosk, generation, number and hall identify a stay. Each alone is shared with others."""

    FOUR = (("south-1", 1, 9), ("south-1", 1, 10), ("south-2", 1, 9), ("south-1", 2, 9))

    @pytest.fixture(autouse=True)
    def four_stays(self, replica: Replica) -> None:
        for hall in (HALL, AROUND):
            for kiosk, generation, seq in self.FOUR:
                facts = stay_of(kiosk, seq, SERIAL, generation=generation)
                replica.apply(wire.StayOpened(facts, hall), 11)

    def test_moves_on_alone(self, replica: Replica) -> None:
        replica.apply(wire.StayClosed(StayRef("south-1", 1, 9), HALL, SERIAL, counted=True), 12)
        assert seen(replica, HALL, moved=True) == {self.FOUR[0]}
        assert seen(replica, HALL) == set(self.FOUR[1:])
        assert seen(replica, AROUND) == set(self.FOUR)
        assert seen(replica, AROUND, moved=True) == set()

    def test_ends_alone(self, replica: Replica) -> None:
        replica.apply(wire.StayClosed(StayRef("south-1", 1, 9), HALL, SERIAL), 12)
        assert seen(replica, HALL) == set(self.FOUR[1:])
        assert seen(replica, AROUND) == set(self.FOUR)

    def test_another_holder_s_are_not_seen(self, replica: Replica) -> None:
        assert replica.stays(SERIAL + 1, HALL) == []

    def test_the_newest_report_counts(self, replica: Replica) -> None:
        """It is reported again, with a corrected holder."""
        again = wire.StayFacts(StayRef("south-1", 1, 9), SERIAL + 1, NOON, OTHER_DOOR, True)
        replica.apply(wire.StayOpened(again, HALL), 12)
        assert seen(replica, HALL) == set(self.FOUR[1:])
        (stay,) = replica.stays(SERIAL + 1, HALL)
        assert (stay.since, stay.door, stay.kind) == (NOON, str(OTHER_DOOR), PlaceKind.OVERRIDE)


class TestOneOfItsOwn:
    def test_moves_on_in_one_hall(self, replica: Replica) -> None:
        replica.apply(wire.StayClosed(OWN, HALL, SERIAL, counted=True), 11)
        moved = [replica.has_moved(seq, hall) for seq in (1, 2) for hall in (HALL, AROUND)]
        assert moved == [True, False, False, False]

    def test_ends_in_one_hall(self, replica: Replica) -> None:
        replica.apply(wire.StayClosed(OWN, HALL, SERIAL), 11)
        ended = [replica.is_ended(seq, hall) for seq in (1, 2) for hall in (HALL, AROUND)]
        assert ended == [True, False, False, False]

    def test_is_reported_twice(self, replica: Replica) -> None:
        for counted in (True, True, False, False):
            replica.apply(wire.StayClosed(OWN, HALL, SERIAL, counted=counted), 11)
        assert replica.is_ended(1, HALL)

    def test_is_back_if_a_snapshot_has_it(self, replica: Replica) -> None:
        """The move was an error, corrected by staff."""
        replica.apply(wire.StayClosed(OWN, HALL, SERIAL, counted=True), 11)
        here = msgspec.structs.replace(stay_of(KIOSK, 1, SERIAL), stay=OWN)
        replica.load(snapshot(stays=[here]), [OWN_ID])
        assert not replica.has_moved(1, HALL)
        assert not replica.is_ended(1, HALL)


class TestHalls:
    def test_a_door_s_own_is_reported_before_the_first_snapshot(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        """The feed may be faster, before this door's hall is known."""
        (tmp_path / "new").mkdir()
        with open_replica(tmp_path / "new", clock) as new:
            new.apply(wire.StayOpened(stay_of("south-1", 9, SERIAL), HALL), 11)
            assert seen(new, HALL) == set()
            assert new.cursor == 11

    def test_another_hall_s_stay_does_not_end_one_here(self, replica: Replica) -> None:
        replica.apply(wire.StayClosed(OWN, HALL + 1, SERIAL), 11)
        assert not replica.is_ended(1, HALL + 1)

    def test_a_restart_has_the_newest_snapshot(
        self, replica: Replica, tmp_path: Path, clock: Clock
    ) -> None:
        replica.load(snapshot(hall=hall_facts(closed=True)))
        with open_replica(tmp_path, clock) as again:
            assert again.context is not None
            assert again.context.hall.closed


class TestNames:
    def test_a_corrected_name_is_shown(self, replica: Replica) -> None:
        for name in ("Mei Lim", "Mei Lin"):
            replica.take_names(wire.NamesPage([sealed_name(SERIAL, name)], 1, False))
        assert replica.name_of(credential(SERIAL).signature) == wire.HolderName("Mei Lin", "ACME")

    def test_all_are_fetched_again_after_a_restore(self, replica: Replica) -> None:
        replica.take_names(wire.NamesPage([sealed_name(SERIAL, "Mei Lin")], 12, False))
        replica.fetch_names_again()
        assert replica.names_after == 0
        assert replica.name_of(credential(SERIAL).signature) is not None


class TestWrites:
    def test_a_page_is_taken_whole_or_not_at_all(self, replica: Replica) -> None:
        bad = wire.SealedName(b"another", None)  # type: ignore[arg-type]
        page = wire.NamesPage([sealed_name(SERIAL, "Mei Lin"), bad], 12, False)
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            replica.take_names(page)
        assert replica.name_of(credential(SERIAL).signature) is None
        assert replica.names_after == 0
        replica.take_names(wire.NamesPage(page.names[:1], 1, False))
        assert replica.name_of(credential(SERIAL).signature) is not None

    def test_sqlite_s_own_rollback_raises_the_first_error(
        self, replica: Replica, tmp_path: Path
    ) -> None:
        """For example on a full disk: the first error is reported."""
        with closing(sqlite3.connect(tmp_path / "replica.db")) as db:
            db.execute(
                "CREATE TRIGGER full BEFORE INSERT ON name"
                " BEGIN SELECT raise(ROLLBACK, 'the disk is full'); END"
            )
        with pytest.raises(sqlite3.DatabaseError, match="the disk is full"):
            replica.take_names(wire.NamesPage([sealed_name(SERIAL, "Mei Lin")], 1, False))
        replica.apply(wire.NamesChanged(), 12)
        assert replica.cursor == 12

    def test_a_closed_file_is_let_go(self, tmp_path: Path, clock: Clock) -> None:
        """SQLite deletes its companion files with the last connection."""
        with open_replica(tmp_path, clock) as replica:
            replica.load(snapshot())
            assert (tmp_path / "replica.db-wal").exists()
        assert [path.name for path in tmp_path.iterdir()] == ["replica.db"]
        replica.close()


class TestAge:
    def test_is_kept_by_a_machine_that_is_on_for_ten_seconds(
        self, tmp_path: Path, clock: Clock
    ) -> None:
        clock.monotonic = FRESH_SAVED_MS
        (tmp_path / "new").mkdir()
        with open_replica(tmp_path / "new", clock) as new:
            new.load(snapshot())
        with open_replica(tmp_path / "new", clock) as again:
            assert again.age_ms() == 0

    def test_is_renewed_by_every_change(self, replica: Replica, clock: Clock) -> None:
        clock.pass_ms(3_000)
        replica.apply(wire.VenueChanged(), 11)
        assert replica.age_ms() == 0

    def test_is_saved_every_ten_seconds(
        self, replica: Replica, tmp_path: Path, clock: Clock
    ) -> None:
        assert FRESH_SAVED_MS == 10_000
        clock.pass_ms(9_999)
        replica.mark_fresh()
        with open_replica(tmp_path, clock) as again:
            assert again.age_ms() == 9_999
        clock.pass_ms(1)
        replica.mark_fresh()
        with open_replica(tmp_path, clock) as again:
            assert again.age_ms() == 0


def test_the_clocks_give_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(machine.now_ms() - time.time() * 1000) < 60_000
    monkeypatch.setattr(machine.time, "clock_gettime_ns", lambda clock: 5_000_000)
    assert machine.monotonic_ms() == 5
