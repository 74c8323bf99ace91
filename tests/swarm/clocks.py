"""True time, and clocks that may be set."""

from dataclasses import dataclass, field


@dataclass
class Time:
    """True time in ms. It only goes forward."""

    now: int

    def pass_ms(self, ms: int) -> None:
        self.now += ms


@dataclass
class MachineClock:
    """A computer's wall clock and monotonic clock."""

    time: Time
    error_ms: int = 0
    booted_at: int = field(init=False)

    def __post_init__(self) -> None:
        self.booted_at = self.time.now

    def wall(self) -> int:
        """Unix ms."""
        return self.time.now + self.error_ms

    def monotonic(self) -> int:
        """Milliseconds since the computer started."""
        return self.time.now - self.booted_at + 1_000_000

    def set_by(self, ms: int) -> None:
        """The clock is set: it jumps by `ms`."""
        self.error_ms += ms
