"""Limits how often something is noted. It is kept in the memory of one server."""

from badges.places.pool import KioskKey


class Budget:
    """Keeps a budget for each kiosk. It is used by one thread at a time, the writer's."""

    def __init__(self, most: int, window_ms: int) -> None:
        """Allow `most` times within the window."""
        self._most = most
        self._window_ms = window_ms
        self._asked_at: dict[KioskKey, list[int]] = {}

    def take(self, kiosk: KioskKey, now: int) -> bool:
        """Tell whether the kiosk may ask once more."""
        recent = [at for at in self._asked_at.get(kiosk, []) if now - at < self._window_ms]
        allowed = len(recent) < self._most
        self._asked_at[kiosk] = [*recent, now] if allowed else recent
        return allowed
