import time


def now_ms() -> int:
    """The kiosk's wall clock, in Unix ms."""
    return time.time_ns() // 1_000_000


def _steady_clock() -> int:
    """A clock that includes the time in sleep, if the system supports that."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    try:
        time.clock_gettime_ns(clock)
    except OSError:
        # Emscripten has its name alone.
        return time.CLOCK_MONOTONIC
    return clock


_STEADY = _steady_clock()


def monotonic_ms() -> int:
    """A monotonic clock in ms, with the time in sleep where the system supports that."""
    return time.clock_gettime_ns(_STEADY) // 1_000_000
