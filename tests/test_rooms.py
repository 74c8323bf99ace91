"""Who may import whom, how many files a room holds, and that a name has one home."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.once.sources import source
from tests.rooms import (
    EXCEPTIONS,
    FILES_MAX,
    PACKAGES_BELOW,
    ROOMS,
    ROOT,
    imports,
    modules,
    name,
    room_of,
    sources,
)

KNOWN = modules()
every_file = pytest.mark.parametrize("file", sorted(KNOWN.values()))


def test_every_file_is_in_a_room() -> None:
    rooms = {f"{package}/{room}" for package, those in ROOMS.items() for room in those}
    bare = {f"{package}/{stem}" for package in ROOMS for stem in ("__init__", "__main__")}
    assert {room_of(file) for file in KNOWN.values()} - bare == rooms


@every_file
def test_a_room_uses_only_rooms_below_it(file: str) -> None:
    package, _, own = room_of(file).partition("/")
    order = list(ROOMS[package])
    for other, line in imports(ROOT / file, KNOWN):
        there, _, room = room_of(other).partition("/")
        if (file, room_of(other)) in EXCEPTIONS or own in ("__init__", "__main__"):
            continue
        if there != package:
            assert there in PACKAGES_BELOW[package], f"{file}:{line} uses {other}"
        elif room != own:
            assert order.index(own) < order.index(room), f"{file}:{line} uses {other}"


@every_file
def test_a_name_has_one_home(file: str) -> None:
    """No file imports from another a name that the other has only imported itself."""
    for statement in source(ROOT / file).imports:
        if statement.module in KNOWN:
            others = imported_names(KNOWN[statement.module])
            for name, other_name in statement.names:
                assert other_name != name, f"{file}:{statement.line} exports {name} again"
                if f"{statement.module}.{name}" not in KNOWN:
                    where = f"{file}:{statement.line} takes {name} from {statement.module}"
                    assert name not in others, where


@cache
def imported_names(file: str) -> frozenset[str]:
    """Return the names that a file imports from other files of ours."""
    return frozenset(
        other_name or name
        for statement in source(ROOT / file).imports
        if statement.module in KNOWN
        for name, other_name in statement.names
    )


def test_no_room_is_crowded() -> None:
    folders = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for top in (*ROOMS, "tests")
        for path in sources(top)
    )
    assert {folder: count for folder, count in folders.items() if count > FILES_MAX} == {}


def test_every_room_says_its_law() -> None:
    for package, rooms in ROOMS.items():
        for room in rooms:
            folder = ROOT / package / room
            if folder.is_dir():
                law = source(folder / "__init__.py").docstring
                assert law, f"{name(folder)} has no law"


def test_the_home_of(tmp_path: Path) -> None:
    assert room_of("server/web/admin/halls.py") == "server/web"
    assert room_of("kiosk/run.py") == "kiosk/run"
