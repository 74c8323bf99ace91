"""A day's phones: few places, cleared storage, copies that both go on, and online-only phones."""

from typing import TYPE_CHECKING

from server.core.kiosks import phones
from server.core.occupancy import phone_places
from server.storage.connection import Connection
from tests.swarm.door import SteppedDoor

if TYPE_CHECKING:
    from tests.swarm.day import Day

PLACES = (0, 1, 3, 10)
ONLINE_ONLY = ("b1", "t1", "r1")  # their browser may delete their storage


def begin(day: "Day") -> None:
    """The first door of each hall is a phone. Called before any door is started."""
    day.places_most = day.random.choice(PLACES)

    def step(db: Connection) -> None:
        phone_places.keep_phone_places(db, day.places_most)
        db.execute("UPDATE kiosk SET device = 'phone' WHERE kiosk LIKE '_1'")

    day._write(step)


def is_phone(door: SteppedDoor) -> bool:
    return door.kiosk.endswith("1")


def is_online_only(day: "Day", door: SteppedDoor) -> bool:
    return day.has_phones and door.kiosk in ONLINE_ONLY


def set_places(day: "Day") -> None:
    """An admin changes the places of all phones."""
    places = day.random.choice(PLACES)
    day.places_most = max(day.places_most, places)
    now = day.site.clock.wall()
    day._write(lambda db: phones.set_places(db, places, by="test", now=now))


def lose_storage(day: "Day") -> None:
    """The browser deletes a phone's storage, with scans that were not sent. It is enrolled anew."""
    door = _some_phone(day)
    if door is None or day.site.client is None:
        return
    for key, account in door.accounts().items():
        day.wiped_trusted[key.hall_id] += account.trusted
    door.close()
    day.doors.remove(door)
    day.wiped.append(door)
    day.replace(door)


def copy_phone(day: "Day") -> None:
    """A phone's profile is copied to another phone, and both go on, perhaps offline. The copy may
    be started later, when the first has scanned on.
    """
    door = _some_phone(day)
    if door is None or door.key in day.copied_phones:
        return
    day.copied_phones.add(door.key)
    for hall in day.hall_ids(door):
        day.copies[hall] += 1
    disk = door.copy_disk(day.path / f"{door.kiosk}-{door.generation}-copy")
    if day.random.random() < 0.5:
        day._crowd_at(door)
    twin = door.twin(disk)
    day.doors.append(twin)
    offline = day.random.choice((door, twin, None))
    if offline is not None:
        offline.weather.cut = True
    for one in day.random.sample((door, twin), 2):
        day._crowd_at(one)


def places_of_copies(day: "Day", hall: int) -> int:
    """The most people that copies may bring into a hall beyond its capacity."""
    return day.copies[hall] * max(day.places_most, 1)


def _some_phone(day: "Day") -> SteppedDoor | None:
    candidates = [door for door in day.doors if is_phone(door)]
    return day.random.choice(candidates) if candidates else None
