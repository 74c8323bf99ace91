"""Decides whether a presentation at this door means an entry or an exit. Nothing else knows it."""

import threading
from collections.abc import Callable

from badges.admission.facts import Direction
from kiosk.replica.door_context import DoorContext
from kiosk.replica.replica import Replica


def own_direction(context: DoorContext) -> Direction:
    """Return what a presentation at the door means when staff have not said."""
    return Direction.EXIT if context.door.mode == "exit" else Direction.ENTRY


class DirectionState:
    """Holds the direction of one door, and is thread-safe. Staff choose it where the door serves
    both.
    """

    def __init__(self, replica: Replica, chosen: Direction = Direction.ENTRY) -> None:
        """`chosen` holds until staff choose another direction."""
        self._replica = replica
        self._chosen = chosen
        self._guard = threading.Lock()  # It guards the list of listeners.
        self._listeners: list[Callable[[], None]] = []

    def chosen(self) -> Direction | None:
        """Return the direction that staff chose, or None at a door for one direction only."""
        context = self._replica.context
        return self._chosen if context is not None and context.door.mode == "both" else None

    def at(self, context: DoorContext) -> Direction:
        """Return what a presentation means at the door of `context`."""
        return self._chosen if context.door.mode == "both" else own_direction(context)

    def choose(self, direction: Direction) -> bool:
        """Take staff's choice, and tell the listeners. False where the door has no choice."""
        if self.chosen() is None:
            return False
        self._chosen = direction
        with self._guard:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()
        return True

    def on_choice(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each choice, in the thread of whoever chose."""
        with self._guard:
            self._listeners.append(listener)
