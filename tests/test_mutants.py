"""The mutation tool of `make bench BENCH=mutants`: its mutants, and its report of survivors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.mutation import mutants
from tests.bench.mutation.made import Source

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent
CODE = '''\
"""Rules of a hall."""

LIMIT = 3
MARGIN = 5


class Hall:
    def __init__(self) -> None:
        self.inside = 0

    @property
    def full(self) -> bool:
        return self.inside >= LIMIT

    def enter(self) -> None:
        """Let somebody in."""
        if self.full:
            raise ValueError("full")
        self.inside += 1


def untested(a: int) -> int:
    return max(a, 7)


def asked_at_import(at: int) -> bool:
    return at < 10
'''
TESTS = """\
import pytest
from halls import Hall, asked_at_import

ANSWERS = [asked_at_import(at) for at in (9, 10)]


def test_three_get_in() -> None:
    hall = Hall()
    for _ in range(3):
        hall.enter()
    with pytest.raises(ValueError):
        hall.enter()
    assert hall.inside == 3


def test_answers() -> None:
    assert ANSWERS == [True, False]
"""
RUN = """\
import json
from pathlib import Path
from tests.bench.mutation.made import Source
from tests.bench.mutation.tried import attempt, ready

import halls  # as other benches import the product

ready()
source = Source(Path.cwd(), "halls.py")
print(json.dumps(attempt({"halls.py": source}, source.mutants, ["test_halls.py"])))
"""


@pytest.mark.system
def test_who_lives(tmp_path: Path) -> None:
    (tmp_path / "halls.py").write_text(CODE)
    (tmp_path / "test_halls.py").write_text(TESTS)
    (tmp_path / "home").mkdir()
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "MUTANTS_TMP": str(tmp_path / "home"),
        "MUTANTS_LOG": str(tmp_path / "log"),
    }
    ran = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True, timeout=240,
    )  # fmt: skip
    results = json.loads(ran.stdout)
    assert {name for name, fate in results.items() if fate == "survived"} == {
        "halls.py <module>: 5 → 6",
        "halls.py untested: return max(a, 7) → return None",
        "halls.py untested: max(a, 7) → min(a, 7)",
        "halls.py untested: 7 → 8",
    }
    killed = {name for name, fate in results.items() if fate == "killed"}
    assert {
        "halls.py <module>: 3 → 4",
        "halls.py Hall.full: self.inside >= LIMIT → self.inside > LIMIT",
        "halls.py Hall.enter: raise ValueError('full') → nothing",
        "halls.py Hall.enter: self.inside += 1 → nothing",
        "halls.py asked_at_import: at < 10 → at <= 10",
    } <= killed


def test_mutants_are_different_and_compile() -> None:
    source = Source(ROOT, "badges/places/pool.py")
    names = [mutant.name for mutant in source.mutants]
    assert len(set(names)) == len(names) > 100
    for mutant in source.mutants[::10]:
        assert source.compiled(mutant)
    assert [mutant.name for mutant in Source(ROOT, "badges/places/pool.py").mutants] == names


def test_sql_is_changed_too() -> None:
    changes = {mutant.change for mutant in Source(ROOT, "server/core/occupancy/stays.py").mutants}
    assert any(change.startswith("SQL …") and "IS NOT NULL" in change for change in changes)


def test_every_equivalent_is_still_made() -> None:
    """Otherwise the code has changed, and the reason needs a new review."""
    mutant_names: set[str] = set()
    for file in (*mutants.BADGES, *mutants.KIOSK, *mutants.SERVER):
        mutant_names |= {mutant.name for mutant in Source(ROOT, file).mutants}
    reasons = mutants.equivalents()
    assert set(reasons) <= mutant_names
    assert all(len(why) > 20 for why in reasons.values())


def test_every_package_s_tests_are_there() -> None:
    for package, rooms in mutants.TESTS.items():
        test_files = mutants.tests_of(package)
        for room in rooms:
            names = (f"tests/{package}/{room}", f"tests/{package}/{room}/test_")
            assert any(file.startswith(names) for file in test_files), room
