"""Whole days in a second each: the protocol keeps its promises, and no mutant of it survives.

`python -m tests.simulator` runs more seeds; a failure here names the command that replays it.
"""

import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.beyond import OVERRIDES
from tests.simulator.exceptions import EXCEPTIONS, Count, count
from tests.simulator.faults import RARE, THEMES
from tests.simulator.kept import KEPT, KEPT_PLACES, ORDINARY
from tests.simulator.mutants import BY_NAME
from tests.simulator.nested import NESTED
from tests.simulator.phones import PHONES, is_online_only, is_phone
from tests.simulator.run import run_many, run_seeds, run_world, world_of
from tests.simulator.thieves import THIEVES

SEEDS = 150  # of each theme: 3,000 days in all
FRESH = 200
MUTANT_SEEDS = 5_000
# Days that revealed these mutants, tried first. If the model changes, so do its days. Then tests
# take longer, but find the same (`python -m tests.simulator --mutant NAME`).
SOON = {
    "anyword": 425, "copyfrees": 275, "creditsowed": 422, "forgetfence": 657, "halffull": 24,
    "hasty": 323, "heirloom": 140, "keepsowed": 336, "lastattested": 52, "movedexit": 286,
    "movefrees": 190, "namestwice": 487, "nogeneration": 566, "oldfence": 1120, "onetrip": 568,
    "openkept": 39, "sameline": 79, "surprised": 243, "uncounted": 24,
}  # fmt: skip


OTHERS = (NESTED, KEPT_PLACES, OVERRIDES, PHONES, THIEVES)


@pytest.mark.parametrize("theme", [*THEMES, *RARE, *OTHERS])
def test_the_protocol_keeps_its_promises(theme: str) -> None:
    outcome = run_seeds(0, SEEDS, theme=theme)
    assert outcome.violation is None
    assert outcome.seeds == SEEDS


def test_a_copied_phone_may_hold_the_places_of_both_copies() -> None:
    """One copy takes places back whose entries the other has sent."""
    assert run_seeds(4481, 1, theme=PHONES).violation is None


def test_also_on_days_that_nobody_has_seen() -> None:
    start = secrets.randbelow(10**9)
    outcome = run_seeds(start, FRESH)
    violation = outcome.violation
    assert violation is None, (
        f"python -m tests.simulator --start {violation.seed} --seeds 1 --mutant none"
    )


@pytest.mark.parametrize("mutant", BY_NAME)
def test_every_mutant_is_killed(mutant: str) -> None:
    if run_seeds(SOON.get(mutant, 0), 1, mutant).violation is None:
        outcome = run_seeds(0, MUTANT_SEEDS, mutant)
        assert outcome.violation is not None, f"{mutant} survived {outcome.seeds} days"


def test_a_seed_replays_its_day() -> None:
    def day(seed: int) -> tuple[str | None, int, object]:
        world = world_of(seed, "oldgrant")
        return run_world(world), world.taken, world.server.pool

    killed = run_seeds(0, MUTANT_SEEDS, "oldgrant").violation
    assert killed is not None
    assert day(killed.seed) == day(killed.seed)
    assert day(killed.seed)[:2] == (killed.text, killed.step)


def test_those_that_are_found_soon_are_of_the_list() -> None:
    assert SOON.keys() <= BY_NAME.keys()


def test_two_processes_find_the_same_first_seed() -> None:
    """Each has several chunks before it."""
    seeds, chunk = 400, 5
    alone, together = (run_many(0, seeds, "heirloom", jobs=jobs, chunk=chunk) for jobs in (1, 2))
    assert alone.violation is not None
    assert alone.violation.seed > 2 * chunk
    assert together.violation == alone.violation


def test_days_are_full_of_people_and_faults() -> None:
    """Days without events would prove nothing."""
    worlds = [world_of(seed, theme="everything") for seed in range(100)]
    for world in worlds:
        assert run_world(world) is None
    doors = [door for world in worlds for door in world.doors]
    assert sum(world.truth.over >= 0 for world in worlds) > 10  # the hall was full
    assert sum(door.account.entries for door in doors) > 500
    assert sum(door.account.credited for door in doors) > 50
    assert sum(door.account.trusted for door in doors) > 20
    assert sum(world.incarnation - 1 for world in worlds) > 100
    assert any(door.forked for door in doors)
    assert any(door.destroyed for door in doors)
    assert any(held.attested is not None for w in worlds for held in w.server.pool.kiosks.values())


