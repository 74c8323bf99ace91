"""Checks of the two promises against the truth."""

from collections import Counter
from typing import TYPE_CHECKING

from badges.places.pool import Held, KioskKey, PoolKey
from badges.record import PlaceKind, StayRef
from server.core.occupancy import figures, pools
from tests.swarm import phones

if TYPE_CHECKING:
    from tests.swarm.day import Day, HallState
    from tests.swarm.door import SteppedDoor
    from tests.swarm.truth import Person


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


def check(day: "Day") -> None:
    """Promise 1, after every step. Raises BrokenPromiseError."""
    trusted = _trusted(day)
    for hall in day.halls.values():
        people = day.truth.inside(hall.hall_id)
        automatic = sum(hall.hall_id not in person.beyond for person in people)
        slack = _slack(day, hall, trusted)
        if automatic > hall.bound + slack:
            raise BrokenPromiseError(
                f"{automatic} people in hall {hall.code} of {hall.bound}, by automatic admissions"
            )
        if len(people) > hall.fire_limit + slack:
            raise BrokenPromiseError(
                f"{len(people)} people in hall {hall.code}, whose fire limit is {hall.fire_limit}"
            )
    if not day.rolled_back:
        _check_figures(day, trusted)
        if day.released:
            check_together(day, trusted)
    if day.has_phones:
        _check_phones(day)


def _check_phones(day: "Day") -> None:
    """No phone holds more places than an admin ever allowed, and no person is inside by an
    online-only phone whose entry the server lacks.
    """
    for door in day.doors:
        for key, account in door.accounts().items():
            free = account.free - account.trusted
            if phones.is_phone(door) and free > max(day.places_most, 1):
                raise BrokenPromiseError(f"phone {door.kiosk} has {free} places of {key}")
    if day.rolled_back:
        return
    rows = day.site.database.reader.execute("SELECT kiosk, generation, seq FROM scan")
    ledger = {tuple(row) for row in rows}
    for person in day.truth.people:
        if not person.inside or person.beyond or person.entry is None:
            continue
        if person.entry[0] in phones.ONLINE_ONLY and person.entry not in ledger:
            raise BrokenPromiseError(f"a green of {person.entry} is not in the ledger")


def check_admission(day: "Day", by: "SteppedDoor", halls: set[int]) -> None:
    """Check an automatic admission by that door.

    The hall must not have been full, except for overrides that a door with places has not
    confirmed.
    """
    if day.rolled_back:
        return
    trusted = _trusted(day)
    for hall in day.halls.values():
        if hall.hall_id not in halls:
            continue
        people, unconfirmed = day.truth.count(hall.hall_id), _unconfirmed(day, by, hall.hall_id)
        if people > hall.bound + _slack(day, hall, trusted) + unconfirmed:
            raise BrokenPromiseError(
                f"{by.kiosk} let somebody in: {people} people in hall {hall.code} of {hall.bound},"
                f" and {unconfirmed} overrides are not confirmed"
            )


def _slack(day: "Day", hall: "HallState", trusted: Counter[int]) -> int:
    """By how much the hall may exceed its bounds, as the pages state it."""
    misjudged = sum(person.misjudged for person in day.truth.inside(hall.hall_id))
    moves = day.truth.moves[hall.hall_id] if hall.inferred else 0
    copied = phones.places_of_copies(day, hall.hall_id)
    return moves + trusted[hall.hall_id] + misjudged + copied


def _unconfirmed(day: "Day", by: "SteppedDoor", hall: int) -> int:
    """The people in the hall on override places that a door with places does not know.

    The admitting door knows, but it may be sent places that it was granted before.
    """
    beyond = [person for person in day.truth.inside(hall) if hall in person.beyond]
    if not beyond:
        return 0
    rows = day.site.database.reader.execute(
        "SELECT kiosk, generation FROM place_account WHERE hall_id = ? AND override <> 1"
        f" AND {pools.HELD} > 0",
        (hall,),
    )
    held = {tuple(row) for row in rows}
    doors = [*day.doors, *(door for door in day.gone if door.in_use)]
    with_places = [door for door in doors if door is by or door.key in held or door.has_place(hall)]
    return sum(any(_knows_not(door, person) for door in with_places) for person in beyond)


