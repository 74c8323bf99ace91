"""Fixtures of several tests of `kiosk`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kiosk.support.door_fixture import Clock, LocalDoor
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.online import Online


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[LocalDoor]:
    """A door with facts and ten places, offline."""
    door = LocalDoor(tmp_path, clock)
    door.load()
    door.grant(10)
    yield door
    door.close()


@pytest.fixture
def event(tmp_path: Path):
    event = FakeEvent(tmp_path)
    event.grant(5)
    yield event
    event.close()


@pytest.fixture
def silence_s() -> float:
    """After which a feed is dead."""
    return 60.0


@pytest.fixture
def fresh(tmp_path: Path, clock: Clock, event: FakeEvent, silence_s: float):
    """Enrolled, and never online yet."""
    (tmp_path / "kiosk").mkdir()
    door = LocalDoor(tmp_path / "kiosk", clock)
    online = Online(door, event, silence_s)
    yield online
    online.close()
    door.close()


@pytest.fixture
def online(fresh: Online) -> Online:
    fresh.start()
    return fresh
