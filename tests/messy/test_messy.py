"""Each messy file is imported as it should be, or refused with nothing changed."""

from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from tests.messy import rosters, venues
from tests.messy.cases import Case
from tests.messy.run import tried
from tests.server.support.console import Console, kept_open

CASES = [*rosters.cases(), *venues.cases()]


@pytest.fixture
def event(request: pytest.FixtureRequest, event: Event) -> Iterator[Event]:
    with kept_open(request, event) as kept:
        yield kept


@pytest.mark.parametrize("case", CASES, ids=[case.file for case in CASES])
def test_messy_file(case: Case, console: Console) -> None:
    for _ in tried(case, console):
        pass


def test_there_are_many() -> None:
    assert len({case.file for case in CASES}) == len(CASES) >= 30
