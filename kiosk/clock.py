import time


def now_ms() -> int:
    """The kiosk's wall clock, in Unix ms."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """A monotonic clock in ms. It includes the time in sleep, if the system supports that."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000
