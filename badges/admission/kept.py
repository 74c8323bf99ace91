"""Says who may use the places that a hall keeps for wheelchair users and their companions.

Doors and server ask the same functions. Capacity never rests on them: a kept place is inside the
capacity, and whoever uses it uses one place (badges/places/pool.py).
"""

from badges.admission.facts import Hall, Holder, Outer
from badges.record import PlaceKind


def is_released(hall: Hall, at: int) -> bool:
    """Tell whether the hall's kept places are everybody's at `at` (Unix ms)."""
    return any(since <= at < until for since, until in hall.released)


def kept_until(hall: Hall, at: int) -> int | None:
    """Return when the kept places are everybody's next (Unix ms). None means that no such time is
    known.
    """
    return next((since for since, _ in hall.released if since > at), None)


def usable(hall: Hall, holder: Holder, at: int) -> tuple[PlaceKind, ...]:
    """Return which kinds of place the holder may use in the hall, the first choice first.

    Whom the kept places are for uses one of these first, and else an ordinary one like anybody.
    Others use an ordinary one, and a kept one only once it is released.
    """
    if holder.accessible:
        return PlaceKind.ACCESSIBLE, PlaceKind.ORDINARY
    if is_released(hall, at):
        return PlaceKind.ORDINARY, PlaceKind.ACCESSIBLE
    return (PlaceKind.ORDINARY,)


def serving(around: Outer, holder: Holder, at: int) -> tuple[PlaceKind, ...]:
    """Return those of the usable kinds of which this door has a free place, the first choice
    first. `around` is a hall with what the door has free there.
    """
    free = {PlaceKind.ORDINARY: around.free_places, PlaceKind.ACCESSIBLE: around.free_kept}
    return tuple(kind for kind in usable(around.hall, holder, at) if free[kind] > 0)
