import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from kiosk.clock import monotonic_ms
from kiosk.texts.messages import Message


class Skew(NamedTuple):
    """The kiosk's clock minus the server's, and the epoch of the server's time in which it was
    measured.

    Epoch 0: the server stated none.
    """

    ms: int
    epoch: int = 0


class LinkState(Struct, frozen=True):
    """The state of the link. Messages are for staff, None while all is well; texts are for logs and
    tests.
    """

    online: bool = False  # the last batch or heartbeat was answered
    offline_since: int | None = None  # Unix ms; None while online, and if it never was
    feed_live: bool = False
    feed_trouble: str = ""  # why there are no newer facts
    unusable: Message | None = None  # why received facts can't be used
    skew_ms: int | None = None  # kiosk's clock minus the server's, as last measured
    epoch: int = 0  # of the server's time when the skew was measured
    refused: Message | None = None  # why the server refuses scans from here
    trouble: str = ""  # why the last exchange failed
    server_ails: Message | None = None  # why a reachable server accepted nothing
    log_alarm: Message | None = None  # the fault of the server's entry log
    # By hall: ordinary places left in it, by the last report.
    left: Mapping[int, int] = field(default_factory=dict)
    # By hall: places between its capacity and its fire limit that are left, by the last report.
    beyond: Mapping[int, int] = field(default_factory=dict)

    @property
    def skew(self) -> Skew | None:
        return None if self.skew_ms is None else Skew(self.skew_ms, self.epoch)


# A slower exchange measures the clock's error too inaccurately.
ROUND_TRIP_MS = 300
# A clock set by more than this since its measurement has an unknown error again.
JUMP_MS = 200
# The longest that a person waits for the server to grant or refuse a place.
PLACE_WAIT_S = 10.0
# A server that stops answering is expected back for this long: a restart takes seconds.
RESTART_MS = 30_000
# After its return other doors need this long to report exits, which may free places.
SETTLE_MS = 2_000


class Link:
    """Thread-safe. `clock` is Unix ms, `monotonic` is in ms."""

    def __init__(
        self, clock: Callable[[], int], monotonic: Callable[[], int] = monotonic_ms
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        # `clock` minus `monotonic` when the skew was measured.
        self._ahead: int | None = None
        # When the server stopped answering, and when it answered again. This start counts as both.
        self._gone_at = self._back_at = monotonic()
        self._lock = threading.Lock()
        self._state = LinkState()

    @property
    def state(self) -> LinkState:
        # No lock: this is one reference, replaced as a whole.
        state = self._state
        return replace(state, skew_ms=None) if self._jumped() else state

    def _jumped(self) -> bool:
        if self._ahead is None:
            return False
        return abs(self._clock() - self._monotonic() - self._ahead) > JUMP_MS

    @property
    def is_expected(self) -> bool:
        """Whether the server answers, or soon will: it stopped only seconds ago, or this kiosk has
        just started.
        """
        return self._state.online or self._monotonic() - self._gone_at < RESTART_MS

    @property
    def is_settled(self) -> bool:
        """Whether other doors have had time to report since the server's return."""
        return self._monotonic() - self._back_at >= SETTLE_MS

    def _set(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)

    def answered(self) -> bool:
        """True if it did not answer before."""
        returned = not self._state.online
        if returned:
            self._back_at = self._monotonic()
        self._set(online=True, offline_since=None, trouble="", server_ails=None)
        return returned

    def failed(self, trouble: str, ailing: Message | None = None) -> None:
        with self._lock:
            since = self._state.offline_since
            if self._state.online:
                since, self._gone_at = self._clock(), self._monotonic()
            self._state = replace(
                self._state,
                online=False,
                offline_since=since,
                trouble=trouble,
                server_ails=ailing,
            )

    def refuse(self, why: Message | None) -> None:
        self._set(refused=why)

    def alarm(self, why: Message | None) -> None:
        self._set(log_alarm=why)

    def feed(self, *, live: bool, trouble: str = "", unusable: Message | None = None) -> None:
        self._set(feed_live=live, feed_trouble=trouble, unusable=unusable)

    def places(self, orders: Sequence[wire.PlaceOrder]) -> None:
        left = {order.hall: order.left for order in orders if order.kind is PlaceKind.ORDINARY}
        beyond = {order.hall: order.left for order in orders if order.kind is PlaceKind.OVERRIDE}
        with self._lock:
            self._state = replace(
                self._state,
                left={**self._state.left, **left},
                beyond={**self._state.beyond, **beyond},
            )

    def measure(self, sent_at: int, answer: wire.ScanAnswer, now: int) -> None:
        """Measure the clock's error from four readings of the two clocks (as in RFC 5905 §8).

        The error is up to half the round trip, so slow exchanges are ignored.
        """
        round_trip = (now - sent_at) - (answer.answered_at - answer.received_at)
        if not -ROUND_TRIP_MS < round_trip <= ROUND_TRIP_MS:
            return
        skew = ((sent_at - answer.received_at) + (now - answer.answered_at)) // 2
        with self._lock:
            self._ahead = now - self._monotonic()
            self._state = replace(self._state, skew_ms=skew, epoch=answer.epoch)


def steady(before: Skew | None, after: Skew | None) -> Skew | None:
    """`after`, if neither clock was set between the two measurements; else None."""
    if before is None or after is None or before.epoch != after.epoch:
        return None
    return after if abs(after.ms - before.ms) <= JUMP_MS else None


def pool_order(order: wire.PlaceOrder) -> tuple[PoolKey, Order]:
    return (
        PoolKey(order.hall, order.kind),
        Order(order.granted, order.recall, order.incarnation, order.signature),
    )
