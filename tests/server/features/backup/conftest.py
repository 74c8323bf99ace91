"""An event with a second disk, and a server restored from it seven minutes later."""

from pathlib import Path

import pytest

from server.core.event.directory import Event
from server.core.second_disk.copy import make_backup
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.disks.second_disk import Safe, open_safe

LATER = NOW + 7 * MINUTE
NEXT = LATER // 1000  # the incarnation of a server that is restored then


@pytest.fixture
def safe(event: Event, database: Database, tmp_path: Path) -> Safe:
    return open_safe(event, database, tmp_path / "second")


@pytest.fixture
def copy(safe: Safe) -> Path:
    """A backup of the event as it is now."""
    return make_backup(safe.event, safe.second, NOW).path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "new"
