"""Every step of the places protocol by its numbers: those that change, and those that don't."""

import pytest
from msgspec.structs import replace

from badges.places.account import (
    Account,
    NoPlaceError,
    Order,
    PlacesError,
    enter_all,
    may_credit,
)
from badges.places.pool import Held, Pool, PoolKey, within_limit
from badges.record import StayRef

A, B = ("door-a", 1), ("door-b", 1)
FULL = Account(granted=9, returned=1, entries=5, credited=2, incarnation=3, trusted=1)


def held(**totals: int | bool | None) -> Held:
    return Held(**{"granted": 9, "returned": 1, "handed_over": 3, "trusted": 1, **totals})


def pool(mine: Held, **changes) -> Pool:
    return replace(Pool(20, kiosks={A: mine, B: Held()}), **changes)


class TestAccount:
    def test_a_new_one_has_nothing(self) -> None:
        assert Account() == Account(0, 0, 0, 0, 0, False, 0)
        assert Account().free == 0
        assert PoolKey(1) == (1, False)

    def test_free_places(self) -> None:
        assert FULL.free == 9 - 1 - 5 + 2 + 1

    def test_each_step_moves_one_total_by_one(self) -> None:
        assert FULL.enter() == replace(FULL, entries=6)
        assert FULL.credit() == replace(FULL, credited=3)
        assert FULL.trust() == replace(FULL, trusted=2)

    def test_the_last_place_may_be_used_and_no_more(self) -> None:
        last = Account(granted=1)
        assert last.enter().free == 0
        for none in (Account(), Account(granted=1, entries=2), replace(last, fenced=True)):
            with pytest.raises(NoPlaceError):
                none.enter()

    def test_as_many_exits_are_credited_as_entries_were_made(self) -> None:
        assert Account(granted=2, entries=2, credited=1).credit().credited == 2
        with pytest.raises(PlacesError, match="more exits credited"):
            Account(granted=2, entries=2, credited=2).credit()

    def test_a_recall_is_a_total(self) -> None:
        """Of nine, four are back already: a recall up to six takes two more."""
        account = Account(granted=9, returned=4)
        assert account.obey(Order(9, 6, 0)).returned == 6
        assert account.obey(Order(9, 4, 0)) == account
        assert account.obey(Order(9, 2, 0)) == account

    def test_a_recall_may_take_places_of_the_same_order(self) -> None:
        assert Account().obey(Order(3, 2, 1)) == Account(granted=3, returned=2, incarnation=1)

    def test_an_order_of_the_same_incarnation_is_obeyed(self) -> None:
        assert replace(FULL, credited=0).obey(Order(10, 0, 3)).granted == 10
        assert FULL.obey(Order(8, 0, 4)) == replace(FULL, incarnation=4)
        assert FULL.obey(Order(99, 99, 2)) == FULL

    def test_a_door_at_rest_has_returned_all_that_was_free(self) -> None:
        assert FULL.rest() == replace(FULL, returned=1 + 6)
        assert FULL.rest().rest() == FULL.rest()
        owing = Account(granted=1, entries=2)
        assert owing.rest() == owing

    def test_a_fence_is_a_rest_for_good(self) -> None:
        assert FULL.fence() == replace(FULL.rest(), fenced=True)


def test_an_own_stay_may_be_credited_until_it_was_offered() -> None:
    def may(seq: int) -> bool:
        stay = StayRef(*A, seq)
        return may_credit(stay, kiosk=A[0], generation=A[1], offered=5, closed=False)

    assert [may(seq) for seq in (4, 5, 6)] == [False, False, True]


class TestFigures:
    def test_the_places_that_a_kiosk_may_still_have(self) -> None:
        assert Held() == Held(0, 0, 0, 0, False, 0, None)
        assert held().unused == 9 - 1 - 3 + 1
        assert held(reclaimed=2).held == 4

    def test_the_most_that_can_be_inside(self) -> None:
        state = pool(held(), open_stays=4)
        assert (state.worst_case, state.free) == (6 + 4, 20 - 10)
        assert (Pool(5).worst_case, Pool(5).incarnation, Pool(5).awaited) == (0, 1, frozenset())


