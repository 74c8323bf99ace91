"""The decision's laws, for any input (docs/design/decision.md)."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from badges.admission.decide import decide, event_day
from badges.admission.facts import Admitted, Denied, Direction, Facts, Reason, Scan
from badges.credential.credential import Kind
from tests.badges.strategies import presentations
from tests.tries import tries

Shown = tuple[Scan, Facts]


@given(presentations())
def test_total_and_repeatable(shown: Shown) -> None:
    scan, facts = shown
    first = decide(scan, facts)
    assert isinstance(first, Admitted | Denied)
    assert decide(scan, facts) == first


@given(presentations())
def test_an_exit_is_never_refused(shown: Shown) -> None:
    scan, facts = shown
    assert isinstance(decide(replace(scan, direction=Direction.EXIT), facts), Admitted)


@given(presentations())
def test_revoking_never_opens_a_door(shown: Shown) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    revoked = replace(facts, holder=replace(facts.holder, revoked=True))
    assert isinstance(decide(entry, revoked), Denied)


@given(presentations(), st.integers(1, 255))
def test_a_higher_issue_elsewhere_never_opens_a_door(shown: Shown, by: int) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    higher = replace(facts.holder, highest_issue=facts.holder.highest_issue + by)
    if isinstance(decide(entry, facts), Denied):
        assert isinstance(decide(entry, replace(facts, holder=higher)), Denied)
    if not isinstance(scan.badge, Reason):
        void = replace(facts.holder, highest_issue=scan.badge.issue + by)
        assert isinstance(decide(entry, replace(facts, holder=void)), Denied)


@given(presentations(), st.integers(0, 5))
def test_fewer_places_never_open_a_door(shown: Shown, fewer: int) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    if isinstance(decide(entry, facts), Denied):
        less = replace(facts, free_places=facts.free_places - fewer)
        assert isinstance(decide(entry, less), Denied)


@given(presentations())
def test_no_entry_without_a_place_and_a_verified_badge(shown: Shown) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    if isinstance(decide(entry, facts), Admitted):
        assert facts.free_places >= 1
        assert not isinstance(scan.badge, Reason)
    assert isinstance(decide(entry, replace(facts, free_places=min(0, facts.free_places))), Denied)


@given(presentations(), st.integers(0, 7))
def test_a_refusal_by_name_never_opens_a_door(shown: Shown, session_id: int) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    refused = replace(
        facts.holder, refused_from=facts.holder.refused_from | frozenset({session_id})
    )
    if isinstance(decide(entry, facts), Denied):
        assert isinstance(decide(entry, replace(facts, holder=refused)), Denied)


@given(presentations(), st.integers(-1, 2))
def test_a_day_credential_admits_on_its_own_day_alone(shown: Shown, day: int) -> None:
    scan, facts = shown
    if isinstance(scan.badge, Reason):
        return
    valid = 1 << day if day >= 0 else 0b11
    entry = Scan(
        replace(scan.badge, kind=Kind.DAY, valid_days=valid), Direction.ENTRY, scan.scanned_at
    )
    if isinstance(decide(entry, facts), Admitted):
        assert event_day(facts.calendar.day_starts, scan.scanned_at) == day


@given(presentations(), st.sets(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=3))
def test_a_day_credential_elsewhere_never_opens_a_door(
    shown: Shown, more: set[tuple[int, int]]
) -> None:
    scan, facts = shown
    entry = replace(scan, direction=Direction.ENTRY)
    given_out = replace(facts.holder, day_credentials=facts.holder.day_credentials | more)
    if isinstance(decide(entry, facts), Denied):
        assert isinstance(decide(entry, replace(facts, holder=given_out)), Denied)


@given(presentations())
def test_of_a_badge_and_its_day_credential_one_opens_a_door(shown: Shown) -> None:
    """If both are known, there is no day on which both are admitted."""
    scan, facts = shown
    day = event_day(facts.calendar.day_starts, scan.scanned_at)
    if isinstance(scan.badge, Reason) or day is None:
        return
    badge = replace(scan.badge, kind=Kind.PRINTED)
    other = replace(badge, kind=Kind.DAY, valid_days=1 << day)
    holder = replace(facts.holder, day_credentials=frozenset({(badge.issue, day)}))
    both = [
        decide(Scan(credential, Direction.ENTRY, scan.scanned_at), replace(facts, holder=holder))
        for credential in (badge, other)
    ]
    assert isinstance(both[0], Denied)
    without = replace(facts, holder=replace(holder, day_credentials=frozenset()))
    assert both[1] == decide(Scan(other, Direction.ENTRY, scan.scanned_at), without)


def test_the_laws_are_tried_at_doors_that_open() -> None:
    """A law about shutting a door proves nothing at a door that is shut anyway."""
    opened: list[bool] = []

    @given(presentations())
    @settings(max_examples=tries(200), derandomize=True, database=None)
    def look(shown: Shown) -> None:
        scan, facts = shown
        entry = replace(scan, direction=Direction.ENTRY)
        opened.append(isinstance(decide(entry, facts), Admitted))

    look()
    assert sum(opened) >= tries(30)
