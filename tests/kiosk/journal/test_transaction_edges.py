"""A transaction on the journal at its limits: the rows that it reads and changes."""

from pathlib import Path

import pytest

from badges.admission.facts import Admitted, Direction
from badges.places.account import Account, Order
from badges.places.pool import PoolKey
from badges.record import OuterHall, PlaceKind, StayRef
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft, OuterDraft, SignedGrant
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

ROOM, AROUND = HALL, 3
SOUTH = StayRef("south-1", 1, 9)


def show(journal: Journal, serial: int, issue: int) -> None:
    badge = credential(serial, issue=issue)
    with journal.transaction() as step:
        step.append(Draft(Direction.EXIT, DOOR, HALL, NOON, Admitted(), badge))


def seen(journal: Journal, serial: int) -> int:
    with journal.transaction() as step:
        return step.seen_issue(serial)


class TestAccounts:
    def test_each_pool_has_its_own_grant(self, journal: Journal) -> None:
        grants = {
            PoolKey(HALL): Order(11, 0, 1, b"a"),
            PoolKey(HALL, PlaceKind.OVERRIDE): Order(2, 0, 1, b"b"),
            PoolKey(AROUND): Order(5, 0, 1, b"c"),
        }
        journal.obey(list(grants.items()))
        offer = journal.offer(1)
        assert offer.grants == {
            key: SignedGrant(order.granted, 1, order.signature) for key, order in grants.items()
        }
        assert {key: account.granted for key, account in offer.accounts.items()} == {
            key: order.granted for key, order in grants.items()
        }

    def test_an_entry_leaves_the_server_s_word_as_it_is(self, journal: Journal) -> None:
        journal.obey([(PoolKey(HALL), Order(11, 0, 1, b"a"))])
        enter(journal, 1)
        assert journal.offer(1).grants[PoolKey(HALL)] == SignedGrant(11, 1, b"a")

    def test_a_hall_without_any_has_an_empty_one(self, journal: Journal) -> None:
        with journal.transaction() as step:
            assert step.account(AROUND) == Account(incarnation=1)
            assert step.grant(PoolKey(AROUND)) == SignedGrant()


class TestNamedStays:
    def test_one_is_one_kiosk_s_of_one_generation_by_one_number_in_one_hall(
        self, journal: Journal
    ) -> None:
        leave(journal, 1, SOUTH)
        others = [StayRef("south-2", 1, 9), StayRef("south-1", 2, 9), StayRef("south-1", 1, 10)]
        with journal.transaction() as step:
            assert step.is_named(SOUTH, HALL)
            assert not step.is_named(SOUTH, AROUND)
            assert not any(step.is_named(other, HALL) for other in others)


class TestOwnStays:
    def test_only_the_stay_that_an_exit_names_is_closed(self, journal: Journal) -> None:
        for serial in (1, 1, 2):
            enter(journal, serial)
        leave(journal, 1, own(1))
        with journal.transaction() as step:
            assert [own_stay.stay for own_stay in step.own_stays(1, HALL)] == [own(2)]
            assert [own_stay.stay for own_stay in step.own_stays(2, HALL)] == [own(3)]
            assert step.own_stays(1, AROUND) == []

    def test_one_gives_its_place_back_once(self, journal: Journal) -> None:
        enter(journal, 1)
        enter(journal, 2)
        assert [leave(journal, 1, own(1)) for _ in range(2)] == [True, False]
        assert account(journal).free == 9
        assert leave(journal, 2, own(2))
        assert account(journal).free == 10
        assert journal.offer(9).closed_before_upload == [1, 2]

    def test_one_that_is_not_known_gives_none(self, journal: Journal) -> None:
        enter(journal, 1)
        assert leave(journal, 1, own(99)) is False
        assert account(journal).free == 9
        assert journal.newest(1)[0].override_place is False

    def test_an_entry_needs_a_badge(self, journal: Journal) -> None:
        draft = Draft(Direction.ENTRY, DOOR, HALL, NOON, Admitted())
        with pytest.raises(ValueError, match="needs a badge"), journal.transaction() as step:
            step.append(draft)
        assert records_of(journal) == []