class TestGrants:
    def test_a_kiosk_that_is_there_keeps_its_account(self) -> None:
        assert pool(held()).enrol(A) == pool(held())
        assert Pool(1).enrol(A).kiosks == {A: Held()}

    def test_no_more_than_are_free(self) -> None:
        assert pool(Held()).grant(A, 25).kiosks[A].granted == 20
        assert pool(held(), open_stays=13).grant(A, 2).kiosks[A].granted == 10

    def test_no_grant_from_a_debt_or_to_a_fenced_kiosk_or_while_one_is_awaited(self) -> None:
        for state in (
            pool(held(), open_stays=14),
            pool(held(), open_stays=15),
            pool(held(fenced=True)),
            pool(held(), awaited=frozenset({B})),
        ):
            assert state.grant(A, 1) == state
        assert pool(held()).grant(A, 0) == pool(held())
        assert pool(held()).grant(A, -1) == pool(held())

    def test_an_order_has_the_grants_and_the_wanted_returns(self) -> None:
        assert pool(held()).order(A) == Order(9, 1, 1)
        assert pool(held(), incarnation=7).order(A, 4) == Order(9, 5, 7)
        assert pool(held(returned=-2)).order(A) == Order(9, 0, 1)
        assert pool(held(returned=-2)).order(A, 3) == Order(9, 1, 1)


class TestHearing:
    def test_a_higher_total_is_taken_and_a_lower_one_changes_nothing(self) -> None:
        assert pool(held()).hear(A, granted=11, incarnation=1) == pool(held(granted=11))
        for granted in (0, 8, 9):
            assert pool(held()).hear(A, granted=granted, incarnation=1) == pool(held())

    def test_an_echo_ends_the_wait_for_its_sender(self) -> None:
        waiting = pool(held(), incarnation=2, awaited=frozenset({A, B}))
        assert waiting.hear(A, granted=9, incarnation=2).awaited == {B}
        assert waiting.hear(A, granted=9, incarnation=1).awaited == {A, B}

    def test_grants_heard_after_an_attestation_were_part_of_it(self) -> None:
        before = pool(held(attested=4, reclaimed=2, fenced=True))
        assert before.hear(A, granted=12, incarnation=1).kiosks[A].reclaimed == 5
        assert before.hear(A, granted=9, incarnation=1) == before
        unattested = pool(held(fenced=True))
        assert unattested.hear(A, granted=12, incarnation=1).kiosks[A].reclaimed == 0

    @pytest.mark.parametrize(("granted", "reclaimed"), [(9, -2), (10, -1), (11, 0), (12, 1)])
    def test_a_shortage_is_filled_by_grants_and_the_rest_is_left_to_staff(
        self, granted: int, reclaimed: int
    ) -> None:
        short = pool(held(attested=4, reclaimed=-2, fenced=True))
        heard = short.hear(A, granted=granted, incarnation=1).kiosks[A]
        assert (heard.reclaimed, heard.granted) == (reclaimed, granted)

    def test_returned_places_are_a_total_that_only_grows(self) -> None:
        assert pool(held()).hear_returned(A, 3) == pool(held(returned=3))
        for returned in (-1, 0, 1):
            assert pool(held()).hear_returned(A, returned) == pool(held())

    def test_a_kiosk_returns_at_most_the_places_it_may_have(self) -> None:
        assert pool(held()).hear_returned(A, 99).kiosks[A].returned == 1 + 6
        owing = pool(held(handed_over=12))
        assert owing.hear_returned(A, 99) == owing

    @pytest.mark.parametrize("attested", [None, 4], ids=["fenced", "attested"])
    def test_a_fenced_kiosks_returns_change_nothing(self, attested: int | None) -> None:
        before = pool(held(reclaimed=3 if attested else 0, attested=attested, fenced=True))
        assert before.hear_returned(A, 5) == before


