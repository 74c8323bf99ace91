import threading
from collections.abc import Callable
from dataclasses import dataclass

from badges.wire.wire import SupervisorFacts
from kiosk.door.admit import context_of
from kiosk.replica.replica import Replica
from kiosk.supervisor.pins import Pins
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.status import PinHolder, Unlocked
from kiosk.supervisor.texts import SupervisorError

IDLE_MS = 2 * 60_000


@dataclass(frozen=True)
class Session:
    supervisor: SupervisorFacts
    until: int  # Unix ms, for the screen
    ends: int  # monotonic ms

    @property
    def by(self) -> str:
        return f"user:{self.supervisor.user}"

    @property
    def name(self) -> str:
        return self.supervisor.name

    def shown(self) -> Unlocked:
        return Unlocked(self.supervisor.user, self.name, self.until)


class Sessions:
    """The session of the supervisor unlocked by a PIN, if any. Thread-safe. `on_end` is called when
    a session ends.
    """

    def __init__(
        self,
        replica: Replica,
        file: SupervisorFile,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._replica = replica
        self._clock = clock
        self._monotonic = monotonic
        self._on_end = on_end
        self._pins = Pins(file, clock=clock, monotonic=monotonic)
        self._guard = threading.Lock()
        self._session: Session | None = None

    def unlock(self, user: int, pin: str) -> Session:
        """Raises SupervisorError or NotReadyError. Takes some 50 ms of a core."""
        supervisors = context_of(self._replica).supervisors
        supervisor = next((s for s in supervisors if s.user == user), None)
        if supervisor is None:
            raise SupervisorError("not_a_supervisor")
        self._pins.check(supervisor, pin)
        # Nothing that a colleague had open continues.
        self.lock()
        with self._guard:
            self._session = session = self._fresh(supervisor)
        return session

    def lock(self) -> None:
        with self._guard:
            self._session = None
        self._on_end()

    def require(self) -> Session:
        """Restarts the idle time. Raises SupervisorError if none is unlocked."""
        session = self.live()
        with self._guard:
            if session is None or self._session is not session:
                raise SupervisorError("not_unlocked")
            self._session = session = self._fresh(session.supervisor)
        return session

    def live(self) -> Session | None:
        """None after the idle time, or if the server has changed or removed the supervisor."""
        session, context = self._session, self._replica.context
        if session is None:
            return None
        is_listed = context is not None and session.supervisor in context.supervisors
        if is_listed and self._monotonic() < session.ends:
            return session
        self.lock()
        return None

    def pin_holders(self) -> tuple[PinHolder, ...]:
        context = self._replica.context
        return tuple(
            PinHolder(supervisor.user, supervisor.name, self._pins.locked_until(supervisor.user))
            for supervisor in (context.supervisors if context else ())
        )

    def pin_locked_until(self) -> int | None:
        """In Unix ms."""
        return self._pins.locked_until()

    def _fresh(self, supervisor: SupervisorFacts) -> Session:
        return Session(supervisor, self._clock() + IDLE_MS, self._monotonic() + IDLE_MS)
