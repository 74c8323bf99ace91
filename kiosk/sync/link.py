"""Keeps how the talk with the server goes, as the door's page and its records want to know it."""

import threading
from collections.abc import Callable, Iterable, Mapping
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
    """Says by how much the kiosk's clock is ahead of the server's, and in which epoch of the
    server's time that was measured.

    The epoch is 0 where the server told none.
    """

    ms: int
    epoch: int = 0


class LinkState(Struct, frozen=True):
    """Holds the state of the link. Messages are for staff, and None while all is well. Texts are
    for logs and tests.
    """

    online: bool = False  # The last batch or heartbeat was answered.
    offline_since: int | None = None  # Unix ms. None while online, and if it never was.
    feed_live: bool = False
    feed_trouble: str = ""  # Why no newer facts come.
    unusable: Message | None = None  # Why the facts that came can't be used.
    skew_ms: int | None = None  # The kiosk's clock minus the server's, as last measured.
    epoch: int = 0  # The epoch of the server's time when the skew was measured.
    refused: Message | None = None  # Why the server takes no more scans from here.
    trouble: str = ""  # Why the last exchange failed.
    server_ails: Message | None = None  # Why a server that can be reached took nothing.
    log_alarm: Message | None = None  # What is wrong with the server's entry log.
    # By hall, how many ordinary places are left in it, and when the server said so by this kiosk's
    # clock.
    left: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def skew(self) -> Skew | None:
        return None if self.skew_ms is None else Skew(self.skew_ms, self.epoch)


# An exchange that takes longer measures the clock's error too badly to be used.
ROUND_TRIP_MS = 300
# If a clock was set by more than this since it was measured, its error is unknown again.
JUMP_MS = 200


class Link:
    """Keeps the link's state, and is thread-safe. `clock` gives Unix ms, and `monotonic` gives ms
    by a clock that nobody sets.
    """

    def __init__(
        self, clock: Callable[[], int], monotonic: Callable[[], int] = monotonic_ms
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        # How far `clock` was ahead of `monotonic` when the skew was measured.
        self._ahead: int | None = None
        self._lock = threading.Lock()
        self._state = LinkState()

    @property
    def state(self) -> LinkState:
        # No lock is needed, because the state is one reference that is replaced as a whole.
        state = self._state
        return replace(state, skew_ms=None) if self._jumped() else state

    def _jumped(self) -> bool:
        if self._ahead is None:
            return False
        return abs(self._clock() - self._monotonic() - self._ahead) > JUMP_MS

    def answered(self) -> None:
        with self._lock:
            self._state = replace(
                self._state, online=True, offline_since=None, trouble="", server_ails=None
            )

    def failed(self, trouble: str, ailing: Message | None = None) -> None:
        with self._lock:
            since = self._clock() if self._state.online else self._state.offline_since
            self._state = replace(
                self._state,
                online=False,
                offline_since=since,
                trouble=trouble,
                server_ails=ailing,
            )

    def refuse(self, why: Message | None) -> None:
        with self._lock:
            self._state = replace(self._state, refused=why)

    def alarm(self, why: Message | None) -> None:
        with self._lock:
            self._state = replace(self._state, log_alarm=why)

    def feed(self, *, live: bool, trouble: str = "", unusable: Message | None = None) -> None:
        with self._lock:
            self._state = replace(
                self._state, feed_live=live, feed_trouble=trouble, unusable=unusable
            )

    def places(self, orders: Iterable[wire.PlaceOrder]) -> None:
        """Keep what the server's orders tell of whole halls. The newest counts."""
        now = self._clock()
        told = {
            order.hall: (order.left, now) for order in orders if order.kind is PlaceKind.ORDINARY
        }
        with self._lock:
            self._state = replace(self._state, left={**self._state.left, **told})

    def measure(self, sent_at: int, answer: wire.ScanAnswer, now: int) -> None:
        """Measure the clock's error from four readings of the two clocks (as in RFC 5905 §8).

        It may be wrong by half the round trip. A slow one, over a bad link, tells nothing.
        """
        round_trip = (now - sent_at) - (answer.answered_at - answer.received_at)
        if not -ROUND_TRIP_MS < round_trip <= ROUND_TRIP_MS:
            return
        skew = ((sent_at - answer.received_at) + (now - answer.answered_at)) // 2
        with self._lock:
            self._ahead = now - self._monotonic()
            self._state = replace(self._state, skew_ms=skew, epoch=answer.epoch)


def steady(before: Skew | None, after: Skew | None) -> Skew | None:
    """Return what was known of the clock throughout. It is None where the clock was set meanwhile,
    or the server's was.
    """
    if before is None or after is None or before.epoch != after.epoch:
        return None
    return after if abs(after.ms - before.ms) <= JUMP_MS else None


def pool_order(order: wire.PlaceOrder) -> tuple[PoolKey, Order]:
    """Turn an order of the wire into one of the protocol, with the pool that it is about."""
    return (
        PoolKey(order.hall, order.kind),
        Order(order.granted, order.recall, order.incarnation, order.signature),
    )
