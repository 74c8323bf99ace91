"""The journal: one commit for a scan with all its effects; offers, answers, damage."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badges.admission.facts import Denied, Direction, Reason
from badges.credential.keys import BadSignatureError
from badges.places.account import Account, NoPlaceError, Order
from badges.places.pool import PoolKey
from badges.record import StayRef, decode_record
from badges.transparency.chain import chain_next, chain_start
from badges.wire.wire import HEAD_CONTEXT
from kiosk.journal.errors import ForkError, JournalError, OldServerError
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    key_of,
    orders,
    records_of,
)
from tests.kiosk.support.journals import account, enter, leave, open_journal, own
from tests.tries import tries


def test_it_works(journal: Journal) -> None:
    assert enter(journal, 1) == 1
    assert leave(journal, 1, own(1))
    assert account(journal) == Account(10, 0, 1, 1, incarnation=1)
    assert journal.state().waiting == 2


def test_a_chain_of_signed_records(journal: Journal) -> None:
    for serial in range(3):
        enter(journal, serial)
    head = chain_start(KIOSK, GENERATION)
    for stored in journal.stored(0, 10):
        head = chain_next(head, stored.record)
        assert stored.head == head
        KIOSK_KEY.public.verify(HEAD_CONTEXT + head, stored.signature)
        with pytest.raises(BadSignatureError):
            key_of("other").public.verify(HEAD_CONTEXT + head, stored.signature)


def test_nothing_remains_of_an_entry_without_a_place(journal: Journal) -> None:
    journal.obey(orders((10, 10, 1)))
    with pytest.raises(NoPlaceError):
        enter(journal, 1)
    assert records_of(journal) == []
    assert account(journal) == Account(10, 10, incarnation=1)


def test_the_database_itself_refuses_a_negative_account(journal: Journal) -> None:
    with pytest.raises(JournalError, match="CHECK"), journal.transaction() as step:
        step.put_account(PoolKey(HALL), Account(granted=1, entries=2))
    assert account(journal).free == 10


def test_a_denial_moves_nothing(journal: Journal) -> None:
    with journal.transaction() as step:
        step.append(Draft(Direction.ENTRY, DOOR, HALL, NOON, Denied(Reason.FORGED)))
    assert account(journal).free == 10
    record = decode_record(records_of(journal)[0])
    assert (record.decision, record.reason, record.serial) == ("denied", "forged", None)


class TestOffers:
    def test_offered_is_on_disk_before_it_is_sent(self, journal: Journal, tmp_path: Path) -> None:
        enter(journal, 1)
        journal.offer(500)
        with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
            assert other.execute("SELECT offered FROM state").fetchone() == (1,)
        assert not leave(journal, 1, own(1))
        assert account(journal).credited == 0

    def test_only_records_that_fit_are_offered(self, journal: Journal) -> None:
        for serial in range(5):
            enter(journal, serial)
        offer = journal.offer(3)
        assert (offer.first_seq, len(offer.records), offer.state.offered) == (1, 3, 3)
        assert leave(journal, 3, own(4)), "the fourth was not sent"
        assert offer.head == journal.stored(2, 1)[0].head
        KIOSK_KEY.public.verify(HEAD_CONTEXT + offer.head, offer.signature)

    def test_gone_entries_are_named_each_time(self, journal: Journal) -> None:
        """Rule 4 of docs/design/places.md also holds if a batch ends between the two."""
        for serial in range(3):
            enter(journal, serial)
        leave(journal, 1, own(2))
        assert journal.offer(2).closed_before_upload == [2]
        assert journal.offer(500).closed_before_upload == [2]
        leave(journal, 0, own(1))
        assert journal.offer(500).closed_before_upload == [2], (
            "offered before it ended: the server's to close"
        )
        journal.acked(2, 1)
        assert journal.offer(500).closed_before_upload == []

    def test_an_empty_one_has_the_head_before_it(self, journal: Journal) -> None:
        first = journal.offer(500)
        assert (first.first_seq, first.records) == (1, [])
        assert first.head == chain_start(KIOSK, GENERATION)
        enter(journal, 1)
        head = journal.offer(500).head
        journal.acked(1, 1)
        heartbeat = journal.offer(500)
        assert (heartbeat.first_seq, heartbeat.records, heartbeat.head) == (2, [], head)

    def test_nothing_is_deleted_by_an_acknowledgement(self, journal: Journal) -> None:
        enter(journal, 1)
        journal.offer(500)
        journal.acked(1, 1)
        assert len(records_of(journal)) == 1
        assert journal.state().waiting == 0


class TestAnswers:
    def test_a_restored_server_gets_its_missing_records_again(self, journal: Journal) -> None:
        for serial in range(3):
            enter(journal, serial)
        journal.offer(500)
        journal.acked(3, 1)
        journal.acked(1, 2)
        again = journal.offer(500)
        assert (again.first_seq, len(again.records)) == (2, 2)
        assert again.state.incarnation == 2

    def test_an_older_server_is_not_obeyed(self, journal: Journal) -> None:
        journal.acked(0, 2)
        with pytest.raises(OldServerError) as caught:
            journal.acked(0, 1, orders((99, 0, 1)))
        assert (caught.value.incarnation, caught.value.known) == (1, 2)
        journal.obey(orders((99, 0, 1)))
        assert account(journal).granted == 10

    def test_an_older_order_counts_in_no_hall(self, journal: Journal) -> None:
        """Otherwise a hall without messages since the restore would take a forgotten grant."""
        journal.obey([(PoolKey(8), Order(1, 0, 2))])
        journal.obey(orders((99, 0, 1)))
        assert account(journal).granted == 10

    def test_scans_that_were_never_sent_are_a_fork(self, journal: Journal) -> None:
        enter(journal, 1)
        enter(journal, 2)
        journal.offer(1)
        with pytest.raises(ForkError, match="enrol --again") as caught:
            journal.acked(2, 1)
        assert (caught.value.acked, caught.value.offered) == (2, 1)
        assert len(records_of(journal)) == 2
        assert journal.state().acked == 0

    def test_orders_are_totals(self, journal: Journal) -> None:
        for _ in range(3):
            effect = journal.acked(0, 1, orders((12, 0, 1)))
        assert account(journal).granted == 12
        assert not effect.gained
        effect = journal.obey(orders((12, 5, 1)))
        assert effect.returned
        assert account(journal).free == 7
        assert not journal.obey(orders((12, 5, 1))).returned

    def test_used_places_can_t_be_returned(self, journal: Journal) -> None:
        for serial in range(8):
            enter(journal, serial)
        journal.obey(orders((10, 10, 1)))
        assert account(journal) == Account(10, 2, 8, 0, incarnation=1)

    def test_an_account_is_known_from_its_first_order(self, journal: Journal) -> None:
        journal.obey([(PoolKey(8), Order(0, 0, 1))])
        assert journal.accounts()[PoolKey(8)] == Account(incarnation=1)

    def test_a_fenced_kiosk_returns_all_and_takes_nothing(self, journal: Journal) -> None:
        enter(journal, 1)
        assert journal.acked(0, 1, fenced=True).returned
        assert account(journal).free == 0
        journal.obey(orders((99, 0, 1)))
        assert account(journal).granted == 10, "orders for its successor are not its own"
        assert leave(journal, 1, own(1))
        assert account(journal).free == 0, "and what comes back goes on"
        assert account(journal).returned == 10

    def test_a_waiting_door_is_woken(self, journal: Journal) -> None:
        journal.obey(orders((10, 10, 1)))
        assert not journal.wait_for_place(HALL, 0.01)
        timer = threading.Timer(0.05, lambda: journal.obey(orders((11, 0, 1))))
        timer.start()
        assert journal.wait_for_place(HALL, 5)
        timer.join()


def test_the_counter_of_requests_only_rises(tmp_path: Path) -> None:
    counters = []
    for _ in range(3):
        with open_journal(tmp_path) as journal:
            counters += [journal.next_counter() for _ in range(150)]
    assert counters == sorted(set(counters))


def test_the_counter_continues_above_the_server_s_last(tmp_path: Path) -> None:
    """The clock was set back, and this disk is an earlier copy."""
    with open_journal(tmp_path) as journal:
        seen = journal.next_counter() + 10**9
        assert journal.next_counter(seen) == seen + 1
        assert journal.next_counter(seen) == seen + 2
    with open_journal(tmp_path) as journal:
        assert journal.next_counter() > seen + 2


def test_a_stay_of_another_kiosk_is_named_once(journal: Journal) -> None:
    stay = StayRef("south-1", 1, 9)
    assert not leave(journal, 1, stay)
    assert not leave(journal, 1, stay)
    with journal.transaction() as step:
        assert step.is_named(stay, HALL)


def test_tidying_keeps_everything(journal: Journal, tmp_path: Path) -> None:
    for serial in range(10):
        enter(journal, serial)
    written = records_of(journal)
    journal.tidy()
    leave(journal, 0, own(1))
    with open_journal(tmp_path) as other:
        assert records_of(other)[:10] == written
        assert len(records_of(other)) == 11


steps = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "offer", "ack", "grant", "recall"]), st.integers(1, 6)
    ),
    max_size=40,
)


@given(steps)
@settings(max_examples=tries(40), deadline=None)
def test_the_account_always_adds_up(tmp_path_factory: pytest.TempPathFactory, script) -> None:
    """Free places are never negative, and credited entries were never offered before."""
    with open_journal(tmp_path_factory.mktemp("journal")) as journal:
        granted, inside, open_seqs = 0, 0, []
        for act, number in script:
            if act == "grant":
                granted += number
                journal.obey(orders((granted, 0, 1)))
            elif act == "recall":
                journal.obey(orders((granted, number, 1)))
            elif act == "offer":
                journal.offer(number)
            elif act == "ack":
                journal.acked(journal.state().offered, 1)
            elif act == "enter":
                try:
                    open_seqs.append(enter(journal, number))
                    inside += 1
                except NoPlaceError:
                    assert not journal.accounts() or account(journal).free == 0
            elif open_seqs:
                seq = open_seqs.pop(number % len(open_seqs))
                was_offered = seq <= journal.state().offered
                assert leave(journal, number, own(seq)) is not was_offered
                inside -= 1
        for hall_account in journal.accounts().values():
            assert hall_account.free >= 0
            used = hall_account.entries - hall_account.credited
            assert used >= inside
            assert hall_account.free + used + hall_account.returned == hall_account.granted
