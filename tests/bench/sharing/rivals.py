"""How others handle a hall's capacity when doors go offline.

Their server is idealised: while a door is online, it knows the number of people inside, also those
who came and went by offline doors.
"""


class Rival:
    """Counts, without places. `enter` returns whether the person is admitted."""

    def __init__(self, doors: int, capacity: int) -> None:
        self.capacity = capacity
        self.inside = 0
        self.online = [True] * doors

    def enter(self, n: int, now: float) -> bool | None:
        admits = self.admits(n)
        self.inside += admits
        return admits or None

    def admits(self, n: int) -> bool:
        raise NotImplementedError

    def leave(self, n: int, stay: object, now: float) -> None:
        self.inside -= 1

    def link(self, n: int, up: bool, now: float) -> None:
        self.online[n] = up

    def tick(self, now: float) -> None:
        pass


class Asked(Rival):
    """The server decides; an offline door refuses."""

    def admits(self, n: int) -> bool:
        return self.online[n] and self.inside < self.capacity


class Blind(Rival):
    """An offline door admits."""

    def admits(self, n: int) -> bool:
        return not self.online[n] or self.inside < self.capacity


class LastCount(Rival):
    """An offline door uses the last count that it received, and its own people."""

    def __init__(self, doors: int, capacity: int) -> None:
        super().__init__(doors, capacity)
        self.counts = [0] * doors

    def admits(self, n: int) -> bool:
        count = self.inside if self.online[n] else self.counts[n]
        self.counts[n] += count < self.capacity
        return count < self.capacity

    def leave(self, n: int, stay: object, now: float) -> None:
        super().leave(n, stay, now)
        self.counts[n] -= 1

    def link(self, n: int, up: bool, now: float) -> None:
        super().link(n, up, now)
        self.counts[n] = self.inside


class Fixed(Rival):
    """Each door has an equal part of the capacity for good. A place returns to the exit's door,
    once that door is online.
    """

    def __init__(self, doors: int, capacity: int) -> None:
        super().__init__(doors, capacity)
        self.free = [capacity // doors] * doors
        self.waiting = [0] * doors

    def admits(self, n: int) -> bool:
        if self.free[n] < 1:
            return False
        self.free[n] -= 1
        return True

    def leave(self, n: int, stay: object, now: float) -> None:
        super().leave(n, stay, now)
        self.waiting[n] += 1
        self._settle(n)

    def link(self, n: int, up: bool, now: float) -> None:
        super().link(n, up, now)
        self._settle(n)

    def _settle(self, n: int) -> None:
        if self.online[n]:
            self.free[n] += self.waiting[n]
            self.waiting[n] = 0
