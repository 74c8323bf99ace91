"""The server's prediction equals a real kiosk's answer, in random events.

`python -m tests.agreement` runs longer.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.core.people import issuing
from server.features.rehearsal import would_enter
from server.features.rehearsal.places import Place
from tests.agreement.compare import compare, compare_in
from tests.agreement.world import random_world
from tests.tries import tries

SEEDS = (1, 2)
TIMES = 150
MUTANT_SEED = 5  # with a closed hall around a kiosk's door
MUTANT_TIMES = 600  # at most, until the two differ


@pytest.mark.parametrize("seed", SEEDS)
def test_beforehand_as_at_the_door(tmp_path: Path, seed: int) -> None:
    times = tries(TIMES)
    comparison = compare(tmp_path, seed, times)
    assert not comparison.differences, "\n".join(comparison.differences[:3])
    assert comparison.asked == times
    assert len(comparison.answers) > 6, "the answers differ from one another"


def _roster_badge(db, event, holder, issue, at):
    return issuing.credential_of(holder, issue or max(holder.issue, 1), event.issuing_key_id)


def _without(name: str) -> Callable[..., object]:
    """Facts with a part left out."""
    whole = would_enter._facts

    def facts(*given):
        complete = whole(*given)
        nothing = type(getattr(complete, name))()
        return replace(complete, **{name: nothing})

    return facts


def _next_only(place: Place):
    return _programme.fget(place)[:1]  # type: ignore[attr-defined]


_programme = Place.programme

MUTANTS: dict[str, tuple[object, str, object]] = {
    "guests forgotten": (would_enter, "_guest_of", lambda db, serial: {}),
    "copies forgotten": (would_enter.copies, "suspicion", lambda db, serial: None),
    "day credentials forgotten": (
        would_enter.day_credentials, "of_attendee", lambda db, serial: [],
    ),
    "the badge in place of the day credential": (
        would_enter.day_credentials, "standing", lambda db, event, serial, at: None,
    ),
    "the roster instead of the badge": (would_enter, "_badge", _roster_badge),
    "sessions forgotten": (would_enter, "_facts", _without("sessions")),
    "halls around forgotten": (would_enter, "_facts", _without("outer")),
    "one session only": (Place, "programme", property(_next_only)),
    "the newest badge always": (
        would_enter, "_badge",
        lambda db, event, holder, issue, at: _badge(db, event, holder, None, at),
    ),
}  # fmt: skip
_badge = would_enter._badge


@pytest.mark.system
def test_a_slip_is_found(tmp_path: Path) -> None:
    unnoticed = list(MUTANTS)
    with random_world(tmp_path, MUTANT_SEED) as world:
        assert not compare_in(world, random.Random("none"), 100).differences
        for slip, (home, name, mutant) in MUTANTS.items():
            draw = random.Random(slip)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(home, name, mutant)
                for _ in range(MUTANT_TIMES // 50):
                    if compare_in(world, draw, 50).differences:
                        unnoticed.remove(slip)
                        break
    assert not unnoticed
