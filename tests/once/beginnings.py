"""What the events of many tests begin with, written once and copied for each test.

A fixture whose event begins with more than the venue and the roster registers the function that
writes it in `WRITTEN`, and then takes it by `begin`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.once.folders import Folder

# It returns what the test needs besides, such as doors with their journals.
Writes = Callable[[Event, Database], Any]
# By the fixture's name.
WRITTEN: dict[str, Writes] = {}


@dataclass(frozen=True)
class Beginning:
    database: bytes
    returned: Any


_MADE: dict[Writes, Beginning] = {}
_FOUND = pytest.StashKey[Beginning]()


def database(request: pytest.FixtureRequest, template: Event, folder: Folder) -> bytes | None:
    """Return the database that this test's event begins with, if a fixture asks for one."""
    writes = next((WRITTEN[one] for one in request.fixturenames if one in WRITTEN), None)
    if writes is None:
        return None
    if writes not in _MADE:
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        path = factory.mktemp("beginning") / "event"
        folder.write(path)
        event = replace(template, path=path)
        with Database(event.database_path) as opened:
            returned = writes(event, opened)
        _MADE[writes] = Beginning(event.database_path.read_bytes(), returned)
    request.node.stash[_FOUND] = _MADE[writes]
    return _MADE[writes].database


def begin(request: pytest.FixtureRequest, event: Event, database: Database, writes: Writes) -> Any:
    """Return what `writes` returned when it wrote this database, or write it now, as it is for
    PostgreSQL.
    """
    found = request.node.stash.get(_FOUND, None)
    return writes(event, database) if found is None else copy.deepcopy(found.returned)


def is_begun(request: pytest.FixtureRequest) -> bool:
    """Tell whether the database of this test is one that was copied."""
    return _FOUND in request.node.stash
