"""packaging/locks: exactly the libraries that pyproject.toml asks for, at the versions of
.ci/constraints.txt. `packaging/lock` mends what these tests find.
"""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "packaging/locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {"server": {"server", "postgresql"}, "kiosk": {"kiosk"}}


def pins(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text("utf-8"), re.M)
    return {canonicalize_name(name): version for name, version in lines}


def asked(name: str, extras: set[str]) -> list[Requirement]:
    """Return the requirements of a library, or of our project, on this Python."""
    if name == PROJECT["name"]:
        lines = PROJECT["dependencies"] + [
            line for extra in extras for line in PROJECT["optional-dependencies"][extra]
        ]
    else:
        lines = distribution(name).requires or []
    requirements = [Requirement(line) for line in lines]
    return [
        requirement
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""})
    ]


@pytest.mark.parametrize("lock", EXTRAS)
def test_a_lock_has_what_the_project_asks_for_and_no_more(lock: str) -> None:
    locked = pins(LOCKS / f"{lock}.txt")
    needed = set()
    waiting = [(PROJECT["name"], frozenset(EXTRAS[lock]))]
    done = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in done:
            continue
        done.add((name, extras))
        for requirement in asked(name, set(extras)):
            library = canonicalize_name(requirement.name)
            waiting.append((library, frozenset(requirement.extras)))
            if library != PROJECT["name"]:
                needed.add(library)
                assert library in locked, f"{name} needs {library}"
                assert requirement.specifier.contains(locked[library]), requirement
    assert needed == set(locked)


@pytest.mark.parametrize("lock", ["server", "kiosk", "tools"])
def test_a_lock_has_the_versions_of_the_constraints(lock: str) -> None:
    constraints, locked = pins(ROOT / ".ci/constraints.txt"), pins(LOCKS / f"{lock}.txt")
    if lock == "tools":  # most tools are in this lock alone
        locked = {name: version for name, version in locked.items() if name in constraints}
    assert locked == {name: constraints.get(name) for name in locked}


@pytest.mark.parametrize("lock", ["server", "kiosk", "tools"])
def test_each_library_has_hashes_and_no_address(lock: str) -> None:
    text = (LOCKS / f"{lock}.txt").read_text("utf-8")
    entries = re.split(r"\n(?=[a-z])", text)[1:]
    assert len(entries) == len(pins(LOCKS / f"{lock}.txt"))
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


def test_the_constraints_have_each_library_once() -> None:
    lines = re.findall(r"^([\w.-]+)==", (ROOT / ".ci/constraints.txt").read_text("utf-8"), re.M)
    assert len(lines) == len({canonicalize_name(line) for line in lines})
