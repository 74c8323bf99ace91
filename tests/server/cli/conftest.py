"""The event of a command's test, whose database is not opened anew by each command."""

from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from tests.server.support.console import kept_open


@pytest.fixture
def event(request: pytest.FixtureRequest, event: Event) -> Iterator[Event]:
    with kept_open(request, event) as kept:
        yield kept