class TestStays:
    def test_an_entry_moves_its_place_to_the_server(self) -> None:
        opened = pool(held(), open_stays=2).open_stay(A, gone=False)
        assert opened == pool(held(handed_over=4), open_stays=3)

    def test_one_that_is_gone_moves_nothing(self) -> None:
        assert pool(held()).open_stay(A, gone=True) == pool(held())

    @pytest.mark.parametrize("unused", [1, 0, -1])
    def test_an_entry_without_a_place_counts_as_a_place_not_returned(self, unused: int) -> None:
        """A kiosk that lies about its returned places: people it admits count all the same."""
        mine = Held(granted=5, returned=2, handed_over=3 - unused)
        opened = pool(mine, open_stays=3).open_stay(A, gone=False)
        kept = 0 if unused > 0 else 1
        assert opened.kiosks[A] == replace(
            mine, handed_over=mine.handed_over + 1, returned=2 - kept
        )
        assert opened.worst_case == opened.open_stays == 4

    def test_an_exit_ends_one_of_the_open_stays(self) -> None:
        assert pool(held(), open_stays=1).close_stay() == pool(held())
        with pytest.raises(PlacesError, match="no stay is open"):
            pool(held()).close_stay()

    @pytest.mark.parametrize(
        ("attested", "seq", "reclaimed", "left"),
        [(None, 9, 2, 2), (4, 4, 2, 2), (4, 5, 2, 1), (4, 5, 1, 0), (4, 5, 0, 0), (4, 5, -1, -1)],
    )
    def test_an_exit_whose_place_an_attestation_gave_back(
        self, attested: int | None, seq: int, reclaimed: int, left: int
    ) -> None:
        mine = held(attested=attested, reclaimed=reclaimed, fenced=True)
        closed = pool(mine, open_stays=1).close_stay(StayRef(*A, seq))
        assert closed == pool(replace(mine, reclaimed=left))

    def test_a_place_on_trust_is_the_door_s(self) -> None:
        assert pool(held()).trust(A) == pool(held(trusted=2))


class TestLost:
    def test_a_fence_changes_no_figure(self) -> None:
        assert pool(held()).fence(A) == pool(held(fenced=True))

    def test_only_a_fenced_kiosk_is_attested(self) -> None:
        with pytest.raises(PlacesError, match="only a fenced kiosk"):
            pool(held()).attest(A, 0, seq=1)

    @pytest.mark.parametrize(("inside", "reclaimed"), [(0, 6), (5, 1), (6, 0)])
    def test_an_attestation_may_only_lower_the_count(self, inside: int, reclaimed: int) -> None:
        attested = pool(held(fenced=True)).attest(A, inside, seq=8)
        assert attested == pool(held(fenced=True, reclaimed=reclaimed, attested=8))

    def test_a_word_about_more_people_than_there_were_places_is_none(self) -> None:
        assert pool(held(fenced=True)).attest(A, 7, seq=8) == pool(held(fenced=True))
        taken = pool(held(fenced=True, reclaimed=8, attested=2))
        assert taken.kiosks[A].held == 0
        assert taken.attest(A, 0, seq=8) == taken

    def test_the_attestation_of_an_awaited_kiosk_may_raise_the_count(self) -> None:
        waiting = pool(held(fenced=True), awaited=frozenset({A, B}))
        attested = waiting.attest(A, 8, seq=8)
        assert (attested.kiosks[A].held, attested.awaited) == (8, {B})

    def test_the_first_attestation_s_coverage_stays(self) -> None:
        once = pool(held(fenced=True, reclaimed=1, attested=3))
        assert once.attest(A, 2, seq=8).kiosks[A] == held(fenced=True, reclaimed=4, attested=3)

    def test_a_restored_server_awaits_all_but_those_fenced_since(self) -> None:
        restored = Pool(9, kiosks={A: held(), B: held(fenced=True)}).restored(5)
        assert (restored.incarnation, restored.awaited) == (5, {A})
        again = Pool(9, kiosks={A: held(), B: Held(fenced=True)}, awaited=frozenset({B}))
        assert again.restored(6).awaited == {A, B}

    def test_one_that_was_put_back_awaits_those_fenced_too(self) -> None:
        """Keep the attestation, because the server that fenced them may not know all of their
        grants.
        """
        fenced = Pool(9, kiosks={A: held(fenced=True), B: held(fenced=True, attested=0)})
        assert fenced.restored(5, was_put_back=True).awaited == {A}
        assert fenced.restored(5).awaited == frozenset()

    def test_a_door_that_was_fenced_by_an_old_copy_is_counted(self) -> None:
        """Grant two places, put the database back, and fence the door while it is away."""
        blind = Pool(2).enrol(A).enrol(B).fence(A)
        for state in (blind, blind.attest(A, 2, seq=0)):
            restored = state.restored(2, was_put_back=True).hear(B, granted=0, incarnation=2)
            assert restored.grant(B, 2) == restored
            attested = restored.attest(A, 2, seq=0)
            heard = restored.hear(A, granted=2, incarnation=2)
            assert heard.awaited == {A}, "its own word does not end the wait"
            heard = heard.attest(A, 2, seq=0)
            assert attested.worst_case == heard.worst_case == 2
            assert attested.awaited == heard.awaited == frozenset()

    def test_a_stolen_door_does_not_end_the_wait(self) -> None:
        """The restored server has forgotten that it granted two places, which people used."""
        restored = Pool(2).enrol(A).enrol(B).fence(A).restored(2, was_put_back=True)
        lied = restored.hear(B, granted=0, incarnation=2).hear(A, granted=0, incarnation=2)
        assert lied.grant(B, 2).worst_case == 0
        attested = lied.attest(A, 2, seq=0)
        assert attested.worst_case == 2
        assert attested.grant(B, 2) == attested


