"""An event of two halls with a second disk, and fully enrolled kiosks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from badges.wire import wire
from badges.wire.enrolment import proof
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.core.second_disk.critical_state import ACTS_FILE, Acts, Keeper, read_acts
from server.features.backup.restore import Restored
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import Site, open_site


@dataclass
class Safe:
    """The halls of tests.server.support.site; each write is kept on the second disk."""

    event: Event
    database: Database
    second: Path
    site: Site
    keeper: Keeper

    @property
    def acts(self) -> Acts:
        return read_acts(self.second / ACTS_FILE)

    def write(self, step, *arguments, **named):
        """Run a store's function."""
        return self.database.write(lambda db: step(db, *arguments, **named))

    def enrol(self, door: FakeDoor, confirm: bool = True) -> FakeDoor:
        """A kiosk at a door of the halls, proven and confirmed."""
        name = self.site.rows(f"SELECT code FROM door WHERE door_id = {door.door}")[0][0]
        code = self.write(
            registry.add_kiosk, self.event, door.kiosk, name, address=("localhost", 1), by="test",
            now=NOW, random=os.urandom,
        )  # fmt: skip
        asked = wire.EnrolRequest(code.token, door.key.public.raw, proof(door.key, code.token))
        self.write(registry.enrol, self.event, asked, NOW)
        if confirm:
            self.write(registry.confirm, self.event, door.kiosk, by="test", now=NOW)
        return door


def open_safe(event: Event, database: Database, second: Path) -> Safe:
    second.mkdir(exist_ok=True)
    site = open_site(database)
    keeper = Keeper(event.event_id, database, second, lambda: NOW)
    keeper.keep()
    return Safe(event, database, second, site, keeper)


def doors(kiosks: list) -> list[tuple[int, str, int]]:
    return [(kiosk.hall_id, kiosk.kiosk, kiosk.generation) for kiosk in kiosks]


@contextmanager
def opened(done: Restored, old: Site) -> Iterator[Site]:
    """The restored server, with the doors as they were."""
    with Database(done.event.database_path) as database:
        yield Site(database, old.west, old.east, old.other, old.room)
