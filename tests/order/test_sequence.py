"""That the order leaves no test out, and begins with what takes long."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.order.kinds import SLOW, TESTS, WAITING
from tests.order.sequence import shared_out
from tests.order.shares import cuts


@dataclass(frozen=True)
class Test:
    __test__ = False

    path: Path
    number: int
    fixturenames: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> None:
        return None


def files_of(**files: int) -> list[Test]:
    """So many of each file, in the order of the files' names."""
    paths = {name.replace("__", "/") + ".py": count for name, count in files.items()}
    return [Test(TESTS / name, n) for name in sorted(paths) for n in range(paths[name])]


ALL = files_of(
    badges__test_quick=500, browser__test_page=20, kiosk__reader__test_long=30, system__test_site=40
)


@pytest.mark.parametrize("workers", range(1, 9))
def test_each_test_is_there_once(workers: int) -> None:
    for count in (0, 1, 7, len(ALL)):
        ordered = shared_out(ALL[:count], workers)
        assert sorted(map(repr, ordered)) == sorted(map(repr, ALL[:count]))


def test_workers_begin_with_what_waits_and_what_is_long() -> None:
    for workers in (3, 4):
        ordered = shared_out(ALL, workers)
        at = [share.start for share in cuts(len(ALL), workers)]
        begun = [ordered[first].path.relative_to(TESTS).parts[0] for first in at]
        assert begun == ["system", "browser", "kiosk", "badges"][:workers]
        # A file's tests stay together, because they share fixtures.
        assert [one.number for one in ordered[at[0] : at[0] + 40]] == list(range(40))


def test_one_worker_has_them_all_with_the_long_ones_first() -> None:
    first = [one.path.parent.name for one in shared_out(ALL, 1)[:90]]
    assert first == ["browser"] * 20 + ["system"] * 40 + ["reader"] * 30


@pytest.mark.parametrize("name", sorted({*SLOW, *WAITING[0], *WAITING[1]}))
def test_a_name_of_the_lists_is_there(name: str) -> None:
    assert (TESTS / name).exists()
