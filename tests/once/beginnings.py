"""What the events of many tests begin with, written once and copied for each test.

A fixture whose event begins with more than the venue and the roster registers the function that
writes it in `WRITTEN`, and then takes it by `begin`.
"""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from server.event.directory import Event
from server.storage.database import Database

# It returns what the test needs besides, such as doors with their journals.
Writes = Callable[[Event, Database], Any]
# By the fixture's name.
WRITTEN: dict[str, Writes] = {}


@dataclass(frozen=True)
class Beginning:
    database: Path
    returned: Any


_MADE: dict[Writes, Beginning] = {}
_FOUND = pytest.StashKey[Beginning]()


def copied(request: pytest.FixtureRequest, template: Event, path: Path) -> bool:
    """Put the database that this test's event begins with at `path`, if a fixture asks for one.
    Whether one does.
    """
    writes = next((WRITTEN[one] for one in request.fixturenames if one in WRITTEN), None)
    if writes is None:
        return False
    if writes not in _MADE:
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        folder = factory.mktemp("beginning") / "event"
        shutil.copytree(template.path, folder)
        event = replace(template, path=folder)
        with Database(event.database_path) as database:
            returned = writes(event, database)
        _MADE[writes] = Beginning(event.database_path, returned)
    shutil.copy(_MADE[writes].database, path)
    request.node.stash[_FOUND] = _MADE[writes]
    return True


def begin(request: pytest.FixtureRequest, event: Event, database: Database, writes: Writes) -> Any:
    """Return what `writes` returned when it wrote this database, or write it now, as it is for
    PostgreSQL.
    """
    found = request.node.stash.get(_FOUND, None)
    return writes(event, database) if found is None else copy.deepcopy(found.returned)


def is_begun(request: pytest.FixtureRequest) -> bool:
    """Tell whether the database of this test is one that was copied."""
    return _FOUND in request.node.stash
