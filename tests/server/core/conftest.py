from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.event.directory import Event
from tests.server.support.in_process import Forum


@pytest.fixture
def forum(event: Event, tmp_path: Path) -> Iterator[Forum]:
    opened = Forum(event, tmp_path)
    yield opened
    opened.close()
