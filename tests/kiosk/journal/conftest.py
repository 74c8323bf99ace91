from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.journal.journal import Journal
from tests.kiosk.support.door_fixture import orders
from tests.kiosk.support.journals import open_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """With ten places."""
    with open_journal(tmp_path) as journal:
        journal.obey(orders((10, 0, 1)))
        yield journal
