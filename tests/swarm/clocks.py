"""Time as it is, and the clocks that tell it, which anybody may set."""

from dataclasses import dataclass, field


@dataclass
class Time:
    """True time in ms. It only goes forward."""

    now: int

    def pass_ms(self, ms: int) -> None:
        self.now += ms


@dataclass
class MachineClock:
    """A machine's two clocks: one that can be set, and one that counts since it was started."""

    time: Time
    error_ms: int = 0
    booted_at: int = field(init=False)

    def __post_init__(self) -> None:
        self.booted_at = self.time.now

    def wall(self) -> int:
        """Unix ms."""
        return self.time.now + self.error_ms

    def monotonic(self) -> int:
        """Milliseconds since the machine started."""
        return self.time.now - self.booted_at + 1_000_000

    def set_by(self, ms: int) -> None:
        """Somebody sets the clock: it jumps by `ms`."""
        self.error_ms += ms