def _knows_not(door: "SteppedDoor", person: "Person") -> bool:
    assert person.entry is not None
    if person.entry[:2] == door.key and door.granted() == person.granted_then:
        return False
    return StayRef(*person.entry) not in door.confirmed


def _trusted(day: "Day") -> Counter[int]:
    """By hall, the places that doors of a trusting hall took back on trust, each possibly in
    excess.

    Raises BrokenPromiseError if a door in use has less than no place.
    """
    trusted = day.wiped_trusted.copy()
    for door in [*day.doors, *day.gone]:
        for key, account in door.accounts().items():
            trusted[key.hall_id] += account.trusted
            if account.free < 0 and door in day.doors:
                raise BrokenPromiseError(f"{door.kiosk} has {account.free} places of {key}")
    return trusted


def _check_figures(day: "Day", trusted: Counter[int]) -> None:
    """The published maximum of people inside is at least the true number.

    Except for places taken on trust, and for people not heard of yet: on override places that
    doors still had, and left out by an attestation.
    """
    acked = {
        (row["kiosk"], row["generation"]): row["acked_seq"]
        for row in day.site.database.reader.execute(
            "SELECT kiosk, generation, acked_seq FROM kiosk"
        )
    }
    for row in figures.hall_figures(day.site.database.reader):
        inside = day.truth.inside(row.hall_id)
        unheard = [
            person
            for person in inside
            if person.entry and person.entry[2] > acked[person.entry[:2]]
        ]
        beyond = sum(row.hall_id in person.beyond for person in unheard)
        most = row.worst_case + min(row.overrides, beyond) + row.unconfirmed_moves
        slack = trusted[row.hall_id] + phones.places_of_copies(day, row.hall_id)
        slack += sum(person.misjudged for person in unheard)
        if len(inside) > most + slack:
            raise BrokenPromiseError(
                f"{len(inside)} people in hall {row.hall_id}, and the server says at most {most}"
            )


def check_together(day: "Day", trusted: Counter[int]) -> None:
    """Ordinary and kept places that are out or in use never exceed the capacity.

    Except for places taken on trust, and for entries that arrive after an attestation.
    """
    for hall in day.halls.values():
        worst = late = 0
        for kind in (PlaceKind.ORDINARY, PlaceKind.ACCESSIBLE):
            key = PoolKey(hall.hall_id, kind)
            pool = pools.load(day.site.database.reader, key)
            worst += pool.worst_case
            late += sum(_late(day, key, kiosk, held) for kiosk, held in pool.kiosks.items())
        if worst > hall.bound + trusted[hall.hall_id] + late:
            raise BrokenPromiseError(
                f"{worst} places of hall {hall.code} are out or in use, of {hall.bound}"
            )


def _late(day: "Day", key: PoolKey, kiosk: KioskKey, held: Held) -> int:
    """A kiosk's entries that arrived after an attestation had given their places back, and that
    count all the same (docs/design/places.md, rule 7).
    """
    given_back = held.reclaimed - held.unused
    if held.attested is None or given_back < 1:
        return 0
    (open_stays,) = day.site.database.reader.execute(
        "SELECT COUNT(*) FROM stay WHERE hall_id = ? AND override = ? AND kiosk = ?"
        " AND generation = ? AND seq > ? AND (closed_at IS NULL OR after_move = 'counted')",
        (*key, *kiosk, held.attested),
    ).fetchone()
    return min(given_back, open_stays)


def check_end(day: "Day") -> None:
    """Promise 2: each green of a kiosk that was heard is in the ledger, once."""
    for door in [*day.doors, *day.gone]:
        if door.lost:
            continue
        rows = day.site.database.reader.execute(
            "SELECT seq, COUNT(*) FROM scan WHERE kiosk = ? AND generation = ? GROUP BY seq",
            door.key,
        ).fetchall()
        recorded = {row[0]: row[1] for row in rows}
        waiting = door.journal.state().waiting
        missing = [green.seq for green in door.greens if green.seq not in recorded]
        if missing and not door.link.state.refused:
            raise BrokenPromiseError(
                f"{door.kiosk}: greens {missing} are not in the ledger ({waiting} wait)"
            )
        twice = [seq for seq, count in recorded.items() if count > 1]
        if twice:
            raise BrokenPromiseError(f"{door.kiosk}: scans {twice} are in the ledger twice")