class TestLimit:
    @pytest.mark.parametrize(
        ("ordinary", "beyond", "free"),
        [
            (Pool(6), Pool(3), (6, 3)),
            (Pool(6), Pool(5), (6, 3)),
            (Pool(6), Pool(2), (6, 3)),
            (Pool(6, open_stays=8), Pool(3), (-2, 1)),
            (Pool(6, open_stays=6), Pool(3, open_stays=2), (-2, 1)),
            (Pool(6, open_stays=5), Pool(3, open_stays=1), (0, 3)),
            (Pool(6, open_stays=4), Pool(3, open_stays=1), (1, 3)),
            (Pool(6), Pool(3, open_stays=4), (2, 3)),
            (Pool(6), Pool(3, kiosks={A: Held(granted=4)}), (5, -1)),
            (Pool(9), Pool(0, open_stays=2), (7, 0)),
            (Pool(9), Pool(0, kiosks={A: Held(granted=2)}), (7, -2)),
        ],
        ids=[
            "apart",
            "too many",
            "fewer",
            "a debt",
            "two inside beyond",
            "one place has come back",
            "two have come back",
            "inside beyond alone",
            "overrides out",
            "raised",
            "raised with overrides out",
        ],
    )
    def test_each_pool_is_limited_by_the_other(
        self, ordinary: Pool, beyond: Pool, free: tuple[int, int]
    ) -> None:
        first, second, _ = within_limit(ordinary, beyond, Pool(0), kept=0, fire_limit=9)
        assert (first.free, second.free) == free


def test_an_order_without_a_recall_asks_for_nothing_back() -> None:
    """The total includes places returned before."""
    assert pool(held(returned=0)).order(A) == Order(9, 0, 1)
    assert pool(held(returned=4)).order(A) == Order(9, 4, 1)
    assert pool(held(returned=4)).order(A, 2) == Order(9, 6, 1)


def test_the_stay_of_a_kiosk_that_has_no_account_gives_its_place_back_to_the_pool() -> None:
    """Its door leads into the hall, but had not heard that."""
    before = pool(held(), open_stays=2)
    after = before.close_stay(StayRef("door-c", 1, 5))
    assert after == replace(before, open_stays=1)
    assert after.free == before.free + 1


def test_a_counted_in_stay_uses_no_kiosk_s_place() -> None:
    before = pool(held(), open_stays=2)
    after = before.count_in()
    assert after == replace(before, open_stays=3)
    assert after.free == before.free - 1


def test_one_place_of_each_hall_or_of_none() -> None:
    first, other = PoolKey(1), PoolKey(2)
    accounts = {first: Account(granted=2), other: Account(granted=1)}
    after = enter_all(accounts)
    assert after == {first: Account(granted=2, entries=1), other: Account(granted=1, entries=1)}
    with pytest.raises(NoPlaceError):
        enter_all(after)
