"""Reads two clocks. People read and may set the one, and nobody sets the other."""

import time


def now_ms() -> int:
    """Return the time by the kiosk's clock, in Unix ms."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return ms by a clock that nobody sets, and that goes on while the machine sleeps where it
    can.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000
