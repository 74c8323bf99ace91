"""Who may use the places that a hall keeps for wheelchair users and their companions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.admission.decide import decide
from badges.admission.facts import Admitted, Denied, Direction, Facts, Hall, Holder, Outer, Reason
from badges.admission.kept import is_released, kept_until, serving, usable
from badges.record import PlaceKind
from tests.badges.strategies import presentations

ORDINARY, KEPT = PlaceKind.ORDINARY, PlaceKind.ACCESSIBLE
HALL = Hall(1, "Hall", keeps_places=True, released=((100, 200), (300, 400)))
ENTITLED, OTHER = Holder(accessible=True), Holder()


@pytest.mark.parametrize(
    ("at", "released", "until"),
    [(0, False, 100), (99, False, 100), (100, True, 300), (199, True, 300), (200, False, 300),
     (399, True, None), (400, False, None)],
)  # fmt: skip
def test_from_when_and_until_when(at: int, released: bool, until: int | None) -> None:
    assert is_released(HALL, at) is released
    assert kept_until(HALL, at) == until


@pytest.mark.parametrize(
    ("holder", "at", "kinds"),
    [
        (OTHER, 50, (ORDINARY,)),
        (OTHER, 150, (ORDINARY, KEPT)),
        (ENTITLED, 50, (KEPT, ORDINARY)),
        (ENTITLED, 150, (KEPT, ORDINARY)),
    ],
    ids=["others", "others, released", "entitled", "entitled, released"],
)
def test_who_may_use_which(holder: Holder, at: int, kinds: tuple[PlaceKind, ...]) -> None:
    assert usable(HALL, holder, at) == kinds
    assert serving(Outer(HALL, None, 1, 1), holder, at) == kinds
    assert serving(Outer(HALL, None, 1, 0), holder, at) == (ORDINARY,)
    assert serving(Outer(HALL, None, 0, 0), holder, at) == ()


def entry(shown: tuple, **changes: object) -> tuple:
    scan, facts = shown
    return replace(scan, direction=Direction.ENTRY), replace(facts, **changes)


@given(presentations(), st.integers(0, 3), st.integers(1, 3))
def test_kept_places_open_no_door_to_others(shown: tuple, ordinary: int, kept: int) -> None:
    """Others get the same answer as without kept places, and if full are told of them."""
    scan, facts = entry(shown, free_places=ordinary)
    facts = replace(facts, holder=replace(facts.holder, accessible=False))
    without, beside = decide(scan, facts), decide(scan, replace(facts, free_kept=kept))
    if isinstance(beside, Denied) and beside.reason is Reason.HALL_FULL:
        beside = replace(beside, kept=0, kept_until=None)
    assert beside == without


@given(presentations(), st.integers(0, 3), st.integers(0, 3))
def test_an_entitled_holder_is_never_worse_off(shown: tuple, ordinary: int, kept: int) -> None:
    scan, facts = entry(shown, free_places=ordinary, free_kept=kept)
    as_others = replace(facts, holder=replace(facts.holder, accessible=False))
    entitled = replace(facts, holder=replace(facts.holder, accessible=True))
    if isinstance(decide(scan, as_others), Admitted):
        assert isinstance(decide(scan, entitled), Admitted)


@given(presentations(), st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_no_entry_without_a_place_of_some_kind(
    shown: tuple, ordinary: int, kept: int, accessible: bool
) -> None:
    scan, facts = entry(shown, free_places=ordinary, free_kept=kept)
    facts = replace(facts, holder=replace(facts.holder, accessible=accessible))
    if isinstance(decide(scan, facts), Admitted):
        assert ordinary + kept > 0


def test_the_place_around_counts_too() -> None:
    facts = Facts(calendar=None, hall=HALL, sessions=(), free_places=1, free_kept=1)  # type: ignore[arg-type]
    around = Outer(replace(HALL, hall_id=2, released=()), None, 0, 3)
    assert serving(around, facts.holder, 50) == ()
    assert serving(around, ENTITLED, 50) == (KEPT,)
