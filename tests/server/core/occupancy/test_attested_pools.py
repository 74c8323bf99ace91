"""A lost kiosk through the real ledger, at random: entered, attested, cleared, found again. In both
pools no more are inside than the server counts, and that is within the fire limit.
"""

import random
from pathlib import Path

import pytest

from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from server.core.kiosks import registry
from server.core.occupancy import hall_control, pools
from server.storage import migrations
from server.storage.database import Database
from server.storage.opening import connect
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import SMALL, Site, clear_all, open_site
from tests.tries import tries

FIRE_LIMIT = 10
ACTS = ("enter", "enter", "leave", "sync", "fence", "attest", "clear", "give_back", "resize")
WEST = ("west", 1)


class Kiosk:
    """A door's account with both pools of its hall."""

    def __init__(self, door: FakeDoor) -> None:
        self.door = door
        self.granted, self.returned, self.entries = [0, 0], [0, 0], [0, 0]

    def free(self, pool: int) -> int:
        return self.granted[pool] - self.returned[pool] - self.entries[pool]

    def totals(self, pool: int) -> wire.PlaceTotals:
        granted, returned = self.granted[pool], self.returned[pool]
        return wire.PlaceTotals(SMALL, granted, returned, self.free(pool), override=bool(pool))


class World:
    """One hall. `inside` is the truth: entry and pool of each person."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.random = random.Random(seed)
        self.now = NOW
        self.west, self.east = Kiosk(site.west), Kiosk(site.east)
        self.inside: dict[int, tuple[StayRef, int]] = {}
        self.serials = iter(range(1, 21))
        self.lost = self.silent = False  # fenced; and certain to let no one in any more
        for kiosk in (self.west, self.east):
            self._hear(kiosk)

    def act(self, name: str) -> None:
        self.now += 1000
        getattr(self, name)(self.random.choice((self.west, self.east)))

    def enter(self, kiosk: Kiosk) -> None:
        pool = self.random.choice((0, 0, 1))
        serial = next(self.serials, None) if kiosk.free(pool) > 0 else None
        if serial is None or (kiosk is self.west and self.silent):
            return
        kiosk.entries[pool] += 1
        record = kiosk.door.scan(self.now, serial, override_place=bool(pool))
        self.inside[serial] = (kiosk.door.ref(record), pool)

    def leave(self, _: Kiosk) -> None:
        if self.inside:
            serial = self.random.choice(list(self.inside))
            ref, pool = self.inside.pop(serial)
            self.east.door.leave(self.now, serial, ref, override_place=bool(pool))

    def sync(self, kiosk: Kiosk) -> None:
        lost = kiosk is self.west and self.lost
        if lost and self.random.random() < 0.6:
            return
        if lost:
            self.silent = True
            kiosk.returned = [kiosk.returned[pool] + kiosk.free(pool) for pool in (0, 1)]
        self.site.send(kiosk.door, self.now, places=[kiosk.totals(pool) for pool in (0, 1)])
        if not lost:
            self._hear(kiosk)

    def _hear(self, kiosk: Kiosk) -> None:
        for order in pools.orders_for(self.site.database.reader, (kiosk.door.kiosk, 1), NOW):
            pool = int(order.override)
            kiosk.granted[pool] = max(kiosk.granted[pool], order.granted)

    def give_back(self, kiosk: Kiosk) -> None:
        for pool in (0, 1):
            kiosk.returned[pool] += self.random.randint(0, kiosk.free(pool))

    def fence(self, _: Kiosk) -> None:
        if not self.lost:
            self.lost = True
            self._write(lambda db: registry.fence(db, *WEST, by="user:1", now=self.now))

    def attest(self, _: Kiosk) -> None:
        """A correct attestation."""
        if not self.lost:
            return
        self.silent = True
        acked = self.site.west.acked
        unknown = sum(r.kiosk == "west" and r.seq > acked for r, _ in self.inside.values())
        staff = {"by": "user:1", "with_": "user:2", "now": self.now}
        self._write(lambda db: hall_control.attest(db, SMALL, WEST, unknown, **staff))

    def clear(self, _: Kiosk) -> None:
        if not self.inside:
            self.silent |= self.lost
            self._write(lambda db: clear_all(db, SMALL, by="user:1", now=self.now))

    def resize(self, _: Kiosk) -> None:
        wished = self.random.randint(0, FIRE_LIMIT)
        staff = {"by": "user:1", "now": self.now}
        self._write(lambda db: hall_control.set_capacity(db, SMALL, wished, **staff))

    def _write(self, step) -> None:
        self.site.database.write(step)

    def check(self) -> None:
        keys = [PoolKey(SMALL, kind) for kind in PlaceKind]
        most = [pools.load(self.site.database.reader, key).worst_case for key in keys]
        for pool in (0, 1):
            assert sum(used == pool for _, used in self.inside.values()) <= most[pool]
        assert sum(most) <= FIRE_LIMIT


def test_a_wrong_word_of_staff_lets_nobody_in_once_the_kiosk_is_heard(database: Database) -> None:
    """Staff count the hall as empty while a fenced kiosk still works there. That puts people over,
    but the server adds none.
    """
    site = open_site(database, FIRE_LIMIT)
    here = [site.west.scan(NOW, serial) for serial in range(1, site.west.granted + 1)]
    database.write(lambda db: registry.fence(db, *WEST, by="user:1", now=NOW))
    database.write(lambda db: clear_all(db, SMALL, by="user:1", now=NOW))
    for _ in range(2):  # East is given west's former places, and reports them.
        site.send(site.east)
    there = [site.east.scan(NOW, serial) for serial in range(11, 11 + site.east.granted)]
    site.send(site.east)
    inside = len(here) + len(there)
    assert len(there) == 6 < inside, "the hall has six places"
    assert site.figures(SMALL).worst_case == 6, "the word hid the others"

    def asks() -> int:
        """Let a person wait at the east door. Returns the number of places granted for them."""
        before = site.east.granted
        wants = wire.PlaceTotals(SMALL, before, site.east.returned, 0, wants=True)
        site.send(site.east, places=[wants])
        return site.east.granted - before

    site.send(site.west, places=[])
    while inside > 5:
        figures = site.figures(SMALL)
        assert (figures.inside, figures.worst_case) == (inside, inside)
        assert asks() == 0, f"{inside} are inside, and it has six places"
        site.leave(site.east, NOW, 11, site.east.ref(there.pop()))
        inside -= 1
    assert asks() == 1


@pytest.mark.parametrize("seed", tries.seeds(60))
def test_nobody_is_inside_beyond_what_is_counted(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "event.sqlite"
    connection = connect(path)
    migrations.migrate(connection)
    connection.execute("INSERT INTO category VALUES (1, 'd', '{}', 'D', '#000000')")
    connection.close()
    with Database(path) as database:
        world = World(open_site(database, FIRE_LIMIT), seed)
        for _ in range(40):
            world.act(world.random.choice(ACTS))
            world.check()