class TestIssues:
    def test_the_highest_that_was_shown_stays(self, journal: Journal) -> None:
        """In any order, and by holder."""
        for issue, highest in ((1, 1), (2, 2), (4, 4), (3, 4), (5, 5)):
            show(journal, 1, issue)
            assert seen(journal, 1) == highest
        assert seen(journal, 2) == 1


class TestOuterHalls:
    """An exit from a room in a hall that is in another."""

    def leave_by(self, journal: Journal, *outer: OuterDraft) -> tuple[OuterHall, ...]:
        draft = Draft(
            Direction.EXIT, DOOR, ROOM, NOON, Admitted(), credential(1), outer=tuple(outer)
        )
        with journal.transaction() as step:
            step.append(draft)
        return tuple(journal.newest(1)[0].outer_halls)

    def test_a_stay_in_one_of_them_alone_is_named(self, journal: Journal) -> None:
        named = self.leave_by(journal, OuterDraft(AROUND), OuterDraft(2, closes=SOUTH))
        closes = StayRef("south-1", 1, 9)
        assert named == (OuterHall(hall=AROUND), OuterHall(hall=2, closes=closes))

    def test_a_trusting_one_takes_the_place_back(self, journal: Journal) -> None:
        journal.obey([(PoolKey(AROUND), Order(1, 0, 1))])
        (outer, _) = self.leave_by(
            journal, OuterDraft(AROUND, closes=SOUTH, trusting=True), OuterDraft(2)
        )
        assert outer.credited
        assert journal.accounts()[PoolKey(AROUND)].free == 2

    def test_a_record_at_a_door_of_one_hall_has_no_outer_halls(self, journal: Journal) -> None:
        """Its records are as before nested halls."""
        enter(journal, 1)
        leave(journal, 1, own(1))
        leave(journal, 2, None)
        assert all(b"outer" not in record for record in records_of(journal))


class TestState:
    def test_two_scans_may_go_in_one_transaction(self, journal: Journal) -> None:
        draft = Draft(Direction.ENTRY, DOOR, HALL, NOON, Admitted(), credential(1))
        with journal.transaction() as step:
            assert [step.append(draft).seq for _ in range(2)] == [1, 2]
            assert step.state.last_seq == 2
        assert account(journal).free == 8

    def test_offered_records_stay_offered(self, journal: Journal) -> None:
        """A restored server is asked with an empty batch from the start."""
        for serial in range(3):
            enter(journal, serial)
        journal.offer(9)
        assert journal.offer(0, first=1).state.offered == 3
        assert not leave(journal, 1, own(2)), "the server may have it"

    def test_no_orders_leave_the_incarnation(self, journal: Journal) -> None:
        journal.obey([])
        assert journal.state().incarnation == 1

    def test_resting_ends_and_places_come_again(self, journal: Journal) -> None:
        with journal.transaction() as step:
            assert step.rest()
            assert step.state.resting
        journal.obey(orders((12, 10, 1)))
        assert account(journal).free == 0, "what comes meanwhile goes back"
        with journal.transaction() as step:
            step.resume()
            assert not step.state.resting
        journal.obey(orders((13, 12, 1)))
        assert account(journal).free == 1

    def test_a_file_that_was_used_opens_again(self, tmp_path: Path) -> None:
        """Every row has the seal of its content."""
        with open_journal(tmp_path) as first:
            first.obey(orders((10, 0, 1)))
            enter(first, 1)
            first.offer(1)
            first.acked(1, 1)
            first.rest()
        with open_journal(tmp_path) as again, again.transaction() as step:
            assert (step.state.acked, step.state.resting) == (1, True)
            assert [own_stay.stay for own_stay in step.own_stays(1, HALL)] == [own(1)]
            (stay,) = step.own_stays(1, HALL)
            assert (stay.since, stay.door, stay.kind) == (NOON, DOOR, PlaceKind.ORDINARY)
            assert stay.stay == StayRef(KIOSK, GENERATION, 1)