def test_days_with_a_room_inside_a_hall_are_full_too() -> None:
    worlds: list[Any] = [world_of(seed, theme=NESTED) for seed in range(100)]
    for world in worlds:
        assert run_world(world) is None
    halls = [truth for world in worlds for truth in world.truths]
    assert sum(truth.over >= 0 for truth in halls) > 20  # the room or the hall was full
    books = [door.books for world in worlds for door in world.doors]
    assert sum(room.account.entries for room, _ in books) > 200
    assert sum(around.account.entries for _, around in books) > 200
    both = [
        record.uid
        for room, around in books
        for record, other in zip(room.records, around.records, strict=True)
        if record.kind == other.kind == "entry"
    ]
    assert len(both) > 100
    assert any(set(room.credited) != set(around.credited) for room, around in books)


def test_days_with_kept_places_are_full_too() -> None:
    worlds: list[Any] = [world_of(seed, theme=KEPT_PLACES) for seed in range(100)]
    for world in worlds:
        assert run_world(world) is None
    assert sum(world.over >= 0 for world in worlds) > 20  # the hall was full
    books = [door.books for world in worlds for door in world.doors]
    assert sum(book[ORDINARY].account.entries for book in books) > 300
    assert sum(book[KEPT].account.entries for book in books) > 200
    assert sum(book[KEPT].account.credited for book in books) > 20
    assert sum(book[KEPT].account.returned for book in books) > 100
    assert sum(world.is_released for world in worlds) > 10


def test_days_with_phones_are_full_too() -> None:
    worlds: list[Any] = [world_of(seed, theme=PHONES) for seed in range(100)]
    for world in worlds:
        assert run_world(world) is None
    assert sum(world.truth.over >= 0 for world in worlds) > 20  # the hall was full
    phones = [door for world in worlds for door in world.doors if is_phone(door)]
    assert sum(door.account.entries for door in phones) > 300
    assert sum(door.account.entries for door in phones if is_online_only(door)) > 50
    assert sum(door.destroyed for door in phones) > 20
    assert sum(len(world.copied) for world in worlds) > 20
    assert sum(door.forked for door in phones) > 10


def test_a_failure_tells_seed_step_and_how_to_replay_it() -> None:
    command = [sys.executable, "-m", "tests.simulator", "--seeds", "9", "--mutant", "naive"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr  # it found the mutant
    assert "seed 0, step " in result.stdout
    assert "replay: python -m tests.simulator --start 0 --seeds 1 --mutant naive" in result.stdout
    command[-2:] = ["--mutant", "none", "--trace"]
    traced = subprocess.run(command, capture_output=True, text=True, check=False)
    assert traced.returncode == 0
    assert traced.stdout.splitlines()[-1] == "nothing was violated"


PROMISES = Path(__file__).parents[2] / "docs" / "promises.md"


def test_the_page_of_promises_has_each_exception_with_its_figure() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\*.*\| ([\d,]+) of ([\d,]+); \d+ \w+ \|$",
                      PROMISES.read_text(), re.MULTILINE)  # fmt: skip
    assert [name for name, _, _ in rows] == [known.name for known in EXCEPTIONS]
    for name, over, days in rows:
        assert 0 < int(over.replace(",", "")) < int(days.replace(",", "")), name


@pytest.mark.parametrize("number", range(len(EXCEPTIONS)), ids=lambda n: EXCEPTIONS[n].name)
def test_each_exception_comes_up(number: int) -> None:
    """A page that lists cases which no day plays would prove nothing."""
    counted = count(number, 0, 100 * EXCEPTIONS[number].times)
    assert counted.days > 0
    assert counted.over <= counted.days


def test_an_exception_is_counted_over_all_days() -> None:
    parts = [count(0, 0, 40), count(0, 40, 40)]
    assert sum(parts, Count()) == count(0, 0, 80)
    assert count(0, 0, 80).over > 0, "doors admit beyond an override that they have not heard of"
