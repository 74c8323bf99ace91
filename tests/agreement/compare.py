"""Asks both sides the same, again and again, and notes differences."""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from badges.admission.facts import Admitted, Denied, Direction
from badges.credential.badge_number import badge_number
from server.core.people import issuing
from server.features.rehearsal.would_enter import Answer, would_enter
from tests.agreement.world import World, random_world


@dataclass
class Compared:
    """How often they agreed, on what answers, and where they differed."""

    answers: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return self.answers.total()


def compare(path: Path, seed: int, times: int) -> Compared:
    """Compare `times` random presentations in the world of a seed."""
    with random_world(path, seed) as world:
        return compare_in(world, random.Random(f"ask {seed}"), times)


def compare_in(world: World, draw: random.Random, times: int) -> Compared:
    """Compare `times` random presentations in an existing world, which stays unchanged."""
    comparison = Compared()
    for _ in range(times):
        _ask(world, draw, comparison)
    return comparison


def _ask(world: World, draw: random.Random, comparison: Compared) -> None:
    db = world.database.reader
    kiosk, serial = draw.choice(world.kiosks), draw.choice(world.serials)
    door, hall = world.doors[kiosk.name]
    issues = [badge.issue for badge in issuing.badges_of(db, serial)]
    issue = draw.choice((None, *issues))
    at = world.now = world.instants(draw)
    place = f"door:{door}" if draw.random() < 0.7 else f"hall:{hall}"
    person = draw.choice((f"P{world.serials.index(serial)}", badge_number(serial)))
    before = would_enter(db, world.event, person, place, at, issue=issue)
    expected = next(answer for answer in before.answers if door in answer.doors)
    text = world.badge(serial, issue, at)
    shown = kiosk.admitter.present(text, at=at, direction=Direction.ENTRY)
    comparison.answers[_name(expected)] += 1
    if expected.decision != shown.decision or dict(expected.says) != dict(shown.explanation):
        comparison.differences.append(
            f"{person} issue {issue} at {place} ({door}), {at}:\n"
            f"  before {expected.decision} {expected.says}\n"
            f"  door   {shown.decision} {shown.explanation}"
        )
    if shown.admitted:  # and out again, so that the hall is empty and the place comes back
        kiosk.admitter.present(text, at=at, direction=Direction.EXIT)


def _name(answer: Answer) -> str:
    decision = answer.decision
    if isinstance(decision, Denied):
        around = "" if decision.hall_id is None else " (a hall around)"
        return decision.reason.value + around
    assert isinstance(decision, Admitted)
    to = "" if decision.session_id is None else " to a session"
    flags = ", ".join(sorted(flag.value for flag in decision.flags))
    return f"admitted{to}" + (f", {flags}" if flags else "")
