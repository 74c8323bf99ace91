from collections.abc import Callable

from badges.admission.facts import Direction
from kiosk.replica.door_context import DoorContext
from kiosk.replica.replica import Replica


def own_direction(context: DoorContext) -> Direction:
    return Direction.EXIT if context.door.mode == "exit" else Direction.ENTRY


class DirectionState:
    """The direction of one door, entry or exit. Staff choose it at a door for both. Thread-safe."""

    def __init__(
        self,
        replica: Replica,
        chosen: Direction = Direction.ENTRY,
        on_choice: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_choice` is called after each choice, in the caller's thread."""
        self._replica = replica
        self._chosen = chosen
        self._on_choice = on_choice

    def chosen(self) -> Direction | None:
        """None at a door for one direction only."""
        context = self._replica.context
        return self._chosen if context is not None and context.door.mode == "both" else None

    def at(self, context: DoorContext) -> Direction:
        return self._chosen if context.door.mode == "both" else own_direction(context)

    def choose(self, direction: Direction) -> bool:
        """False if the door serves one direction only."""
        if self.chosen() is None:
            return False
        self._chosen = direction
        self._on_choice()
        return True
