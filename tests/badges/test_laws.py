"""The decision's laws, for any input (DESIGN.md §5)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from badges.admission import Admitted, Denied, Direction, Facts, Reason, Scan, decide
from tests.badges.strategies import facts, scans


@given(scans(), facts())
def test_total_and_repeatable(scan: Scan, known: Facts) -> None:
    first = decide(scan, known)
    assert isinstance(first, Admitted | Denied)
    assert decide(scan, known) == first


@given(scans(), facts())
def test_an_exit_is_never_refused(scan: Scan, known: Facts) -> None:
    assert isinstance(decide(replace(scan, direction=Direction.EXIT), known), Admitted)


@given(scans(), facts())
def test_revoking_never_opens_a_door(scan: Scan, known: Facts) -> None:
    entry = replace(scan, direction=Direction.ENTRY)
    revoked = replace(known, holder=replace(known.holder, revoked=True))
    assert isinstance(decide(entry, revoked), Denied)


@given(scans(), facts(), st.integers(1, 255))
def test_a_higher_issue_elsewhere_never_opens_a_door(scan: Scan, known: Facts, by: int) -> None:
    entry = replace(scan, direction=Direction.ENTRY)
    higher = replace(known.holder, highest_issue=known.holder.highest_issue + by)
    if isinstance(decide(entry, known), Denied):
        assert isinstance(decide(entry, replace(known, holder=higher)), Denied)


@given(scans(), facts(), st.integers(0, 5))
def test_fewer_places_never_open_a_door(scan: Scan, known: Facts, fewer: int) -> None:
    entry = replace(scan, direction=Direction.ENTRY)
    if isinstance(decide(entry, known), Denied):
        less = replace(known, free_places=known.free_places - fewer)
        assert isinstance(decide(entry, less), Denied)


@given(scans(), facts())
def test_no_entry_without_a_place_and_a_verified_badge(scan: Scan, known: Facts) -> None:
    entry = replace(scan, direction=Direction.ENTRY)
    if isinstance(decide(entry, known), Admitted):
        assert known.free_places >= 1
        assert not isinstance(scan.badge, Reason)


@given(scans(), facts(), st.integers(0, 7))
def test_a_refusal_by_name_never_opens_a_door(scan: Scan, known: Facts, session_id: int) -> None:
    entry = replace(scan, direction=Direction.ENTRY)
    refused = replace(
        known.holder, refused_from=known.holder.refused_from | frozenset({session_id})
    )
    if isinstance(decide(entry, known), Denied):
        assert isinstance(decide(entry, replace(known, holder=refused)), Denied)
