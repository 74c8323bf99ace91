"""One presentation is one scan: a code that stays in view is told once."""


class Presentations:
    """Which sightings begin a new presentation. Pure: the time is an argument, in seconds."""

    MEMORY_MAX = 256  # codes; a phone that flickers through others' codes must not fill the memory

    def __init__(self, hold_s: float = 3.0) -> None:
        """A code seen again within `hold_s` of when it was last seen is still the same one."""
        self._hold_s = hold_s
        self._seen_at: dict[str, float] = {}  # the one seen longest ago first

    def present(self, text: str, at_s: float) -> bool:
        """Whether `text`, in view at `at_s`, is newly presented, whatever was in view between.

        Where time runs backwards by more than `hold_s`, everything is new.
        """
        seen_at = self._seen_at.pop(text, None)
        self._seen_at[text] = at_s
        if len(self._seen_at) > self.MEMORY_MAX:
            del self._seen_at[next(iter(self._seen_at))]
        return seen_at is None or abs(at_s - seen_at) > self._hold_s

    def forget(self) -> None:
        """Let the next sighting of any code count: the door or the direction has changed."""
        self._seen_at.clear()
