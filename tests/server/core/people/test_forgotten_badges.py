"""Laws of day credentials on random days, and mutants that the laws must detect."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from badges.admission import decide as decision
from badges.admission.facts import Denied, Reason
from kiosk.journal.transaction import JournalTransaction
from kiosk.replica.replica import Replica
from server.core.event.directory import Event
from server.core.kiosks import snapshot
from server.core.people import day_credentials
from tests.server.core.people.forgotten_badges import BrokenLawError, Days
from tests.server.support.in_process import Forum

STEPS = 60
SEEDS = range(1, 9)


def play(event: Event, path: Path, seed: int, *, cuts: bool) -> Days:
    """Play the days of a seed in an event of their own."""
    here = path / f"{seed} {cuts}"
    shutil.copytree(event.path, here / "event")
    forum = Forum(replace(event, path=here / "event"), here)
    try:
        days = Days(forum, seed, cuts=cuts)
        days.play(STEPS)
    finally:
        forum.close()
    return days


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("cuts", [False, True], ids=["in touch", "with cuts"])
def test_the_laws_hold(event: Event, tmp_path: Path, seed: int, cuts: bool) -> None:
    days = play(event, tmp_path, seed, cuts=cuts)
    assert days.asked > STEPS / 2
    assert sum(card.day is not None for card in days.cards) >= 1


def _one_more(db, event, holder, credential, day, now):
    row = _row(db, event, holder, replace(credential, issue=holder.issue + 1), day, now)
    return row | {"issue": holder.issue}


def _two_days(db, event, holder, credential, day, now):
    both = 1 << day | 1 << (day + 1) % 3
    return _row(db, event, holder, replace(credential, valid_days=both), day, now)


def _whatever_issue(badge, at, facts):
    """Deny every badge of a holder with a day credential today."""
    day = decision.event_day(facts.calendar.day_starts, at)
    given = {of_day for _, of_day in facts.holder.day_credentials}
    standing = day in given and badge.kind is not decision.Kind.DAY
    return Denied(Reason.DAY_CREDENTIAL) if standing else None


def _for_ever(badge, at, facts):
    """Deny the badge on every day, once there was a day credential for it."""
    given = {issue for issue, _ in facts.holder.day_credentials}
    standing = badge.issue in given and badge.kind is not decision.Kind.DAY
    return Denied(Reason.DAY_CREDENTIAL) if standing else None


def _checks(other: Callable[..., object] | None) -> tuple[Callable[..., object], ...]:
    """The decision's checks, with that of day credentials replaced or removed."""
    kept = [(other if check is decision._day_credential else check) for check in decision._CHECKS]
    return tuple(check for check in kept if check is not None)


_row, _exceptions = day_credentials._row, snapshot._exceptions

MUTANTS: dict[str, tuple[object, str, object]] = {
    "what was shown is forgotten": (JournalTransaction, "seen_days", lambda self, serial: set()),
    "what the server says is forgotten": (Replica, "day_credentials", lambda self, serial: set()),
    "snapshots leave it out": (snapshot, "_exceptions", lambda db, days: _exceptions(db, False)),
    "the badge opens beside it": (decision, "_CHECKS", _checks(None)),
    "a new badge is refused too": (decision, "_CHECKS", _checks(_whatever_issue)),
    "the badge is refused for ever": (decision, "_CHECKS", _checks(_for_ever)),
    "as many as one likes": (day_credentials, "EACH_MAX", 99),
    "it has the next issue": (day_credentials, "_row", _one_more),
    "it is good on two days": (day_credentials, "_row", _two_days),
}  # fmt: skip
# The seed whose days have shown a mutant, where that was not the first. It is tried first.
SHOWN_BY = {"a new badge is refused too": 3, "as many as one likes": 7}


@pytest.mark.system
@pytest.mark.sqlite_alone  # each seed has a copy of the event's file
@pytest.mark.parametrize("slip", MUTANTS)
def test_a_slip_is_found(
    event: Event, tmp_path: Path, slip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, name, mutant = MUTANTS[slip]
    monkeypatch.setattr(home, name, mutant)
    errors = []
    for seed in sorted(SEEDS, key=lambda seed: seed != SHOWN_BY.get(slip)):
        try:
            play(event, tmp_path, seed, cuts=bool(seed % 2))
        except BrokenLawError as error:
            errors.append(str(error))
            break
    assert errors, "no law was broken"
