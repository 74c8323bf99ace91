"""The journal's reports: counters, waits, effects of an answer, stays; and its file."""

import shutil
from pathlib import Path

import pytest

from badges.admission.facts import Admitted, Direction
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from kiosk.door.facts import OVERRIDE_SERVES
from kiosk.journal import journal as journals
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft, Effect, OuterDraft
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    credential,
    orders,
    records_of,
)
from tests.kiosk.support.journals import account, enter, leave, open_journal, own
from tests.kiosk.support.waits import Watched

AROUND = 3
PATIENCE_S = 3600.0


class TestCounters:
    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """5,000 s after 1970."""
        monkeypatch.setattr(journals.time, "time_ns", lambda: 5_000_000_000_000)

    def test_they_begin_at_the_clock_and_rise_by_one(self, journal: Journal) -> None:
        assert [journal.next_counter() for _ in range(3)] == [5_000_001, 5_000_002, 5_000_003]

    def test_a_hundred_cost_one_commit(self, tmp_path: Path) -> None:
        """A restart continues after all of them."""
        with open_journal(tmp_path) as first:
            for _ in range(100):
                first.next_counter()
            assert first.state().counter == 5_000_100
            assert first.next_counter() == 5_000_101
            assert first.state().counter == 5_000_200
        with open_journal(tmp_path) as again:
            assert again.next_counter() == 5_000_201

    def test_the_server_s_own_is_passed_though_it_is_the_newest_here(
        self, journal: Journal
    ) -> None:
        newest = journal.next_counter()
        assert journal.next_counter(newest) == newest + 1

    def test_it_never_falls_back_to_the_clock(self, journal: Journal) -> None:
        seen = 9_000_000
        assert journal.next_counter(seen) == seen + 1
        assert journal.next_counter() == seen + 2


class TestWaits:
    def test_a_word_that_none_can_come_ends_any_wait_that_knows_of_none(
        self, journal: Journal
    ) -> None:
        journal.obey(orders((10, 10, 1)))
        journal.no_place(HALL)
        waits = journal._places_came = Watched()
        assert journal.wait_for_place(HALL, PATIENCE_S) is False
        assert waits.begun == 0

    @pytest.mark.parametrize("left_s", [0.0, -1.0])
    def test_no_wait_without_time(self, journal: Journal, left_s: float) -> None:
        assert journal.wait_for_place(HALL, left_s) is True
        journal.obey(orders((10, 10, 1)))
        assert journal.wait_for_place(HALL, left_s) is False

    @pytest.mark.parametrize(
        ("ordinary", "beyond", "expected"),
        [(1, 0, (True, True)), (0, 1, (False, True)), (0, 0, (False, False))],
    )
    def test_an_override_takes_a_place_of_either_pool(
        self, tmp_path: Path, ordinary: int, beyond: int, expected: tuple[bool, bool]
    ) -> None:
        with open_journal(tmp_path) as journal:
            journal.obey(orders((ordinary, 0, 1)))
            journal.obey([(PoolKey(HALL, PlaceKind.OVERRIDE), Order(beyond, 0, 1))])
            assert (journal.has_place(HALL), journal.has_place(HALL, OVERRIDE_SERVES)) == expected


class TestAnswers:
    def test_a_fence_returns_places_granted_in_the_same_answer(self, journal: Journal) -> None:
        effect = journal.acked(0, 1, orders((12, 0, 1)), fenced=True)
        assert effect == Effect(gained=False, returned=True)
        assert account(journal).free == 0

    def test_a_fence_after_a_recall_of_all_reports_returned_places(self, journal: Journal) -> None:
        assert journal.acked(0, 1, orders((10, 10, 1)), fenced=True).returned
        assert not journal.acked(0, 1, fenced=True).returned

    def test_granted_places_are_reported(self, journal: Journal) -> None:
        assert journal.acked(0, 1, orders((12, 0, 1))) == Effect(gained=True)
        assert journal.obey(orders((13, 0, 1))) == Effect(gained=True)

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_the_newest_incarnation_of_several_orders_counts(
        self, journal: Journal, newest_first: bool
    ) -> None:
        """An order of an earlier server is ignored."""
        mixed = [(PoolKey(8), Order(1, 0, 2)), (PoolKey(HALL), Order(99, 0, 1))]
        journal.obey(mixed if newest_first else mixed[::-1])
        assert journal.state().incarnation == 2
        assert account(journal).granted == 10

    def test_no_orders_say_nothing_of_a_server(self, tmp_path: Path) -> None:
        with open_journal(tmp_path) as journal:
            assert journal.obey([]) == Effect()
            assert journal.state().incarnation == 0

    def test_a_rest_and_a_fence_report_returned_places(self, journal: Journal) -> None:
        assert journal.rest() == Effect(returned=True)
        assert journal.rest() == Effect()
        journal.resume()
        assert not journal.state().resting
        journal.obey(orders((12, 10, 1)))
        assert journal.fence() == Effect(returned=True)


class TestStays:
    def both(self, journal: Journal, direction: Direction, seq: int | None = None) -> None:
        """In the hall and the outer one."""
        closes = own(seq) if seq else None
        draft = Draft(
            direction, DOOR, HALL, NOON, Admitted(closes=closes), credential(1),
            outer=(OuterDraft(AROUND, closes=closes),),
        )  # fmt: skip
        with journal.transaction() as step:
            step.append(draft)

    def test_gone_entries_are_reported_by_entry_and_by_hall(self, journal: Journal) -> None:
        journal.obey([(PoolKey(AROUND), Order(5, 0, 1))])
        for _ in range(3):
            self.both(journal, Direction.ENTRY)
        for seq in (2, 3):
            self.both(journal, Direction.EXIT, seq)
        assert journal.closed_before_upload(1, 5) == ([2, 3], [(2, AROUND), (3, AROUND)])
        for first, last, gone in ((1, 2, [2]), (3, 5, [3]), (1, 1, [])):
            around = [(seq, AROUND) for seq in gone]
            assert journal.closed_before_upload(first, last) == (gone, around)

    def test_open_ones_are_those_of_the_hall_that_have_begun_by_then(
        self, journal: Journal
    ) -> None:
        for serial in range(4):
            enter(journal, serial)
        leave(journal, 0, own(1))
        refs = [StayRef(KIOSK, GENERATION, seq) for seq in (2, 3)]
        assert journal.own_open(3, HALL) == refs
        assert journal.own_open(3, AROUND) == []


def test_a_closed_file_is_let_go(tmp_path: Path) -> None:
    """SQLite deletes its companion files with the last connection."""
    with open_journal(tmp_path) as journal:
        journal.obey(orders((10, 0, 1)))
        assert (tmp_path / "journal.db-wal").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]
    journal.close()


def test_tidying_puts_no_empty_file_in_the_place_of_a_deleted_one(
    journal: Journal, tmp_path: Path
) -> None:
    """A restart would go on with it, and nobody would hear that scans are lost."""
    enter(journal, 1)
    (tmp_path / "journal.db").unlink()
    journal.tidy()
    assert not (tmp_path / "journal.db").exists()


def test_tidying_moves_scans_to_the_file_itself(journal: Journal, tmp_path: Path) -> None:
    """It has them all without its companion files."""
    enter(journal, 1)
    journal.tidy()
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy" / "journal.db")
    with open_journal(tmp_path / "copy") as copy:
        assert records_of(copy) == records_of(journal)
