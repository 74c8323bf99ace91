"""Events that are made once in a session. Each test gets a copy.

A fixture whose event needs more than its settings registers its writer in `STARTS`. The fixture
`event` then copies that event.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from server.core.event.directory import Event
from server.storage.database import Database

# It returns other things that tests need, such as kiosks with their journals.
Start = Callable[[Event, Database], Any]
# By the name of the fixture.
STARTS: dict[str, Start] = {}


def nothing(event: Event, database: Database) -> None:
    """Leave the event as `hallkeeper init` makes it."""


@dataclass(frozen=True)
class Template:
    event: Event
    returned: Any


class Templates:
    """The templates of a session, each made when a test first needs it."""

    def __init__(self, empty: Event, folder: Path) -> None:
        self._empty = empty
        self._folder = folder
        self._made: dict[Start, Template] = {nothing: Template(empty, None)}

    def get(self, start: Start) -> Template:
        if start not in self._made:
            path = self._folder / str(len(self._made)) / "event"
            event = copied(self._empty, path)
            with Database(event.database_path) as database:
                returned = start(event, database)
            self._made[start] = Template(event, returned)
        return self._made[start]

    def copy(self, start: Start, path: Path) -> Event:
        return copied(self.get(start).event, path)


def copied(event: Event, path: Path) -> Event:
    shutil.copytree(event.path, path)
    return replace(event, path=path, badge_keys=dict(event.badge_keys))
