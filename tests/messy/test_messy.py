"""Each messy file is imported as it should be, or refused with nothing changed."""

import pytest

from tests.messy import rosters, venues
from tests.messy.cases import Case
from tests.messy.run import tried
from tests.server.support.console import Console

CASES = [*rosters.cases(), *venues.cases()]


@pytest.mark.parametrize("case", CASES, ids=[case.file for case in CASES])
def test_messy_file(case: Case, console: Console) -> None:
    for _ in tried(case, console):
        pass


def test_there_are_many() -> None:
    assert len({case.file for case in CASES}) == len(CASES) >= 30
