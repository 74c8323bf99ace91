"""Waits for conditions, never for a fixed time."""

import time
from collections.abc import Callable

LONGEST_S = 240.0  # for certain events on a busy computer
PAUSE_S = 0.01


def until(check: Callable[[], object], explain: Callable[[], object] = lambda: "") -> None:
    """Return when the check holds. Raises AssertionError with the explanation after minutes."""
    deadline = time.monotonic() + LONGEST_S
    while not check():
        assert time.monotonic() < deadline, explain()
        time.sleep(PAUSE_S)
