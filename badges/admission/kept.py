"""Who may use the places that a hall keeps for wheelchair users and their companions.

Doors and server share these functions. The capacity does not depend on them: a kept place is
part of the capacity, and its user takes one place (badges/places/pool.py).
"""

from badges.admission.facts import Hall, Holder, Outer
from badges.record import PlaceKind


def is_released(hall: Hall, at: int) -> bool:
    """Whether everyone may use the kept places at `at` (Unix ms)."""
    return any(since <= at < until for since, until in hall.released)


def kept_until(hall: Hall, at: int) -> int | None:
    """The time (Unix ms) of the next release of kept places, or None if unknown."""
    return next((since for since, _ in hall.released if since > at), None)


def usable(hall: Hall, holder: Holder, at: int) -> tuple[PlaceKind, ...]:
    """The kinds of place that the holder may use in the hall, preferred first.

    Holders for whom places are kept use a kept place first, then an ordinary one. Others use a
    kept place only once it is released.
    """
    if holder.accessible:
        return PlaceKind.ACCESSIBLE, PlaceKind.ORDINARY
    if is_released(hall, at):
        return PlaceKind.ORDINARY, PlaceKind.ACCESSIBLE
    return (PlaceKind.ORDINARY,)


def serving(around: Outer, holder: Holder, at: int) -> tuple[PlaceKind, ...]:
    """Usable kinds with a free place at this kiosk, preferred first."""
    free = {PlaceKind.ORDINARY: around.free_places, PlaceKind.ACCESSIBLE: around.free_kept}
    return tuple(kind for kind in usable(around.hall, holder, at) if free[kind] > 0)
