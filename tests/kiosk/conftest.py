"""What several tests of `kiosk` share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kiosk.door import Clock, Door


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[Door]:
    """A door with facts and ten places, offline."""
    door = Door(tmp_path, clock)
    door.load()
    door.grant(10)
    yield door
    door.close()
